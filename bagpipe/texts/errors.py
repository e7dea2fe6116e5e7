"""`bagpipe errors`: the test texts that a model gets most confidently wrong, and how many of them are label noise.

A text that training has word for word under another label than the test expects teaches the model what the test then
counts as wrong. The predictions are those that `evaluate` has stored.
"""

import json
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np

from bagpipe.project.names import check_name
from bagpipe.texts.decode import open_split
from bagpipe.texts.predict import Classifier
from stages.common.basics.errors import UserError
from stages.common.basics.npy import open_npy
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import dataset_of
from stages.common.basics.params.reading import load_params
from stages.common.basics.paths import HERE
from stages.common.basics.rows import Split, load_hashes, load_labels, load_rows, open_rows, vectorized_file
from stages.common.basics.terminal import escape_controls, wrap_text
from stages.common.network.predictions import predicted_labels, probability_of_each_label

CONFIDENT = 100  # the most confident errors, of which a share is told
SHOWN = 400  # characters of a text on the terminal


class Answers(NamedTuple):
    """A model's answers to the test texts.

    expected, predicted: labels, int64; confidence: the probability of the predicted one.
    """

    expected: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray


class Errors(NamedTuple):
    """Wrong predictions, the most confident first.

    places: among the test texts, int64; expected, predicted: labels; confidence: the probability of the predicted
    one; in_training: how many texts of each label training has that are the same word for word, empty if none.
    """

    places: np.ndarray
    expected: np.ndarray
    predicted: np.ndarray
    confidence: np.ndarray
    in_training: list[dict[int, int]]

    def noise(self) -> np.ndarray:
        """Whether training has the text under another label than expected: bool."""
        pairs = zip(self.in_training, self.expected.tolist(), strict=True)
        return np.array([bool(found.keys() - {expected}) for found, expected in pairs], bool)


def make_answers(probabilities: np.ndarray, expected: np.ndarray) -> Answers:
    """The answers of a model's output.

    Args:
        probabilities: see stages/evaluate.py; expected: labels, shape (n,).
    """
    predicted = predicted_labels(probabilities)
    return Answers(
        expected, predicted, probability_of_each_label(probabilities)[np.arange(len(predicted)), predicted]
    )


def find_errors(answers: Answers, test: np.ndarray, train: tuple[np.ndarray, np.ndarray]) -> Errors:
    """Find the wrong answers.

    Args:
        test: hashes of the texts; train: hashes and labels.
    """
    wrong = np.flatnonzero(answers.predicted != answers.expected)
    places = wrong[np.argsort(-answers.confidence[wrong], kind="stable")]
    labels_of: dict[int, dict[int, int]] = {content: {} for content in test[places].tolist()}
    common = np.isin(train[0], test[places])
    for content, label in zip(train[0][common].tolist(), train[1][common].tolist(), strict=True):
        labels_of[content][label] = labels_of[content].get(label, 0) + 1
    in_training = [dict(sorted(labels_of[content].items())) for content in test[places].tolist()]
    expected, predicted, confidence = (column[places] for column in answers)
    return Errors(places, expected, predicted, confidence, in_training)


def load_answers(params: Params, name: str) -> Answers:
    """The answers of a model that `evaluate` has stored.

    Raises:
        UserError: it is not in params.yaml or not evaluated yet, or not on the test texts that are there now,
            or a file is damaged.
    """
    check_name("model", name, params.models)
    dataset, path = params.models[name].dataset, HERE.predictions(name)
    vectorized_file(dataset, "word_index.json")  # or the error that it is not there yet
    expected, labels = _labels(dataset, "test"), load_labels(dataset)
    probabilities = open_npy(path, np.float32, f"evaluate@{name}", dimensions=2)
    texts, columns = probabilities.shape
    classes = 2 if columns == 1 else columns
    if (texts, classes) != (len(expected), len(labels)):
        wanted = f"predictions of {len(labels)} labels for {len(expected):,} test texts"
        raise UserError(f"{path}: expected {wanted}, found {classes} for {texts:,}; run `dvc repro evaluate@{name}`")
    return make_answers(probabilities, expected)


def load_errors(dataset: str, answers: Answers) -> Errors:
    """The wrong ones of the answers to the test texts of a dataset."""
    train = load_hashes(dataset, "train"), _labels(dataset, "train")
    return find_errors(answers, load_hashes(dataset, "test"), train)


