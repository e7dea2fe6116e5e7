"""A text's words, and the ids that stand for them in a multi-hot row; the same for training and for new texts."""

from collections.abc import Iterator

import numpy as np

from stages.common.basics.rows import FIRST_TERM

START, OUT_OF_VOCABULARY = 1, 2  # of Keras' encoding
INDEX_FROM = FIRST_TERM - 1  # the first word of an index has the rank 1

# Keras' classic `text_to_word_sequence`: these become spaces; the apostrophe stays. Besides, so do the other ends of
# lines, and NUL, at which C libraries take a text to end. All are ASCII, so they can be told byte by byte in UTF-8,
# and before the letters are lowered: a Greek sigma is written otherwise at the end of a word.
SEPARATORS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n\r\v\f\0'
_SPACES = bytes.maketrans(SEPARATORS.encode(), b" " * len(SEPARATORS))


def split_words(text: str) -> list[bytes]:
    """Lowercase words, in UTF-8."""
    return text.encode("utf-8").translate(_SPACES).decode("utf-8").lower().encode("utf-8").split()


def make_terms(words: list[bytes], ngrams: int) -> Iterator[bytes]:
    """Words, and neighbours of up to `ngrams` words, with a space between two."""
    for size in range(1, ngrams + 1):
        yield from map(b" ".join, zip(*(words[start:] for start in range(size)), strict=False))


def find_word_ids(text: str, index: dict[str, int], num_words: int, ngrams: int = 1) -> np.ndarray:
    """The distinct ids of a text, ascending, int32: its multi-hot row.

    The start mark is among them; terms that the index does not hold are skipped; those that it holds beyond
    `num_words` share one id.

    Args:
        ngrams: of how many neighbouring words a term has at most.
    """
    ids = {START}
    for word in make_terms(split_words(text), ngrams):
        rank = index.get(word.decode())
        if rank is not None:
            place = rank + INDEX_FROM
            ids.add(place if place < num_words else OUT_OF_VOCABULARY)
    return np.array(sorted(ids), np.int32)
