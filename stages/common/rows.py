"""The multi-hot rows of a dataset, as vectorize leaves them."""

from typing import Literal, NamedTuple

import numpy as np

from stages.common.artifacts import VECTORIZED
from stages.common.errors import UserError

Split = Literal["train", "test"]


class Rows(NamedTuple):
    """Multi-hot rows in compressed sparse row form: row i has ones at indices[indptr[i]:indptr[i + 1]].

    indptr: int64, shape (n + 1,); indices: int32, ascending within a row; labels: int64, shape (n,).
    """

    indptr: np.ndarray
    indices: np.ndarray
    labels: np.ndarray

    def __getitem__(self, rows: slice) -> "Rows":  # type: ignore[override]
        """The rows `start:stop`, with no copy of their indices."""
        start, stop, _ = rows.indices(len(self.labels))
        first, last = self.indptr[start], self.indptr[stop]
        return Rows(self.indptr[start : stop + 1] - first, self.indices[first:last], self.labels[start:stop])


def load_rows(dataset: str, split: Split) -> Rows:
    """Map a vectorized split into memory: nothing is read before it is used."""
    folder = VECTORIZED / dataset / split
    return Rows(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in Rows._fields))


def hold_out(rows: Rows, count: int, key: str) -> tuple[Rows, Rows]:
    """Split off the first `count` rows, as the notebooks do for validation.

    Args:
        key: where params.yaml has the count, for the message.

    Returns:
        The held-out rows and the remaining ones.

    Raises:
        UserError: nothing would remain.
    """
    if count >= len(rows.labels):
        raise UserError(
            f"params.yaml: {key}: expected less than the {len(rows.labels):,} training rows, found {count:,}"
        )
    return rows[:count], rows[count:]
