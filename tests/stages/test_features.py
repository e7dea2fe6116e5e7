"""Terms: words and their neighbours, of own texts and of those of params.yaml, against scikit-learn."""

import contextlib
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from labelled_texts import Texts
from texts_and_rows import (
    SPLITS,
    assert_same_files,
    assert_terms_are_those_of_scikit_learn,
    frequencies,
    ids_of,
    in_order_of_rows,
    load,
    official_dataset,
    own_dataset,
    own_rows,
    read_archive,
    some_parts,
    vectorizer,
    without_tie,
    words_of,
    words_of_ranks,
    write_parts,
    written_official,
)

from stages.common.basics.artifacts import read_json
from stages.common.basics.errors import UserError
from stages.common.basics.params.sections import OtherFeatures
from stages.common.basics.rows import load_features
from stages.common.corpora import counting
from stages.common.corpora.counting import count_terms
from stages.common.corpora.tokenizer import find_word_ids, make_terms, split_words
from stages.describe.raw import labelled_texts, official_texts
from stages.vectorize import encoding
from stages.vectorize.vectorize import vectorize

# Terms of a text


@pytest.mark.parametrize("ngrams", [1, 2, 3])
@pytest.mark.parametrize("text", ["", "One", "to be", "To be, or not to be: that's it!", "Σίσυφος über ÜBER über"])
def test_terms_of_a_text_are_those_of_scikit_learn(text: str, ngrams: int) -> None:
    expected = vectorizer(ngrams, tokenizer=words_of).build_analyzer()(text)
    assert [term.decode() for term in make_terms(split_words(text), ngrams)] == expected


def test_known_terms() -> None:
    words = [b"to", b"be", b"to", b"be"]
    assert list(make_terms(words, 1)) == words
    assert list(make_terms(words, 2)) == [*words, b"to be", b"be to", b"to be"]
    assert list(make_terms(words, 3))[7:] == [b"to be to", b"be to be"]


@pytest.mark.parametrize(
    ("ngrams", "num_words", "expected"),
    [
        (1, 100, [1, 4, 5]),
        (2, 100, [1, 4, 5, 6]),
        (3, 100, [1, 4, 5, 6, 7]),
        (3, 7, [1, 2, 4, 5, 6]),  # what is known, but has no column, shares one
        (3, 4, [1, 2]),
    ],
)
def test_ids_of_a_text_with_neighbours(ngrams: int, num_words: int, expected: list[int]) -> None:
    index = {"to": 1, "be": 2, "to be": 3, "be or not": 4, "be to": 5, "to be or not": 6}
    found = find_word_ids("To be, or not!", index, num_words, ngrams)
    assert found.tolist() == expected
    assert found.dtype == np.int32
    if ngrams == 1:
        assert find_word_ids("To be, or not!", index, num_words).tolist() == expected


@given(
    texts=some.lists(some.tuples(some.lists(some.sampled_from("abcd"), max_size=6), some.booleans()), max_size=8),
    ngrams=some.integers(1, 3),
)
def test_terms_of_some_texts_are_counted_one_by_one(texts: list[tuple[list[str], bool]], ngrams: int) -> None:
    words = sorted({word for text, _ in texts for word in text})
    flat = np.array([words.index(word) for text, _ in texts for word in text], np.int32)
    sizes, in_training = np.array([len(text) for text, _ in texts], np.int64), np.array([known for _, known in texts])
    found = count_terms([word.encode() for word in words], flat, sizes, in_training.astype(bool), ngrams)
    terms = [[term.decode() for term in make_terms([word.encode() for word in text], ngrams)] for text, _ in texts]
    names = [term.decode() for term in found.words]
    assert len(set(names)) == len(names)
    assert set(names) == {term for of_text in terms for term in of_text}
    trained = [of_text for of_text, (_, known) in zip(terms, texts, strict=True) if known]
    for counts, expected in (
        (found.occurrences, Counter(term for of_text in trained for term in of_text)),
        (found.texts, Counter(term for of_text in trained for term in set(of_text))),
    ):
        assert {name: count for name, count in zip(names, counts.tolist(), strict=True) if count} == expected
    assert found.lengths.tolist() == [len(set(of_text)) for of_text in terms]
    starts = np.cumsum(found.lengths) - found.lengths
    for of_text, start in zip(terms, starts.tolist(), strict=True):
        ids = found.ids[start : start + len(set(of_text))]
        assert {names[number] for number in ids} == set(of_text)
    assert (found.ids.dtype, found.texts.dtype, found.occurrences.dtype) == (np.int32, np.int64, np.int64)


# Own texts


@pytest.fixture
def parts() -> dict[str, Texts]:
    return some_parts()


@pytest.mark.parametrize(("min_texts", "most"), [(1, None), (4, None), (1, 40), (9, 30)])
@pytest.mark.parametrize("ngrams", [1, 2, 3])
def test_terms_of_own_texts(
    tmp_path: Path, parts: dict[str, Texts], ngrams: int, min_texts: int, most: int | None
) -> None:
    raw = write_parts(tmp_path / "raw", **parts)
    count = most
    if most:
        train = [words_of(text) for text, _, _ in parts["train"]]
        found = frequencies(train, ngrams, min_texts)
        count = without_tie(found, min(most, len(found) - 1))
    folder = own_rows(raw, ngrams=ngrams, min_texts=min_texts, **({"num_words": count + 4} if count else {}))
    texts = in_order_of_rows(folder, parts)
    assert {split: len(of_split) for split, of_split in texts.items()} == {k: len(v) for k, v in parts.items()}
    assert_terms_are_those_of_scikit_learn(texts, folder, ngrams, min_texts, count)


