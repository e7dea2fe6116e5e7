"""The test texts that the page shows: some of each cell of a confusion matrix, and the most confident errors."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from bagpipe.texts.decode import open_split
from bagpipe.texts.errors import Answers, format_summary, load_answers, load_errors, summarize_errors
from bagpipe.texts.predict import Classifier
from bagpipe.texts.words import UNKNOWN
from stages.common.basics.errors import UserError
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import dataset_of, models_on, sources_of
from stages.common.basics.paths import HERE
from stages.common.basics.rows import load_rows

ERRORS = 20  # the most confident ones
MOST_TEXTS = 1_500  # of a model, which its cells share
MOST_OF_A_CELL = 30
WORDS = 24  # of a text, with what they did to the output


@dataclass(frozen=True, kw_only=True)
class AnsweredText:
    """What a model says of a test text.

    place: among the test texts; expected, predicted: labels; probability: of the predicted one.
    words: those that changed the output most, and by how much.
    in_training: how often the same text stands under each label in the training set.
    """

    place: int
    expected: int
    predicted: int
    probability: float
    words: list[tuple[str, float]]
    in_training: list[tuple[int, int]]


@dataclass(frozen=True)
class ModelAnswers:
    """What a model says of the texts to show, after a sentence on all its errors."""

    summary: str
    texts: list[AnsweredText]


@dataclass(frozen=True, kw_only=True)
class TextsContent:
    """Texts by dataset and place, and what the models say of them; missing: a sentence for each thing not here."""

    texts: dict[str, dict[int, str]]
    answers: dict[str, ModelAnswers]
    missing: list[str]


def check_answers(model: str, answers: Answers, confusion: list[list[int]]) -> None:
    """Check that answers are those that the reports are about.

    Raises:
        UserError: they come to another confusion matrix.
    """
    found = Counter(zip(answers.expected.tolist(), answers.predicted.tolist(), strict=True))
    if found != Counter({(expected, predicted): count for expected, predicted, count in confusion}):
        path = HERE.predictions(model)
        raise UserError(f"{path}: not what reports/ is about; run `dvc checkout` or `dvc repro evaluate@{model}`")


def choose_texts(answers: Answers, a_cell: int, errors: int) -> np.ndarray:
    """Places of the texts to show, the most confident errors first, then what is right, the least confident first.

    Args:
        a_cell: how many of each cell at most; errors: of the most confident ones, these are shown in any case.
    """
    right = answers.expected == answers.predicted
    order = np.lexsort((np.where(right, answers.confidence, -answers.confidence), right))
    cells: Counter = Counter()
    chosen = []
    for rank, place in enumerate(order.tolist()):
        cell = int(answers.expected[place]), int(answers.predicted[place])
        cells[cell] += 1
        if cells[cell] <= a_cell or (rank < errors and not right[place]):
            chosen.append(place)
    return np.array(chosen, np.int64)


def strongest_words(pushes: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """The words that did at least a twentieth of what the strongest did, to two digits: the strongest come first."""
    least = abs(pushes[0][1]) / 20 if pushes else 0
    return [(word, float(f"{change:.2g}")) for word, change in pushes if abs(change) >= least > 0]


def read_answers(model: str, params: Params, confusion: list[list[int]]) -> ModelAnswers:
    """What a model says of the texts to show, and the words that changed its output most.

    Raises:
        UserError: it is not trained, or its answers are not there or are not those of the reports.
    """
    dataset, answers = params.models[model].dataset, load_answers(params, model)
    check_answers(model, answers, confusion)
    wrong = load_errors(dataset, answers)
    in_training = dict(zip(wrong.places.tolist(), wrong.in_training, strict=True))
    classifier, rows = Classifier(model), load_rows(dataset, "test")  # closed again, unlike those of `open_rows`
    texts = []
    a_cell = min(MOST_OF_A_CELL, max(1, MOST_TEXTS // len(confusion)))
    for place in choose_texts(answers, a_cell, ERRORS)[:MOST_TEXTS].tolist():
        label, confidence = int(answers.predicted[place]), float(answers.confidence[place])
        pushes = classifier.pushes(rows.take(np.array([place])).indices, label, confidence, WORDS)
        text = AnsweredText(
            place=place,
            expected=int(answers.expected[place]),
            predicted=label,
            probability=round(confidence, 6),
            words=strongest_words(pushes),
            in_training=list(in_training.get(place, {}).items()),
        )
        texts.append(text)
    return ModelAnswers(format_summary(summarize_errors(wrong, len(answers.expected))), texts)


def decode_texts(dataset: str, params: Params, places: list[int]) -> dict[int, str]:
    """Test texts by their place, lowercase and without punctuation, `?` for an out-of-vocabulary word."""
    settings = dataset_of(params, dataset)
    texts = open_split(dataset, settings, "test").decoded(np.array(places, np.int64))
    start = f"{UNKNOWN} " if settings.format == "keras" else ""  # the start mark prints so
    return {place: text.removeprefix(start) for place, text in zip(places, texts, strict=True)}


def compose_texts(params: Params, confusions: dict[str, list[list[int]]]) -> TextsContent:
    """Texts of each dataset whose models have answered, and their answers."""
    texts: dict[str, dict[int, str]] = {}
    answers: dict[str, ModelAnswers] = {}
    missing: list[str] = []
    for dataset in sources_of(params):
        try:
            found = {name: read_answers(name, params, confusions[name]) for name in models_on(params, dataset)}
            places = sorted({text.place for content in found.values() for text in content.texts})
            texts[dataset] = decode_texts(dataset, params, places) if places else {}
            answers |= found
        except UserError as error:
            missing.append(str(error))
    return TextsContent(texts=texts, answers=answers, missing=missing)
