"""Reading pickled lists against `pickle` itself, and what must not be read."""

import io
import pickle
import tracemalloc
import zipfile
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from stages.common.basics.errors import UserError
from stages.common.corpora import pickled_lists
from stages.common.corpora.official import read_labels, read_texts
from stages.common.corpora.pickled_lists import NotIntegerListsError, read_blocks

PROTOCOLS = (2, 3, 4, 5)
BLOCK_SIZES = (1 << 18, 1_000, 200)  # in bytes; the head alone takes some 150


def as_array(texts: list[Any]) -> np.ndarray:
    array = np.empty(len(texts), object)
    array[:] = texts
    return array


def read(content: bytes) -> list[list[int]]:
    return [text for block in read_blocks(io.BytesIO(content)) for text in block]


def random_texts(seed: int, largest: int) -> list[list[int]]:
    """Texts of many lengths: none, one, a few, about as many as pickle puts in a batch, more."""
    random = np.random.default_rng(seed)
    lengths = random.permutation([0, 0, 1, 1, 2, 999, 1_000, 1_001, 1_002, 2_000, 2_001, *random.integers(0, 50, 60)])
    return [random.integers(0, largest, length, endpoint=True).tolist() for length in lengths]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("block_bytes", BLOCK_SIZES)
@pytest.mark.parametrize("largest", [0, 255, 256, 65_535, 65_536, 100_000, 2**31 - 1])
def test_texts_come_out_as_they_went_in(
    monkeypatch: pytest.MonkeyPatch, protocol: int, block_bytes: int, largest: int
) -> None:
    monkeypatch.setattr(pickled_lists, "BLOCK_BYTES", block_bytes)
    texts = random_texts(seed=largest, largest=largest)
    assert read(pickle.dumps(as_array(texts), protocol)) == texts


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("count", [1, 2, 999, 1_000, 1_001, 2_000, 2_001, 5_000])
def test_any_number_of_texts(monkeypatch: pytest.MonkeyPatch, protocol: int, count: int) -> None:
    """Pickle writes a thousand elements at a time, and a last single one in another way."""
    monkeypatch.setattr(pickled_lists, "BLOCK_BYTES", 1_000)
    texts = [[number, 7] for number in range(count)]
    assert read(pickle.dumps(as_array(texts), protocol)) == texts


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_python_pickler_writes_the_same_lists_in_other_frames(protocol: int) -> None:
    texts = [text for seed in range(3) for text in random_texts(seed, largest=100_000)]
    file = io.BytesIO()
    pickle._Pickler(file, protocol).dump(as_array(texts))
    assert read(file.getvalue()) == texts