def test_terms_as_frequent_are_cut_by_alphabet(tmp_path: Path) -> None:
    train = [("b a", "x", ""), ("b a", "y", ""), ("c", "x", "")]
    raw = write_parts(tmp_path / "raw", train=train, test=[("a c", "x", "")])
    expected = {"a": 1, "b": 2, "b a": 3, "c": 4}
    for count in range(1, 6):
        index = read_json(own_rows(raw, num_words=count + 4, ngrams=2) / "word_index.json")
        assert index == {term: rank for term, rank in expected.items() if rank <= count}


def test_min_texts_counts_training_texts_and_no_occurrences(tmp_path: Path) -> None:
    train = [("often often often", "x", ""), ("once more", "y", ""), ("once again", "x", ""), ("once again", "y", "")]
    test = [("often more", "x", ""), ("more often often", "y", "")]
    raw = write_parts(tmp_path / "raw", train=train, test=test)
    found = [read_json(own_rows(raw, min_texts=count, ngrams=2) / "word_index.json") for count in (1, 2, 3)]
    assert list(found[0]) == ["often", "once", "again", "often often", "once again", "more", "once more"]
    assert found[1:] == [{"once": 1, "again": 2, "once again": 3}, {"once": 1}]
    with pytest.raises(UserError) as caught:
        own_rows(raw, min_texts=4, ngrams=2)
    expected = "expected few enough for some term to be in as many training texts"
    assert str(caught.value) == f"params.yaml: datasets: min_texts: {expected}; found 4"


def test_neighbours_of_own_texts_are_no_matter_of_blocks(
    tmp_path: Path, parts: dict[str, Texts], monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = write_parts(tmp_path / "raw", **parts)
    one = own_rows(raw, ngrams=3, min_texts=2, num_words=100)
    monkeypatch.setattr(counting, "TEXTS_A_BLOCK", 7)
    monkeypatch.setattr(encoding, "BYTES_A_BUCKET", 100)
    assert_same_files(one, own_rows(raw, ngrams=3, min_texts=2, num_words=100))


@pytest.mark.parametrize("ngrams", [1, 2, 3])
def test_predict_makes_the_rows_of_own_texts(tmp_path: Path, parts: dict[str, Texts], ngrams: int) -> None:
    folder = own_rows(write_parts(tmp_path / "raw", **parts), ngrams=ngrams, min_texts=2, num_words=90)
    index = read_json(folder / "word_index.json")
    for split, texts in in_order_of_rows(folder, parts).items():
        columns = int(load(folder, split, "shape")[1])
        made = [find_word_ids(" ".join(words), index, columns, ngrams).tolist() for words in texts]
        assert ids_of(folder, split) == made


def test_other_own_texts_to_test_on_or_to_hold_out_teach_nothing(tmp_path: Path, parts: dict[str, Texts]) -> None:
    train, test = parts["train"], parts["test"]
    others = [(f"another {text} {text}", label, by) for text, label, by in test]
    relabelled = [(text, label, by) for (text, _, by), (_, label, _) in zip(test, [*test[1:], test[0]], strict=True)]
    known = None
    for number, changed in enumerate(
        [
            {"test": test, "validation": test},
            {"test": others, "validation": test},
            {"test": relabelled, "validation": test},
            {"test": test, "validation": others},
        ]
    ):
        raw = write_parts(tmp_path / f"raw{number}", train=train, **changed)
        folder = own_rows(raw, ngrams=2, min_texts=2, num_words=100)
        learnt = (folder / "word_index.json").read_bytes(), ids_of(folder, "train")[-len(train) :]
        known = known or learnt
        assert learnt == known


# Datasets of params.yaml


@pytest.mark.parametrize("is_official", [True, False])
def test_a_dataset_of_other_features_is_of_the_same_texts(
    tmp_path: Path, parts: dict[str, Texts], is_official: bool
) -> None:
    """And the words that no column stands for are those that its own vocabulary lacks."""
    raw = tmp_path / "data" / "raw" / "texts"
    raw.parent.mkdir(parents=True)
    if is_official:
        written_official(raw, True)
        section: Any = official_dataset(True, texts="texts", num_words=9)
    else:
        write_parts(raw, **parts)
        section = own_dataset(texts="texts")
    other = OtherFeatures(texts="texts", num_words=40, ngrams=2, min_texts=2, weighting="tf_idf")
    params: Any = SimpleNamespace(datasets={"texts": section, "other": other})
    with contextlib.chdir(tmp_path):
        for name in params.datasets:
            vectorize(params, name)
        assert load_features("texts").model_dump() == {"ngrams": 1, "weighting": "binary"}
        assert load_features("other").model_dump() == {"ngrams": 2, "weighting": "tf_idf"}
        settings = section.model_copy(update={"num_words": 40, "ngrams": 2, "min_texts": 2})
        folders = [Path("data/vectorized", name) for name in params.datasets]
        read: Any = official_texts if is_official else labelled_texts
        beyond = np.concatenate([block.beyond for block in read(settings, raw, "other")])
        index = read_json(folders[1] / "word_index.json")
        assert len(index) == 36
        for split in SPLITS:
            for name in ("labels", "hashes"):
                assert (load(folders[0], split, name) == load(folders[1], split, name)).all()
        if is_official:
            texts = [text for name in ("x_train", "x_test") for text in words_of_ranks(raw, read_archive(raw)[name])]
        else:
            texts = [words_of(text) for split in ("train", "test") for text, _, _ in parts[split]]
        assert sorted(beyond.tolist()) == sorted(sum(word not in index for word in text) for text in texts)
