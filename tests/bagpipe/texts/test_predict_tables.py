"""`bagpipe predict --out`: tables that get labels, whose own columns stay as they are."""

import csv
import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from editing import edit_yaml
from predicting import bagpipe, error_of, raw_texts

import bagpipe as public
from bagpipe.scratch.copies import ROOT
from bagpipe.texts.model import TEXTS_AT_ONCE
from bagpipe.texts.tables import LABEL, PROBABILITY, text_column

ODD = ['with "quotes"', "a, comma; and\nan end of line", "", "ünïcödé"]


@pytest.fixture(scope="module")
def texts(scratch: Path) -> list[str]:
    """More than are classified at once."""
    some = raw_texts(scratch, "imdb")
    return [*ODD, *(some[number % len(some)] for number in range(TEXTS_AT_ONCE))]


@pytest.fixture(scope="module")
def answers(scratch: Path, texts: list[str]) -> list[tuple[str, float]]:
    return [(found.label, found.probability) for found in public.load_model("imdb", scratch).predict(texts)]


def predict(folder: Path, source: Path, target: Path, *options: str) -> Any:
    return bagpipe(folder, "predict", "imdb", "--file", str(source), "--out", str(target), *options)


def assert_answers(rows: list[dict[str, Any]], answers: list[tuple[str, float]]) -> None:
    assert len(rows) == len(answers)
    for row, (label, probability) in zip(rows, answers, strict=True):
        assert row[LABEL] == label
        assert float(row[PROBABILITY]) == pytest.approx(probability, abs=2e-6)


