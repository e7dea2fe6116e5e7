"""Arrays in .npy files: written a block at a time, opened once they are known to be whole."""

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from stages.common.basics.artifacts import new_file
from stages.common.basics.errors import UserError


@dataclass(frozen=True)
class Stored:
    """A part of an array in an .npy file: a slice is a smaller part, `np.asarray` reads it.

    Not a memory map: what is read of that counts as the process's memory, and half a megabyte around it that Linux
    maps along. 512 runs of 64 rows came to 250 MB, and took twice as long.
    """

    descriptor: int
    dtype: np.dtype
    offset: int
    length: int

    @classmethod
    def at(cls, path: Path) -> "Stored":
        with open(path, "rb") as file:
            np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            if len(shape) != 1:
                raise ValueError(f"{dtype}, shape {shape}")
            (length,) = shape
            if not 0 <= length * dtype.itemsize <= os.fstat(file.fileno()).st_size - file.tell():
                raise ValueError("a file that is cut off")
            return cls(os.dup(file.fileno()), dtype, file.tell(), length)  # open until the process ends

    @property
    def shape(self) -> tuple[int]:
        return (self.length,)

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, part: slice) -> "Stored":
        start, stop, _ = part.indices(self.length)
        return Stored(self.descriptor, self.dtype, self.offset + start * self.dtype.itemsize, stop - start)

    def __array__(self, dtype: type | None = None, copy: bool | None = None) -> np.ndarray:
        content = os.pread(self.descriptor, self.length * self.dtype.itemsize, self.offset)
        return np.frombuffer(content, self.dtype, self.length)


@contextmanager
def npy_stream(path: Path, dtype: type) -> Iterator[BinaryIO]:
    """Yield an .npy file of one dimension, to be filled a block at a time; its length is written at the end."""
    with open(path, "wb") as file:
        _write_header(file, dtype, 0)
        start = file.tell()
        yield file
        length = (file.tell() - start) // np.dtype(dtype).itemsize
        file.seek(0)
        _write_header(file, dtype, length)  # as long as before: numpy leaves room for a length of any size


def _write_header(file: BinaryIO, dtype: type, length: int) -> None:
    header = {"descr": np.dtype(dtype).str, "fortran_order": False, "shape": (length,)}
    np.lib.format.write_array_header_1_0(file, header)


def map_array(path: Path) -> np.ndarray:
    """The array of an .npy file, of which memory holds what is read."""
    return np.lib.format.open_memmap(path, mode="r")


def check_exists(path: Path, stage: str) -> None:
    """Check that a stage has written a file.

    Raises:
        UserError: it has not.
    """
    if not path.is_file():
        raise UserError(f"{path}: not there yet; run `dvc repro {stage}`")


def open_npy(
    path: Path, kind: type, stage: str, dimensions: int = 1, opened: Callable[[Path], Any] = map_array
) -> Any:
    """Open an array of numbers of a kind, as in `np.int64`.

    Args:
        stage: what writes it, as in `vectorize@imdb`.

    Raises:
        UserError: it is not there yet, or damaged.
    """
    check_exists(path, stage)
    shape = "(n,)" if dimensions == 1 else "(n, m)"
    expected = f"expected an array as numpy writes it: {np.dtype(kind)}, shape {shape}"
    try:
        array = opened(path)
        if (array.dtype, len(array.shape)) != (kind, dimensions):
            raise ValueError(f"{array.dtype}, shape {array.shape}")
    except OSError:
        raise
    except Exception as error:  # numpy has several parsers try a header
        raise UserError(f"{path}: {expected}; found: {error}; `dvc repro {stage}` writes it again") from None
    return array


def write_npy(path: Path, array: np.ndarray) -> None:
    """Write an array in numpy's format, without pickling."""
    with new_file(path) as partial, open(partial, "wb") as file:
        content = io.BytesIO()  # numpy's own way to write to a file does not notice when the last bytes fail
        np.save(content, array, allow_pickle=False)
        file.write(content.getbuffer())
