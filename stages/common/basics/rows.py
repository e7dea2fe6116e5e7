"""The multi-hot rows of a dataset and what its columns and labels mean, as vectorize leaves them."""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
from pydantic import ValidationError

from stages.common.basics.errors import UserError
from stages.common.basics.npy import Stored, check_exists, map_array, npy_stream, open_npy, write_npy
from stages.common.basics.params.sections import Section
from stages.common.basics.params.types import MOST_COLUMNS, Ngrams, Weighting
from stages.common.basics.paths import HERE, Paths

Split = Literal["train", "test"]


KINDS = {"indptr": np.int64, "indices": np.int32, "labels": np.int64, "shape": np.int64}  # of a split's arrays


CHECKED_AT_ONCE = 2**20
FIRST_TERM = 4  # of the columns: those before are of Keras' marks, see stages/common/corpora/tokenizer.py


class RowBlock(NamedTuple):
    """Some rows: ids, int32, one row behind the other; how many of each, int64; labels, int64.

    hashes: of all words of each row's text, in their order, uint64: two texts that are the same have the same.
    """

    indices: np.ndarray
    lengths: np.ndarray
    labels: np.ndarray
    hashes: np.ndarray


class Rows(NamedTuple):
    """Multi-hot rows in compressed sparse row form: row i has ones at indices[indptr[i]:indptr[i + 1]].

    indptr: int64, shape (n + 1,); indices: int32, ascending within a row; labels: int64, shape (n,).
    shape: n and the number of columns, int64.
    """

    indptr: np.ndarray
    indices: np.ndarray
    labels: np.ndarray
    shape: np.ndarray

    @property
    def columns(self) -> int:
        return int(self.shape[1])

    def between(self, start: int, stop: int) -> "Rows":
        """The rows `start` to `stop`, with no copy; their indptr goes on pointing into the indices of all rows."""
        shape = np.array([stop - start, self.columns])
        return self._replace(indptr=self.indptr[start : stop + 1], labels=self.labels[start:stop], shape=shape)

    def take(self, positions: np.ndarray) -> "Rows":
        """A copy of the rows at ascending `positions`, neighbours read at once."""
        gaps = np.flatnonzero(np.diff(positions) != 1)
        starts, stops = positions[np.append(0, gaps + 1)], positions[np.append(gaps, -1)] + 1
        parts = [self._read(start, stop) for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]
        lengths, indices, labels = parts[0] if len(parts) == 1 else map(np.concatenate, zip(*parts, strict=True))
        return Rows(np.append(0, lengths.cumsum()), indices, labels, np.array([len(positions), self.columns]))

    def _read(self, start: int, stop: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The lengths, ids and labels of the rows `start` to `stop`."""
        indptr = np.asarray(self.indptr[start : stop + 1])
        indices = self.indices[int(indptr[0]) : int(indptr[-1])]
        return indptr[1:] - indptr[:-1], np.asarray(indices), np.asarray(self.labels[start:stop])


class ChosenRows:
    """Those of some rows that are chosen, bool, shape (n,), in their order; read by `take` as all are."""

    def __init__(self, rows: Rows, chosen: np.ndarray) -> None:
        self._rows, self._places = rows, np.flatnonzero(chosen)
        self.labels, self.columns = np.asarray(rows.labels)[self._places], rows.columns

    def take(self, positions: np.ndarray) -> Rows:
        return self._rows.take(self._places[positions])


def write_split(folder: Path, blocks: Iterable[RowBlock], columns: int) -> int:
    """Write rows, a block at a time, as a split's .npy files; return their number."""
    folder.mkdir()
    rows = ids = 0
    with (
        npy_stream(folder / "indptr.npy", np.int64) as indptr,
        npy_stream(folder / "indices.npy", np.int32) as indices,
        npy_stream(folder / "labels.npy", np.int64) as labels,
        npy_stream(folder / "hashes.npy", np.uint64) as hashes,
    ):
        indptr.write(np.zeros(1, np.int64).data)
        for block in blocks:
            indptr.write((ids + np.cumsum(block.lengths)).data)
            indices.write(block.indices.data)
            labels.write(block.labels.data)
            hashes.write(block.hashes.data)
            rows, ids = rows + len(block.labels), ids + len(block.indices)
    write_npy(folder / "shape.npy", np.array([rows, columns]))
    return rows


def load_rows(dataset: str, split: Split) -> Rows:
    """Map a vectorized split into memory, once it is known to be whole.

    Raises:
        UserError: it is not there yet, or damaged.
    """
    return _opened(dataset, split, map_array)


def open_rows(dataset: str, split: Split) -> Rows:
    """The rows of a vectorized split, for `take` to read some at a time.

    Raises:
        UserError: they are not there yet, or damaged.
    """
    return _opened(dataset, split, Stored.at)  # all that `take` asks of an array, a Stored can do


def _opened(dataset: str, split: Split, open_array: Callable[[Path], Any]) -> Rows:
    """Open and check: out of range, an id or a label would be an address in someone else's memory."""
    folder, stage = HERE.vectorized(dataset) / split, f"vectorize@{dataset}"
    ways = {name: map_array if name == "shape" else open_array for name in Rows._fields}
    rows = Rows(**{name: open_npy(folder / f"{name}.npy", KINDS[name], stage, 1, ways[name]) for name in ways})
    for damage in _damage(rows, len(load_labels(dataset))):
        raise UserError(f"{folder}/{damage}; `dvc repro {stage}` writes it again")
    return rows


def _damage(rows: Rows, classes: int) -> Iterator[str]:
    """What is wrong with the rows of a split, read through once."""
    if rows.shape.shape != (2,):
        yield f"shape.npy: expected two numbers, found {rows.shape.size}"
    count, columns = rows.shape.tolist()
    if not 0 < columns <= MOST_COLUMNS:
        yield f"shape.npy: expected 1 to {MOST_COLUMNS:,} columns, found {columns:,}"
    for name, length in (("indptr", count + 1), ("labels", count)):
        if len(getattr(rows, name)) != length:
            yield f"{name}.npy: expected {length:,} numbers, found {len(getattr(rows, name)):,}"
    ends = [int(np.asarray(rows.indptr[place : place + 1])[0]) for place in (0, count)]
    steps = (np.diff(part) for part in _parts(rows.indptr))
    if ends != [0, len(rows.indices)] or any((step < 0).any() for step in steps):
        yield f"indptr.npy: expected to ascend from 0 to {len(rows.indices):,}, found otherwise"
    for name, limit in (("indices", columns), ("labels", classes)):
        for part in _parts(getattr(rows, name)):
            low, high = part.min(), part.max()
            if low < 0 or high >= limit:
                yield f"{name}.npy: expected 0 to {limit - 1:,}, found {low if low < 0 else high:,}"


def _parts(array: Any) -> Iterator[np.ndarray]:
    """The numbers of an array or a `Stored` one, some at a time; each part ends with the first of the next."""
    for start in range(0, len(array), CHECKED_AT_ONCE):
        yield np.asarray(array[start : start + CHECKED_AT_ONCE + 1])


def load_hashes(dataset: str, split: Split) -> np.ndarray:
    """A hash of each row's text, all its words in their order: uint64, shape (n,).

    Raises:
        UserError: they are not there yet, or damaged.
    """
    folder, stage = HERE.vectorized(dataset) / split, f"vectorize@{dataset}"
    hashes = open_npy(folder / "hashes.npy", np.uint64, stage)
    labels = open_npy(folder / "labels.npy", KINDS["labels"], stage)
    if len(hashes) != len(labels):
        found = f"found {len(hashes):,}; `dvc repro {stage}` writes it again"
        raise UserError(f"{folder}/hashes.npy: expected {len(labels):,} numbers, {found}")
    return hashes


def is_among(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Whether each value is one of the others, of which there are some: bool.

    As `np.isin`, which goes through an argsort that is wrong under the emulator of `make processors`.
    """
    ascending = np.sort(others)
    places = np.searchsorted(ascending, values)
    return ascending[np.minimum(places, len(ascending) - 1)] == values


def seen_in_training(dataset: str) -> np.ndarray:
    """Whether training has each test text, too, word for word: bool, shape (n,)."""
    return is_among(load_hashes(dataset, "test"), load_hashes(dataset, "train"))


def vectorized_file(dataset: str, name: str, paths: Paths = HERE) -> Path:
    """Where a file of a dataset's folder is.

    Raises:
        UserError: it is not there yet.
    """
    path = paths.vectorized(dataset) / name
    check_exists(path, f"vectorize@{dataset}")
    return path


def load_labels(dataset: str, least: int = 2, paths: Paths = HERE) -> list[str]:
    """The name of each label, from 0 on; so many or more.

    Raises:
        UserError: they are not there yet, or damaged.
    """
    path = vectorized_file(dataset, "labels.json", paths)
    try:
        labels = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        labels = None
    if not isinstance(labels, list) or not all(isinstance(label, str) for label in labels) or len(labels) < least:
        expected = f"expected a JSON list of {least} labels or more, found something else"
        raise UserError(f"{path}: {expected}; `dvc repro vectorize@{dataset}` writes it again")
    return labels


class FeaturesFile(Section):
    """features.json: what of a text makes a term, and how networks weigh it; see `Features` of params.yaml."""

    ngrams: Ngrams
    weighting: Weighting


def load_features(dataset: str, paths: Paths = HERE) -> FeaturesFile:
    """What the rows of a dataset say of its texts.

    Raises:
        UserError: it is not there yet, or damaged.
    """
    path = vectorized_file(dataset, "features.json", paths)
    try:
        return FeaturesFile.model_validate_json(path.read_bytes())
    except ValidationError:
        expected = "expected ngrams and weighting, found something else"
        raise UserError(f"{path}: {expected}; `dvc repro vectorize@{dataset}` writes it again") from None


def hold_out(rows: Rows, count: int, key: str) -> tuple[Rows, Rows]:
    """Split off the first `count` rows, as the notebooks do for validation.

    Args:
        key: where params.yaml has the count, for the message.

    Returns:
        The held-out rows and the remaining ones.

    Raises:
        UserError: nothing would remain.
    """
    size = len(rows.labels)
    if count >= size:
        raise UserError(f"params.yaml: {key}: expected less than the {size:,} training rows, found {count:,}")
    return rows.between(0, count), rows.between(count, size)
