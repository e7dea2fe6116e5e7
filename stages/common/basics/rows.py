"""The multi-hot rows of a dataset and what its columns and labels mean, as vectorize leaves them."""

import io
import json
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from stages.common.basics.artifacts import VECTORIZED, new_file
from stages.common.basics.errors import UserError

Split = Literal["train", "test"]


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
        """The rows `start` to `stop`, with no copy of their indices."""
        first, last = self.indptr[start], self.indptr[stop]
        shape = np.array([stop - start, self.columns])
        return Rows(self.indptr[start : stop + 1] - first, self.indices[first:last], self.labels[start:stop], shape)


def load_rows(dataset: str, split: Split) -> Rows:
    """Map a vectorized split into memory: nothing is read before it is used."""
    folder = VECTORIZED / dataset / split
    return Rows(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in Rows._fields))


def load_labels(dataset: str) -> list[str]:
    """The name of each label, from 0 on."""
    return json.loads((VECTORIZED / dataset / "labels.json").read_text(encoding="utf-8"))


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


def write_npy(path: Path, array: np.ndarray) -> None:
    """Write an array in numpy's format, without pickling."""
    with new_file(path) as partial, open(partial, "wb") as file:
        content = io.BytesIO()  # numpy's own way to write to a file does not notice when the last bytes fail
        np.save(content, array, allow_pickle=False)
        file.write(content.getbuffer())
