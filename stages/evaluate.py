"""Measure a trained model on the test set.

Reads   data/models/M, data/vectorized/D/test
Params  models.M: dataset, loss; datasets.D: num_words, classes, labels
Writes  reports/M/metrics.json: loss and accuracy as Keras computes them, macro F1, and ROC AUC (two classes)
        or top-3 accuracy (more)
        reports/M/classes.csv: precision, recall, F1 and support of each class
        reports/M/confusion.csv: how many texts of each class got which label
        reports/M/roc.csv, precision_recall.csv: points of the curves; with more than two classes those of
        all one-against-the-rest decisions together ("micro average")
        data/predictions/M.npy: probabilities, float32, shape (n, classes), or (n, 1) of class 1 for a binary loss
"""

import numpy as np
from sklearn import metrics

from stages.common.artifacts import (
    MODELS,
    PREDICTIONS,
    REPORTS,
    rounded,
    write_csv,
    write_json,
    write_npy,
)
from stages.common.errors import UserError
from stages.common.params import BINARY_LOSSES, Params
from stages.common.rows import load_rows
from stages.common.stage import run_stage

POINTS = 200  # kept of a curve: enough to draw it


def check_probabilities(probabilities: np.ndarray, rows: int, columns: int) -> None:
    """Check the shape of a model's output, its range and, with several columns, that rows sum to 1.

    Raises:
        UserError: one of them is not so.
    """
    if probabilities.shape != (rows, columns):
        raise UserError(f"predictions: expected shape {(rows, columns)}, found {probabilities.shape}")
    if not ((probabilities >= 0) & (probabilities <= 1)).all():
        raise UserError(
            f"predictions: expected probabilities from 0 to 1, found {probabilities.min()} to {probabilities.max()}"
        )
    if columns > 1 and not np.allclose(probabilities.sum(axis=1), 1, atol=1e-4):
        raise UserError("predictions: expected each row to sum to 1, found one that does not")


def by_class(probabilities: np.ndarray) -> np.ndarray:
    """The probability of each class: shape (n, classes), from (n, classes) or (n, 1) of class 1."""
    if probabilities.shape[1] > 1:
        return probabilities
    return np.hstack([1 - probabilities, probabilities])


def predicted_labels(probabilities: np.ndarray) -> np.ndarray:
    """The most probable class; at exactly one half the first, as Keras' binary accuracy has it."""
    if probabilities.shape[1] > 1:
        return probabilities.argmax(axis=1)
    return (probabilities[:, 0] > 0.5).astype(np.int64)


def scores(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Macro F1, and what suits the number of classes: `roc_auc` or `top3_accuracy`."""
    scored = by_class(probabilities)
    found = {"macro_f1": metrics.f1_score(labels, predicted_labels(probabilities), average="macro")}
    if scored.shape[1] == 2:
        found["roc_auc"] = metrics.roc_auc_score(labels, scored[:, 1])
    else:
        found["top3_accuracy"] = metrics.top_k_accuracy_score(labels, scored, k=3, labels=range(scored.shape[1]))
    return found


def decisions(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Yes-or-no truths and their scores: of class 1, or of every class against the rest."""
    scored = by_class(probabilities)
    if scored.shape[1] == 2:
        return labels, scored[:, 1]
    return (labels[:, np.newaxis] == np.arange(scored.shape[1])).ravel(), scored.ravel()


def thinned(*columns: np.ndarray) -> list[list[float]]:
    """At most POINTS points of a curve, its ends among them, as lines of a table."""
    keep = np.unique(np.linspace(0, len(columns[0]) - 1, POINTS).round().astype(int))
    return [[rounded(value) for value in line] for line in zip(*(c[keep] for c in columns), strict=True)]


def class_table(labels: np.ndarray, predicted: np.ndarray, names: list[str]) -> list[list]:
    """Lines of classes.csv."""
    columns = metrics.precision_recall_fscore_support(labels, predicted, labels=range(len(names)), zero_division=0)
    return [
        [label, names[label], *map(rounded, figures), int(support)]
        for label, (*figures, support) in enumerate(zip(*columns, strict=True))
    ]


def confusion_table(labels: np.ndarray, predicted: np.ndarray, names: list[str]) -> list[list]:
    """Lines of confusion.csv: pairs of labels that occur, and how often."""
    counts = metrics.confusion_matrix(labels, predicted, labels=range(len(names)))
    return [[names[actual], names[guess], int(counts[actual, guess])] for actual, guess in np.argwhere(counts)]


def evaluate(params: Params, name: str) -> None:
    from stages.common.network import Feed, load

    model = params.models[name]
    dataset = params.datasets[model.dataset]
    names = dataset.labels
    rows = load_rows(model.dataset, "test")
    labels = np.asarray(rows.labels)
    print(f"{name}: evaluating on the {len(labels):,} test rows of {model.dataset}")

    trained = load(MODELS / name)
    batches = Feed(rows, model.loss, dataset.num_words, dataset.classes).ordered_batches()
    loss, accuracy = trained.evaluate(batches, verbose=0)
    probabilities = trained.predict(batches, verbose=0)
    check_probabilities(probabilities, len(labels), 1 if model.loss in BINARY_LOSSES else dataset.classes)
    found = {"loss": loss, "accuracy": accuracy, **scores(labels, probabilities)}
    predicted = predicted_labels(probabilities)
    truths, decision_scores = decisions(labels, probabilities)
    false_positive, true_positive, _ = metrics.roc_curve(truths, decision_scores)
    precision, recall, _ = metrics.precision_recall_curve(truths, decision_scores, drop_intermediate=True)

    folder = REPORTS / name
    write_npy(PREDICTIONS / f"{name}.npy", probabilities)
    write_csv(
        folder / "classes.csv",
        ("label", "name", "precision", "recall", "f1", "support"),
        class_table(labels, predicted, names),
    )
    write_csv(
        folder / "confusion.csv",
        ("actual", "predicted", "count"),
        confusion_table(labels, predicted, names),
    )
    write_csv(
        folder / "roc.csv",
        ("false_positive_rate", "true_positive_rate"),
        thinned(false_positive, true_positive),
    )
    write_csv(folder / "precision_recall.csv", ("recall", "precision"), thinned(recall, precision))
    write_json(folder / "metrics.json", {"test": {key: rounded(value) for key, value in found.items()}})
    print(f"{name}: " + "  ".join(f"{key} {value:.4f}" for key, value in found.items()))


if __name__ == "__main__":
    run_stage(__doc__, evaluate, over="models")
