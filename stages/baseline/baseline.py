"""How well one does without a network: what every model is to be held against.

Reads   data/raw/D, data/vectorized/D
Params  baselines, datasets.D, and of the dataset whose texts it names
Writes  reports/datasets/D/baselines.json, the test accuracy and macro F1 of each baseline
        reports/datasets/D/errors.npz, which test texts each got wrong, see stages/common/basics/answers.py

The notebooks' baseline gives each test text the label of another, by one shuffle; its expectation over all shuffles
is known without trying any. Naive Bayes and logistic regression are fitted to the same multi-hot rows as the
networks; two more classifiers know all words of the texts and their pairs, by TF-IDF, as tutorials have it.
"""

if __name__ == "__main__":
    raise SystemExit("error: start a stage as dvc.yaml does: python -m stages baseline@DATASET")


import warnings
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB
from sklearn.svm import LinearSVC

from stages.baseline.sequences import Sequences, read_sequences
from stages.baseline.terms import weigh_terms
from stages.common.basics.answers import collect_answers, fingerprint, keys_of, write_answers
from stages.common.basics.artifacts import round_metric, write_json
from stages.common.basics.errors import UserError
from stages.common.basics.params.baselines import Baselines
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import dataset_of
from stages.common.basics.paths import HERE
from stages.common.basics.rows import Rows, load_hashes, load_labels, load_rows


def csr_matrix_of(rows: Rows) -> scipy.sparse.csr_array:
    """The rows as scipy has them: float64, shape (n, columns)."""
    ones = np.ones(len(rows.indices))
    return scipy.sparse.csr_array((ones, rows.indices, rows.indptr), shape=tuple(rows.shape))


def expected_shuffled_accuracy(labels: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation, over all shuffles, of the share of labels that meet their equal: exactly.

    With n_c texts of class c and n in all, a text meets its label with probability sum(n_c^2) / n^2, and two texts
    both do with that of drawing two labels without replacement.
    """
    counts = np.bincount(labels).astype(float)
    n, squares = counts.sum(), (counts**2).sum()
    matches = squares / n
    same_class = (counts**2 * (counts - 1) ** 2).sum()
    two_classes = squares**2 - (counts**4).sum()
    pairs = (same_class + two_classes) / (n * (n - 1))
    return matches / n, np.sqrt(max(pairs + matches - matches**2, 0.0)) / n


def predict_labels(settings: Baselines, train: Rows, test: Rows) -> dict[str, np.ndarray]:
    """The labels that classifiers of multi-hot rows give the test texts: int64, shape (texts,).

    Raises:
        UserError: one did not converge.
    """
    classifiers = {
        "naive_bayes": BernoulliNB(alpha=settings.naive_bayes.alpha),
        "logistic_regression": LogisticRegression(**settings.logistic_regression.model_dump()),
    }
    inputs, test_inputs = csr_matrix_of(train), csr_matrix_of(test)
    return {
        name: fit_and_predict(name, classifier, inputs, train.labels, test_inputs)
        for name, classifier in classifiers.items()
    }


def predict_by_terms(
    settings: Baselines, train: Sequences, labels: np.ndarray, test: Sequences
) -> dict[str, np.ndarray]:
    """The labels that classifiers of words and pairs give the test texts: int64, shape (texts,).

    One class against the rest: of all classes at once the regression would need memory beyond all bounds.

    Raises:
        UserError: one did not converge.
    """
    svm, regression = settings.tf_idf_linear_svm, settings.tf_idf_logistic_regression
    of_classes = LogisticRegression(solver="liblinear", random_state=0, **regression.model_dump())
    classifiers = {
        "tf_idf_linear_svm": LinearSVC(random_state=0, **svm.model_dump()),
        "tf_idf_logistic_regression": OneVsRestClassifier(of_classes),
    }
    inputs, test_inputs = weigh_terms(train, test, settings.tf_idf.min_texts)
    return {
        name: fit_and_predict(name, classifier, inputs, labels, test_inputs)
        for name, classifier in classifiers.items()
    }


def fit_and_predict(
    name: str,
    classifier: Any,
    inputs: scipy.sparse.csr_array,
    labels: np.ndarray,
    test_inputs: scipy.sparse.csr_array,
) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            classifier.fit(inputs, labels)
        except ConvergenceWarning:
            found = getattr(classifier, "estimator", classifier).max_iter
            raise UserError(
                f"params.yaml: baselines.{name}.max_iter: expected enough iterations to converge, found {found}"
            ) from None
    return classifier.predict(test_inputs)


def baseline(params: Params, name: str) -> None:
    train, test = load_rows(name, "train"), load_rows(name, "test")
    labels = np.asarray(test.labels)
    dataset = dataset_of(params, name)
    expected, deviation = expected_shuffled_accuracy(labels)
    predicted = {
        "shuffled_labels": np.random.default_rng(params.baselines.shuffle_seed).permutation(labels),
        "most_frequent_class": np.full(len(labels), np.bincount(train.labels).argmax()),
        **predict_labels(params.baselines, train, test),
    }
    if dataset.texts == name:  # or the same would be found of the same texts
        texts = read_sequences(dataset, HERE.raw(name))
        predicted |= predict_by_terms(params.baselines, texts["train"], np.asarray(train.labels), texts["test"])
    test_set = fingerprint(keys_of(load_hashes(name, "test"), labels))
    answers = collect_answers(predicted, labels, len(load_labels(name)), test_set)
    accuracies = 1 - answers.wrong.mean(axis=1)
    figures = {"expected_of_shuffling": {"accuracy": round_metric(expected), "sd": round_metric(deviation)}}
    for run, accuracy, f1 in zip(answers.runs, accuracies, answers.macro_f1, strict=True):
        figures[run] = {"accuracy": round_metric(accuracy), "macro_f1": round_metric(f1)}
    write_json(HERE.dataset_report(name) / "baselines.json", figures)
    write_answers(HERE.errors_of_baselines(name), answers)
    print(f"{name}: expected of shuffling {expected:.4f}", end="")
    print("".join(f"  {run} {accuracy:.4f}" for run, accuracy in zip(answers.runs, accuracies, strict=True)))
