"""Small own and official texts in the order of their rows, and what scikit-learn makes of them."""

import filecmp
import itertools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from labelled_texts import LABELS as OWN_LABELS
from labelled_texts import Texts, dataset, some_texts, vectorized, write_csv
from sklearn.feature_extraction.text import CountVectorizer

from bagpipe.scratch.corpora import make_generator, write_corpus
from stages.common.basics.artifacts import read_json
from stages.common.basics.params.sections import OfficialDataset, TextDataset
from stages.common.corpora.counting import hash_bytes
from stages.common.corpora.tokenizer import split_words
from stages.vectorize.official_terms import vectorize_official_terms

LABELS = ["bad", "fair", "good"]
SPLITS = ("train", "test")
Words = list[list[str]]  # texts


class Part(NamedTuple):
    """The texts of a split in the order of Keras, as ranks of words, and their labels."""

    texts: list[list[int]]
    labels: list[int]


def official_dataset(has_test: bool, **changes: object) -> OfficialDataset:
    """A dataset of all terms that there are, whose archive has a test set of its own or not."""
    settings = {"texts": "official", "format": "keras", "num_words": 5_000, "labels": LABELS, "shuffle_seed": 7}
    return OfficialDataset.model_validate({**settings, "test_split": None if has_test else 0.3, **changes})


def written_official(folder: Path, has_test: bool) -> Path:
    """Write some texts of twelve words, most pairs of which occur more than once."""
    generator = make_generator(len(LABELS), 12, 7, 1.0, np.random.default_rng(5))
    write_corpus(folder, "official", has_test, generator, 160, 70, 3)
    return folder


def write_archive(folder: Path, index: dict[str, int], **arrays: Sequence[list[int]] | Sequence[int]) -> Path:
    """Write official files; arrays: x_train, y_train, ... as the archive has them."""
    folder.mkdir()
    content = {name: np.array(values, np.int64) for name, values in arrays.items() if name.startswith("y")}
    for name in arrays.keys() - content.keys():
        content[name] = np.empty(len(arrays[name]), object)
        content[name][:] = [list(text) for text in arrays[name]]  # type: ignore[arg-type]
    np.savez(folder / "official.npz", allow_pickle=True, **content)
    (folder / "official_word_index.json").write_text(json.dumps(index), encoding="utf-8")
    return folder


def read_archive(raw: Path) -> dict[str, list]:
    """The arrays of official files."""
    with np.load(raw / "official.npz", allow_pickle=True) as arrays:
        return {name: arrays[name].tolist() for name in arrays.files}


def in_order_of_keras(raw: Path, dataset: OfficialDataset) -> dict[str, Part]:
    """The texts as `keras.datasets` shuffles and splits them, written after its source."""
    arrays = read_archive(raw)
    random = np.random.RandomState(dataset.shuffle_seed)
    parts = {}
    for suffix in ["_train", "_test"] if dataset.test_split is None else [""]:
        order = np.arange(len(arrays[f"x{suffix}"]))
        random.shuffle(order)
        texts, labels = ([arrays[f"{kind}{suffix}"][place] for place in order] for kind in "xy")
        parts[suffix[1:]] = Part(texts, labels)
    if dataset.test_split is not None:
        texts, labels = parts[""]
        size = int(len(texts) * (1 - dataset.test_split))
        parts = {"train": Part(texts[:size], labels[:size]), "test": Part(texts[size:], labels[size:])}
    return parts


def words_of_ranks(raw: Path, texts: list[list[int]]) -> Words:
    """Official texts as words."""
    words = {rank: word for word, rank in read_json(raw / "official_word_index.json").items()}
    return [[words[rank] for rank in text] for text in texts]


def vectorized_official(raw: Path, dataset: OfficialDataset) -> Path:
    """Vectorize official files by their terms; return where the rows are."""
    folder = new_folder(raw)
    vectorize_official_terms(dataset, raw, folder)
    return folder


def new_folder(raw: Path) -> Path:
    """An empty folder for the rows of some raw texts."""
    folder = raw.with_name(f"{raw.name}_rows{sum(1 for _ in raw.parent.iterdir())}")
    folder.mkdir()
    return folder


def write_parts(folder: Path, **parts: Texts) -> Path:
    """Write labelled texts, a file for each part: train, test, and maybe validation."""
    folder.mkdir()
    for name, texts in parts.items():
        write_csv(folder / f"{name}.csv", texts)
    return folder


