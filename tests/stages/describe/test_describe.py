"""What `inspect` counts: on corpora made with known numbers, and by a second, naive implementation."""

import contextlib
import json
import tracemalloc
from collections import Counter, defaultdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from labelled_texts import WRITERS, Texts, some_texts

from bagpipe.scratch.copies import ROOT
from stages.common.basics.artifacts import read_csv, read_json
from stages.common.basics.params.reading import PARAMS_FILE, load_params
from stages.common.basics.params.sections import OfficialDataset, TextDataset
from stages.common.basics.rows import load_hashes, load_labels, load_rows, seen_in_training
from stages.common.corpora.formats import read_file
from stages.common.corpora.labelled import open_texts
from stages.common.corpora.tokenizer import split_words
from stages.describe.describe import describe
from stages.describe.near import SIMILAR, jaccard
from stages.vectorize.vectorize import vectorize

Part = list[tuple[tuple, str]]  # a text as its words, and its label
LABELS = ["a", "b", "c", "never"]
NUM_WORDS = 400
KNOWN = {"test_texts_in_train": 23, "none_with_its_label": 6, "near_duplicates": 9}


def known_corpus() -> tuple[Part, Part]:
    """500 training and 200 test texts of 20 distinct words of their own, with KNOWN repetitions."""
    random = np.random.default_rng(0)

    def new() -> tuple:
        return tuple(random.choice(np.arange(1, 100_000), 20, replace=False).tolist())

    def changed(text: tuple, words: int) -> tuple:
        return (*new()[:words], *text[words:])

    base = [(new(), "ab"[place % 2]) for place in range(480)]
    train = [*base, *base[:8], *((text, "c") for text, _ in base[:5]), *((new(), "c") for _ in range(7))]
    with_label = [base[place] for place in range(20, 37)]
    never_with_it = [(text, "c") for text, _ in base[40:46]]
    near = [(changed(text, 1), label) for text, label in base[60:67]]  # similarity 19/21
    other_order = [(text[::-1], label) for text, label in base[70:72]]  # similarity 1, not word for word
    too_far = [(changed(text, 3), label) for text, label in base[80:90]]  # similarity 17/23
    test = [*with_label, *never_with_it, *near, *other_order, *too_far]
    test += [test[-1], *((new(), "a") for _ in range(157))]
    return train, test


# The second implementation: on whole texts in memory, with dictionaries


