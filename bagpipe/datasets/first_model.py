"""A model to start from, chosen by the numbers of labels and texts; each choice has its reason."""

import math
from typing import Any, NamedTuple

STEPS = 200  # of the optimizer in the final run: the notebooks' models take 160 to 200
MOST_EPOCHS = 20
FEW_CLASSES = 100  # up to which labels are written out as columns


class Choice(NamedTuple):
    """A setting of params.yaml, and why; the reason is empty where the notebooks' value is as good as any."""

    value: Any
    reason: str = ""


def power_of_two(value: float, low: int, high: int) -> int:
    """The nearest power of two between two others."""
    return min(high, max(low, 2 ** round(math.log2(max(1, value)))))


def choose_units(classes: int) -> Choice:
    """Units of each of the two hidden layers."""
    if classes == 2:
        return Choice(16, "2 classes: as in the notebook")
    units = power_of_two(classes, 64, 512)
    return Choice(units, f"{classes} classes: about as many units, at least 64 and at most 512")


def choose_loss(classes: int) -> Choice:
    if classes == 2:
        return Choice("binary_crossentropy", "2 classes")
    if classes <= FEW_CLASSES:
        return Choice("categorical_crossentropy", f"{classes} classes")
    return Choice("sparse_categorical_crossentropy", f"{classes} classes, too many to write out as columns")


def choose_defaults(name: str, classes: int, training_texts: int, validation_texts: int) -> dict[str, Choice]:
    """The dataset's entry of `defaults`; validation texts come on top of training texts, and first."""
    texts = training_texts + validation_texts
    batch = power_of_two(texts / 50, 16, 512)
    steps = math.ceil(texts / batch)
    epochs = min(MOST_EPOCHS, max(2, round(STEPS / steps)))
    holdout = Choice(min(10_000, texts // 5), "a fifth of the training texts, at most 10,000")
    if validation_texts:
        holdout = Choice(validation_texts, "the validation part, which comes first")
    plots = f"reports/models/{name}/plots"
    return {
        "reference": Choice(name, "the model that others are compared with"),
        "activation": Choice("relu"),
        "loss": choose_loss(classes),
        "optimizer": Choice("rmsprop"),
        "learning_rate": Choice(0.001),
        "batch_size": Choice(batch, f"{steps:,} steps an epoch of {texts:,} texts"),
        "holdout": holdout,
        "validation_epochs": Choice(min(MOST_EPOCHS, max(4, 3 * epochs)), f"enough to overfit, see {plots}"),
        "epochs": Choice(epochs, f"{epochs * steps:,} steps; choose by those plots"),
        "leave_out": Choice(0),
    }
