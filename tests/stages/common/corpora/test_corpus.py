"""Encoding against `keras.datasets`, on small files in the official format, and what is wrong with bad ones."""

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bagpipe.scratch.copies import ROOT
from stages.common.basics.artifacts import check_file
from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import PARAMS_FILE, load_params
from stages.common.basics.params.sections import OfficialDataset
from stages.common.corpora.official import encode, read_archive, read_labels, read_word_index, split_order
from stages.vectorize.official import vectorize_official

PARAMS = load_params(ROOT / PARAMS_FILE)


def random_texts(count: int, seed: int) -> list[list[int]]:
    """Texts of 1 to 30 words, with indices around the limits that the tests set."""
    random = np.random.default_rng(seed)
    return [random.integers(1, 60, random.integers(1, 30)).tolist() for _ in range(count)]


def as_array(texts: list[list[int]]) -> np.ndarray:
    array = np.empty(len(texts), object)
    array[:] = texts
    return array


def write_archive(path: Path, dataset: OfficialDataset) -> None:
    """Write random texts under the names of the official archive."""
    random = np.random.default_rng(0)
    sizes = {"_train": 203, "_test": 101} if dataset.test_split is None else {"": 304}
    arrays = {}
    for seed, (part, size) in enumerate(sizes.items()):
        arrays[f"x{part}"] = as_array(random_texts(size, seed))
        arrays[f"y{part}"] = random.integers(0, len(dataset.labels), size)
    np.savez_compressed(path, **arrays)


