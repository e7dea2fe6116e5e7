"""The second pass over labelled texts: counted rows become multi-hot ones, in the order of the texts' hashes.

Rows are spooled to files by the first bits of their hash. Each such bucket is small, so it is sorted and encoded in
memory by itself, and all of them one behind the other are the corpus in order, however many there are.
"""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from stages.common.basics.rows import RowBlock
from stages.common.corpora.counting import PARTS, Counted
from stages.common.corpora.tokenizer import INDEX_FROM, START

BYTES_A_BUCKET = 8_000_000  # of the files of texts
MOST_BITS = 8
ABSENT = -1


class Vocabulary:
    """All words and labels, and how often each occurs: what of a corpus stays in memory."""

    def __init__(self) -> None:
        self._places: dict[bytes, int] = {}
        self._occurrences = np.zeros(0, np.int64)
        self._texts_with = np.zeros(0, np.int64)
        self._labels: dict[str, int] = {}
        self.texts = np.zeros((len(PARTS), 0), np.int64)  # of each split and label

    def add(self, counted: Counted) -> tuple[np.ndarray, np.ndarray]:
        """Take in a block's words and labels; return the place here of each, int32."""
        words = _places(self._places, counted.words)
        for array, found in ((self._occurrences, counted.occurrences), (self._texts_with, counted.texts)):
            array.resize(len(self._places), refcheck=False)
            array[words] += found
        labels = _places(self._labels, counted.labels)
        self.texts = np.pad(self.texts, ((0, 0), (0, len(self._labels) - self.texts.shape[1])))
        np.add.at(self.texts, (counted.parts, labels[counted.codes]), 1)
        return words, labels

    def labels(self) -> list[str]:
        """In alphabetical order."""
        return sorted(self._labels)

    def texts_of(self, part: str) -> dict[str, int]:
        """The number of texts of each label that a split has."""
        return {label: int(self.texts[PARTS.index(part)][place]) for label, place in self._labels.items()}

    def texts_of_all(self) -> dict[str, int]:
        """The number of texts of each label."""
        return {label: int(self.texts[:, place].sum()) for label, place in self._labels.items()}

    def numbers(self, labels: list[str] | None = None) -> np.ndarray:
        """The number that each label here has among some labels, those of `labels` if none are given; int32."""
        number = {label: number for number, label in enumerate(labels or self.labels())}
        return np.array([number[label] for label in self._labels], np.int32)

    def most_frequent(self, count: int, min_texts: int = 1) -> dict[str, int]:
        """The rank, from 1 on, of the `count` words that training has most often; those as frequent by alphabet.

        Args:
            min_texts: how many training texts must have a word.
        """
        numbers = np.where(self._texts_with >= min_texts, self._occurrences, 0)
        enough = max(1, np.partition(numbers, -count)[-count]) if len(numbers) > count else 1
        found = [(-int(n), word) for word, n in zip(self._places, numbers.tolist(), strict=True) if n >= enough]
        return {word.decode(): rank for rank, (_, word) in enumerate(sorted(found)[:count], start=1)}

    def columns(self, index: dict[str, int]) -> np.ndarray:
        """The column of each word here, int32; ABSENT if it is in no index."""
        ranks = (index.get(word.decode()) for word in self._places)
        return np.fromiter((ABSENT if rank is None else rank + INDEX_FROM for rank in ranks), np.int32)


def _places(known: dict, names: list) -> np.ndarray:
    return np.fromiter((known.setdefault(name, len(known)) for name in names), np.int32, len(names))


class Spool:
    """Counted rows in files, a bucket each."""

    def __init__(self, folder: Path, corpus_bytes: int) -> None:
        self._folder = folder
        self._bits = min(MOST_BITS, max(0, math.ceil(math.log2(max(1, corpus_bytes / BYTES_A_BUCKET)))))

    def add(self, counted: Counted, words: np.ndarray, labels: np.ndarray) -> None:
        """Write a block's rows. words, labels: see `Vocabulary.add`."""
        starts = np.cumsum(counted.lengths) - counted.lengths
        buckets = counted.parts.astype(np.int64) << self._bits
        if self._bits:
            buckets += (counted.order >> np.uint64(64 - self._bits)).astype(np.int64)
        by_bucket = np.argsort(buckets, kind="stable")
        for rows in np.split(by_bucket, np.flatnonzero(np.diff(buckets[by_bucket])) + 1):
            if len(rows):
                lengths = counted.lengths[rows]
                ids = words[counted.ids[gather(starts[rows], lengths)]]
                codes = labels[counted.codes[rows]].astype(np.int64)
                sizes = np.array([len(rows), len(ids)], np.int64)
                with open(self._path(int(buckets[rows[0]])), "ab") as file:
                    for array in (sizes, counted.order[rows], codes, lengths.astype(np.int64), ids):
                        file.write(array.data)

    def _path(self, bucket: int) -> Path:
        return self._folder / f"{bucket}.rows"

    def buckets(self, part: str) -> list[Path]:
        """The files with a split's rows, in the order of their hashes."""
        first = PARTS.index(part) << self._bits
        paths = (self._path(bucket) for bucket in range(first, first + (1 << self._bits)))
        return [path for path in paths if path.exists()]


def gather(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The places starts[i] ... starts[i] + lengths[i] - 1 of each i, one behind the other: int64."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - lengths), lengths)


def segments(path: Path) -> Iterator[tuple[np.ndarray, ...]]:
    """Yield what `Spool.add` has written: hashes, labels, lengths and ids."""
    with open(path, "rb") as file:
        while sizes := file.read(16):
            rows, ids = np.frombuffer(sizes, np.int64).tolist()
            types = ((np.uint64, rows), (np.int64, rows), (np.int64, rows), (np.int32, ids))
            yield tuple(np.frombuffer(file.read(np.dtype(kind).itemsize * count), kind) for kind, count in types)


def encode_bucket(path: Path, columns_file: Path, width: int, numbers: np.ndarray) -> RowBlock:
    """Encode a bucket, its rows in order.

    Args:
        columns_file: an .npy, see `Vocabulary.columns`; width: how many columns; numbers: see `Vocabulary.numbers`.
    """
    columns = np.load(columns_file, mmap_mode="r")
    order, codes, lengths, ids = (np.concatenate(arrays) for arrays in zip(*segments(path), strict=True))
    labels = numbers[codes].astype(np.int64)
    sorted_rows = np.lexsort((labels, order))
    place = np.empty(len(order), np.int64)
    place[sorted_rows] = np.arange(len(order))  # where each row goes
    found = columns[ids]
    rows = np.repeat(place, lengths)[found != ABSENT]
    keys = np.concatenate([rows * width + found[found != ABSENT], np.arange(len(order)) * width + START])
    keys.sort()
    counts = np.bincount(keys // width, minlength=len(order))
    return RowBlock((keys % width).astype(np.int32), counts, labels[sorted_rows], order[sorted_rows])
