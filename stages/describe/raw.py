"""The raw texts of a dataset, a block at a time, as numbers: lengths, hashes, distinct words."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.common.basics.artifacts import read_json
from stages.common.basics.params.sections import OfficialDataset, TextDataset
from stages.common.basics.paths import HERE
from stages.common.basics.rows import is_among
from stages.common.basics.workers import start_workers
from stages.common.corpora.counting import TEST, Block, Split, read_blocks, split_block
from stages.common.corpora.labelled import open_texts
from stages.common.corpora.official import (
    find_official_file,
    flatten_texts,
    hash_texts,
    read_archive,
    read_labels,
    read_word_index,
    split_order,
    text_arrays,
)
from stages.common.corpora.tokenizer import INDEX_FROM


class Texts(NamedTuple):
    """Some texts.

    in_test: bool; hashes: uint64, as `rows.load_hashes` has them; sizes: words, int64; beyond: words that are not in
    the vocabulary, int64: each of shape (n,).
    words: what stands for the distinct words, ascending in each text, uint32, one text behind the other; distinct:
    how many of each text, int64.
    empty: further texts, without a word, that vectorize leaves out.
    """

    in_test: np.ndarray
    hashes: np.ndarray
    sizes: np.ndarray
    beyond: np.ndarray
    words: np.ndarray
    distinct: np.ndarray
    empty: int = 0


def official_texts(dataset: OfficialDataset, raw: Path, name: str) -> Iterator[Texts]:
    """The texts of official files; a word's index stands for it."""
    known = known_ranks(dataset, raw, name)
    archive = find_official_file(raw, ".npz")
    sizes = {name: len(read_labels(archive, f"y{name[1:]}", len(dataset.labels))) for name in text_arrays(dataset)}
    for array, parts in split_order(dataset, sizes).items():
        in_test = np.zeros(sizes[array], bool)
        in_test[parts.get("test", [])] = True
        start = 0
        for texts in read_archive(archive, array):
            yield _official_block(texts, in_test[start : start + len(texts)], known)
            start += len(texts)


def known_ranks(dataset: OfficialDataset, raw: Path, name: str) -> np.ndarray:
    """The ranks of the words that have a column, ascending, int64."""
    if dataset.are_of_keras:
        return np.arange(max(1, dataset.num_words - INDEX_FROM))
    ranks, columns = (
        read_word_index(find_official_file(raw, ".json")),
        read_json(HERE.vectorized(name) / "word_index.json"),
    )
    return np.array(sorted(rank for word, rank in ranks.items() if word in columns) or [-1])


def _official_block(texts: list[list[int]], in_test: np.ndarray, known: np.ndarray) -> Texts:
    words, sizes = flatten_texts(texts)
    row_of = np.repeat(np.arange(len(texts)), sizes)
    beyond = np.bincount(row_of, ~is_among(words, known), len(texts)).astype(np.int64)
    marks = np.sort(row_of << 32 | words)
    marks = marks[np.diff(marks, prepend=-1) > 0]
    distinct = np.bincount(marks >> 32, minlength=len(texts))
    return Texts(in_test, hash_texts(words, sizes), sizes, beyond, (marks & 0xFFFFFFFF).astype(np.uint32), distinct)


def labelled_texts(dataset: TextDataset, raw: Path, name: str) -> Iterator[Texts]:
    """A user's own texts, cut into words on all cores; a checksum of 32 bits stands for a word."""
    layout, columns, split = open_texts(dataset, raw)
    known = frozenset(word.encode() for word in read_json(HERE.vectorized(name) / "word_index.json"))
    with start_workers() as workers:
        yield from workers.map(_own_block, read_blocks(layout, columns), split, known)


def _own_block(block: Block, split: Split | None, known: frozenset[bytes]) -> Texts:
    in_test, hashes, sizes, beyond, distinct, words = [], [], [], [], [], []
    for text, _, order, part, _ in split_block(block, split):
        in_test.append(part == TEST)
        hashes.append(order)
        sizes.append(len(text))
        beyond.append(sum(word not in known for word in text))
        marks = sorted({zlib.crc32(word) for word in set(text)})
        words += marks
        distinct.append(len(marks))
    return Texts(
        np.array(in_test, bool),
        np.array(hashes, np.uint64),
        np.array(sizes, np.int64),
        np.array(beyond, np.int64),
        np.array(words, np.uint32),
        np.array(distinct, np.int64),
        len(block.texts) - len(sizes),
    )
