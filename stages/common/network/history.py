"""What a validation run comes to."""

from stages.common.basics.artifacts import rounded

CURVES = ("loss", "accuracy", "val_loss", "val_accuracy")  # of history.csv, in this order


def validation_figures(history: dict[str, list[float]]) -> dict[str, float]:
    """The figures of validation.json, from Keras' history; epochs count from 1."""
    losses, accuracies = history["val_loss"], history["val_accuracy"]
    best = losses.index(min(losses))
    return {
        "best_epoch": best + 1,
        "val_loss": rounded(losses[best]),
        "val_accuracy": rounded(accuracies[best]),
        "last_val_loss": rounded(losses[-1]),
        "last_val_accuracy": rounded(accuracies[-1]),
        "best_val_accuracy": rounded(max(accuracies)),
        "best_accuracy_epoch": accuracies.index(max(accuracies)) + 1,
    }