def of_part(part: Part) -> dict[str, Any]:
    labels = defaultdict(set)
    for text, label in part:
        labels[text].add(label)
    sizes = sorted(len(text) for text, _ in part)
    return {
        "texts": len(part),
        "duplicates": len(part) - len(labels),
        "texts_of_several_labels": sum(len(found) > 1 for found in labels.values()),
        "most_frequent_class": max(Counter(label for _, label in part).values()) / len(part),
        "words": {f"decile_{tenth}": sizes[-(-tenth * len(sizes) // 10) - 1] for tenth in (1, 5, 9)},
    }


def naive_ceiling(train: Part, test: Part) -> float:
    counts, in_test = defaultdict(Counter), Counter(test)
    for text, label in [*train, *test]:
        counts[text][label] += 1
    best = {
        text: max(found, key=lambda label: (found[label], in_test[text, label])) for text, found in counts.items()
    }
    return sum(best[text] == label for text, label in test) / len(test)


def naive(train: Part, test: Part, labels: list[str]) -> dict[str, Any]:
    """data.json, but for words_beyond and near duplicates."""
    texts, pairs = {text for text, _ in train}, set(train)
    counts = [Counter(label for _, label in part) for part in (train, test)]
    return {
        "train": of_part(train),
        "test": of_part(test),
        "overlap": {
            "test_texts_in_train": sum(text in texts for text, _ in test),
            "none_with_its_label": sum(pair[0] in texts and pair not in pairs for pair in test),
        },
        "classes": {
            "number": len(labels),
            "missing_in_train": sum(not counts[0][label] for label in labels),
            "missing_in_test": sum(not counts[1][label] for label in labels),
            "fewer_than_ten_in_train": sum(counts[0][label] < 10 for label in labels),
        },
        "empty_texts": sum(not text for text, _ in [*train, *test]),
        "ceiling": naive_ceiling(train, test),
    }


def naive_near_duplicates(train: Part, test: Part) -> int:
    """By the similarity of all pairs."""
    texts = {text for text, _ in train}
    words = {word: column for column, word in enumerate({word for text, _ in [*train, *test] for word in text})}

    def matrix(part: list[tuple]) -> scipy.sparse.csr_array:
        pairs = [(row, words[word]) for row, text in enumerate(part) for word in set(text)]
        rows, columns = zip(*pairs, strict=True)
        return scipy.sparse.csr_array((np.ones(len(rows), np.float32), (rows, columns)), (len(part), len(words)))

    left, right = matrix(sorted(texts)), matrix([text for text, _ in test if text not in texts and text])
    sizes = left.sum(axis=1)
    found = 0
    for start in range(0, right.shape[0], 200):
        block = right[start : start + 200]
        common = (block @ left.T).toarray()
        similar = common / (block.sum(axis=1)[:, np.newaxis] + sizes - common)
        found += int((similar.max(axis=1) >= np.float32(SIMILAR)).sum())
    return found


def without(content: dict[str, Any]) -> dict[str, Any]:
    """data.json without what `naive` does not compute."""
    for part in ("train", "test"):
        assert 0 <= content[part].pop("words_beyond") <= 1
        content[part]["most_frequent_class"] = pytest.approx(content[part]["most_frequent_class"], abs=1e-6)
    content["ceiling"] = pytest.approx(content["ceiling"], abs=1e-6)
    content["overlap"].pop("near_duplicates")
    return content


# Corpora as files


def inspected(folder: Path, dataset: OfficialDataset | TextDataset) -> dict[str, Any]:
    """data.json of the raw texts in a folder."""
    params: Any = SimpleNamespace(datasets={"d": dataset})
    with contextlib.chdir(folder):
        vectorize(params, "d")
        describe(params, "d")
        assert json.loads(Path("data/vectorized/d/labels.json").read_text()) == load_labels("d")
        return read_json(Path("reports/datasets/d/data.json"))


def write_official(folder: Path, train: Part, test: Part) -> OfficialDataset:
    raw = folder / "data/raw/imdb"
    raw.mkdir(parents=True)
    arrays = {}
    for name, part in (("train", train), ("test", test)):
        arrays[f"x_{name}"] = np.empty(len(part), object)
        arrays[f"x_{name}"][:] = [list(text) for text, _ in part]
        arrays[f"y_{name}"] = np.array([LABELS.index(label) for _, label in part])
    np.savez(raw / "d.npz", allow_pickle=True, **arrays)
    (raw / "d_word_index.json").write_text('{"the": 1}')
    return OfficialDataset(
        texts="imdb", format="keras", num_words=NUM_WORDS, shuffle_seed=3, test_split=None, labels=LABELS
    )


def write_own(folder: Path, train: Part, test: Part) -> TextDataset:
    for name, part in (("train", train), ("test", test)):
        path = folder / "data/raw/mine" / name
        path.mkdir(parents=True)
        lines = [json.dumps({"text": " ".join(f"w{word}" for word in text), "label": label}) for text, label in part]
        (path / "texts.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return TextDataset(texts="mine", format="jsonl", num_words=NUM_WORDS, test_split=None, salt=0)


@pytest.mark.parametrize("write", [write_official, write_own])
def test_known_numbers_are_found(tmp_path: Path, write: Any) -> None:
    train, test = known_corpus()
    found = inspected(tmp_path, write(tmp_path, train, test))
    assert found["overlap"] == KNOWN
    assert found["train"]["duplicates"] == 13
    assert found["train"]["texts_of_several_labels"] == 5
    assert found["test"]["duplicates"] == 1
    assert naive_near_duplicates(train, test) == KNOWN["near_duplicates"]
    labels = LABELS if write is write_official else LABELS[:3]
    expected = naive(train, test, labels)
    lines = read_csv(tmp_path / "reports/datasets/d/classes.csv")
    assert without(found) == expected
    for line, label in zip(lines, labels, strict=True):
        assert line["class"] == label
        assert [int(line[part]) for part in ("train", "test")] == [
            sum(name == label for _, name in part) for part in (train, test)
        ]
    for column in ("test_texts_in_train", "none_with_its_label"):
        assert sum(int(line[column]) for line in lines) == KNOWN[column]


def test_the_words_beyond_the_vocabulary_and_empty_texts_are_counted(tmp_path: Path) -> None:
    inside, beyond = NUM_WORDS - 4, NUM_WORDS - 3  # Keras adds 3
    train = [((inside, inside, beyond), "a"), ((), "b")]
    test = [((), "b"), ((inside, beyond, beyond, beyond), "a"), ((), "c")]
    found = inspected(tmp_path, write_official(tmp_path, train, test))
    assert (found["train"]["words_beyond"], found["test"]["words_beyond"]) == (0.333333, 0.75)
    assert found["empty_texts"] == 3
    assert found["overlap"] == {"test_texts_in_train": 2, "none_with_its_label": 1, "near_duplicates": 1}


def test_texts_without_any_word_at_all(tmp_path: Path) -> None:
    found = inspected(tmp_path, write_official(tmp_path, [((), "a"), ((), "b")], [((), "c")]))
    assert found["overlap"] == {"test_texts_in_train": 1, "none_with_its_label": 1, "near_duplicates": 0}
    assert found["train"]["words_beyond"] == 0


def test_the_label_that_a_text_bears_most_often_is_the_ceiling(tmp_path: Path) -> None:
    one, other = (1, 2), (3, 4)
    train = [(one, "a"), (one, "a"), (other, "a")]
    test = [(one, "b"), (one, "b"), (one, "b"), (one, "a"), (one, "a"), (other, "b")]
    found = inspected(
        tmp_path, write_official(tmp_path, train, test)
    )  # a four times, b three; a tie goes to the test
    assert found["ceiling"] == 0.5
    assert naive_ceiling(train, test) == 0.5


@pytest.mark.parametrize("form", WRITERS)
def test_own_texts_of_every_format_and_a_drawn_test_part(tmp_path: Path, form: str) -> None:
    texts: Texts = [*some_texts(300), ("only here", "sport", "author 1"), ("only here", "weather", "author 2")]
    if form != "fasttext":
        texts += [("!", "sport", "author 1"), (" ", "weather", "author 2")]
    raw = tmp_path / "data/raw/mine"
    raw.mkdir(parents=True)
    WRITERS[form](raw, texts)
    columns = {"group": "by"} if form in ("csv", "parquet") else {}
    dataset = TextDataset.model_validate(
        {"texts": "mine", "format": form, "num_words": 60, "test_split": 0.3, "salt": 1, **columns}
    )
    found = inspected(tmp_path, dataset)
    with contextlib.chdir(tmp_path):
        parts: dict[str, Part] = own_parts(dataset)
        assert seen_in_training("d").sum() == found["overlap"]["test_texts_in_train"]
    near = naive_near_duplicates(parts["train"], parts["test"])
    assert found["overlap"]["near_duplicates"] == near
    assert (found["overlap"]["test_texts_in_train"] > 0) == bool(columns)  # else a text stands on one side only
    empty = found.pop("empty_texts")
    expected = naive(parts["train"], parts["test"], sorted({label for _, label, _ in texts}))
    del expected["empty_texts"]
    assert without(found) == expected
    assert empty == (0 if form == "fasttext" else 2)


def own_parts(dataset: TextDataset) -> dict[str, Part]:
    """Texts by the part that vectorize has put them into, told by the hashes of its rows and what is read anew."""
    layout, columns, split = open_texts(dataset, Path("data/raw/mine"))
    from stages.common.corpora.counting import PARTS, read_blocks, split_block

    parts: dict[str, Part] = {"train": [], "test": []}
    for block in read_blocks(layout, columns):
        for words, label, _, part, _ in split_block(block, split):
            parts[PARTS[part]].append((tuple(words), label))
    read = [split_words(text.text) for file in layout.files for text in read_file(file, layout.format, columns)]
    assert sum(map(len, parts.values())) == sum(map(bool, read))
    for part, texts in parts.items():
        assert len(load_rows("d", part).labels) == len(texts)
        assert len(np.unique(load_hashes("d", part))) == len({text for text, _ in texts})
    return parts


def test_jaccard() -> None:
    assert jaccard(np.array([1, 2, 3, 4]), np.array([2, 3, 4, 5])) == 3 / 5


@pytest.mark.slow
def test_memory_does_not_grow_with_the_texts(tmp_path: Path) -> None:
    """Of 50,000 texts more than of 20,000 are kept some tens of bytes each, where a list of words takes 1,000."""
    random = np.random.default_rng(0)
    dataset = TextDataset.model_validate(
        {"texts": "mine", "format": "csv", "num_words": 60, "test_split": 0.3, "salt": 1}
    )
    peaks = []
    for count in (20_000, 50_000):
        folder = tmp_path / str(count)
        (folder / "data/raw/mine").mkdir(parents=True)
        rows = random.integers(1, 9_999, (count, 20)).tolist()
        texts = [(" ".join(f"w{word}" for word in row), "ab"[place % 2], "") for place, row in enumerate(rows)]
        WRITERS["csv"](folder / "data/raw/mine", texts)
        del rows, texts
        inspected(folder, dataset)
        params: Any = SimpleNamespace(datasets={"d": dataset})
        with contextlib.chdir(folder):
            tracemalloc.start()
            describe(params, "d")
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
    assert (peaks[1] - peaks[0]) / 30_000 < 100


# The official data


@pytest.mark.parametrize(
    ("name", "overlap"),
    [
        ("reuters", {"test_texts_in_train": 237, "none_with_its_label": 126}),
        ("imdb", {"test_texts_in_train": 123, "none_with_its_label": 0}),
    ],
)
def test_official_data(official: Path, tmp_path: Path, name: str, overlap: dict[str, int]) -> None:
    params = load_params(ROOT / PARAMS_FILE)
    dataset: Any = params.datasets[name]
    raw = tmp_path / "data/raw" / name
    raw.mkdir(parents=True)
    for file in params.official[name]:
        (raw / file).symlink_to(official / file)
    found = inspected(tmp_path, dataset)
    parts = keras_parts(official / f"{name}.npz", dataset)
    near = found["overlap"]["near_duplicates"]
    assert without(found) == naive(parts["train"], parts["test"], dataset.labels)
    assert found["overlap"] == overlap
    assert found["train"]["texts_of_several_labels"] == (269 if name == "reuters" else 0)
    if name == "reuters":  # of imdb the pairs are too many for a test
        assert near == naive_near_duplicates(parts["train"], parts["test"])


def keras_parts(archive: Path, dataset: OfficialDataset) -> dict[str, Part]:
    """The texts as `keras.datasets` splits them, whole."""
    with np.load(archive, allow_pickle=True) as arrays:
        content = {name: arrays[name] for name in arrays.files}

    def part(name: str) -> Part:
        texts = zip(content[f"x{name}"], content[f"y{name}"], strict=True)
        return [(tuple(text), dataset.labels[label]) for text, label in texts]

    if dataset.test_split is None:
        return {"train": part("_train"), "test": part("_test")}
    random = np.random.RandomState(dataset.shuffle_seed)
    texts = part("")
    order = np.arange(len(texts))
    random.shuffle(order)
    size = int(len(texts) * (1 - dataset.test_split))
    return {"train": [texts[place] for place in order[:size]], "test": [texts[place] for place in order[size:]]}
