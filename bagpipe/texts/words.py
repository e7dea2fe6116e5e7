"""The words and lines of texts, for the tools."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from stages.common.basics.artifacts import VECTORIZED
from stages.common.basics.errors import UserError
from stages.common.basics.npy import check_exists
from stages.common.corpora.formats import decoded
from stages.common.corpora.official import read_word_index
from stages.common.corpora.words import INDEX_FROM, OUT_OF_VOCABULARY

UNKNOWN = "?"  # how 0, 1, 2 and ids of no word print


def _vectorized_file(dataset: str, name: str, root: Path) -> Path:
    path = root / VECTORIZED / dataset / name
    check_exists(path, f"vectorize@{dataset}")
    return path


def word_index(dataset: str, root: Path = Path()) -> dict[str, int]:
    """The index of each word of a dataset of the project in a folder.

    Raises:
        UserError: it is not vectorized yet, or damaged.
    """
    return read_word_index(_vectorized_file(dataset, "word_index.json", root))


def load_label_names(dataset: str, root: Path = Path()) -> list[str]:
    """The name of each label of the same, from 0 on; two or more.

    Raises:
        UserError: it is not vectorized yet, or damaged.
    """
    path = _vectorized_file(dataset, "labels.json", root)
    try:
        labels = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        labels = None
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels) or len(labels) < 2:
        expected = "expected a JSON list of 2 labels or more, found something else"
        raise UserError(f"{path}: {expected}; `dvc repro vectorize@{dataset}` writes it again")
    return labels


def words_by_id(index: dict[str, int]) -> dict[int, str]:
    """The word of each id of Keras' encoding."""
    return {rank + INDEX_FROM: word for word, rank in index.items()}


def decode(tokens: Iterable[int], words: dict[int, str]) -> str:
    """Words of an encoded text, with `?` for the start mark and words beyond num_words."""
    return " ".join(words.get(int(token), UNKNOWN) if token > OUT_OF_VOCABULARY else UNKNOWN for token in tokens)


def lines_of(stream: Iterable[bytes], name: str) -> Iterator[str]:
    """Yield the lines of a stream one by one, without their ends.

    Raises:
        UserError: a line is not UTF-8.
    """
    for number, line in enumerate(stream, start=1):
        yield decoded(line, f"{name}: line {number}").rstrip("\r\n")
