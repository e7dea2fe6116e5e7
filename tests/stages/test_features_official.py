"""Rows of official texts that have terms of several words, or of enough texts, against scikit-learn and Keras."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from texts_and_rows import (
    SPLITS,
    Words,
    assert_same_files,
    assert_terms_are_those_of_scikit_learn,
    files_of,
    frequencies,
    ids_of,
    in_order_of_keras,
    load,
    new_folder,
    official_dataset,
    read_archive,
    terms_of,
    vectorized_official,
    vectorizer,
    without_tie,
    words_of_ranks,
    write_archive,
    written_official,
)

from stages.common.basics.artifacts import read_json
from stages.common.basics.errors import UserError
from stages.common.basics.params.sections import OfficialDataset
from stages.common.corpora import pickled_lists
from stages.common.corpora.tokenizer import find_word_ids, make_terms, split_words
from stages.vectorize import encoding
from stages.vectorize.official import vectorize_official


@pytest.fixture(params=[True, False], ids=["a test set of its own", "one array"])
def has_test(request: pytest.FixtureRequest) -> bool:
    return request.param


@pytest.fixture
def raw(tmp_path: Path, has_test: bool) -> Path:
    return written_official(tmp_path / "raw", has_test)


def official_words(raw: Path, settings: OfficialDataset) -> dict[str, Words]:
    found = in_order_of_keras(raw, settings)
    return {split: words_of_ranks(raw, part.texts) for split, part in found.items()}


def rows_of_keras(raw: Path, settings: OfficialDataset) -> Path:
    folder = new_folder(raw)
    vectorize_official(settings, raw, folder)
    return folder


@pytest.mark.parametrize(("min_texts", "most"), [(1, None), (6, None), (1, 40), (6, 30)])
@pytest.mark.parametrize("ngrams", [1, 2, 3])
def test_terms_of_official_texts(raw: Path, has_test: bool, ngrams: int, min_texts: int, most: int | None) -> None:
    settings = official_dataset(has_test, ngrams=ngrams, min_texts=min_texts)
    texts, count = official_words(raw, settings), most
    if most:
        found = frequencies(texts["train"], ngrams, min_texts)
        count = without_tie(found, min(most, len(found) - 1))
        settings = settings.model_copy(update={"num_words": count + 4})
    folder = vectorized_official(raw, settings)
    assert_terms_are_those_of_scikit_learn(texts, folder, ngrams, min_texts, count)
    for split, part in in_order_of_keras(raw, settings).items():
        assert load(folder, split, "labels").tolist() == part.labels
    assert read_json(folder / "labels.json") == settings.labels


def test_rows_with_neighbours_are_those_of_keras_with_more_in_them(raw: Path, has_test: bool) -> None:
    settings = official_dataset(has_test, ngrams=2)
    folder, plain = vectorized_official(raw, settings), rows_of_keras(raw, settings)
    assert files_of(folder) == files_of(plain)
    names = [Path(split, f"{name}.npy") for split in SPLITS for name in ("labels", "hashes")]
    assert_same_files(folder, plain, [*names, Path("labels.json")])
    for split in SPLITS:
        words = [{term for term in terms if " " not in term} for terms in terms_of(folder, split)]
        assert words == terms_of(plain, split)
        for name in ("indptr", "indices", "labels", "hashes", "shape"):
            assert load(folder, split, name).dtype == load(plain, split, name).dtype


@pytest.mark.parametrize("num_words", [9, 1_000])
def test_words_alone_are_those_of_keras(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_test: bool, num_words: int
) -> None:
    """But for its marks; where an index is by frequency in training, as Keras' is by that in all texts, or nearly."""
    from keras import datasets

    made = written_official(tmp_path / "made", has_test)
    settings = official_dataset(has_test, num_words=num_words)
    found = frequencies(official_words(made, settings)["train"], 1, 1)
    ranks = {word: rank for rank, (_, word) in enumerate(found, start=1)}
    old = {rank: ranks[word] for word, rank in read_json(made / "official_word_index.json").items()}
    arrays = read_archive(made)
    for name in [name for name in arrays if name.startswith("x")]:
        arrays[name] = [[old[rank] for rank in text] for text in arrays[name]]
    raw = write_archive(tmp_path / "raw", ranks, **arrays)
    load_data: Callable[..., Any] = (datasets.imdb if has_test else datasets.reuters).load_data
    monkeypatch.setitem(load_data.__globals__, "get_file", lambda *_, **__: str(raw / "official.npz"))  # type: ignore[attr-defined]
    options = {"num_words": num_words, "seed": settings.shuffle_seed}
    expected = load_data(**options) if has_test else load_data(**options, test_split=settings.test_split)
    folder = vectorized_official(raw, settings)
    assert len(read_json(folder / "word_index.json")) == min(12, num_words - 4)
    for split, (texts, labels) in zip(SPLITS, expected, strict=True):
        assert ids_of(folder, split) == [sorted(set(text) - {2}) for text in texts]
        assert load(folder, split, "labels").tolist() == labels.tolist()


