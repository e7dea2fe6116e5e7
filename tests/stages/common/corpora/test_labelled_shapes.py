"""Own texts in the shapes that tools and people give them: what is read, left out and said."""

import json
import unicodedata
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from labelled_texts import compressed

from stages.common.basics.errors import UserError
from stages.common.corpora.counting import WORDLESS, count_block, read_blocks
from stages.common.corpora.entries import Columns
from stages.common.corpora.formats import read_entries
from stages.common.corpora.layout import Layout, find_layout

TEXTS = [("kind staff", "good"), ("cold soup", "bad"), ("great view", "good"), ("long queue", "bad")]
TABS = "text\tlabel\n"


def read(source: Path, columns: Columns = Columns()) -> tuple[Layout, list[tuple[str, str]], list[str]]:  # noqa: B008
    """What a source comes to: its layout, texts with labels, and what is said of others and of files."""
    layout = find_layout(source, columns.label)
    entries = [entry for file in layout.files for entry in read_entries(file, layout.format, columns)]
    texts = [(entry.text, entry.label) for entry in entries if hasattr(entry, "label")]
    said = [getattr(entry, "said", "") or entry.reason for entry in entries if not hasattr(entry, "label")]
    return layout, texts, said


def put(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode())
    return path


def objects(**more: Any) -> list[dict[str, Any]]:
    return [{"text": text, "label": label, **more} for text, label in TEXTS]


def lines(found: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(entry) + "\n" for entry in found)


# Tables


@pytest.mark.parametrize(
    "rows",
    [
        '"Never again" was not what we said\tgood\n',
        '"Lovely tea, she wrote\tgood\ncold soup\tbad\nstale bread 15"\tbad\n',
        '"\tgood\n',
        'a "quoted" word\tgood\n"an open one\tbad\n',
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_quotation_marks_in_a_file_with_tabs_are_text(tmp_path: Path, rows: str, end: str) -> None:
    content = (TABS + rows).replace("\n", end)
    _, texts, said = read(put(tmp_path / "a.tsv", content))
    assert texts == [tuple(row.split("\t")) for row in rows.splitlines()]
    assert said == ["read without quoting: quotation marks are text"]


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ('"a ""fine"" view"\tgood\n', [('a "fine" view', "good")]),
        ('"two\tfields"\tgood\n', [("two\tfields", "good")]),
        ('"two\nlines"\tgood\n"cold"\tbad\n', [("two\nlines", "good"), ("cold", "bad")]),
        ('a "quoted" word\tgood\n', [('a "quoted" word', "good")]),
    ],
)
def test_fields_in_quotation_marks_are_told_from_these(
    tmp_path: Path, rows: str, expected: list[tuple[str, str]]
) -> None:
    _, texts, said = read(put(tmp_path / "a.tsv", TABS + rows))
    assert (texts, said) == (expected, [])


@pytest.mark.parametrize(("separator", "name"), [(";", "semicolons"), ("|", "bars"), ("\t", "tabs")])
def test_what_separates_values_is_told_by_the_header(tmp_path: Path, separator: str, name: str) -> None:
    rows = [("text", "label"), ("clean, and warm", "good"), ("cold", "bad")]
    content = "".join(separator.join(row) + "\n" for row in rows)
    _, texts, said = read(put(tmp_path / "a.csv", content))
    assert (texts, said) == (rows[1:], [f"read as separated by {name}"])


def test_a_text_file_with_tabs_is_a_table(tmp_path: Path) -> None:
    content = TABS + "".join(f"{text}\t{label}\n" for text, label in TEXTS)
    layout, texts, _ = read(put(tmp_path / "a.txt", content))
    assert (layout.format, texts) == ("tsv", TEXTS)


# JSON


@pytest.mark.parametrize("indent", [None, 2])
def test_a_json_array_is_read_as_its_objects(tmp_path: Path, indent: int | None) -> None:
    _, texts, said = read(put(tmp_path / "a.json", json.dumps(objects(), indent=indent)))
    assert (texts, said) == (TEXTS, ["read as one JSON array"])
    assert read(put(tmp_path / "b.json", lines(objects())))[1:] == (TEXTS, [])


def test_what_prodigy_has_rejected_is_left_out(tmp_path: Path) -> None:
    answers = ["accept", "reject", "ignore", "accept"]
    annotated = [
        entry | {"_task_hash": 1, "answer": answer} for entry, answer in zip(objects(), answers, strict=True)
    ]
    _, texts, said = read(put(tmp_path / "a.jsonl", lines(annotated)))
    assert texts == [TEXTS[0], TEXTS[3]]
    assert said == ["that were rejected or ignored in Prodigy"] * 2
    assert read(put(tmp_path / "b.jsonl", lines(objects(answer="reject"))))[1] == TEXTS  # a column of somebody's own


def test_a_label_in_a_list_of_one(tmp_path: Path) -> None:
    listed = [entry | {"label": [entry["label"]]} for entry in objects()]
    assert read(put(tmp_path / "a.jsonl", lines(listed)))[1] == TEXTS


# Parquet


def write_classes(path: Path, numbers: list[int]) -> Path:
    feature = {"names": ["bad", "good"], "_type": "ClassLabel"}
    metadata = {"huggingface": json.dumps({"info": {"features": {"label": feature}}})}
    table = pyarrow.table({"text": [f"text {number}" for number in numbers], "label": numbers})
    pyarrow.parquet.write_table(table.replace_schema_metadata(metadata), path)
    return path


