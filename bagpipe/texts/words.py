"""The words and lines of texts, for the tools."""

from collections.abc import Iterable, Iterator

from stages.common.basics.paths import HERE, Paths
from stages.common.basics.rows import vectorized_file
from stages.common.corpora.official import read_word_index
from stages.common.corpora.readers.lines import decode_bytes
from stages.common.corpora.tokenizer import INDEX_FROM, OUT_OF_VOCABULARY

UNKNOWN = "?"  # how 0, 1, 2 and ids of no word print


def word_index(dataset: str, paths: Paths = HERE) -> dict[str, int]:
    """The index of each word of a dataset.

    Raises:
        UserError: it is not vectorized yet, or damaged.
    """
    return read_word_index(vectorized_file(dataset, "word_index.json", paths))


def words_by_id(index: dict[str, int]) -> dict[int, str]:
    """The word of each id of Keras' encoding."""
    return {rank + INDEX_FROM: word for word, rank in index.items()}


def decode(tokens: Iterable[int], words: dict[int, str]) -> str:
    """Words of an encoded text, with `?` for the start mark and out-of-vocabulary words."""
    return " ".join(words.get(int(token), UNKNOWN) if token > OUT_OF_VOCABULARY else UNKNOWN for token in tokens)


def read_lines(stream: Iterable[bytes], name: str) -> Iterator[str]:
    """Yield the lines of a stream one by one, without their ends.

    Raises:
        UserError: a line is not UTF-8.
    """
    for number, line in enumerate(stream, start=1):
        yield decode_bytes(line, f"{name}: line {number}").rstrip("\r\n")
