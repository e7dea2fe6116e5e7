"""Texts that are the same word for word, counted by their hashes and labels.

Everywhere `hashes` is uint64, `labels` int64, both of shape (n,).
"""

from typing import NamedTuple

import numpy as np

from stages.common.basics.answers import keys_of
from stages.common.basics.rows import is_among


class Overlap(NamedTuple):
    """Of each test text, bool, shape (n,): whether training has it; whether training has it under its label."""

    seen: np.ndarray
    with_its_label: np.ndarray


def distinct_pairs(hashes: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct pairs of a hash and a label, sorted, and how often each occurs."""
    order = np.lexsort((labels, hashes))
    hashes, labels = hashes[order], labels[order]
    starts = np.flatnonzero(np.concatenate([[True], (np.diff(hashes) != 0) | (np.diff(labels) != 0)])[: len(hashes)])
    return hashes[starts], labels[starts], np.diff(starts, append=len(hashes))


def count_repetitions(hashes: np.ndarray, labels: np.ndarray) -> dict[str, int]:
    """The numbers of texts, of texts less distinct ones, and of distinct texts that stand under several labels."""
    texts, _, _ = distinct_pairs(hashes, labels)
    distinct, labels_each = np.unique(texts, return_counts=True)
    return {
        "texts": len(hashes),
        "duplicates": len(hashes) - len(distinct),
        "texts_of_several_labels": int((labels_each > 1).sum()),
    }


def find_overlap(train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]) -> Overlap:
    """Which test texts training has, and which of them under the same label. train, test: hashes and labels."""
    return Overlap(is_among(test[0], train[0]), is_among(keys_of(*test), keys_of(*train)))


def compute_ceiling(train: tuple[np.ndarray, np.ndarray], test: tuple[np.ndarray, np.ndarray]) -> float:
    """The test accuracy of giving each text the label that it bears most often in training and test together.

    Of labels that a text bears equally often, it gets the one that more of its copies in the test set have.
    """
    common = is_among(train[0], test[0])
    both = (np.concatenate([mine[common], tested]) for mine, tested in zip(train, test, strict=True))
    hashes, labels, counts = distinct_pairs(*both)
    tested, test_counts = np.unique(keys_of(*test), return_counts=True)
    places = np.searchsorted(tested, keys_of(hashes, labels)) % len(tested)
    in_test = np.where(tested[places] == keys_of(hashes, labels), test_counts[places], 0)
    order = np.lexsort((in_test, counts, hashes))
    last = np.append(np.diff(hashes[order]) != 0, True)
    return float(in_test[order][last].sum() / len(test[0]))
