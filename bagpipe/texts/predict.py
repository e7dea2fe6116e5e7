"""`bagpipe predict`: a trained model on new texts, one a line, as many as there are."""

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

import numpy as np
from tqdm import tqdm

from bagpipe.texts.model import TEXTS_AT_ONCE, WordModel
from bagpipe.texts.words import UNKNOWN, read_lines, words_by_id
from stages.common.basics.errors import UserError
from stages.common.basics.processor import settle
from stages.common.basics.terminal import escape_controls, line_width, wrap_text
from stages.common.corpora.readers.lines import decode_bytes
from stages.common.corpora.tokenizer import OUT_OF_VOCABULARY
from stages.common.network.predictions import probability_of_each_label

Item = TypeVar("Item")
TOP = 3
BYTE_ORDER_MARK = "\ufeff"
EXPLAINED = 5  # words named by --explain
SHOWN = 60  # characters of a text in the table, as far as a terminal has room
LEAST_SHOWN = 40  # below, it gets a line of its own


class ExplainedPrediction(NamedTuple):
    """A text's most probable labels with their probabilities, and what they rest on.

    probabilities: of all labels, in their order, float32.
    known_words: distinct ids of the text besides the start mark; 0 for an empty line.
    pushes: words and how much more probable each makes the first label; None if not asked for.
    """

    text: str
    top: list[tuple[str, float]]
    probabilities: np.ndarray
    known_words: int
    pushes: list[tuple[str, float]] | None


class Classifier(WordModel):
    """A trained model in a command's own process: the figures are those of the reports, and answers are explained."""

    def __init__(self, name: str) -> None:
        """Load the model of that name, see `WordModel`."""
        settle()
        super().__init__(name)
        from stages.common.network import layers, weighting

        self._outputs = layers.outputs
        self._layers = layers.layers_of(self._model)
        self._weights = weighting.weights_of(self._model)
        self._words = words_by_id(self._index)

    def pushes(
        self, ids: np.ndarray, label: int, probability: float, count: int = EXPLAINED
    ) -> list[tuple[str, float]]:
        """The words that change the label's probability most when left out, and by how much."""
        words, first = ids[ids > OUT_OF_VOCABULARY], self._layers[0]
        sums = self._sums_without(ids, words) + first.bias
        without = probability_of_each_label(self._outputs(self._layers, sums).numpy())[:, label]
        changes = probability - without
        most = np.argsort(-np.abs(changes), kind="stable")[:count]
        return [(self._words.get(int(words[place]), UNKNOWN), float(changes[place])) for place in most]

    def _sums_without(self, ids: np.ndarray, words: np.ndarray) -> np.ndarray:
        """The sums of the first layer without its bias, with each of some words of a text left out: a row each."""
        kernel = self._layers[0].kernel
        if self._weights is None:
            return kernel[ids].sum(axis=0) - kernel[words]
        weights = self._weights.weights
        sums = weights[ids] @ kernel[ids] - weights[words, np.newaxis] * kernel[words]
        if self._weights.has_length_one:
            squares = (np.square(weights[ids]).sum() - np.square(weights[words]))[:, np.newaxis]
            sums = np.divide(sums, np.sqrt(squares), out=np.zeros_like(sums), where=squares > 0)
        return sums

    def predict(self, texts: list[str], explain: bool) -> Iterator[ExplainedPrediction]:
        """Yield the prediction of each text, in their order."""
        ids = [self.ids(text) for text in texts]
        probabilities = self.probabilities(ids)
        for text, row, p in zip(texts, ids, probabilities, strict=True):
            best = np.argsort(-p, kind="stable")[:TOP]
            top = [(self.labels[label], float(p[label])) for label in best]
            pushes = self.pushes(row, best[0], p[best[0]]) if explain else None
            yield ExplainedPrediction(text, top, p, self.count_words(text, row), pushes)


def prediction_as_dict(prediction: ExplainedPrediction) -> dict[str, Any]:
    """A prediction as other programs get it."""
    content: dict[str, Any] = {
        "label": prediction.top[0][0],
        "probability": round(prediction.top[0][1], 6),
        "top": [{"label": label, "probability": round(p, 6)} for label, p in prediction.top],
        "known_words": prediction.known_words,
    }
    if prediction.pushes is not None:
        content["explain"] = [{"word": word, "change": round(change, 6)} for word, change in prediction.pushes]
    return content


