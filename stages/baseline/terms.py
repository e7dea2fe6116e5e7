"""Words and pairs of words, weighted by TF-IDF: what a tutorial on text classification starts with."""

from typing import NamedTuple

import numpy as np
import scipy.sparse
from sklearn.feature_extraction.text import TfidfTransformer

from stages.baseline.sequences import Sequences


class Terms(NamedTuple):
    """Words, and pairs of neighbours: a number for each, int64, and the text that has it."""

    numbers: np.ndarray
    texts: np.ndarray


def list_terms(sequences: Sequences, words: int) -> Terms:
    """The terms of texts; words: a number that is more than that of any word."""
    texts = np.repeat(np.arange(len(sequences.lengths)), sequences.lengths)
    first, second = sequences.words[:-1], sequences.words[1:]
    is_pair = texts[:-1] == texts[1:]
    pairs = ((first + 1) * words + second)[is_pair]
    return Terms(np.concatenate([sequences.words, pairs]), np.concatenate([texts, texts[:-1][is_pair]]))


def distinct(numbers: np.ndarray) -> np.ndarray:
    """Each number once, ascending; not by `np.unique`, whose argsort is wrong under an emulator."""
    ascending = np.sort(numbers)
    return ascending[np.diff(ascending, prepend=-1) != 0]


def count_terms(terms: Terms, known: np.ndarray, texts: int) -> scipy.sparse.csr_array:
    """How often each of the known terms, ascending, occurs in each text: float64, shape (texts, terms)."""
    columns = np.minimum(np.searchsorted(known, terms.numbers), len(known) - 1)
    found = known[columns] == terms.numbers
    ones = np.ones(int(found.sum()))
    places = (terms.texts[found].astype(np.int32), columns[found].astype(np.int32))  # liblinear takes no other type
    return scipy.sparse.csr_array((ones, places), shape=(texts, len(known)))  # equal places add up


def weigh_terms(
    train: Sequences, test: Sequences, min_texts: int
) -> tuple[scipy.sparse.csr_array, scipy.sparse.csr_array]:
    """The TF-IDF of words and pairs, sublinear, rows of length 1; known are all words of training, and pairs of some.

    Args:
        min_texts: how many training texts must have a pair.
    """
    words = 1 + max(int(sequences.words.max(initial=0)) for sequences in (train, test))
    listed, texts = list_terms(train, words), len(train.lengths)
    known = distinct(listed.numbers)
    counts = count_terms(listed, known, texts)
    frequent = (counts > 0).sum(axis=0) >= min_texts
    kept = np.flatnonzero(frequent | (known < words)).astype(np.int32)
    transformer = TfidfTransformer(sublinear_tf=True)
    trained = transformer.fit_transform(counts[:, kept])
    return trained, transformer.transform(count_terms(list_terms(test, words), known[kept], len(test.lengths)))
