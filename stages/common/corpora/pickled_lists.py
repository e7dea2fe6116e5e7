"""Read a pickled array of integer lists, and run nothing that it says.

The official .npz files hold their texts as a numpy object array of Python lists, that is, as a pickle, and a pickle
can call any function it names. This unpickler looks up the names of numpy's own constructors of arrays and no other.
"""

import pickle
from codecs import encode
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
from numpy._core.multiarray import _reconstruct

TEXTS_A_BLOCK = 1_000
# What numpy's pickles of arrays name; `encode` is how protocol 2 has bytes
CONSTRUCTORS: dict[tuple[str, str], Any] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _reconstruct,
    ("_codecs", "encode"): encode,
}


class NotIntegerListsError(ValueError):
    """The stream is no pickled array of lists of integers."""


class ArrayUnpickler(pickle.Unpickler):
    """An unpickler that can build an array and call nothing else; see "Restricting Globals" in `pickle`."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in CONSTRUCTORS:
            raise NotIntegerListsError(f"found a pickle that names {module}.{name}")
        return CONSTRUCTORS[module, name]


def read_lists(stream: IO[bytes]) -> Iterator[list[list[int]]]:
    """Yield the lists of a pickled object array in order, some hundreds at a time; each block is then let go.

    Raises:
        NotIntegerListsError: the stream is something else.
    """
    try:
        array = ArrayUnpickler(stream).load()
    except NotIntegerListsError:
        raise
    except Exception as error:  # the unpickler, and what it builds, raise one of many kinds
        raise NotIntegerListsError(str(error)) from None
    if not isinstance(array, np.ndarray) or array.dtype != object or array.ndim != 1:
        raise NotIntegerListsError("found no array of objects of one dimension")
    for start in range(0, len(array), TEXTS_A_BLOCK):
        block = array[start : start + TEXTS_A_BLOCK].tolist()
        array[start : start + TEXTS_A_BLOCK] = None
        if not all(type(text) is list and set(map(type, text)) <= {int} for text in block):
            raise NotIntegerListsError(f"found something else among the texts {start} to {start + len(block) - 1}")
        yield block
