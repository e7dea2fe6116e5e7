"""Own texts: the same rows from every format, split and counted as promised."""

import filecmp
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from labelled_texts import (
    LABELS,
    SALT,
    WRITERS,
    Texts,
    compressed,
    dataset,
    some_texts,
    vectorized,
    write_csv,
    write_jsonl,
    write_parquet,
    written,
)
from sklearn.feature_extraction.text import CountVectorizer

from bagpipe.scratch.copies import ROOT
from stages.common.basics.artifacts import read_json
from stages.common.corpora import counting
from stages.common.corpora.counting import hash_bytes
from stages.common.corpora.tokenizer import find_word_ids, split_words
from stages.vectorize import encoding


def assert_same(one: Path, other: Path) -> None:
    files = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert len(files) == 12
    assert files == sorted(path.relative_to(other) for path in other.rglob("*") if path.is_file())
    for file in files:
        assert filecmp.cmp(one / file, other / file, shallow=False), file


def rows_of(folder: Path, split: str) -> list[tuple[list[int], str]]:
    """The ids and the label of each row."""
    arrays = ("indptr", "indices", "labels")
    indptr, indices, labels = (np.load(folder / split / f"{name}.npy", allow_pickle=False) for name in arrays)
    names = read_json(folder / "labels.json")
    starts = zip(indptr[:-1], indptr[1:], labels, strict=True)
    return [(indices[start:end].tolist(), names[label]) for start, end, label in starts]


# The same rows


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return vectorized(written(tmp_path_factory.mktemp("reference"), "raw", "csv", some_texts(300)), dataset("csv"))


@pytest.mark.parametrize("form", WRITERS)
def test_every_format_gives_the_same_bytes(tmp_path: Path, reference: Path, form: str) -> None:
    assert_same(vectorized(written(tmp_path, "raw", form, some_texts(300)), dataset(form)), reference)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
def test_compressed_files_give_the_same_bytes(tmp_path: Path, reference: Path, suffix: str) -> None:
    raw = written(tmp_path, "raw", "csv", some_texts(300))
    compressed(raw / "texts.csv", suffix)
    assert_same(vectorized(raw, dataset("csv")), reference)


def test_several_files_in_another_order_give_the_same_bytes(tmp_path: Path, reference: Path) -> None:
    raw, texts = tmp_path / "raw", some_texts(300)[::-1]
    raw.mkdir()
    for number in range(3):
        write_jsonl(raw / f"texts {number} ü.jsonl", texts[number::3])
    assert_same(vectorized(raw, dataset("jsonl")), reference)


def test_blocks_and_buckets_do_not_matter(tmp_path: Path, reference: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "TEXTS_A_BLOCK", 7)
    monkeypatch.setattr(encoding, "BYTES_A_BUCKET", 100)
    assert_same(vectorized(written(tmp_path, "raw", "csv", some_texts(300)), dataset("csv")), reference)


@pytest.mark.parametrize("form", WRITERS)
def test_parts_are_told_by_names(tmp_path: Path, form: str) -> None:
    """A validation part comes first in the training rows."""
    raw, texts = tmp_path / "raw", some_texts(300)
    parts = {"train": texts[:200], "dev": texts[200:250], "eval": texts[250:]}
    for part, of_it in parts.items():
        (raw / part).mkdir(parents=True)
        WRITERS[form](raw / part, of_it)
    (raw / "README.md").write_text("no texts", encoding="utf-8")
    folder = vectorized(raw, dataset(form, test_split=None))
    assert [len(rows_of(folder, split)) for split in ("train", "test")] == [250, len(texts) - 250]
    held_out = Counter(label for _, label in rows_of(folder, "train")[:50])
    assert held_out == Counter(label for _, label, _ in parts["dev"])


def test_parts_are_told_by_the_names_of_files(tmp_path: Path) -> None:
    raw, texts = tmp_path / "raw", some_texts(300)
    raw.mkdir()
    for name, of_it in {"train-00000-of-00002": texts[:100], "train-00001-of-00002": texts[100:200]}.items():
        write_parquet(raw / f"{name}.parquet", of_it)
    write_parquet(raw / "test-00000-of-00001.parquet", texts[200:])
    folder = vectorized(raw, dataset("parquet", test_split=None))
    assert [len(rows_of(folder, split)) for split in ("train", "test")] == [200, len(texts) - 200]


def test_names_with_spaces(tmp_path: Path) -> None:
    texts = [(text, f"{label} & the like", "") for text, label, _ in some_texts(100)]
    folder = vectorized(written(tmp_path, "all my texts", "folders", texts), dataset("folders"))
    assert read_json(folder / "labels.json") == ["sport & the like", "weather & the like", "Öffi&Co & the like"]


