"""TF-IDF of words and pairs, what it is made of, and the classifiers of it, against scikit-learn."""

import contextlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from complaining import PARAMS
from hypothesis import given
from hypothesis import strategies as some
from labelled_texts import SALT, WRITERS, dataset, some_texts, vectorized, written
from sklearn.dummy import DummyClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import LinearSVC
from texts_and_rows import (
    SPLITS,
    Words,
    ids_of,
    in_order_of_keras,
    in_order_of_rows,
    load,
    new_folder,
    official_dataset,
    own_dataset,
    own_rows,
    some_parts,
    vectorized_official,
    vectorizer,
    write_archive,
    write_parts,
    written_official,
)

from stages.baseline.baseline import baseline, predict_by_terms
from stages.baseline.sequences import Sequences, read_sequences
from stages.baseline.terms import weigh_terms
from stages.common.basics.answers import read_answers
from stages.common.basics.artifacts import read_json
from stages.common.basics.errors import UserError
from stages.common.basics.params.baselines import Baselines
from stages.common.basics.params.sections import OtherFeatures
from stages.common.corpora import counting
from stages.vectorize.official import vectorize_official
from stages.vectorize.vectorize import vectorize

Numbers = list[list[int]]
CLASSIFIERS = ("tf_idf_linear_svm", "tf_idf_logistic_regression")


def sequences_of(texts: Numbers) -> Sequences:
    flat = np.array([word for text in texts for word in text], np.int64)
    return Sequences(flat, np.array([len(text) for text in texts], np.int64))


def texts_of(sequences: Sequences) -> Numbers:
    ends = np.cumsum(sequences.lengths)
    assert len(sequences.words) == sequences.lengths.sum()
    return [text.tolist() for text in np.split(sequences.words, ends[:-1])] if len(ends) else []


# Texts in the order of rows


@given(texts=some.lists(some.lists(some.integers(0, 9), max_size=4), max_size=6), random=some.randoms())
def test_texts_are_chosen_whole(texts: Numbers, random: Any) -> None:
    places = random.choices(range(len(texts)), k=random.randint(0, 8)) if texts else []
    found = sequences_of(texts).choose(np.array(places, np.int64))
    assert texts_of(found) == [texts[place] for place in places]


@pytest.mark.parametrize("has_test", [True, False])
def test_official_texts_are_in_the_order_of_their_rows(tmp_path: Path, has_test: bool) -> None:
    raw = written_official(tmp_path / "raw", has_test)
    settings = official_dataset(has_test, num_words=100)
    found = read_sequences(settings, raw)
    folder = new_folder(raw)
    vectorize_official(settings, raw, folder)
    of_terms = vectorized_official(raw, settings)
    index, ranks = read_json(of_terms / "word_index.json"), read_json(raw / "official_word_index.json")
    columns = {rank: index[word] + 3 for word, rank in ranks.items() if word in index}
    assert list(found) == list(SPLITS)
    for split, part in in_order_of_keras(raw, settings).items():
        texts = texts_of(found[split])
        assert texts == part.texts
        assert ids_of(folder, split) == [sorted({1, *(rank + 3 for rank in text)}) for text in texts]
        assert ids_of(of_terms, split) == [sorted({1, *map(columns.__getitem__, text)}) for text in texts]
        assert (found[split].words.dtype, found[split].lengths.dtype) == (np.int64, np.int64)


def test_official_texts_without_words_have_their_place(tmp_path: Path) -> None:
    arrays = {"x_train": [[], [2, 1, 2], [], [3]], "y_train": [0, 1, 2, 0], "x_test": [[], []], "y_test": [0, 1]}
    raw, settings = write_archive(tmp_path / "raw", {"one": 1}, **arrays), official_dataset(True)
    found = read_sequences(settings, raw)
    for split, part in in_order_of_keras(raw, settings).items():
        assert texts_of(found[split]) == part.texts


def assert_in_the_order_of_rows(found: dict[Any, Sequences], folder: Path, expected: dict[str, Words]) -> None:
    """Assert that texts are those expected, a number for each word, and that their words are those of the rows."""
    numbers: dict[str, int] = {}
    index = read_json(folder / "word_index.json")
    assert list(found) == list(SPLITS)
    for split, texts in expected.items():
        sequences = texts_of(found[split])
        assert list(map(len, sequences)) == list(map(len, texts))
        for words, sequence in zip(texts, sequences, strict=True):
            assert sequence == [
                numbers.setdefault(word, number) for word, number in zip(words, sequence, strict=True)
            ]
        made = [sorted({1, *(index[word] + 3 for word in words if word in index)}) for words in texts]
        assert ids_of(folder, split) == made
    assert len(set(numbers.values())) == len(numbers)