def keras_load_data(name: str, archive: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Keras' own loader, reading `archive`."""
    import keras

    load_data = {"imdb": keras.datasets.imdb, "reuters": keras.datasets.reuters}[name].load_data
    monkeypatch.setitem(load_data.__globals__, "get_file", lambda *_, **__: str(archive))
    return load_data


def changed(name: str, **changes: Any) -> OfficialDataset:
    return PARAMS.datasets[name].model_copy(update=changes)


# Encoding


@pytest.mark.parametrize("num_words", [4, 5, 30, 62, 63, 64, 1_000])
@pytest.mark.parametrize("name", ["imdb", "reuters"])
def test_tokens_are_those_of_keras(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, num_words: int
) -> None:
    dataset = changed(name, num_words=num_words)
    archive = tmp_path / f"{name}.npz"
    write_archive(archive, dataset)
    arrays = ["x_train", "x_test"] if name == "imdb" else ["x"]
    texts = {array: [text for block in read_archive(archive, array) for text in block] for array in arrays}
    order = split_order(dataset, {array: len(texts[array]) for array in arrays})
    expected = keras_load_data(name, archive, monkeypatch)(num_words=num_words)
    for split, (keras_texts, _) in zip(("train", "test"), expected, strict=True):
        (array,) = (array for array in arrays if split in order[array])
        tokens, lengths = encode([texts[array][place] for place in order[array][split]], num_words)
        assert lengths.tolist() == [len(text) for text in keras_texts]
        assert tokens.tolist() == [token for text in keras_texts for token in text]


@pytest.mark.parametrize("num_words", [4, 30, 64, 1_000])
@pytest.mark.parametrize("name", ["imdb", "reuters"])
def test_rows_are_the_distinct_tokens_of_keras(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, num_words: int
) -> None:
    dataset = changed(name, num_words=num_words)
    archive = tmp_path / f"{name}.npz"
    write_archive(archive, dataset)
    folder = tmp_path / "rows"
    folder.mkdir()
    (tmp_path / f"{name}_word_index.json").write_text("{}", encoding="utf-8")
    vectorize_official(dataset, tmp_path, folder)
    expected = keras_load_data(name, archive, monkeypatch)(num_words=num_words)
    for split, (keras_texts, labels) in zip(("train", "test"), expected, strict=True):
        indptr, indices, found, shape = (
            np.load(folder / split / f"{array}.npy", allow_pickle=False)
            for array in ("indptr", "indices", "labels", "shape")
        )
        distinct = [np.unique(text) for text in keras_texts]
        assert indptr.tolist() == [0, *np.cumsum([len(ids) for ids in distinct])]
        assert indices.tolist() == np.concatenate(distinct).tolist()
        assert found.tolist() == labels.tolist()
        assert shape.tolist() == [len(labels), num_words]
        assert (indptr.dtype, indices.dtype, found.dtype, shape.dtype) == (np.int64, np.int32, np.int64, np.int64)


def test_other_shuffle_seeds_and_splits_are_those_of_keras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = changed("reuters", shuffle_seed=7, test_split=0.37)
    archive = tmp_path / "reuters.npz"
    write_archive(archive, dataset)
    labels = read_labels(archive, "y", len(dataset.labels))
    order = split_order(dataset, {"x": len(labels)})["x"]
    (_, train), (_, test) = keras_load_data("reuters", archive, monkeypatch)(test_split=0.37, seed=7)
    assert labels[order["train"]].tolist() == train.tolist()
    assert labels[order["test"]].tolist() == test.tolist()


def test_an_empty_text_is_a_start() -> None:
    tokens, lengths = encode([[], [7], []], 100)
    assert tokens.tolist() == [1, 1, 10, 1]
    assert lengths.tolist() == [1, 2, 1]


def test_negative_indices_are_refused() -> None:
    with pytest.raises(UserError, match="-4"):
        encode([[3], [-4]], 100)


# Files


def test_a_check_names_the_file_and_both_sizes(tmp_path: Path) -> None:
    path = tmp_path / "imdb.npz"
    path.write_bytes(b"right")
    sha256 = hashlib.sha256(b"right").hexdigest()
    check_file(path, 5, sha256)
    for wrong in (b"wrong", b"righ", b""):
        path.write_bytes(wrong)
        with pytest.raises(UserError, match=rf"imdb\.npz: expected 5 bytes .* found {len(wrong)} bytes"):
            check_file(path, 5, sha256)


@pytest.mark.parametrize(
    ("labels", "complaint"),
    [
        (np.array([0, 46]), "0 to 45, found 0 to 46"),
        (np.array([-1, 3]), "0 to 45, found -1 to 3"),
        (np.array([0.0, 1.0]), "float64"),
        (np.array(["a"]), "<U1"),
        (np.zeros((2, 2), int), "(2, 2)"),
        (np.array([None]), "integers"),
    ],
)
def test_labels_out_of_range_or_no_integers(tmp_path: Path, labels: np.ndarray, complaint: str) -> None:
    archive = tmp_path / "some.npz"
    np.savez(archive, y=labels)
    with pytest.raises(UserError, match="y: expected") as caught:
        read_labels(archive, "y", 46)
    assert complaint in str(caught.value)
    assert str(archive) in str(caught.value)


def truncated(content: bytes) -> bytes:
    return content[: len(content) // 2]


def corrupted(content: bytes) -> bytes:
    """Other bytes in the middle of the first array's compressed data."""
    middle = len(content) // 3
    return content[:middle] + bytes(byte ^ 0xFF for byte in content[middle : middle + 50]) + content[middle + 50 :]


@pytest.mark.parametrize(
    "damage",
    [
        truncated,
        corrupted,
        lambda content: b"<!DOCTYPE html>",
        lambda content: b"",
    ],
    ids=["truncated", "corrupted", "html", "empty"],
)
def test_a_damaged_archive(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    """Verification comes first; yet someone may have put the sums of a damaged file into params.yaml."""
    archive = tmp_path / "reuters.npz"
    write_archive(archive, PARAMS.datasets["reuters"])
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(UserError, match=r"reuters\.npz: ") as caught:
        list(read_archive(archive, "x"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", [truncated, lambda content: b"<html>"], ids=["truncated", "html"])
def test_labels_of_a_damaged_archive(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    archive = tmp_path / "reuters.npz"
    write_archive(archive, PARAMS.datasets["reuters"])
    archive.write_bytes(damage(archive.read_bytes()))
    with pytest.raises(UserError, match=r"reuters\.npz: y: ") as caught:
        read_labels(archive, "y", 46)
    assert "\n" not in str(caught.value)


def test_a_missing_array_is_named(tmp_path: Path) -> None:
    archive = tmp_path / "some.npz"
    np.savez(archive, x=as_array([[1]]))
    with pytest.raises(UserError, match=r"some\.npz: .*x_train"):
        list(read_archive(archive, "x_train"))
    with pytest.raises(UserError, match=r"some\.npz: y: "):
        read_labels(archive, "y", 46)


def test_an_archive_member_that_is_no_array(tmp_path: Path) -> None:
    archive = tmp_path / "some.npz"
    with zipfile.ZipFile(archive, "w") as zipped:
        zipped.writestr("x.npy", "no array")
        zipped.writestr("y.npy", "no array")
    with pytest.raises(UserError, match=r"some\.npz: x: "):
        list(read_archive(archive, "x"))
    with pytest.raises(UserError, match=r"some\.npz: y: "):
        read_labels(archive, "y", 46)


def test_texts_and_labels_of_different_number(tmp_path: Path) -> None:
    dataset = PARAMS.datasets["reuters"]
    for texts, labels in ((5, 4), (4, 5)):
        raw, folder = tmp_path / f"raw{texts}", tmp_path / f"rows{texts}"
        raw.mkdir()
        folder.mkdir()
        np.savez(raw / "reuters.npz", x=as_array(random_texts(texts, 0)), y=np.zeros(labels, int))
        (raw / "reuters_word_index.json").write_text("{}", encoding="utf-8")
        with pytest.raises(UserError, match=r"\.npz"):
            vectorize_official(dataset, raw, folder)


@pytest.mark.parametrize(("count", "share", "lacking"), [(1, 0.5, "train"), (0, 0.5, "train"), (50, 0.99, "train")])
def test_a_split_without_texts(tmp_path: Path, count: int, share: float, lacking: str) -> None:
    np.savez(tmp_path / "reuters.npz", x=as_array(random_texts(count, 0)), y=np.zeros(count, int))
    (tmp_path / "reuters_word_index.json").write_text("{}", encoding="utf-8")
    (tmp_path / "rows").mkdir()
    with pytest.raises(UserError, match=rf"reuters\.npz: expected {lacking} texts, found none of {count}"):
        vectorize_official(changed("reuters", test_split=share), tmp_path, tmp_path / "rows")


def test_a_word_index(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_text('{"the": 1, "d\\u00e9j\\u00e0": 2}', encoding="utf-8")
    assert read_word_index(path) == {"the": 1, "déjà": 2}


@pytest.mark.parametrize(
    "content",
    [
        *("", "<html>", '{"the": 1', "[1, 2]", '{"the": "1"}', '{"the": 1.5}', '{"the": true}', "3", "\xff"),
        *('{"the": 0}', '{"the": -5}', '{"the": 2147483648}', '{"the": 1, "a": ' + "9" * 5_000 + "}"),
        *('{"\\ud800": 1}', "[" * 100_000, '{"a":' * 100_000),
    ],
)
def test_no_word_index(tmp_path: Path, content: str) -> None:
    path = tmp_path / "index.json"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(UserError, match=r"index\.json: expected .*JSON") as caught:
        read_word_index(path)
    assert "\n" not in str(caught.value)
