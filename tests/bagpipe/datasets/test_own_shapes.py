"""`bagpipe add` and texts as people have them: what it takes for what, is told, asks about and says."""

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
from calling import refused, run
from labelled_texts import write_folders
from test_own_datasets import project_without_data, state

from stages.common.basics.params.reading import load_params
from stages.common.corpora.formats import read_file
from stages.common.corpora.labelled import open_texts

pytestmark = pytest.mark.slow


def labels_of(folder: Path) -> dict[str, int]:
    """The texts of each label in a project's dataset `mine`, read as its stages read them."""
    layout, columns, _ = open_texts(load_params(folder / "params.yaml").datasets["mine"], folder / "data/raw/mine")
    return dict(Counter(text.label for file in layout.files for text in read_file(file, layout.format, columns)))


def said_by(folder: Path, *arguments: str) -> str:
    return " ".join(run(folder, "add", "mine", *arguments).split())


# What was taken for what


def rows_of(texts: list[tuple[str, str, str]], *columns: str) -> str:
    """CSV with some of the columns `id`, `text` and `label`."""
    rows = [{"id": str(number), "text": text, "label": label} for number, (text, label, _) in enumerate(texts)]
    return "".join(",".join(row) + "\n" for row in [columns, *([row[name] for name in columns] for row in rows)])


def plain_texts(count: int) -> list[tuple[str, str, str]]:
    return [(f"word{number} of {number % 2}", "xy"[number % 2], "") for number in range(count)]


def test_files_without_labels_beside_others_are_left_out(tmp_path: Path) -> None:
    folder, source = project_without_data(tmp_path), tmp_path / "kaggle"
    source.mkdir()
    for name, columns in {
        "train.csv": ("id", "text", "label"),
        "test.csv": ("id", "text"),
        "sample_submission.csv": ("id", "label"),
    }.items():
        (source / name).write_text(rows_of(plain_texts(100), *columns), encoding="utf-8")
    told = " ".join(run(folder, "add", "mine", str(source)).split())
    assert "test.csv, which has no 'label'." in told
    assert "sample_submission.csv, which has no 'text'." in told
    assert [path.name for path in (folder / "data/raw/mine").iterdir()] == ["train.csv"]
    layout, _, split = open_texts(load_params(folder / "params.yaml").datasets["mine"], folder / "data/raw/mine")
    assert (layout.has_test, split and split.test_share) == (False, 0.2)


def test_names_that_mean_nothing_are_others_in_the_project(tmp_path: Path) -> None:
    folder, source = project_without_data(tmp_path), tmp_path / "jobs"
    source.mkdir()
    for name in ("train.csv", "test.csv"):  # of drivers, and of programs
        (source / name).write_text(rows_of(plain_texts(100), "text", "label"), encoding="utf-8")
    run(folder, "add", "mine", str(source), "--parts", "none")
    layout, _, split = open_texts(load_params(folder / "params.yaml").datasets["mine"], folder / "data/raw/mine")
    assert (layout.has_test, split and split.test_share) == (False, 0.2)


@pytest.mark.parametrize("form", ["csv", "folders"])
def test_files_of_one_name_in_folders_that_mean_nothing_are_all_kept(tmp_path: Path, form: str) -> None:
    folder, source = project_without_data(tmp_path), tmp_path / "jobs"
    for part in ("train", "test"):
        if form == "csv":
            (source / part).mkdir(parents=True)
            (source / part / "a.csv").write_text(rows_of(plain_texts(100), "text", "label"), encoding="utf-8")
        else:
            write_folders(source / part, plain_texts(100))
    run(folder, "add", "mine", str(source), "--parts", "none")
    assert labels_of(folder) == {"x": 100, "y": 100}
    assert load_params(folder / "params.yaml").datasets["mine"].test_split == 0.2


def test_labels_that_look_like_several_are_asked_about(tmp_path: Path) -> None:
    folder = project_without_data(tmp_path)
    texts = [
        (text, "x#staff" if number % 5 == 0 else label, "")
        for number, (text, label, _) in enumerate(plain_texts(200))
    ]
    (tmp_path / "a.csv").write_text(rows_of(texts, "text", "label"), encoding="utf-8")
    before = state(folder)
    said = refused(folder, "add", "mine", str(tmp_path / "a.csv"))
    assert "looks like several in 'x#staff' (40 texts), beside 'x'; --joined-labels takes" in said
    assert state(folder) == before
    assert "x#staff" in run(folder, "add", "mine", str(tmp_path / "a.csv"), "--joined-labels")


def test_all_rare_labels_are_named_at_once(tmp_path: Path) -> None:
    folder, rare = project_without_data(tmp_path), ("refund", "parking", "wifi", "pets", "invoice", "breakfast")
    texts = [*plain_texts(120), *((f"{label} {number}", label, "") for label in rare for number in range(2))]
    (tmp_path / "a.csv").write_text(rows_of(texts, "text", "label"), encoding="utf-8")
    said = refused(folder, "add", "mine", str(tmp_path / "a.csv"))
    assert all(f"'{label}' (2)" in said for label in rare)
    assert "'x'" not in said
    assert "(`bagpipe add --drop-rare`) or give them one (`--other NAME`)" in said


