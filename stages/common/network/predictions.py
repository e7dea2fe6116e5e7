"""What a model's output says of each text."""

import numpy as np


def probability_of_each_label(probabilities: np.ndarray) -> np.ndarray:
    """The probability of each label: shape (n, classes), from (n, classes) or (n, 1) of class 1."""
    return probabilities if probabilities.shape[1] > 1 else np.hstack([1 - probabilities, probabilities])


def predicted_labels(probabilities: np.ndarray) -> np.ndarray:
    """The most probable class, int64, shape (n,); at exactly one half the first, as Keras' binary accuracy has it.

    Args:
        probabilities: shape (n, classes), or (n, 1) of class 1.
    """
    if probabilities.shape[1] > 1:
        return probabilities.argmax(axis=1)
    return (probabilities[:, 0] > 0.5).astype(np.int64)
