"""What a validation run comes to."""

from stages.common.basics.artifacts import round_metric

CURVES = ("loss", "accuracy", "val_loss", "val_accuracy")  # of history.csv, in this order


def validation_figures(history: dict[str, list[float]]) -> dict[str, float]:
    """The figures of validation.json, from Keras' history; epochs count from 1."""
    losses, accuracies = history["val_loss"], history["val_accuracy"]
    best = losses.index(min(losses))
    return {
        "best_epoch": best + 1,
        "val_loss": round_metric(losses[best]),
        "val_accuracy": round_metric(accuracies[best]),
        "last_val_loss": round_metric(losses[-1]),
        "last_val_accuracy": round_metric(accuracies[-1]),
        "best_val_accuracy": round_metric(max(accuracies)),
        "best_accuracy_epoch": accuracies.index(max(accuracies)) + 1,
    }
