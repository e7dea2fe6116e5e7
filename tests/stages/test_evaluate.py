"""Scores and tables against figures worked out by hand."""

import numpy as np
import pytest
from sklearn import metrics

from stages.common.basics.errors import UserError
from stages.common.network.predictions import predicted_labels
from stages.evaluate import (
    POINTS,
    check_probabilities,
    compute_scores,
    confusion_table,
    curve_table,
    one_against_rest,
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
    found = compute_scores(BINARY_LABELS, BINARY)
    assert found == pytest.approx({"macro_f1": (1 / 2 + 2 / 3) / 2, "roc_auc": 4 / 6})


def test_texts_of_one_class_alone_have_no_roc() -> None:
    assert compute_scores(np.array([1, 1]), BINARY[:2]) == pytest.approx({"macro_f1": (2 / 3) / 2})


def test_two_columns_score_as_one() -> None:
    assert compute_scores(BINARY_LABELS, np.hstack([1 - BINARY, BINARY])) == pytest.approx(
        compute_scores(BINARY_LABELS, BINARY)
    )


def test_scores_of_more_classes() -> None:
    """All are taken for class 0: its precision is 1/4, its recall 1, so its F1 is 0.4; of the others 0."""
    found = compute_scores(*four_classes())
    assert found == pytest.approx({"macro_f1": 0.4 / 4, "top3_accuracy": 3 / 4})


def test_three_classes_have_no_top_3() -> None:
    """All would be right."""
    assert compute_scores(np.arange(3), np.eye(3)) == pytest.approx({"macro_f1": 1.0})


def test_decisions_of_two_classes_are_those_on_class_1() -> None:
    truths, found = one_against_rest(BINARY_LABELS, BINARY)
    assert truths.tolist() == [1, 1, 0, 0, 0]
    assert found.tolist() == BINARY[:, 0].tolist()


def test_decisions_of_more_classes_are_each_against_the_rest() -> None:
    truths, found = one_against_rest(np.array([2, 0]), np.array([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1]]))
    assert truths.tolist() == [False, False, True, True, False, False]
    assert found.tolist() == [0.1, 0.2, 0.7, 0.6, 0.3, 0.1]


# Tables


def test_confusion_table_has_the_pairs_that_occur_and_every_label_with_itself() -> None:
    labels, predicted = np.array([0, 0, 0, 1]), np.array([0, 0, 1, 0])
    assert confusion_table(labels, predicted, ["a", "b", "c"]) == [
        ["a", "a", 2],
        ["a", "b", 1],
        ["b", "a", 1],
        ["b", "b", 0],
        ["c", "c", 0],
    ]


def many_decisions(count: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    truths = random.integers(0, 2, count)
    return truths, np.clip(random.normal(0.4 + 0.2 * truths, 0.2), 0, 1)


def test_curves_of_a_few_decisions() -> None:
    """From the highest score on: 0.9 is a 1, 0.7 a 0, 0.4 a 1, 0.2 a 0."""
    found = curve_table(np.array([1, 0, 1, 0]), np.array([0.9, 0.7, 0.4, 0.2]))
    assert found == [
        [0.0, 0.0, 1.0],
        [0.0, 0.5, 1.0],
        [0.5, 0.5, 0.5],
        [0.5, 1.0, 0.666667],
        [1.0, 1.0, 0.5],
    ]


def test_curves_lie_on_those_of_scikit_learn() -> None:
    truths, found_scores = many_decisions(500)
    lines = curve_table(truths, found_scores)
    false_rates, true_rates, _ = metrics.roc_curve(truths, found_scores, drop_intermediate=False)
    points = {(round(x, 6), round(y, 6)) for x, y in zip(false_rates, true_rates, strict=True)}
    assert {(x, y) for x, y, _ in lines} <= points
    precisions, recalls, _ = metrics.precision_recall_curve(truths, found_scores)
    points = {(round(x, 6), round(y, 6)) for x, y in zip(recalls, precisions, strict=True)}
    assert {(recall, precision) for _, recall, precision in lines} <= points


@pytest.mark.parametrize("count", [2, 3, POINTS, 12_345])
def test_curves_keep_their_ends_and_their_order(count: int) -> None:
    truths, found_scores = many_decisions(count)
    truths[:2] = 0, 1
    lines = curve_table(truths, found_scores)
    assert lines[0] == [0, 0, 1]
    assert lines[-1][:2] == [1, 1]
    assert [line[:2] for line in lines] == sorted(line[:2] for line in lines)
    assert 2 <= len(lines) <= POINTS


def test_curves_of_many_decisions_have_all_the_points_that_are_kept() -> None:
    assert len(curve_table(*many_decisions(12_345))) == POINTS