def _labels(dataset: str, part: Split) -> np.ndarray:
    return np.asarray(load_rows(dataset, part).labels)


@dataclass(frozen=True)
class ErrorSummary:
    """How many test texts and errors there are; of all errors and of the most confident, how many are label noise."""

    test_texts: int
    errors: int
    errors_in_training_under_another_label: int
    most_confident: int
    most_confident_in_training_under_another_label: int


@dataclass(frozen=True)
class Push:
    """A word, and how much the output for the predicted label would fall without it."""

    word: str
    change: float


@dataclass(frozen=True, kw_only=True)
class ExplainedError:
    """A test text that a model gets wrong.

    test_text: its place; probability: of the predicted label.
    in_training: how often training has the same text under each label.
    """

    test_text: int
    expected: str
    predicted: str
    probability: float
    explain: list[Push]
    in_training: dict[str, int]
    text: str


def summarize_errors(errors: Errors, tests: int) -> ErrorSummary:
    """Count the errors; tests: the number of test texts."""
    noise = errors.noise()
    confident = noise[:CONFIDENT]
    return ErrorSummary(tests, len(noise), int(noise.sum()), len(confident), int(confident.sum()))


def explain_errors(params: Params, name: str, errors: Errors, count: int) -> list[ExplainedError]:
    """The `count` most confident errors, each with its text and the words that pushed the model."""
    dataset = params.models[name].dataset
    settings, names, places = dataset_of(params, dataset), load_labels(dataset), errors.places[:count]
    if not len(places):
        return []
    texts = open_split(dataset, settings, "test")
    classifier, rows = Classifier(name), open_rows(dataset, "test")
    found = []
    for number, (place, text) in enumerate(zip(places.tolist(), texts.decoded(places), strict=True)):
        label, confidence = int(errors.predicted[number]), float(errors.confidence[number])
        pushes = classifier.pushes(rows.take(np.array([place])).indices, label, confidence)
        error = ExplainedError(
            test_text=place,
            expected=names[errors.expected[number]],
            predicted=names[label],
            probability=round(confidence, 6),
            explain=[Push(word, round(change, 6)) for word, change in pushes],
            in_training={names[label]: count for label, count in errors.in_training[number].items()},
            text=text,
        )
        found.append(error)
    return found


def format_error(error: ExplainedError) -> str:
    """An error, to be read."""
    pushes = ", ".join(f"{push.word} {push.change:+.4f}" for push in error.explain)
    labels = ", ".join(f"{label} ({texts})" for label, texts in error.in_training.items())
    text = error.text if len(error.text) <= SHOWN else error.text[: SHOWN - 3] + "..."
    title = f"test text {error.test_text}: expected {error.expected}, found {error.predicted}"
    title += f" ({error.probability:.4f})"
    lines = [f"because of: {pushes}", *([f"in training as: {labels}"] if labels else []), text]
    return "\n".join([wrap_text(escape_controls(title)), *(wrap_text(escape_controls(line), "  ") for line in lines)])


def format_summary(found: ErrorSummary) -> str:
    """The summary as sentences."""
    noise = found.errors_in_training_under_another_label
    if not found.errors:
        return f"None of {found.test_texts:,} test texts is wrong."
    sentence = (
        f"{found.errors:,} of {found.test_texts:,} test texts are wrong. Training has {noise:,} of these "
        f"({noise / found.errors:.0%}) word for word under another label"
    )
    if found.most_confident == found.errors:
        return f"{sentence}."
    confident = found.most_confident_in_training_under_another_label
    return f"{sentence}, and {confident} of the {found.most_confident} most confident ones."


def show_errors(name: str, count: int, as_json: bool) -> None:
    """Print the `count` most confident errors of a model, and what share of all is label noise.

    Raises:
        UserError: see `load_answers`.
    """
    params = load_params()
    answers = load_answers(params, name)
    errors = load_errors(params.models[name].dataset, answers)
    found = summarize_errors(errors, len(answers.expected))
    texts = explain_errors(params, name, errors, count)
    if as_json:
        content = {**asdict(found), "texts": [asdict(error) for error in texts]}
        print(json.dumps(content))  # ASCII: a terminal takes some other characters for commands
    else:
        print("\n\n".join([*map(format_error, texts), wrap_text(format_summary(found))]))