def test_own_texts_are_in_the_order_of_their_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = some_parts()
    raw = write_parts(tmp_path / "raw", **parts)
    folder = own_rows(raw)
    expected = in_order_of_rows(folder, parts)
    one = read_sequences(own_dataset(), raw)
    assert_in_the_order_of_rows(one, folder, expected)
    monkeypatch.setattr(counting, "TEXTS_A_BLOCK", 7)  # each of which numbers its words anew
    many = read_sequences(own_dataset(), raw)
    assert {split: texts_of(found) for split, found in many.items()} == {
        split: texts_of(found) for split, found in one.items()
    }


def test_own_texts_to_hold_out_come_first(tmp_path: Path) -> None:
    parts = some_parts()
    held_out = [(f"held out {text}", label, by) for text, label, by in parts["train"][:30]]
    raw = write_parts(tmp_path / "raw", **parts, validation=held_out)
    folder = own_rows(raw)
    known = {"train": [*parts["train"], *held_out], "test": parts["test"]}
    expected = in_order_of_rows(folder, known)
    assert all(words[:2] == ["held", "out"] for words in expected["train"][:30])
    assert_in_the_order_of_rows(read_sequences(own_dataset(), raw), folder, expected)


@pytest.mark.parametrize(
    ("form", "group"), [*((form, None) for form in WRITERS), ("csv", "by"), ("jsonl", "by"), ("parquet", "by")]
)
def test_own_texts_of_a_drawn_test_part(tmp_path: Path, form: str, group: str | None) -> None:
    same = [("the same text", label, "author 1") for label in ("weather", "sport", "weather")]
    texts = [*some_texts(200), *same]
    raw, settings = written(tmp_path, "raw", form, texts), dataset(form, texts="own", num_words=900, group=group)
    folder = vectorized(raw, settings)
    expected = in_order_of_rows(folder, {"train": texts, "test": texts}, SALT)
    assert sum(map(len, expected.values())) == len(texts)
    assert_in_the_order_of_rows(read_sequences(settings, raw), folder, expected)


# TF-IDF


def kept_terms(train: Numbers, min_texts: int) -> list[str]:
    """All words of training, and the pairs that enough texts have: by number, that of the first word at first."""
    texts = [[str(word) for word in text] for text in train]
    words = {word for text in texts for word in text}
    counter = vectorizer(2, ngram_range=(2, 2), binary=True)
    try:
        counts = counter.fit_transform(texts).sum(axis=0).A1
    except ValueError:  # no text has two words
        return sorted(words, key=int)
    pairs = [pair for pair, count in zip(counter.get_feature_names_out(), counts, strict=True) if count >= min_texts]
    return [*sorted(words, key=int), *sorted(pairs, key=lambda pair: tuple(map(int, pair.split())))]


def weighed_by_scikit_learn(
    train: Numbers, test: Numbers, min_texts: int
) -> tuple[scipy.sparse.csr_matrix, scipy.sparse.csr_matrix]:
    """The TF-IDF of the terms that are kept, their columns in the order of `weigh_terms`."""
    weigher = TfidfVectorizer(
        tokenizer=lambda text: list(map(str, text)),
        token_pattern=None,
        lowercase=False,
        sublinear_tf=True,
        ngram_range=(1, 2),
        vocabulary=kept_terms(train, min_texts),
    )
    return weigher.fit_transform(train), weigher.transform(test)


def assert_weights_are_those_of_scikit_learn(train: Numbers, test: Numbers, min_texts: int) -> None:
    found = weigh_terms(sequences_of(train), sequences_of(test), min_texts)
    for ours, theirs in zip(found, weighed_by_scikit_learn(train, test, min_texts), strict=True):
        assert ours.shape == theirs.shape
        assert ours.toarray() == pytest.approx(theirs.toarray(), abs=1e-12)
        lengths = np.sqrt((ours.toarray() ** 2).sum(axis=1))
        assert np.isclose(lengths, 1).tolist() == (lengths > 0).tolist()


def drawn_texts(count: int, words: int, seed: int) -> Numbers:
    random = np.random.default_rng(seed)
    return [random.zipf(1.5, length).clip(0, words - 1).tolist() for length in random.integers(0, 30, count)]


@pytest.mark.parametrize("min_texts", [1, 2, 5, 1_000])
def test_weights_are_those_of_scikit_learn(min_texts: int) -> None:
    train, test = drawn_texts(150, 60, 0), drawn_texts(80, 90, 1)
    assert_weights_are_those_of_scikit_learn(train, test, min_texts)
    assert_weights_are_those_of_scikit_learn([[9], *train], [[], *test, [10**6, 9, 10**6]], min_texts)


@given(
    train=some.lists(some.lists(some.integers(0, 3), max_size=6), min_size=1, max_size=6),
    test=some.lists(some.lists(some.integers(0, 5), max_size=6), min_size=1, max_size=4),
    min_texts=some.integers(1, 3),
)
def test_weights_of_few_texts_are_those_of_scikit_learn(train: Numbers, test: Numbers, min_texts: int) -> None:
    assert_weights_are_those_of_scikit_learn([[2], *train], test, min_texts)


