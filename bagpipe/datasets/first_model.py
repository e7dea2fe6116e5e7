"""A model to start from, chosen by the numbers of labels and texts; each choice has its reason.

What it is made of is what did best on the hold-outs of public corpora, see docs/first_model.md: words and pairs by
TF-IDF, one hidden layer, and so much dropout that a few epochs more do no harm.
"""

import math
from collections.abc import Collection
from typing import Any, NamedTuple

STEPS = 1_200  # of the optimizer in the final run; from some hundred on, more change little
MOST_EPOCHS, LEAST_EPOCHS = 20, 3
MORE_EPOCHS = 10  # of validation, to see that
FEW_CLASSES = 100  # up to which labels are written out as columns
UNEVEN = 2  # times as many texts of the most frequent label as of the rarest


class Choice(NamedTuple):
    """A setting of params.yaml, and why; the reason is empty where the notebooks' value is as good as any."""

    value: Any
    reason: str = ""


FEATURES = {
    "ngrams": Choice(2, "pairs of neighbouring words are columns, too"),
    "weighting": Choice("tf_idf", "rarer terms count more"),
}


def power_of_two(value: float, low: int, high: int) -> int:
    """The nearest power of two between two others."""
    return min(high, max(low, 2 ** round(math.log2(max(1, value)))))


def choose_units(classes: int) -> Choice:
    """Units of the hidden layer."""
    if classes == 2:
        return Choice(16, "2 classes: as in the notebook")
    units = power_of_two(classes, 64, 256)
    return Choice(units, f"{classes} classes: about as many units, at least 64 and at most 256")


def choose_loss(classes: int) -> Choice:
    if classes == 2:
        return Choice("binary_crossentropy", "2 classes")
    if classes <= FEW_CLASSES:
        return Choice("categorical_crossentropy", f"{classes} classes")
    return Choice("sparse_categorical_crossentropy", f"{classes} classes, too many to write out as columns")


def choose_model(name: str, texts: Collection[int]) -> dict[str, Choice]:
    """The model's own entry; texts: the training texts of each label."""
    most, least = max(texts), max(1, min(texts))
    uneven = f"the most frequent label has {most:,} training texts, the rarest {least:,}"
    return {
        "dataset": Choice(name),
        "hidden": Choice([choose_units(len(texts)).value]),
        "input_dropout": Choice(0.5, "of the terms of a text, anew each time, so that it relies on none"),
        "dropout": Choice(0.5, "of the units"),
        **({"class_weight": Choice("sqrt", uneven)} if most >= UNEVEN * least else {}),
    }


def choose_defaults(name: str, classes: int, training_texts: int, validation_texts: int) -> dict[str, Choice]:
    """The dataset's entry of `defaults`; validation texts come on top of training texts, and first."""
    texts = training_texts + validation_texts
    batch = power_of_two(texts / 50, 16, 512)
    steps = math.ceil(texts / batch)
    epochs = min(MOST_EPOCHS, max(LEAST_EPOCHS, round(STEPS / steps)))
    holdout = Choice(min(10_000, texts // 5), "a fifth of the training texts, at most 10,000")
    if validation_texts:
        holdout = Choice(validation_texts, "the validation part, which comes first")
    plots = f"reports/models/{name}/plots"
    return {
        "reference": Choice(name, "the model that others are compared with"),
        "activation": Choice("relu"),
        "loss": choose_loss(classes),
        "optimizer": Choice("rmsprop"),
        "learning_rate": Choice(0.01, "larger than the notebooks', as the numbers in rows of length 1 are small"),
        "batch_size": Choice(batch, f"{steps:,} steps an epoch of {texts:,} texts"),
        "holdout": holdout,
        "validation_epochs": Choice(epochs + MORE_EPOCHS, f"to see whether more would help, see {plots}"),
        "epochs": Choice(epochs, f"{epochs * steps:,} steps; choose by those plots"),
        "leave_out": Choice(0),
    }
