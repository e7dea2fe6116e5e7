"""Own texts: what is wrong with them is one sentence."""

import re
from collections.abc import Callable
from pathlib import Path

import psutil
import pyarrow
import pyarrow.parquet
import pytest
from labelled_texts import (
    LABELS,
    compressed,
    dataset,
    some_texts,
    vectorized,
    write_csv,
    write_folders,
    write_jsonl,
    write_parquet,
    written,
)

from stages.common.basics.errors import UserError
from stages.common.corpora.entries import Columns
from stages.common.corpora.formats import read_file
from stages.common.corpora.layout import TextFile


def put(content: str | bytes, name: str = "a.csv") -> Callable[[Path], None]:
    data = content.encode() if isinstance(content, str) else content
    return lambda folder: (folder / name).write_bytes(data) and None


def cut_parquet(folder: Path) -> None:
    write_parquet(folder / "a.parquet", some_texts(50))
    (folder / "a.parquet").write_bytes((folder / "a.parquet").read_bytes()[:-100])


def cut_gzip(folder: Path) -> None:
    write_csv(folder / "a.csv", some_texts(5_000))
    compressed(folder / "a.csv", ".gz")
    (folder / "a.csv.gz").write_bytes((folder / "a.csv.gz").read_bytes()[:-1_000])


def link_out(folder: Path) -> None:
    (folder.parent / "secret.csv").write_text("text,label\n", encoding="utf-8")
    (folder / "a.csv").symlink_to(folder.parent / "secret.csv")


def several_formats(folder: Path) -> None:
    write_csv(folder / "a.csv", some_texts(5))
    write_jsonl(folder / "b.jsonl", some_texts(5))


def label_only_in_test(folder: Path) -> None:
    write_csv(folder / "train.csv", some_texts(50))
    write_csv(folder / "test.csv", [("a", "sport", ""), ("b", "new", "")])


def link_nowhere(folder: Path) -> None:
    (folder / "a.csv").symlink_to(folder / "a.csv")


def linked_folder(folder: Path) -> None:
    write_folders(folder, some_texts(50))
    (folder / "more").symlink_to(folder / LABELS[1])


def text_of_no_class(folder: Path) -> None:
    for name in ("dev", "sales", "train"):
        (folder / name).mkdir()
        (folder / name / "1.txt").write_text("a", encoding="utf-8")


def text_too_deep(folder: Path) -> None:
    (folder / "x" / "y").mkdir(parents=True)
    (folder / "x" / "y" / "1.txt").write_text("a", encoding="utf-8")


def invalid_parquet(folder: Path) -> None:
    column = pyarrow.array([b"\xff"]).view(pyarrow.string())
    pyarrow.parquet.write_table(pyarrow.table({"text": column, "label": ["x"]}), folder / "a.parquet")


def only_test(folder: Path) -> None:
    (folder / "test").mkdir()
    write_csv(folder / "test" / "texts.csv", some_texts(50))