def test_every_place_of_a_block_boundary(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [list(text) for _ in range(8) for text in ([], [1], [300, 2], [70_000], [], [40] * 5)]
    content = pickle.dumps(as_array(texts), 4)
    for block_bytes in range(150, len(content) + 2):  # the head, 142 bytes, must be in the first
        monkeypatch.setattr(pickled_lists, "BLOCK_BYTES", block_bytes)
        assert read(content) == texts, block_bytes


def test_integers_that_look_like_opcodes() -> None:
    """Among them those of `](eatb.KMJq` and of frames and memos, in one byte to four."""
    codes = [*b"](eatb.KMJq\x94\x95"]
    values = [*codes, *(code * 257 for code in codes), *(code * 0x01010101 for code in codes if code < 128)]
    texts = [values, values[::-1], *([value] for value in values), *([value, value] for value in values)]
    for protocol in PROTOCOLS:
        assert read(pickle.dumps(as_array(texts), protocol)) == texts


def test_blocks_are_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """The point of it: a block holds some of the texts, not all."""
    monkeypatch.setattr(pickled_lists, "BLOCK_BYTES", 10_000)
    content = pickle.dumps(as_array([[number] * 10 for number in range(10_000)]), 4)
    sizes = [len(block) for block in read_blocks(io.BytesIO(content))]
    assert sum(sizes) == 10_000
    assert max(sizes) < 1_000


class RunsCode:
    """Unpickled, it creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


def harmful(path: Path) -> dict[str, Any]:
    """Pickles that create `path`, by where they do."""
    return {
        "the whole": RunsCode(path),
        "the first element": as_array([RunsCode(path), [1], [2]]),
        "a later element": as_array([[1], [2], RunsCode(path)]),
        "within a list": as_array([[1], [2, RunsCode(path)]]),
        "far behind": as_array([*([number] for number in range(50_000)), RunsCode(path)]),
    }


WHERE = tuple(harmful(Path()))


@pytest.mark.parametrize("where", WHERE)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_code_is_refused_and_does_not_run(tmp_path: Path, where: str, protocol: int) -> None:
    path = tmp_path / "created"
    content = pickle.dumps(harmful(path)[where], protocol)
    with pytest.raises(NotIntegerListsError):
        read(content)
    assert not path.exists()
    pickle.loads(content)
    assert path.exists()  # it would have run


@pytest.mark.parametrize("where", WHERE)
def test_an_archive_with_code_is_refused_in_one_sentence(tmp_path: Path, where: str) -> None:
    path, archive = tmp_path / "created", tmp_path / "texts.npz"
    content = harmful(path)[where]
    array = content if isinstance(content, np.ndarray) else as_array([content])
    np.savez_compressed(archive, x=array)
    with pytest.raises(UserError, match="expected lists of word indices") as caught:
        list(read_texts(archive, "x"))
    assert str(archive) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not path.exists()


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_truncated_pickle_is_refused(protocol: int) -> None:
    content = pickle.dumps(as_array([[1, 2], [], [300], [70_000, 4]]), protocol)
    for length in range(len(content)):
        with pytest.raises(NotIntegerListsError):
            read(content[:length])


def test_what_follows_the_pickle_is_refused() -> None:
    with pytest.raises(NotIntegerListsError):
        read(pickle.dumps(as_array([[1, 2]]), 4) + b"more")


@pytest.mark.parametrize(
    "element",
    [
        "text",
        b"bytes",
        1.5,
        None,
        7,
        {"a": 1},
        (1, 2),
        [1.5],
        ["a"],
        [None],
        [True],
        [2**31],
        [2**70],
        np.arange(3),
        [np.int64(3)],
    ],
    ids=repr,
)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_other_elements_are_refused(tmp_path: Path, element: object, protocol: int) -> None:
    for texts in ([element, [1]], [[1], element], [[1], element, [2]]):
        array = np.empty(len(texts), object)
        for place, text in enumerate(texts):
            array[place] = text
        with pytest.raises(NotIntegerListsError):
            read(pickle.dumps(array, protocol))


@pytest.mark.parametrize("element", [[[1, 2]], [[1], [2]], [1, [2]], [[]]], ids=repr)
def test_nested_lists_are_refused(tmp_path: Path, element: list[Any]) -> None:
    archive = tmp_path / "texts.npz"
    np.savez_compressed(archive, x=as_array([[1], element, [2]]))
    with pytest.raises(UserError, match=r"texts\.npz: x: expected"):
        list(read_texts(archive, "x"))


@pytest.mark.parametrize(
    "array", [np.arange(5), np.zeros((2, 2), object), np.array(["a", "b"])], ids=["integers", "table", "strings"]
)
def test_an_array_of_another_kind_is_refused(tmp_path: Path, array: np.ndarray) -> None:
    np.savez_compressed(tmp_path / "texts.npz", x=array)
    with pytest.raises(UserError, match=r"texts\.npz: x: expected"):
        list(read_texts(tmp_path / "texts.npz", "x"))


def test_a_header_that_counts_wrong_is_refused(tmp_path: Path) -> None:
    """The header says how many texts there are; labels are matched to texts by that."""
    archive = tmp_path / "texts.npz"
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": (3,)})
    pickle.dump(as_array([[1], [2]]), file, 4)
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("x.npy", file.getvalue())
    with pytest.raises(UserError, match="expected 3 texts, found 2"):
        list(read_texts(archive, "x"))


# Sizes


def head(protocol: int) -> bytes:
    """A pickle up to its first list, whose place in the memo follows."""
    content = pickle.dumps(as_array([[1], [2]]), protocol)
    return content[: content.index(b"]")]


@contextmanager
def memory_below(most: int) -> Iterator[None]:
    """Assert that the block needs less than so many bytes at any time."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


def exhaust(blocks: Iterator[object]) -> None:
    deque(blocks, maxlen=0)


class Endless(io.RawIOBase):
    """A stream that starts with `start` and goes on with `more`, again and again, as a zip bomb does."""

    def __init__(self, start: bytes, more: bytes) -> None:
        self._start, self._more, self._left = start, more, 1 << 30

    def read(self, size: int = -1) -> bytes:
        assert size >= 0, "the whole was asked for"
        assert self._left > 0, "a gigabyte was read"
        self._left -= size
        found = (self._start + self._more * (size // len(self._more) + 1))[:size]
        self._start = b""
        return found


@pytest.mark.parametrize("memo", [b"r\xff\xff\xff\x07", b"r\xff\xff\xff\xff", b"q\xff", b"\x94"], ids=repr)
def test_places_in_the_memo_take_no_memory(memo: bytes) -> None:
    """The unpickler's memo is an array as long as its largest index."""
    content = head(2) + b"]q\x00(" + 3 * (b"]" + memo + b"(K\x01K\x02e") + b"etb."
    with memory_below(10_000_000):
        assert read(content) == [[1, 2]] * 3


@pytest.mark.parametrize(
    "more",
    [
        b"K\x01",
        b"M\x01\x01",
        b"J\x01\x01\x01\x01",
        b"(K\x01e",
        b"K\x01a",
        b"\x95" + bytes(8),
        b"(",
        b"e",
        b"a",
        b"](K\x01",
    ],
    ids=repr,
)
def test_a_list_without_end_is_refused_before_it_fills_the_memory(more: bytes) -> None:
    for start in (b"]q\x00(]q\x01(", b"]q\x00(]q\x01", b"]q\x00("):
        with memory_below(100_000_000), pytest.raises(NotIntegerListsError):
            exhaust(read_blocks(Endless(head(2) + start, more)))


def archive_of(folder: Path, **arrays: bytes) -> Path:
    archive = folder / "texts.npz"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in arrays.items():
            zipped.writestr(f"{name}.npy", content)
    return archive


def npy(shape: tuple[int, ...], content: bytes, descr: str = "|O") -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})
    return file.getvalue() + content


def test_no_more_texts_are_read_than_the_header_tells_of(tmp_path: Path) -> None:
    """Here a hundred, and a thousand times as many follow."""
    content = head(2) + b"]q\x00(" + b"]q\x01" * 100_000 + b"etb."
    blocks = read_texts(archive_of(tmp_path, x=npy((100,), content)), "x")
    with pytest.raises(UserError, match="expected 100 texts, found more"):
        next(blocks)


@pytest.mark.parametrize("count", [10**7 + 1, 10**12, 10**30, -1])
@pytest.mark.parametrize("descr", ["<i8", "<i1"])
def test_a_header_that_promises_too_much_is_refused(tmp_path: Path, count: int, descr: str) -> None:
    archive = archive_of(tmp_path, x=npy((count,), b"", "|O"), y=npy((count,), b"", descr))
    with memory_below(10_000_000):
        with pytest.raises(UserError, match=r"x: expected at most 10,000,000 texts"):
            list(read_texts(archive, "x"))
        with pytest.raises(UserError, match=r"y: expected at most 10,000,000 texts"):
            read_labels(archive, "y", 2)


@pytest.mark.parametrize("descr", ["<U100000000", "|V2000000000", "|O", "<f8", "|b1", "<i4,<i4", "nonsense", "M8[s]"])
def test_labels_of_a_size_or_kind_that_no_integer_has(tmp_path: Path, descr: str) -> None:
    with memory_below(10_000_000), pytest.raises(UserError, match=r"y: expected"):
        read_labels(archive_of(tmp_path, y=npy((100,), bytes(800), descr)), "y", 2)


def test_labels_are_as_many_as_the_header_says(tmp_path: Path) -> None:
    assert read_labels(archive_of(tmp_path, y=npy((3,), bytes([0, 1, 1]), "|u1")), "y", 2).tolist() == [0, 1, 1]
    for content in (bytes(23), bytes(25), bytes(10_000_000)):
        archive = archive_of(tmp_path, y=npy((3,), content, "<i8"))
        with memory_below(5_000_000), pytest.raises(UserError, match=r"y: expected 3 labels, found"):
            read_labels(archive, "y", 2)


@pytest.mark.parametrize("version", [b"\x01\x00", b"\x02\x00", b"\x03\x00", b"\x09\x00"], ids=repr)
@pytest.mark.parametrize("sign", [b" ", b"(", b"-"], ids=repr)
def test_a_header_of_any_length_is_refused(tmp_path: Path, version: bytes, sign: bytes) -> None:
    size = {b"\x01\x00": b"\xff\xff"}.get(version, b"\x00\x00\x00\x04")  # 64 kB, or 64 MB
    content = b"\x93NUMPY" + version + size + sign * 70_000_000
    archive = archive_of(tmp_path, x=content, y=content)
    del content
    with memory_below(10_000_000):
        with pytest.raises(UserError, match=r"texts\.npz: x: expected"):
            list(read_texts(archive, "x"))
        with pytest.raises(UserError, match=r"texts\.npz: y: expected"):
            read_labels(archive, "y", 2)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compression_that_numpy_does_not_write_is_refused(tmp_path: Path, method: int) -> None:
    archive = tmp_path / "texts.npz"
    with zipfile.ZipFile(archive, "w", method) as zipped:
        zipped.writestr("x.npy", npy((1,), pickle.dumps(as_array([[1]]))))
    with pytest.raises(UserError, match=r"texts\.npz: x: expected .* as numpy compresses"):
        list(read_texts(archive, "x"))