def format_json(prediction: ExplainedPrediction) -> str:
    return json.dumps(prediction_as_dict(prediction))  # ASCII: a terminal takes some other characters for commands


def _pushed(prediction: ExplainedPrediction) -> str:
    return ", ".join(f"{word} {change:+.4f}" for word, change in prediction.pushes or [])


def format_tsv(prediction: ExplainedPrediction) -> str:
    cells = [cell for label, p in prediction.top for cell in (label, f"{p:.6f}")]
    cells.append(str(prediction.known_words))
    if prediction.pushes is not None:
        cells.append(_pushed(prediction))
    return "\t".join(map(escape_controls, cells))


def tsv_header(labels: int, explain: bool) -> str:
    columns = [f"{name}_{rank}" for rank in range(1, labels + 1) for name in ("label", "probability")]
    return "\t".join([*columns, "known_words", *(["explain"] if explain else [])])


def format_line(prediction: ExplainedPrediction, width: int) -> str:
    """A line of the readable table."""
    shown = prediction.top if len(prediction.top) > 2 else prediction.top[:1]
    answer = "  ".join(f"{escape_controls(label):<{width}} {p:.4f}" for label, p in shown)
    text = ("" if prediction.known_words else "(no known word) ") + escape_controls(" ".join(prediction.text.split()))
    room = line_width() - len(answer) - 2
    gap, room = ("  ", room) if room >= LEAST_SHOWN else ("\n    ", line_width() - 4)
    room = min(SHOWN, room)
    line = f"{answer}{gap}{text if len(text) <= room else text[: room - 3] + '...'}"
    if prediction.pushes:
        line += "\n" + wrap_text(escape_controls(f"because of: {_pushed(prediction)}"), " " * 4)
    return line


def split_blocks(texts: Iterable[Item]) -> Iterator[list[Item]]:
    """Yield texts in blocks; what comes before a line that cannot be read is yielded before the error is raised.

    Args:
        texts: by themselves, or the rows or objects that they stand in.
    """
    block: list[Item] = []
    try:
        for text in texts:
            block.append(text)
            if len(block) == TEXTS_AT_ONCE:
                yield block
                block = []
    except UserError:
        if block:
            yield block
        raise
    if block:
        yield block


def predict_all(name: str, texts: Iterable[str], form: str, explain: bool) -> None:
    """Print the prediction of each text as it comes.

    Args:
        form: `table`, `json` or `tsv`.
    """
    classifier = Classifier(name)
    labels = min(TOP, len(classifier.labels))
    width = max(len(escape_controls(label)) for label in classifier.labels)
    lines = {"json": format_json, "tsv": format_tsv, "table": lambda p: format_line(p, width)}
    if form == "tsv":
        print(tsv_header(labels, explain))
    unknown, count = 0, 0
    # on standard error, if that is a terminal, and the answers do not go there, too
    with tqdm(unit=" texts", disable=sys.stdout.isatty() or None) as progress:
        for block in split_blocks(texts):
            for prediction in classifier.predict(block, explain):
                unknown += not prediction.known_words
                print(lines[form](prediction))
            sys.stdout.flush()
            count += len(block)
            progress.update(len(block))
    tell_unknown(unknown, count)


def tell_unknown(unknown: int, count: int) -> None:
    """Say how many of some texts hold no word that a model knows, if any."""
    if unknown:
        print(f"note: {unknown:,} of {count:,} texts hold no word that the model knows", file=sys.stderr)


def read_texts(arguments: list[str], path: str | None) -> Iterator[str]:
    """The texts of the arguments, or else the lines of a file, or of standard input; without byte order marks.

    Raises:
        UserError: both are given, or a text is not UTF-8.
    """
    return (text.removeprefix(BYTE_ORDER_MARK) for text in _marked_texts(arguments, path))


def _marked_texts(arguments: list[str], path: str | None) -> Iterator[str]:
    if arguments and path is not None:
        raise UserError("expected texts or --file, found both")
    if arguments:
        for number, text in enumerate(arguments, start=1):
            yield decode_bytes(text.encode("utf-8", "surrogateescape"), f"text {number}")
    elif path is None or path == "-":
        if sys.stdin.isatty():
            print("Type texts, one a line; end with Ctrl-D.", file=sys.stderr)
        yield from read_lines(sys.stdin.buffer, "standard input")
    else:
        with open(path, "rb") as stream:
            yield from read_lines(stream, path)