HEADER = "text,label\n"
BAD: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "a missing column": (
        put("review,label\na,b\n"),
        "csv",
        r"a\.csv: line 1: expected one column 'text', found 'review', 'label'",
    ),
    "a column twice": (put("text,label,label\na,b,c\n"), "csv", "line 1: expected one column 'label'"),
    "an empty file": (put(""), "csv", "line 1: expected one column 'text', found none"),
    "no rows": (put(HEADER), "csv", "expected texts, found none"),
    "no labels": (put(f"{HEADER}one,x\ntwo,\n"), "csv", r"a\.csv: line 3: expected a label, found none"),
    "one class": (
        put(HEADER + "".join(f"t{i},x\n" for i in range(50))),
        "csv",
        "expected at least 2 labels, found only 'x'",
    ),
    "a class too small": (
        put(HEADER + "".join(f"t{i},{'xy'[i % 2]}\n" for i in range(50)) + "rare,z\n"),
        "csv",
        r"found too few of 'z' \(1\); add texts, leave these labels out",
    ),
    "a label in test alone": (
        label_only_in_test,
        "csv",
        r"test\.csv: line 3: label 'new': expected one that training",
    ),
    "only a test part": (only_test, "csv", "expected a file or folder named train, found only test"),
    "invalid UTF-8": (
        put(f"{HEADER}one,x\n".encode() + b"t\xfcr,y\n"),
        "csv",
        "line 3: expected UTF-8, found the byte 0xfc at 2",
    ),
    "UTF-16": (put(HEADER.encode("utf-16")), "csv", "line 1: expected UTF-8, found the byte order mark of UTF-16"),
    "NUL": (put(f"{HEADER}one,x\nt\0wo,y\n"), "csv", "line 3: expected text, found a NUL byte"),
    "a quote never closed": (
        put(f'{HEADER}one,x\n"two,y\nthree,x\n'),
        "csv",
        "line 3: expected a closing quote, found none",
    ),
    "too many fields": (put(f"{HEADER}one,x\ntwo,y,z\n"), "csv", "line 3: expected 2 fields, found 3"),
    "too few fields": (put(f"{HEADER}one,x\ntwo\n"), "csv", "line 3: expected 2 fields, found 1"),
    "a tab in a label": (
        put(f'{HEADER}one,"x\ty"\n'),
        "csv",
        "line 2: expected a label of at most 200 chara",
    ),
    "a line too long": (
        put(HEADER + "word " * 4_000_000 + ",x\n"),
        "csv",
        "line 2: expected at most 16,000,000 characters",
    ),
    "too many labels": (
        put(HEADER + "".join(f"t{i},l{i % 1001}\n" for i in range(20_000))),
        "csv",
        "expected at most 1,000 labels, found 1,001, from 'l0' to 'l999'",
    ),
    "mixed labels": (
        put('{"text": "a", "label": 1}\n{"text": "b", "label": "x"}\n', "a.jsonl"),
        "jsonl",
        "line 2: label: expected an integer, found str 'x'",
    ),
    "a label that is a list": (
        put('{"text": "a", "label": [1]}\n', "a.jsonl"),
        "jsonl",
        "line 1: label: expected a string",
    ),
    "a label that is null": (
        put('{"text": "a", "label": null}\n', "a.jsonl"),
        "jsonl",
        "line 1: expected a label, found none; `bagpipe add --skip-unlabelled` leaves such texts out",
    ),
    "a text that is a number": (
        put('{"text": 1, "label": "x"}\n', "a.jsonl"),
        "jsonl",
        "line 1: text: expected a string",
    ),
    "a missing key": (
        put('{"label": "x", "body": ""}\n', "a.jsonl"),
        "jsonl",
        "expected a key 'text', found 'label', 'body'",
    ),
    "no JSON": (put('{"text": "a", "label": "x"}\n{"text":\n', "a.jsonl"), "jsonl", "line 2: expected a JSON object"),
    "half a character": (
        put('{"text": "\\ud800", "label": "x"}\n', "a.jsonl"),
        "jsonl",
        "line 1: text: expected Unicode, found half of a character",
    ),
    "no fastText label": (
        put("__label__x one\ntwo\n", "a.txt"),
        "fasttext",
        "line 2: expected __label__X and a text",
    ),
    "two fastText labels": (
        put("__label__x __label__y one\n", "a.txt"),
        "fasttext",
        "line 1: expected one label, found",
    ),
    "a Parquet file that ends too early": (
        cut_parquet,
        "parquet",
        r"a\.parquet: after row 0: expected a Parquet file",
    ),
    "a compressed file that ends too early": (cut_gzip, "csv", r"a\.csv\.gz: after line \d+: expected a whole"),
    "a link out of the folder": (link_out, "csv", r"a\.csv: expected a file, found a symbolic link out of"),
    "several formats": (several_formats, "csv", r"expected files of one format, found b\.jsonl, a\.csv"),
    "a link that leads nowhere": (link_nowhere, "csv", r"a\.csv: expected a file, found a symbolic link out of"),
    "a folder that is a link": (linked_folder, "folders", "more: expected a folder, found a symbolic link"),
    "a text in no class folder": (
        text_of_no_class,
        "folders",
        r"dev/1\.txt: expected a folder for each label",
    ),
    "a text in a folder of a class": (text_too_deep, "folders", "expected a folder for each label .* found x/y"),
    "a file that is no gzip": (
        put(b"\x1f\x8b" + bytes(range(99)), "a.csv.gz"),
        "csv",
        "after line 0: expected a whole",
    ),
    "very deep JSON": (put("[" * 100_000, "a.jsonl"), "jsonl", r"line 1: expected a JSON object, found '\[\["),
    "a JSON array of arrays": (
        put("[\n[1]]", "a.json"),
        "jsonl",
        r"a\.json: line 2: expected a JSON object, found '\[1\]\]'",
    ),
    "a key missing in a JSON array": (
        put('[{"text": "a", "label": "x"},\n\n{"text": "a"}]', "a.json"),
        "jsonl",
        r"a\.json: line 3: expected a key 'label', found 'text'",
    ),
    "a JSON array that ends too early": (
        put('[{"text": "a", "label": "x"}\n', "a.json"),
        "jsonl",
        r"a\.json: line 2: expected a comma or the end of the array",
    ),
    "several labels in a list": (
        put('{"text": "a", "label": ["x", "y"]}\n', "a.jsonl"),
        "jsonl",
        "line 1: expected one label, found several: 'x', 'y'",
    ),
    "no label in a list": (
        put('{"text": "a", "label": []}\n', "a.jsonl"),
        "jsonl",
        "line 1: expected a label, found none",
    ),
    "a second fastText label further on": (
        put("__label__x one __label__y two\n", "a.txt"),
        "fasttext",
        "line 1: expected one label, found several",
    ),
    "tabs neither quoted nor not": (
        put('text\tlabel\n"one, she said\tx\ntwo\ty\nthree 15"\tx\nfour\tx\ty\n', "a.tsv"),
        "tsv",
        "line 2: .* found it in line 4, with whole rows between; without quoting, line 5 has other fields than",
    ),
    "tabs with an open quote": (
        put('text\tlabel\n"one, she\nsaid\tx\n', "a.tsv"),
        "tsv",
        "line 2: expected a closing quote, found none; without quoting, line 2 has other fields",
    ),
    "half a character in a group": (
        put('{"text": "a", "label": "x", "by": "\\ud800"}\n', "a.jsonl"),
        "jsonl with groups",
        "line 1: by: expected Unicode, found half of a character",
    ),
    "bytes in a Parquet file": (invalid_parquet, "parquet", r"a\.parquet: after row 0: expected UTF-8"),
    "a label of two lines": (put('{"text": "a", "label": "x\\ny"}\n', "a.jsonl"), "jsonl", r"found 'x\\ny'"),
    "a label too long": (
        put(f"{HEADER}a,{'x' * 300}\n"),
        "csv",
        "line 2: expected a label of at most 200",
    ),
    "nothing": (put("", "a.pdf"), "csv", "expected files of labelled texts"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_is_one_sentence(tmp_path: Path, name: str) -> None:
    prepare, form, message = BAD[name]
    raw = tmp_path / "raw"
    raw.mkdir()
    prepare(raw)
    share = None if (raw / "test.csv").exists() or (raw / "test").exists() else 0.25
    groups = {"group": "by"} if "groups" in form else {}
    with pytest.raises(UserError) as caught:
        vectorized(raw, dataset(form.partition(" ")[0], test_split=share, **groups))
    assert re.search(message, str(caught.value)), str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [None, 0.25])
def test_a_share_is_asked_for_just_where_there_is_no_test_part(tmp_path: Path, share: float | None) -> None:
    raw = written(tmp_path, "raw", "csv", some_texts(50))
    if share:
        (raw / "texts.csv").rename(raw / "train.csv")
        write_csv(raw / "test.csv", some_texts(20))
    with pytest.raises(UserError, match="test_split: expected"):
        vectorized(raw, dataset("csv", test_split=share))


def test_a_refused_file_is_closed(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\na\n", encoding="utf-8")
    with pytest.raises(UserError) as refused:
        list(read_file(TextFile(path, None), "csv", Columns()))
    opened = [Path(file.path).name for file in psutil.Process().open_files()]
    assert refused.value.__traceback__  # it holds on to the frames, and to what they left open
    assert "a.csv" not in opened
