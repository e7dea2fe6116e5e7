"""Measure a trained model on the test set.

Reads   data/models/M, data/vectorized/D
Writes  reports/models/M/metrics.json: `test` has loss and accuracy as Keras computes them, macro F1, and ROC AUC (two
        classes) or top-3 accuracy (more than three); `test_unseen` the same without the test texts that training has
        word for word, and is missing if none remain
        reports/models/M/confusion.csv: how many texts of each class got which label
        reports/models/M/curves.csv: points of the ROC and the precision-recall curve; with more than two classes
        those of all one-against-the-rest decisions together ("micro average")
        data/predictions/M.npy: probabilities, float32, shape (n, classes), or (n, 1) of class 1 for a binary loss
"""

if __name__ == "__main__":
    raise SystemExit("error: start a stage as dvc.yaml does: python -m stages evaluate@MODEL")


import numpy as np
from sklearn import metrics

from stages.common.basics.artifacts import round_metric, write_csv, write_json
from stages.common.basics.errors import UserError
from stages.common.basics.npy import write_npy
from stages.common.basics.params.params import Params
from stages.common.basics.params.types import BINARY_LOSSES
from stages.common.basics.paths import HERE
from stages.common.basics.rows import ChosenRows, load_labels, open_rows, seen_in_training
from stages.common.network.predictions import predicted_labels, probability_of_each_label

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


def compute_scores(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, float]:
    """Macro F1, and what suits the number of classes: `roc_auc` of two with texts, `top3_accuracy` of many."""
    scored = probability_of_each_label(probabilities)
    found = {"macro_f1": metrics.f1_score(labels, predicted_labels(probabilities), average="macro")}
    if scored.shape[1] == 2:
        if len(np.unique(labels)) < 2:
            return found
        found["roc_auc"] = metrics.roc_auc_score(labels, scored[:, 1])
    elif scored.shape[1] > 3:  # of three all would be right
        found["top3_accuracy"] = metrics.top_k_accuracy_score(labels, scored, k=3, labels=range(scored.shape[1]))
    return found


def one_against_rest(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Yes-or-no truths and their scores: of class 1, or of every class against the rest."""
    scored = probability_of_each_label(probabilities)
    if scored.shape[1] == 2:
        return labels, scored[:, 1]
    return (labels[:, np.newaxis] == np.arange(scored.shape[1])).ravel(), scored.ravel()


def curve_table(truths: np.ndarray, decision_scores: np.ndarray) -> list[list[float]]:
    """Lines of curves.csv: at most POINTS points, the ends among them.

    A point is a threshold from which on a text counts as positive. Precision follows from the two rates and the
    number of positives; where nothing counts as positive it is 1, as scikit-learn has it.
    """
    false_rate, true_rate, _ = metrics.roc_curve(truths, decision_scores)
    true_positives = true_rate * truths.sum()
    positives = true_positives + false_rate * (len(truths) - truths.sum())
    precision = np.divide(true_positives, positives, out=np.ones_like(positives), where=positives > 0)
    keep = np.unique(np.linspace(0, len(true_rate) - 1, POINTS).round().astype(int))
    return [[round_metric(column[place]) for column in (false_rate, true_rate, precision)] for place in keep]


def confusion_table(labels: np.ndarray, predicted: np.ndarray, names: list[str]) -> list[list]:
    """Lines of confusion.csv: pairs of labels that occur, and how often; of each label with itself in any case."""
    counts = metrics.confusion_matrix(labels, predicted, labels=range(len(names)))
    pairs = np.argwhere((counts > 0) | np.eye(len(names), dtype=bool))
    return [[names[actual], names[guess], int(counts[actual, guess])] for actual, guess in pairs]


def evaluate(params: Params, name: str) -> None:
    dataset = params.models[name].dataset
    rows, names = open_rows(dataset, "test"), load_labels(dataset)
    labels = np.asarray(rows.labels)
    print(f"{name}: evaluating on the {len(labels):,} test rows of {dataset}")

    from stages.common.network.feeding import Feed
    from stages.common.network.saved import NETWORK_FILE, load, read_network

    model, loss_name = load(HERE.model(name)), read_network(HERE.model(name) / NETWORK_FILE)["network"]["loss"]
    batches = Feed(rows, loss_name, len(names)).ordered_batches()
    probabilities = model.predict(batches, verbose=0)
    check_probabilities(probabilities, len(labels), 1 if loss_name in BINARY_LOSSES else len(names))
    loss, accuracy = model.evaluate(batches, verbose=0)
    found = {"test": {"loss": loss, "accuracy": accuracy, **compute_scores(labels, probabilities)}}
    unseen = ~seen_in_training(dataset)
    if unseen.all():
        found["test_unseen"] = found["test"]
    elif unseen.any():
        batches = Feed(ChosenRows(rows, unseen), loss_name, len(names)).ordered_batches()
        loss, accuracy = model.evaluate(batches, verbose=0)
        unseen_scores = compute_scores(labels[unseen], probabilities[unseen])
        found["test_unseen"] = {"loss": loss, "accuracy": accuracy, **unseen_scores}

    folder = HERE.model_report(name)
    write_npy(HERE.predictions(name), probabilities)
    confusion = confusion_table(labels, predicted_labels(probabilities), names)
    write_csv(folder / "confusion.csv", ("actual", "predicted", "count"), confusion)
    curves = curve_table(*one_against_rest(labels, probabilities))
    write_csv(folder / "curves.csv", ("false_positive_rate", "true_positive_rate", "precision"), curves)
    content = {part: {key: round_metric(value) for key, value in figures.items()} for part, figures in found.items()}
    write_json(folder / "metrics.json", content)
    print(f"{name}: " + "  ".join(f"{key} {value:.4f}" for key, value in found["test"].items()))