def test_a_pair_stands_in_one_text_and_counts_by_texts() -> None:
    """The last word of a text and the first of the next are none, and three times in one text is once."""
    train, test = [[0, 1, 0, 1, 0, 1], [2, 3], [3, 2, 3]], [[0, 1], [1, 2], [2, 3]]
    trained, tested = weigh_terms(sequences_of(train), sequences_of(test), 2)
    assert trained.shape == (3, 5)  # four words, and the one pair that two texts have
    assert tested.toarray()[:, 4].astype(bool).tolist() == [False, False, True]
    assert trained.toarray()[:, 4].astype(bool).tolist() == [False, True, True]


def test_test_texts_teach_no_weight() -> None:
    train = drawn_texts(60, 20, 0)
    trained = [
        weigh_terms(sequences_of(train), sequences_of(drawn_texts(40, 500, seed)), 2)[0].toarray() for seed in (1, 2)
    ]
    assert (trained[0] == trained[1]).all()


# Classifiers


def settings(**changes: dict[str, float]) -> Baselines:
    """Those of params.yaml, changed."""
    content = PARAMS.baselines.model_dump()
    for name, changed in changes.items():
        content[name] |= changed
    return Baselines.model_validate(content)


def told_apart(classes: int, count: int, seed: int) -> tuple[Numbers, np.ndarray]:
    """Texts of the same words, which follow each other otherwise in each class; their labels."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, count)
    starts, steps = random.integers(0, 11, (2, count, 8))
    texts = [
        [word for start, step in zip(*pair, strict=True) for word in (start, (start + label + step // 8) % 11)]
        for *pair, label in zip(starts.tolist(), steps.tolist(), labels.tolist(), strict=True)
    ]
    return texts, labels


@pytest.mark.parametrize("classes", [2, 4])
def test_classifiers_are_those_of_scikit_learn(classes: int) -> None:
    (train, labels), (test, expected) = told_apart(classes, 200, 0), told_apart(classes, 100, 1)
    chosen = settings(tf_idf_linear_svm={"C": 0.7}, tf_idf_logistic_regression={"C": 3.0}, tf_idf={"min_texts": 3})
    found = predict_by_terms(chosen, sequences_of(train), labels, sequences_of(test))
    inputs, test_inputs = weighed_by_scikit_learn(train, test, 3)
    regression = LogisticRegression(C=3.0, max_iter=1_000, solver="liblinear", random_state=0)
    others = (LinearSVC(C=0.7, random_state=0), OneVsRestClassifier(regression))
    assert tuple(found) == CLASSIFIERS
    chance = DummyClassifier().fit(train, labels).score(test, expected)
    for predicted, other in zip(found.values(), others, strict=True):
        assert (predicted == other.fit(inputs, labels).predict(test_inputs)).all()
        assert predicted.shape == expected.shape
        assert (predicted == expected).mean() > chance + 0.3  # though each word says nothing


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier_that_does_not_converge_is_an_error(name: str, classes: int) -> None:
    texts, labels = told_apart(classes, 200, 0)
    sequences = sequences_of(texts)
    with pytest.raises(UserError) as caught:
        predict_by_terms(settings(**{name: {"max_iter": 1, "C": 100.0}}), sequences, labels, sequences)
    expected = f"baselines.{name}.max_iter: expected enough iterations to converge, found 1"
    assert str(caught.value) == f"params.yaml: {expected}"


# The stage


@pytest.mark.parametrize("is_official", [True, False])
def test_baselines_of_words_and_pairs_are_of_texts_once(tmp_path: Path, is_official: bool) -> None:
    """Other features of the same texts would have the same; and the columns of a network are no matter."""
    raw = tmp_path / "data" / "raw" / "texts"
    raw.parent.mkdir(parents=True)
    if is_official:
        written_official(raw, True)
        section: Any = official_dataset(True, texts="texts", num_words=9)
    else:
        write_parts(raw, **some_parts())
        section = own_dataset(texts="texts", num_words=9)
    other = OtherFeatures(texts="texts", num_words=40, ngrams=2)
    params: Any = SimpleNamespace(datasets={"texts": section, "other": other}, baselines=settings())
    with contextlib.chdir(tmp_path):
        for name in params.datasets:
            vectorize(params, name)
            baseline(params, name)
        figures, of_other = (read_json(Path("reports/datasets", name, "baselines.json")) for name in params.datasets)
        answers = read_answers(Path("reports/datasets/texts/errors.npz"))
        train, test = (load(Path("data/vectorized/texts"), split, "labels") for split in SPLITS)
    assert [*figures] == [*of_other, *CLASSIFIERS]
    texts = read_sequences(section, raw)
    inputs, test_inputs = weighed_by_scikit_learn(texts_of(texts["train"]), texts_of(texts["test"]), 2)
    predicted = LinearSVC(C=1.0, random_state=0).fit(inputs, train).predict(test_inputs)
    wrong = answers.wrong[answers.runs.index("tf_idf_linear_svm")]
    assert (wrong == (predicted != test)).all()
    assert figures["tf_idf_linear_svm"]["accuracy"] == pytest.approx(1 - wrong.mean(), abs=1e-6)
