"""Scores and tables against figures worked out by hand."""

import numpy as np
import pytest

from stages.common.errors import UserError
from stages.evaluate import (
    POINTS,
    check_probabilities,
    class_table,
    confusion_table,
    decisions,
    predicted_labels,
    scores,
    thinned,
)

BINARY = np.array([[0.9], [0.4], [0.5], [0.2], [0.7]], np.float32)  # of labels 1, 1, 0, 0, 0
BINARY_LABELS = np.array([1, 1, 0, 0, 0])


def four_classes() -> tuple[np.ndarray, np.ndarray]:
    """Labels, and probabilities in which the right class comes first, second, third and last."""
    ranks = np.array([[0.5, 0.3, 0.15, 0.05], [0.5, 0.3, 0.15, 0.05], [0.5, 0.3, 0.15, 0.05], [0.5, 0.3, 0.15, 0.05]])
    return np.array([0, 1, 2, 3]), ranks


# Checks


@pytest.mark.parametrize(
    ("probabilities", "complaint"),
    [
        (np.full((3, 2), 0.5), r"shape \(2, 2\), found \(3, 2\)"),
        (np.full((2, 1), 0.5), r"shape \(2, 2\), found \(2, 1\)"),
        (np.full(4, 0.25), r"shape \(2, 2\), found \(4,\)"),
        (np.array([[0.5, 0.5], [1.2, -0.2]]), "from 0 to 1, found -0.2 to 1.2"),
        (np.array([[0.5, 0.5], [np.nan, 0.5]]), "from 0 to 1, found nan"),
        (np.array([[0.5, 0.5], [0.5, 0.4]]), "sum to 1"),
    ],
)
def test_what_are_no_probabilities(probabilities: np.ndarray, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        check_probabilities(probabilities, rows=2, columns=2)


def test_what_are_probabilities() -> None:
    check_probabilities(np.array([[0.25, 0.75], [1, 0]]), 2, 2)
    check_probabilities(np.array([[0.25], [1]]), 2, 1)  # of class 1 alone: no sum
    check_probabilities(np.full((1, 46), np.float32(1 / 46)), 1, 46)


# Scores


def test_one_half_counts_as_the_first_class_as_keras_has_it() -> None:
    import keras

    probabilities = np.array([[0.5], [np.nextafter(np.float32(0.5), np.float32(1))], [0.49]], np.float32)
    assert predicted_labels(probabilities).tolist() == [0, 1, 0]
    for label in (0, 1):
        right = np.ravel(keras.metrics.binary_accuracy(np.full((3, 1), label), probabilities))
        assert right.tolist() == (predicted_labels(probabilities) == label).tolist()


def test_the_most_probable_class_is_predicted() -> None:
    assert predicted_labels(np.array([[0.1, 0.6, 0.3], [0.5, 0.1, 0.4]])).tolist() == [1, 0]


def test_scores_of_two_classes() -> None:
    """Predicted 1, 0, 0, 0, 1. Class 1: precision 1/2, recall 1/2; class 0: 2/3 and 2/3.

    Of the 6 pairs of a 1 and a 0 the 1 scores higher in 4: 0.9 beats 0.5, 0.2, 0.7; 0.4 beats 0.2.
    """
    found = scores(BINARY_LABELS, BINARY)
    assert found == pytest.approx({"macro_f1": (1 / 2 + 2 / 3) / 2, "roc_auc": 4 / 6})


def test_two_columns_score_as_one() -> None:
    assert scores(BINARY_LABELS, np.hstack([1 - BINARY, BINARY])) == pytest.approx(scores(BINARY_LABELS, BINARY))


def test_scores_of_more_classes() -> None:
    """All are taken for class 0: its precision is 1/4, its recall 1, so its F1 is 0.4; of the others 0."""
    found = scores(*four_classes())
    assert found == pytest.approx({"macro_f1": 0.4 / 4, "top3_accuracy": 3 / 4})


def test_decisions_of_two_classes_are_those_on_class_1() -> None:
    truths, found = decisions(BINARY_LABELS, BINARY)
    assert truths.tolist() == [1, 1, 0, 0, 0]
    assert found.tolist() == BINARY[:, 0].tolist()


def test_decisions_of_more_classes_are_each_against_the_rest() -> None:
    truths, found = decisions(np.array([2, 0]), np.array([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1]]))
    assert truths.tolist() == [False, False, True, True, False, False]
    assert found.tolist() == [0.1, 0.2, 0.7, 0.6, 0.3, 0.1]


# Tables


def test_class_table() -> None:
    labels, predicted = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])
    assert class_table(labels, predicted, ["a", "b", "c"]) == [
        [0, "a", 1.0, 0.666667, 0.8, 3],
        [1, "b", 0.5, 1.0, 0.666667, 1],
        [2, "c", 0.0, 0.0, 0.0, 0],  # a class that does not occur
    ]


def test_confusion_table_has_the_pairs_that_occur() -> None:
    labels, predicted = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 1])
    assert confusion_table(labels, predicted, ["a", "b", "c"]) == [["a", "a", 2], ["a", "b", 1], ["b", "b", 1]]


@pytest.mark.parametrize("length", [2, 3, POINTS, POINTS + 1, 12_345])
def test_thinned_keeps_the_ends_and_the_order(length: int) -> None:
    points = np.linspace(0, 1, length)
    lines = thinned(points, 2 * points)
    assert lines[0] == [0, 0]
    assert lines[-1] == [1, 2]
    assert lines == sorted(lines)
    assert len(lines) == min(length, POINTS)
    assert {tuple(line) for line in lines} <= {(round(x, 6), round(2 * x, 6)) for x in points}


def test_a_curve_of_one_point() -> None:
    assert thinned(np.array([0.5]), np.array([1.0])) == [[0.5, 1.0]]