@pytest.mark.parametrize(("suffix", "delimiter"), [(".csv", ","), (".csv", ";"), (".tsv", "\t")])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_separated_values(
    scratch: Path, tmp_path: Path, texts: list[str], answers: Any, suffix: str, delimiter: str, end: str
) -> None:
    source, target = tmp_path / f"new{suffix}", tmp_path / f"labelled{suffix}"
    given = [["id", "text", "label"], *([f"00{number}", text, "NA"] for number, text in enumerate(texts))]
    with open(source, "w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=delimiter, lineterminator=end).writerows(given)
    done = predict(scratch, source, target)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode() == f"{target}: {len(texts):,} texts with {LABEL} and {PROBABILITY}\n"
    assert b"texts hold no word that the model knows" in done.stderr
    with open(target, encoding="utf-8", newline="") as file:
        content = file.read()
        file.seek(0)
        found = list(csv.reader(file, delimiter=delimiter))
    assert content.endswith(end)
    assert [row[:3] for row in found] == given
    assert_answers([dict(zip(found[0], row, strict=True)) for row in found[1:]], answers)


def test_tabs_without_quoting(scratch: Path, tmp_path: Path) -> None:
    lines = ["text\tfrom", '"so to say\tA', "it's 5\" wide\tB"]
    (tmp_path / "new.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert predict(scratch, tmp_path / "new.tsv", tmp_path / "labelled.tsv").returncode == 0
    found = (tmp_path / "labelled.tsv").read_text(encoding="utf-8").splitlines()
    assert ["\t".join(line.split("\t")[:2]) for line in found] == lines


def test_json_lines(scratch: Path, tmp_path: Path, texts: list[str], answers: Any) -> None:
    given = [{"review": text or None, "meta": {"n": [number, None]}} for number, text in enumerate(texts)]
    content = "\n".join(json.dumps(row) for row in given)
    (tmp_path / "new.jsonl.gz").write_bytes(gzip.compress(content.encode()))
    done = predict(scratch, tmp_path / "new.jsonl.gz", tmp_path / "labelled.jsonl", "--text", "review")
    assert done.returncode == 0, done.stderr.decode()
    found = [json.loads(line) for line in (tmp_path / "labelled.jsonl").read_text(encoding="utf-8").split("\n")[:-1]]
    assert_answers(found, answers)
    assert [{key: row[key] for key in ("review", "meta")} for row in found] == given


def test_parquet(scratch: Path, tmp_path: Path, texts: list[str], answers: Any) -> None:
    columns = {
        "text": pyarrow.array([text or None for text in texts]),
        "day": pyarrow.array(range(len(texts)), pyarrow.date32()),
        "kind": pyarrow.array(["a", "b"] * (len(texts) // 2)).dictionary_encode(),
    }
    table = pyarrow.table(columns, metadata={"of": "somebody"})
    pyarrow.parquet.write_table(table, tmp_path / "new.parquet", row_group_size=700)
    done = predict(scratch, tmp_path / "new.parquet", tmp_path / "labelled.parquet")
    assert done.returncode == 0, done.stderr.decode()
    found = pyarrow.parquet.read_table(tmp_path / "labelled.parquet")
    assert found.select(list(columns)).equals(pyarrow.parquet.read_table(tmp_path / "new.parquet"))
    assert found.schema.metadata[b"of"] == b"somebody"
    assert_answers(found.to_pylist(), answers)


def test_the_column_is_that_of_the_texts_whoever_else_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(content: dict) -> None:
        mine = {"texts": "mine", "format": "csv", "text": "review", "num_words": 50, "test_split": 0.2, "salt": 1}
        content["datasets"] |= {"mine": mine, "mine_pairs": {"texts": "mine", "num_words": 500, "ngrams": 2}}
        for name in ("mine", "mine_pairs"):
            content["defaults"][name] = {**content["defaults"]["imdb_pairs"]}
            content["models"][name] = {"dataset": name, "hidden": []}
        content["defaults"]["mine"]["reference"] = "mine"

    shutil.copy(ROOT / "params.yaml", tmp_path)
    edit_yaml(tmp_path / "params.yaml", add)
    monkeypatch.chdir(tmp_path)
    columns = [text_column(name) for name in ("mine", "mine_pairs", "imdb", "imdb_pairs")]
    assert columns == ["review", "review", "text", "text"]


@pytest.mark.parametrize(
    ("name", "content", "out", "said"),
    [
        (
            "a.csv",
            "body,n\nx,1\n",
            "b.csv",
            "a.csv: line 1: expected one column 'text', found 'body', 'n'; --text names",
        ),
        ("a.csv", "", "b.csv", "a.csv: line 1: expected one column 'text', found none"),
        ("a.csv", "text,n\nx,1\ny\n", "b.csv", "a.csv: line 3: expected 2 fields, found 1"),
        ("a.csv", 'text\n"x\n', "b.csv", "a.csv: line 2: expected separated values; unexpected end of data"),
        ("a.csv", f"text,{LABEL}\nx,y\n", "b.csv", f"expected no column '{LABEL}', which is to be added; rename"),
        (
            "a.csv",
            "text\nx\n",
            "b.jsonl",
            "--out: expected a name that ends in .csv, as that of the texts does; found",
        ),
        ("a.csv", "text\nx\n", "a.csv", "--out: expected another file than that of the texts"),
        (
            "a.txt",
            "x\n",
            "b.txt",
            "--file: expected a table (.csv, .tsv, .jsonl, .ndjson, .json, .parquet) for --out",
        ),
        ("a.jsonl", '{"text": "x"}\n{"text": 1}\n', "b.jsonl", "a.jsonl: line 2: expected a text, found '1'"),
        ("a.jsonl", '{"text": "x"}\n{"n": 1}\n', "b.jsonl", "a.jsonl: line 2: expected one column 'text', found 'n'"),
        ("a.parquet", "PAR1", "b.parquet", "a.parquet: from row 1 on: expected a Parquet file"),
        ("missing.csv", None, "b.csv", "missing.csv: No such file"),
    ],
)
def test_what_is_no_such_table(
    scratch: Path, tmp_path: Path, name: str, content: str | None, out: str, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content, encoding="utf-8")
    assert said in error_of(predict(scratch, tmp_path / name, tmp_path / out))
    assert [path.name for path in tmp_path.iterdir()] == ([] if content is None else [name])


@pytest.mark.parametrize(
    "options", [("--out", "b.csv"), ("--out", "b.csv", "--file", "a.csv", "--json"), ("--text", "body", "x")]
)
def test_options_that_do_not_go_together(scratch: Path, options: tuple[str, ...]) -> None:
    done = bagpipe(scratch, "predict", "imdb", *options)
    assert done.returncode == 2
    assert b"expected" in done.stderr