# What the rows are


def test_rows_are_those_of_scikit_learn(reference: Path) -> None:
    """Its binary counts of our words, the vocabulary cut where ours is."""
    texts, index = some_texts(300), read_json(reference / "word_index.json")
    vectorizer = CountVectorizer(analyzer=lambda text: [word.decode() for word in split_words(text)], binary=True)
    vectorizer.fit([text for text, _, _ in texts])
    expected = Counter()
    for row, (_, label, _) in zip(vectorizer.transform([text for text, _, _ in texts]), texts, strict=True):
        words = vectorizer.get_feature_names_out()[row.indices]
        expected[(1, *sorted(index[word] + 3 for word in words if word in index)), label] += 1
    found = [*rows_of(reference, "train"), *rows_of(reference, "test")]
    assert Counter((tuple(ids), label) for ids, label in found) == expected


def test_rows_are_those_that_predict_makes_of_the_texts(reference: Path) -> None:
    index = read_json(reference / "word_index.json")
    columns = int(np.load(reference / "train" / "shape.npy")[1])
    expected = Counter(
        (tuple(find_word_ids(text, index, columns).tolist()), label) for text, label, _ in some_texts(300)
    )
    found = [*rows_of(reference, "train"), *rows_of(reference, "test")]
    assert Counter((tuple(ids), label) for ids, label in found) == expected