def some_parts() -> dict[str, Texts]:
    """Own texts to train and to test on, very short ones among them; the test texts have words of their own."""
    texts = some_texts(200)
    short = [("film", OWN_LABELS[0], ""), ("goal rain", OWN_LABELS[1], ""), ("rain goal film", OWN_LABELS[2], "")]
    test = [(f"{text} to say nothing", label, by) for text, label, by in texts[140:]]
    return {"train": [*texts[:140], *short], "test": [*test, *short, ("unheard of", OWN_LABELS[0], "")]}


def own_dataset(**changes: object) -> TextDataset:
    """Of labelled texts that have a test set."""
    return dataset("csv", **{"texts": "own", "num_words": 5_000, "test_split": None, **changes})


def own_rows(raw: Path, **changes: object) -> Path:
    """Vectorize labelled texts; return where the rows are."""
    folder = new_folder(raw)
    made = vectorized(raw, own_dataset(**changes))
    return made.rename(folder)


def in_order_of_rows(folder: Path, parts: dict[str, Texts], salt: int = 0) -> dict[str, Words]:
    """The words of own texts in the order of the rows, told by the hashes."""
    by_hash = {
        hash_bytes(b" ".join(split_words(text)), salt): words_of(text)
        for texts in parts.values()
        for text, _, _ in texts
    }
    return {split: [by_hash[number] for number in load(folder, split, "hashes").tolist()] for split in parts}


def load(folder: Path, split: str, name: str) -> np.ndarray:
    """An array of a split's rows."""
    return np.load(folder / split / f"{name}.npy", allow_pickle=False)


def ids_of(folder: Path, split: str) -> list[list[int]]:
    """The ids of each row."""
    ends, indices = load(folder, split, "indptr"), load(folder, split, "indices")
    return [indices[start:end].tolist() for start, end in itertools.pairwise(ends)]


def terms_of(folder: Path, split: str) -> list[set[str]]:
    """The terms of each row, the mark of a start, which each must have, left out."""
    terms = {rank + 3: term for term, rank in read_json(folder / "word_index.json").items()}
    rows = ids_of(folder, split)
    assert all(ids[0] == 1 and ids == sorted(set(ids)) for ids in rows)
    return [{terms[number] for number in ids[1:]} for ids in rows]


def files_of(folder: Path) -> list[Path]:
    """All files below a folder, by name."""
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def assert_same_files(one: Path, other: Path, names: Iterable[Path] = ()) -> None:
    """Assert that two folders have the same files, or the same of these."""
    chosen = sorted(names) or files_of(one)
    assert chosen == (sorted(names) or files_of(other))
    for name in chosen:
        assert filecmp.cmp(one / name, other / name, shallow=False), name


# What scikit-learn makes of the same texts


def words_of(text: str) -> list[str]:
    """The words of an own text."""
    return [word.decode() for word in split_words(text)]


def vectorizer(ngrams: int, **options: Any) -> CountVectorizer:
    """Of texts that are lists of words."""
    settings = {"tokenizer": list, "token_pattern": None, "lowercase": False, "ngram_range": (1, ngrams)}
    return CountVectorizer(**{**settings, **options})


def frequencies(texts: Words, ngrams: int, min_texts: int) -> list[tuple[int, str]]:
    """How often each term occurs, by scikit-learn: the most frequent first, those as frequent by alphabet."""
    counter = vectorizer(ngrams, min_df=min_texts).fit(texts)
    counts = counter.transform(texts).sum(axis=0).A1.tolist()
    found = zip(counts, counter.get_feature_names_out(), strict=True)
    return sorted(found, key=lambda item: (-item[0], item[1].encode()))


def without_tie(found: list[tuple[int, str]], most: int) -> int:
    """How many of the most frequent terms may be kept, up to some number, with none left out as frequent as one."""
    return next(count for count in range(most, 0, -1) if found[count - 1][0] > found[count][0])


def assert_terms_are_those_of_scikit_learn(
    parts: dict[str, Words], folder: Path, ngrams: int, min_texts: int, count: int | None
) -> None:
    """Assert that the vocabulary is the one of training, and that each row has its text's terms.

    parts: the texts of each split in the order of the rows; count: of the terms that have a column, None of all.
    """
    expected = frequencies(parts["train"], ngrams, min_texts)[:count]
    index = read_json(folder / "word_index.json")
    assert index == {term: rank for rank, (_, term) in enumerate(expected, start=1)}
    limited = vectorizer(ngrams, min_df=min_texts, max_features=count).fit(parts["train"])
    assert index.keys() == limited.vocabulary_.keys()
    binary = vectorizer(ngrams, binary=True, vocabulary=sorted(index))
    for split, texts in parts.items():
        names = binary.get_feature_names_out()
        rows = [set(names[row.indices]) for row in binary.transform(texts)]
        assert terms_of(folder, split) == rows
        assert load(folder, split, "shape").tolist() == [len(texts), len(index) + 4]