def test_blocks_of_official_texts_do_not_matter(raw: Path, has_test: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = official_dataset(has_test, ngrams=3, min_texts=2)
    one = vectorized_official(raw, settings)
    monkeypatch.setattr(pickled_lists, "TEXTS_A_BLOCK", 7)
    monkeypatch.setattr(encoding, "BYTES_A_BUCKET", 100)
    assert_same_files(one, vectorized_official(raw, settings))


@pytest.mark.parametrize("ngrams", [1, 2, 3])
def test_predict_makes_the_rows_of_official_texts(raw: Path, has_test: bool, ngrams: int) -> None:
    settings = official_dataset(has_test, ngrams=ngrams, min_texts=3, num_words=60)
    folder = vectorized_official(raw, settings)
    index = read_json(folder / "word_index.json")
    for split, texts in official_words(raw, settings).items():
        columns = int(load(folder, split, "shape")[1])
        made = [find_word_ids(" ".join(words), index, columns, ngrams).tolist() for words in texts]
        assert ids_of(folder, split) == made


def test_other_official_texts_to_test_on_teach_nothing(tmp_path: Path, raw: Path, has_test: bool) -> None:
    settings = official_dataset(has_test, ngrams=2, min_texts=2, num_words=100)
    expected = vectorized_official(raw, settings)
    names = [Path("word_index.json"), *(path for path in files_of(expected) if path.parts[0] == "train")]
    index, arrays = read_json(raw / "official_word_index.json"), read_archive(raw)
    x, y = ("x_test", "y_test") if has_test else ("x", "y")
    order = np.arange(len(arrays[x]))
    if not has_test:
        np.random.RandomState(settings.shuffle_seed).shuffle(order)
    tested = order if has_test else order[int(len(order) * 0.7) :]
    relabelled, rewritten = {**arrays, y: list(arrays[y])}, {**arrays, x: list(arrays[x])}
    for place, other in zip(tested, np.random.default_rng(0).permutation(tested), strict=True):
        relabelled[y][place] = arrays[y][other]
        rewritten[x][place] = [12, 1, 1, 12, 11]
    for name, changed, same, different in (
        ("relabelled", relabelled, "hashes", "labels"),
        ("rewritten", rewritten, "labels", "hashes"),
    ):
        folder = vectorized_official(write_archive(tmp_path / name, index, **changed), settings)
        assert_same_files(folder, expected, [*names, Path("test", f"{same}.npy")])
        assert (load(folder, "test", different) != load(expected, "test", different)).any()


def test_too_many_official_texts_are_asked_for(raw: Path, has_test: bool) -> None:
    with pytest.raises(UserError) as caught:
        vectorized_official(raw, official_dataset(has_test, ngrams=2, min_texts=1_000))
    expected = "expected few enough for some term to be in as many training texts"
    assert str(caught.value) == f"params.yaml: datasets: min_texts: {expected}; found 1000"


SMALL = {
    "x_train": [[1, 2, 3], [], [0, 2], [7]],
    "y_train": [0, 1, 2, 0],
    "x_test": [[2, 3, 9], []],
    "y_test": [0, 1],
}


def test_official_words_without_a_name_are_none_that_a_text_has(tmp_path: Path) -> None:
    """Nor are marks; texts without a word have rows, as they have by Keras."""
    raw = write_archive(tmp_path / "raw", {"one": 1, "two": 2, "three": 3, "five": 5}, **SMALL)
    folder = vectorized_official(raw, official_dataset(True, ngrams=2))
    index = read_json(folder / "word_index.json")
    assert {term for term in index if "#" not in term} == {"one", "two", "three", "one two", "two three"}
    for term in index:
        made = {made.decode() for made in make_terms(split_words(term), 2)}
        assert (term in made) == ("#" not in term)
    for split, part in in_order_of_keras(raw, official_dataset(True)).items():
        named = [{term for term in terms if "#" not in term} for terms in terms_of(folder, split)]
        names = {1: "one", 2: "two", 3: "three"}
        words = [[names.get(rank, "#") for rank in text] for text in part.texts]
        made = [vectorizer(2).build_analyzer()(text) for text in words]
        assert named == [{term for term in terms if "#" not in term} for terms in made]


@pytest.mark.parametrize("name", ["x_train", "x_test"])
def test_a_split_of_one_official_text(tmp_path: Path, name: str) -> None:
    """The least that `vectorize_official` takes."""
    arrays = {**SMALL, name: [[1, 2]], f"y{name[1:]}": [1]}
    raw = write_archive(tmp_path / "raw", {"one": 1, "two": 2, "three": 3}, **arrays)
    settings = official_dataset(True)
    folder, plain = vectorized_official(raw, settings), rows_of_keras(raw, settings)
    for split in SPLITS:
        assert (load(folder, split, "labels") == load(plain, split, "labels")).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"x_train": [[1], [2]]}, "x_train: expected 4 texts, found 2"),
        ({"y_train": [0, 1]}, "x_train: expected 2 texts, found 4"),
        ({"x_test": [], "y_test": []}, "expected test texts, found none of 0"),
        ({"x_train": [], "y_train": []}, "expected train texts, found none of 0"),
        ({"x_test": [[1, -4], [2]]}, "expected word indices of 0 or more, found -4"),
        ({"y_test": [0, 3]}, "y_test: expected labels 0 to 2, found 0 to 3"),
    ],
)
@pytest.mark.parametrize("way", [rows_of_keras, vectorized_official])
def test_bad_official_files_are_refused_as_those_of_keras(
    tmp_path: Path, way: Callable[[Path, OfficialDataset], Path], changes: dict[str, list], message: str
) -> None:
    raw = write_archive(tmp_path / "raw", {"one": 1, "two": 2, "three": 3}, **{**SMALL, **changes})
    with pytest.raises(UserError) as caught:
        way(raw, official_dataset(True))
    assert str(caught.value).endswith(message)