def test_how_files_were_read_and_what_is_left_out_is_said(tmp_path: Path) -> None:
    folder = project_without_data(tmp_path)
    rows = "".join(f"{text}\t{label}\n" for text, label, _ in [*plain_texts(100), ('"open', "x", ""), ("", "y", "")])
    (tmp_path / "a.tsv").write_text(f"text\tlabel\n{rows}", encoding="utf-8")
    told = " ".join(run(folder, "add", "mine", str(tmp_path / "a.tsv")).split())
    assert "a.tsv: read without quoting: quotation marks are text." in told
    assert f"Left out: 1 text without a word, at {tmp_path / 'a.tsv'}: line 103." in told


# What it is told


def test_an_encoding(tmp_path: Path) -> None:
    folder, path = project_without_data(tmp_path), tmp_path / "a.csv"
    path.write_bytes(rows_of([*plain_texts(100), ("café naïve", "x", "")], "text", "label").encode("cp1252"))
    said = refused(folder, "add", "mine", str(path))
    assert "line 102: expected UTF-8, found the byte 0xe9 at 4; with `bagpipe add --encoding cp1252` the line" in said
    assert "begins 'café naïve,x'" in said
    run(folder, "add", "mine", str(path), "--encoding", "cp1252")
    assert "café naïve,x" in (folder / "data/raw/mine/a.csv").read_text(encoding="utf-8")
    assert [entry.name for entry in (folder / "data").iterdir()] == ["raw"]


def test_utf_16_and_a_compressed_folder(tmp_path: Path) -> None:
    folder, source = project_without_data(tmp_path), tmp_path / "texts"
    source.mkdir()
    for part in ("train", "test"):
        content = rows_of(plain_texts(100), "text", "label").encode("utf-16")
        (source / f"{part}.csv.gz").write_bytes(gzip.compress(content))
    assert "--encoding utf-16" in refused(folder, "add", "mine", str(source))
    run(folder, "add", "mine", str(source), "--encoding", "utf-16")
    assert labels_of(folder) == {"x": 100, "y": 100}
    assert load_params(folder / "params.yaml").datasets["mine"].test_split is None


def test_a_wrong_encoding_names_the_file(tmp_path: Path) -> None:
    folder, path = project_without_data(tmp_path), tmp_path / "a.csv"
    path.write_bytes(rows_of(plain_texts(100), "text", "label").encode() + b"\x81,x\n")
    before = state(folder)
    assert f"{path}: after line " in refused(folder, "add", "mine", str(path), "--encoding", "cp1252")
    assert "--encoding: expected one that Python knows" in refused(
        folder, "add", "mine", str(path), "--encoding", "x"
    )
    assert state(folder) == before


def test_a_header(tmp_path: Path) -> None:
    folder, path = project_without_data(tmp_path), tmp_path / "a.csv"
    path.write_text("".join(f"{label};{text}\n" for text, label, _ in plain_texts(100)), encoding="utf-8")
    assert "--no-header" in refused(folder, "add", "mine", str(path))
    run(folder, "add", "mine", str(path), "--no-header", "label,text")
    assert labels_of(folder) == {"x": 50, "y": 50}


def test_texts_without_a_label(tmp_path: Path) -> None:
    folder, path = project_without_data(tmp_path), tmp_path / "a.csv"
    texts = [
        (text, "" if number % 10 == 3 else label, "") for number, (text, label, _) in enumerate(plain_texts(100))
    ]
    path.write_text(rows_of(texts, "text", "label"), encoding="utf-8")
    assert f"{path}: line 5: expected a label, found none; `bagpipe add --skip-unlabelled`" in refused(
        folder, "add", "mine", str(path)
    )
    said = said_by(folder, str(path), "--skip-unlabelled")
    assert f"Left out: 10 texts without a label, the first at {path}: line 5." in said
    assert labels_of(folder) == {"x": 50, "y": 40}


def test_rare_labels(tmp_path: Path) -> None:
    rare = [(f"{label} {number}", label, "") for label in ("wifi", "pets") for number in range(4)]
    (tmp_path / "a.csv").write_text(rows_of([*plain_texts(100), *rare], "text", "label"), encoding="utf-8")
    dropped, kept = tmp_path / "dropped", tmp_path / "kept"
    for folder in (dropped, kept):
        folder.mkdir()
    folder = project_without_data(dropped)
    said = said_by(folder, str(tmp_path / "a.csv"), "--drop-rare", "--min-texts", "5")
    assert "Left out: 8 texts of labels that have fewer than 5, the first at" in said
    assert labels_of(folder) == {"x": 50, "y": 50}
    folder = project_without_data(kept)
    run(folder, "add", "mine", str(tmp_path / "a.csv"), "--other", "rest")
    assert labels_of(folder) == {"x": 50, "y": 50, "rest": 8}
    lines = (folder / "data/raw/mine/texts.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[-1]) == {"text": "pets 3", "label": "rest"}


def test_what_is_written_anew_is_not_moved(tmp_path: Path) -> None:
    folder, path = project_without_data(tmp_path), tmp_path / "a.csv"
    path.write_text(rows_of(plain_texts(100), "text", "label"), encoding="utf-8")
    assert "--move: " in refused(folder, "add", "mine", str(path), "--move", "--skip-unlabelled")
    assert path.exists()