def test_the_vocabulary_is_the_most_frequent_words_of_training_texts(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    train = [("b a a c Ü", "x", ""), ("d c ü", "y", ""), ("e", "x", "")]
    write_csv(raw / "train.csv", train)
    write_csv(raw / "test.csv", [("z z z z a", "x", ""), ("c e", "y", "")])
    folder = vectorized(raw, dataset("csv", test_split=None, num_words=8))
    assert read_json(folder / "word_index.json") == {"a": 1, "c": 2, "ü": 3, "b": 4}
    assert sorted(rows_of(folder, "test")) == [([1, 4], "x"), ([1, 5], "y")]
    assert np.load(folder / "train" / "shape.npy").tolist() == [3, 8]


def test_labels_may_be_numbers_or_truth_values(tmp_path: Path) -> None:
    for values in ([3, 10, -1], [True, False, True]):
        raw = tmp_path / str(values)
        raw.mkdir()
        lines = [json.dumps({"text": f"word {number}", "label": values[number % 3]}) for number in range(90)]
        (raw / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
        assert read_json(vectorized(raw, dataset("jsonl")) / "labels.json") == sorted(
            {str(value).lower() for value in values}
        )


def test_texts_over_several_lines_and_windows_files(tmp_path: Path) -> None:
    texts = [(f"one\r\ntwo{number % 7},\n'three'", LABELS[number % 2], "") for number in range(100)]
    unix = vectorized(written(tmp_path, "unix", "csv", texts), dataset("csv"))
    windows = tmp_path / "windows"
    windows.mkdir()
    write_csv(windows / "a.csv", texts)
    (windows / "a.csv").write_bytes(b"\xef\xbb\xbf" + (windows / "a.csv").read_bytes())
    assert_same(vectorized(windows, dataset("csv")), unix)
    assert "two1" in read_json(unix / "word_index.json")


@pytest.mark.slow
def test_memory_does_not_grow_with_the_texts(tmp_path: Path) -> None:
    """Of the largest process, in a process of its own; the words are the same."""
    peaks = []
    for count in (20_000, 200_000):
        raw = tmp_path / str(count)
        raw.mkdir()
        words = (" ".join(f"w{(number * k) % 997}" for k in range(1, 12)) for number in range(count))
        with open(raw / "a.csv", "w", encoding="utf-8") as file:
            file.write("text,label\n")
            file.writelines(f"{text},{number % 2}\n" for number, text in enumerate(words))
        code = (
            "import resource, sys; from labelled_texts import dataset, vectorized; from pathlib import Path\n"
            "vectorized(Path(sys.argv[1]), dataset('csv', num_words=500))\n"
            "whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)\n"
            "print(max(resource.getrusage(who).ru_maxrss for who in whose))"
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
        done = subprocess.run(
            [sys.executable, "-c", code, str(raw)], env=environment, capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stdout) / 1024)
    assert peaks[1] < peaks[0] + 20, peaks  # MB; the texts alone have 11


# The split


def split_of_texts(folder: Path, texts: Texts) -> dict[str, str]:
    """Train or test for each distinct text, found by its row; every row must be of one side only."""
    index, columns = read_json(folder / "word_index.json"), int(np.load(folder / "train" / "shape.npy")[1])
    sides = {tuple(ids): split for split in ("train", "test") for ids, _ in rows_of(folder, split)}
    return {text: sides[tuple(find_word_ids(text, index, columns).tolist())] for text, _, _ in texts}


def numbered_texts(count: int) -> Texts:
    """Texts that are told apart by one word each."""
    return [(f"text number{number}", LABELS[number % 2], f"author {number % 50}") for number in range(count)]


def test_a_share_is_for_testing_and_the_same_text_always(tmp_path: Path) -> None:
    texts = [(text, label, "") for text, label, _ in numbered_texts(2_000)]
    doubled = [*texts, *((f"  {text.upper()} !", label, "") for text, label, _ in texts)]
    folder = vectorized(written(tmp_path, "raw", "csv", doubled), dataset("csv", num_words=5_000))
    train, test = ([tuple(ids) for ids, _ in rows_of(folder, split)] for split in ("train", "test"))
    assert len(train) + len(test) == 4_000
    assert 0.22 < len(test) / 4_000 < 0.28
    assert set(Counter(test).values()) == {2} or len(set(test)) == 1  # words of test texts alone are unknown
    assert set(Counter(train).values()) == {2}


def test_more_texts_leave_the_others_on_their_side() -> None:
    few, many = numbered_texts(500), numbered_texts(1_000)
    sides = []
    for texts in (few, many):
        block = counting.Block(None, [text for text, _, _ in texts], [label for _, label, _ in texts], None)
        counted = counting.count_block(block, counting.Split(0.25, SALT))
        sides.append(counted.parts.tolist())
    assert sides[0] == sides[1][:500]
    assert 80 < sides[0].count(counting.TEST) < 170


def test_another_salt_gives_another_split() -> None:
    texts = numbered_texts(500)
    block = counting.Block(None, [text for text, _, _ in texts], [label for _, label, _ in texts], None)
    one, other = (counting.count_block(block, counting.Split(0.25, salt)).parts for salt in (1, 2))
    assert (one != other).sum() > 100


def test_a_group_stays_together() -> None:
    texts = numbered_texts(500)
    block = counting.Block(None, *([list(column) for column in zip(*texts, strict=True)]))
    parts = counting.count_block(block, counting.Split(0.25, SALT)).parts
    sides: dict[str, set[int]] = {}
    for (_, _, group), part in zip(texts, parts.tolist(), strict=True):
        sides.setdefault(group, set()).add(part)
    assert all(len(found) == 1 for found in sides.values())
    assert {part for found in sides.values() for part in found} == {counting.TRAIN, counting.TEST}


def test_a_validation_part_is_split_as_training_is(tmp_path: Path) -> None:
    """So that no text of it stands on the other side of the split, too."""
    raw = tmp_path / "raw"
    raw.mkdir()
    for name in ("train", "validation"):
        write_csv(raw / f"{name}.csv", numbered_texts(300))
    folder = vectorized(raw, dataset("csv", num_words=5_000))
    words = set(read_json(folder / "word_index.json"))
    assert len(rows_of(folder, "train")) + len(rows_of(folder, "test")) == 600
    known = [ids for ids, _ in rows_of(folder, "test") if len(ids) > 2]
    assert len(words) > 200
    assert known == []  # a word of a test text's own is in no training text


@pytest.mark.parametrize("group", ["", "   ", None])
def test_a_text_of_no_group_is_by_itself(group: str | None, tmp_path: Path) -> None:
    lines = [json.dumps({"text": f"word{number}", "label": number % 2, "by": group}) for number in range(400)]
    raw = tmp_path / "raw"
    raw.mkdir()
    (raw / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    folder = vectorized(raw, dataset("jsonl", group="by"))
    assert 60 < len(rows_of(folder, "test")) < 140


@pytest.mark.parametrize(
    "label",
    ["\u0645\u06cc\u200c\u062e\u0648", "👨\u200d👩\u200d👧", "New\u00a0York", "नमस्ते", "yes", "null", "1.0", "a|b`c"],
)
def test_labels_in_any_script(tmp_path: Path, label: str) -> None:
    texts = [(f"word{number}", (label, "other")[number % 2], "") for number in range(100)]
    folder = vectorized(written(tmp_path, "raw", "csv", texts), dataset("csv"))
    assert read_json(folder / "labels.json") == sorted(["other", label])


def test_what_is_to_be_read_first_is_left_out(tmp_path: Path, reference: Path) -> None:
    raw = written(tmp_path, "raw", "csv", some_texts(300))
    for name in ("README.txt", ".hidden.csv", "picture.png"):
        (raw / name).write_text("read me", encoding="utf-8")
    assert_same(vectorized(raw, dataset("csv")), reference)


def test_hashes_are_the_same_everywhere() -> None:
    assert hash_bytes(b"a text", 1) == 10812050791589387558  # known once, for ever
