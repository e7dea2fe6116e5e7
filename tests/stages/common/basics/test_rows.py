"""Vectorized rows that were damaged by hand or by a disk: told before anything is computed from them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from stages.common.basics import rows as rows_module
from stages.common.basics.errors import UserError
from stages.common.basics.paths import HERE
from stages.common.basics.rows import RowBlock, load_hashes, load_rows, open_rows, write_split

WORDS, CLASSES, TEXTS = 50, 2, 8


@pytest.fixture(autouse=True)
def split(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The training set of a dataset `some`: eight texts of three words."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(rows_module, "CHECKED_AT_ONCE", 4)  # so several parts are looked at
    vectorized = HERE.vectorized("some")
    vectorized.mkdir(parents=True)
    (vectorized / "labels.json").write_text('["no", "yes"]', encoding="utf-8")
    ids = np.tile(np.array([1, 2, WORDS - 1], np.int32), TEXTS)
    ones = np.ones(TEXTS, np.int64)
    write_split(vectorized / "train", [RowBlock(ids, 3 * ones, ones, ones.astype(np.uint64))], WORDS)
    return vectorized / "train"


def put(name: str, place: int, value: int) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        array = np.load(folder / f"{name}.npy")
        array[place] = value
        np.save(folder / f"{name}.npy", array)

    return damage


def replace(name: str, change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    return lambda folder: np.save(folder / f"{name}.npy", change(np.load(folder / f"{name}.npy")))


def cut(name: str, left: int) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / f"{name}.npy"
        path.write_bytes(path.read_bytes()[:left])

    return damage


def header(name: str, start: bytes) -> Callable[[Path], None]:
    """Put other characters into an array's header, which numpy reads as Python."""

    def damage(folder: Path) -> None:
        path = folder / f"{name}.npy"
        content = path.read_bytes()
        path.write_bytes(content[:10] + start.ljust(117) + content[127:])

    return damage


@pytest.mark.parametrize("opened", [open_rows, load_rows])
def test_whole_rows_are_read(opened: Callable) -> None:
    found = opened("some", "train")
    assert np.asarray(found.labels).tolist() == [1] * TEXTS
    assert np.asarray(found.indptr).tolist() == list(range(0, 3 * TEXTS + 1, 3))


@pytest.mark.parametrize("opened", [open_rows, load_rows])
@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (put("labels", 5, 2), "labels.npy: expected 0 to 1, found 2"),
        (put("labels", 0, -1), "labels.npy: expected 0 to 1, found -1"),
        (put("indices", -1, WORDS), "indices.npy: expected 0 to 49, found 50"),
        (put("indices", 9, -7), "indices.npy: expected 0 to 49, found -7"),
        (put("indptr", 4, 20), "indptr.npy: expected to ascend from 0 to 24"),  # from one part to the next
        (put("indptr", 0, 1), "indptr.npy: expected to ascend from 0 to 24"),
        (put("indptr", -1, 23), "indptr.npy: expected to ascend from 0 to 24"),
        (replace("labels", lambda labels: labels[:-1]), "labels.npy: expected 8 numbers, found 7"),
        (replace("labels", lambda labels: labels.astype(float)), "int64, shape (n,); found: float64, shape (8,)"),
        (replace("indices", lambda ids: ids.astype(np.int64)), "int32, shape (n,); found: int64, shape (24,)"),
        (replace("shape", lambda shape: shape[:1]), "shape.npy: expected two numbers"),
        (cut("labels", 150), "labels.npy"),
        (cut("labels", 20), "labels.npy"),
        (cut("indices", 0), "indices.npy"),
        (cut("shape", 100), "shape.npy"),
        (put("shape", 1, 10**9), "shape.npy: expected 1 to 10,000,000 columns, found 1,000,000,000"),
        (put("shape", 1, 0), "columns, found 0"),
        (header("labels", b"{'descr': '<i8', 'fortran_order': False, 'shape': (-1,)}"), "labels.npy: expected"),
        (put("shape", 0, -1), "indptr.npy: expected 0 numbers, found 9"),
        (replace("shape", lambda shape: shape.astype(float)), "int64, shape (n,); found: float64, shape (2,)"),
        (replace("labels", lambda labels: labels.reshape(4, 2)), "int64, shape (n,); found: int64, shape (4, 2)"),
        (header("labels", b"{'descr"), "labels.npy: expected an array as numpy writes it"),
        (header("labels", b"("), "labels.npy: expected an array as numpy writes it"),
        (header("indices", b"["), "indices.npy: expected an array as numpy writes it"),
        (header("shape", b"{'descr': '<i8', 'fortran_order': False, 'shape': (9999999999999,)}"), "shape.npy"),
    ],
)
def test_damage_is_told(opened: Callable, damage: Callable[[Path], None], said: str, split: Path) -> None:
    damage(split)
    with pytest.raises(UserError) as caught:
        opened("some", "train")
    message = str(caught.value)
    assert str(split) in message
    assert said in message
    assert "dvc repro vectorize@some" in message


@pytest.mark.parametrize(
    "damage", [cut("hashes", 100), header("hashes", b"("), replace("hashes", lambda h: h.astype(int))]
)
def test_damaged_hashes_are_told(damage: Callable[[Path], None], split: Path) -> None:
    damage(split)
    with pytest.raises(UserError, match=r"hashes\.npy: expected an array as numpy writes it: uint64"):
        load_hashes("some", "train")


def test_hashes_of_other_texts_are_told(split: Path) -> None:
    replace("hashes", lambda hashes: hashes[:-1])(split)
    with pytest.raises(UserError, match=r"hashes\.npy: expected 8 numbers, found 7"):
        load_hashes("some", "train")


@pytest.mark.parametrize("content", [b"", b"7", b'["no", 1]', b'["no"]', b"\xff", b"[" * 100_000])
def test_damaged_labels_are_told(content: bytes, split: Path) -> None:
    (split.parent / "labels.json").write_bytes(content)
    with pytest.raises(UserError, match=r"labels\.json: expected a JSON list of 2 labels or more"):
        load_rows("some", "train")
