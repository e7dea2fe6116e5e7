"""The texts in official archives are pickles: what builds arrays of lists is read, and nothing else is called."""

import io
import os
import pickle
from typing import Any

import numpy as np
import pytest

from stages.common.corpora.pickled_lists import NotIntegerListsError, read_lists

LISTS = [[], [1], [5, 300, 70_000], list(range(1_000))]


def pickled(content: Any, protocol: int = 3) -> io.BytesIO:
    return io.BytesIO(pickle.dumps(content, protocol))


def array_of(lists: list[Any]) -> np.ndarray:
    array = np.empty(len(lists), object)
    array[:] = lists
    return array


def read(stream: io.BytesIO) -> list[list[int]]:
    return [text for block in read_lists(stream) for text in block]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_lists_come_back_as_numpy_itself_reads_them(protocol: int) -> None:
    content = array_of(LISTS)
    assert read(pickled(content, protocol)) == pickle.load(pickled(content, protocol)).tolist()


def test_more_lists_than_a_block_come_back_in_order() -> None:
    lists = [[number] for number in range(2_500)]
    assert read(pickled(array_of(lists))) == lists


class Calls:
    """Its pickle calls a function when it is read."""

    def __reduce__(self) -> Any:
        return os.putenv, ("BAGPIPE_CALLED", "yes")


@pytest.mark.parametrize("protocol", [2, 4])
def test_a_pickle_that_calls_a_function_is_refused(protocol: int) -> None:
    with pytest.raises(NotIntegerListsError, match=r"a pickle that names \w+\.putenv"):
        read(pickled(array_of([[1], Calls()]), protocol))


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ([[1], [2]], "no array of objects"),
        (np.arange(3), "no array of objects"),
        (array_of(LISTS).reshape(2, 2), "no array of objects of one dimension"),
        (array_of([[1], "words"]), "something else among the texts 0 to 1"),
        (array_of([[1], (2, 3)]), "something else among the texts"),
        (array_of([[1], [2.5]]), "something else among the texts"),
        (array_of([[1], [True]]), "something else among the texts"),
        (array_of([[1], [None]]), "something else among the texts"),
    ],
)
def test_what_is_no_array_of_integer_lists_is_refused(content: Any, found: str) -> None:
    with pytest.raises(NotIntegerListsError, match=found):
        read(pickled(content))


@pytest.mark.parametrize("end", [0, 1, 40, -20, -1])
def test_a_pickle_that_is_cut_off_is_refused(end: int) -> None:
    content = pickled(array_of(LISTS)).getvalue()
    with pytest.raises(NotIntegerListsError):
        read(io.BytesIO(content[:end]))


def test_rubbish_is_refused() -> None:
    with pytest.raises(NotIntegerListsError):
        read(io.BytesIO(b"\x80\x03rubbish"))
