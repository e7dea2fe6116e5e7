"""The baselines, against exhaustive enumeration and scikit-learn's own dummies."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse
from sklearn.dummy import DummyClassifier
from sklearn.naive_bayes import BernoulliNB

from stages.baseline.baseline import expected_shuffled_accuracy, predict_labels
from stages.common.basics.answers import read_answers
from stages.common.basics.artifacts import read_json
from stages.common.basics.errors import UserError
from stages.common.basics.params.baselines import Baselines
from stages.common.basics.rows import Rows


@pytest.mark.parametrize("labels", [[0, 0, 1], [0, 1, 2], [0, 0, 0, 0], [0, 0, 1, 1, 2], [3, 1, 1, 0, 1, 3]])
def test_expectation_of_shuffling_is_that_of_all_shuffles(labels):
    labels = np.array(labels)
    accuracies = [(np.array(order) == labels).mean() for order in itertools.permutations(labels)]
    mean, deviation = expected_shuffled_accuracy(labels)
    assert mean == pytest.approx(np.mean(accuracies))
    assert deviation == pytest.approx(np.std(accuracies), abs=1e-12)


def rows(dense: np.ndarray, labels: np.ndarray) -> Rows:
    matrix = scipy.sparse.csr_array(dense)
    return Rows(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), labels, np.array(matrix.shape))


def some_rows(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, 300)
    return (random.random((300, 8)) < 0.2 + 0.3 * labels[:, np.newaxis]).astype(float), labels


def settings(max_iter: int = 100) -> Baselines:
    return Baselines(
        shuffle_seed=1,
        naive_bayes={"alpha": 1.0},
        logistic_regression={"C": 0.1, "tol": 1e-4, "max_iter": max_iter},
        tf_idf={"min_texts": 2},
        tf_idf_linear_svm={"C": 1.0, "tol": 1e-4, "max_iter": 1000},
        tf_idf_logistic_regression={"C": 10.0, "tol": 1e-4, "max_iter": 1000},
    )


def test_naive_bayes_on_sparse_rows_is_that_on_dense_ones():
    train, test = some_rows(0), some_rows(1)
    found = predict_labels(settings(), rows(*train), rows(*test))
    assert (found["naive_bayes"] == BernoulliNB().fit(*train).predict(test[0])).all()
    chance = DummyClassifier().fit(*train).score(*test)
    assert min((predicted == test[1]).mean() for predicted in found.values()) > chance + 0.1


def test_the_answers_are_those_of_the_figures(scratch: Path) -> None:
    folder = scratch / "reports" / "datasets" / "imdb"
    figures, answers = read_json(folder / "baselines.json"), read_answers(folder / "errors.npz")
    assert [*figures] == ["expected_of_shuffling", *answers.runs]
    for run, wrong, f1 in zip(answers.runs, answers.wrong, answers.macro_f1, strict=True):
        expected = {"accuracy": 1 - wrong.mean(), "macro_f1": f1}
        assert figures[run] == pytest.approx(expected, abs=1e-6)
    labels = np.load(scratch / "data" / "vectorized" / "imdb" / "test" / "labels.npy")
    constant = answers.wrong[answers.runs.index("most_frequent_class")]
    assert len(set(labels[constant])) == len(set(labels[~constant])) == 1


def test_a_regression_that_does_not_converge_is_an_error():
    train = rows(*some_rows(0))
    with pytest.raises(UserError, match=r"logistic_regression\.max_iter: .*found 1$"):
        predict_labels(settings(max_iter=1), train, train)