def test_the_names_of_classes_are_those_of_hugging_face(tmp_path: Path) -> None:
    _, texts, _ = read(write_classes(tmp_path / "a.parquet", [0, 1, 0]))
    assert [label for _, label in texts] == ["bad", "good", "bad"]


@pytest.mark.parametrize(
    ("number", "said"), [(-1, "row 2: expected a label, found none"), (2, "row 2: label: expected a number of")]
)
def test_a_number_of_no_class_is_no_label(tmp_path: Path, number: int, said: str) -> None:
    with pytest.raises(UserError, match=said):
        read(write_classes(tmp_path / "a.parquet", [0, number]))


def test_a_partition_of_the_labels(tmp_path: Path) -> None:
    for part in ("train", "test"):
        for label in ("good", "so%2Fso"):
            folder = tmp_path / f"split={part}" / f"label={label}"
            folder.mkdir(parents=True)
            pyarrow.parquet.write_table(
                pyarrow.table({"text": [f"{part} 1", f"{part} 2"]}), folder / "data_0.parquet"
            )
    layout, texts, _ = read(tmp_path)
    assert Counter(label for _, label in texts) == {"good": 4, "so/so": 4}
    assert Counter(file.part for file in layout.files) == {"train": 2, "test": 2}


# fastText, a file for each label, a file for each text


def test_fasttext_ends_words_at_ascii_spaces_alone(tmp_path: Path) -> None:
    content = "__label__a\N{NO-BREAK SPACE}b one\ttwo\none __label__c\n"
    _, texts, _ = read(put(tmp_path / "a.txt", content))
    assert texts == [("one two", "a\N{NO-BREAK SPACE}b"), ("one", "c")]


@pytest.mark.parametrize("suffix", ["", ".gz", ".zst"])
def test_files_of_fasttext_are_not_taken_for_a_label_each(tmp_path: Path, suffix: str) -> None:
    for name in ("one", "two"):
        put(tmp_path / f"{name}.txt", f"\n__label__x {name}\n")
        if suffix:
            compressed(tmp_path / f"{name}.txt", suffix)
    layout, texts, said = read(tmp_path)
    assert (layout.format, texts, said) == ("fasttext", [("one", "x"), ("two", "x")], [])


def test_a_file_for_each_label(tmp_path: Path) -> None:
    put(tmp_path / "good.txt", "kind staff\n\ngreat view\n")
    put(tmp_path / "bad.txt", "cold soup\n")
    layout, texts, said = read(tmp_path)
    assert layout.format == "fasttext"
    assert texts == [("cold soup", "bad"), ("kind staff", "good"), ("great view", "good")]
    assert said == [f"read as texts of the label {label!r}, one a line" for label in ("bad", "good")]


def test_files_without_a_suffix_in_folders_of_their_class(tmp_path: Path) -> None:
    for number, (text, label) in enumerate(TEXTS):
        put(tmp_path / f"rec.{label}" / str(10_000 + number), text)
    layout, texts, _ = read(tmp_path)
    assert (layout.format, sorted(texts)) == ("folders", sorted((text, f"rec.{label}") for text, label in TEXTS))


# Which split a file is of


def parts_of(tmp_path: Path, *names: str) -> list[str | None]:
    for name in names:
        put(tmp_path / name, "text,label\na,x\n")
    return [file.part for file in sorted(find_layout(tmp_path).files)]


def test_names_are_those_of_parts_only_if_all_are(tmp_path: Path) -> None:
    assert parts_of(tmp_path / "1", "dev_jobs.csv", "ops_jobs.csv") == [None, None]
    assert parts_of(tmp_path / "2", "dev_jobs.csv") == [None]
    assert parts_of(tmp_path / "3", "jobs_test.csv", "jobs_train.csv") == ["test", "train"]


def test_a_folder_named_after_a_part_decides_alone(tmp_path: Path) -> None:
    assert parts_of(tmp_path, "test/train_drivers.csv", "train/train_drivers.csv") == ["test", "train"]


def test_names_may_be_said_to_mean_nothing(tmp_path: Path) -> None:
    parts_of(tmp_path, "test.csv", "train.csv")
    assert [file.part for file in find_layout(tmp_path, with_parts=False).files] == [None, None]


# One answer in all formats


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_a_text_that_is_missing_is_left_out_and_counted(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    found = [{"text": "one", "label": "x"}, {"text": None, "label": "y"}, {"text": "two", "label": "y"}]
    if suffix == "csv":
        put(path, "text,label\none,x\n,y\ntwo,y\n")
    elif suffix == "jsonl":
        put(path, lines(found))
    else:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(found), path)
    (block,) = read_blocks(find_layout(path), Columns())
    counted = count_block(block, None)
    place = {"csv": "line 3", "jsonl": "line 2", "parquet": "row 2"}[suffix]
    assert counted.notes.left_out == {WORDLESS: (1, f"{path}: {place}")}
    assert len(counted.order) == 2


def test_truth_values_and_letters_with_marks_have_one_spelling(tmp_path: Path) -> None:
    content = f"text,label\na,True\nb,true\nc,{unicodedata.normalize('NFD', 'Öl')}\nd,Öl\n"
    assert [label for _, label in read(put(tmp_path / "a.csv", content))[1]] == ["true", "true", "Öl", "Öl"]
    values = [{"text": "a", "label": True}, {"text": "b", "label": False}]
    assert [label for _, label in read(put(tmp_path / "b.jsonl", lines(values)))[1]] == ["true", "false"]
