"""`bagpipe page`: where it may be written, its content against the reports, and what is left out."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from statistics import fmean, stdev

import numpy as np
import pytest
from calling import refused, run
from diff_project import make_project
from git_identity import IDENTITY
from pages import ATTACK, LABELS, content_of, missing_from, unpacked
from predicting import raw_texts

from bagpipe.page.changes import changes_since
from bagpipe.page.networks import by_rank
from bagpipe.page.results import confusion_cells
from bagpipe.page.texts import check_answers, choose_texts, compose_texts, strongest_words
from bagpipe.page.write import check_place, own_scripts, pack, replace_nan
from bagpipe.project.vega import read_vega_script
from bagpipe.scratch.copies import ROOT
from bagpipe.texts.errors import Answers
from stages.common.basics.artifacts import read_csv, read_json
from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import load_params
from stages.common.basics.rows import load_labels

# Where it may be written


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in IDENTITY.items():
        monkeypatch.setenv(name, value)
    folder = tmp_path / "repository"
    folder.mkdir()
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    (folder / ".gitignore").write_text("/data/**\n!/data/**/\n", encoding="utf-8")
    monkeypatch.chdir(folder)
    return folder


def test_git_must_not_take_it(repository: Path, tmp_path: Path) -> None:
    for allowed in (Path("data/page.html"), Path("data/deep/page.html"), tmp_path / "page.html"):
        check_place(allowed)
    for forbidden in (Path("page.html"), Path("reports/new/page.html"), repository / "page.html"):
        with pytest.raises(UserError, match="Git would take it"):
            check_place(forbidden)
    (repository / "data").mkdir()
    (repository / "data/taken.html").write_text("", encoding="utf-8")
    subprocess.run(["git", "add", "--force", "data/taken.html"], check=True)
    with pytest.raises(UserError, match="Git would take it"):  # ignored, and yet in Git already
        check_place(Path("data/taken.html"))
    for name, there in (("way", "reports"), ("disk", tmp_path / "large")):
        Path(name).symlink_to(there)
    with pytest.raises(UserError, match="Git would take it"):
        check_place(Path("way/page.html"))
    check_place(Path("disk/page.html"))


def test_a_refused_place_stays_as_it_is(copy: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(copy)], check=True)
    line = refused(copy, "page", "--no-open", "--out", "reports/page.html")
    assert "reports/page.html: the page holds texts" in line
    assert not (copy / "reports/page.html").exists()


# Its content


def test_the_texts_to_show() -> None:
    expected, predicted = np.array([0, 0, 0, 1, 1, 1, 1]), np.array([0, 0, 1, 0, 0, 0, 1])
    confidence = np.array([0.9, 0.6, 0.7, 0.8, 0.99, 0.5, 0.95])
    answers = Answers(expected, predicted, confidence)
    assert choose_texts(answers, 1, 0).tolist() == [4, 2, 1, 6]
    assert choose_texts(answers, 1, 2).tolist() == [4, 3, 2, 1, 6]
    assert choose_texts(answers, 9, 0).tolist() == [4, 3, 2, 5, 1, 0, 6]


def test_answers_must_be_those_of_the_reports() -> None:
    answers = Answers(np.array([0, 1]), np.array([0, 0]), np.array([0.9, 0.8]))
    check_answers("m", answers, [[0, 0, 1], [1, 0, 1], [1, 1, 0]])
    with pytest.raises(UserError, match=r"data/predictions/m\.npy: not what reports/ is about"):
        check_answers("m", answers, [[0, 0, 1], [1, 1, 1]])


def test_the_words_that_count() -> None:
    assert strongest_words([("a", -0.81234), ("b", 0.041), ("c", 0.04)]) == [("a", -0.81), ("b", 0.041)]
    assert strongest_words([("a", 0.0), ("b", 0.0)]) == []
    assert strongest_words([]) == []


def test_words_by_rank() -> None:
    assert by_rank({"b": 3, "a": 1}) == ["a", None, "b"]
    assert by_rank({}) == []


def test_json_knows_no_nan() -> None:
    found = replace_nan({"a": [float("nan"), 1.5, {"b": float("inf")}], "c": (1, "x")})
    assert found == {"a": [None, 1.5, {"b": None}], "c": [1, "x"]}


def test_data_are_packed_the_same_at_any_time() -> None:
    text = pack("name", b"content" * 100)
    assert text == pack("name", b"content" * 100)
    assert unpacked(text, "name") == b"content" * 100


def test_no_script_ends_too_early() -> None:
    for path in own_scripts():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"</script|<!--", text, re.IGNORECASE), path
        assert text.startswith('"use strict";'), path
    assert not re.search(r"</script|<!--|\r", read_vega_script(), re.IGNORECASE)


def test_the_page_has_what_the_reports_have(project: Path, written: Path) -> None:
    content = content_of(written)
    assert content["missing"] == []
    assert [model["name"] for model in content["models"]] == ["imdb", "mine", "reuters", "reuters_integer_labels"]
    for model in content["models"]:
        folder = project / "reports/models" / model["name"]
        lines = read_csv(folder / "replicates.csv")
        assert model["seeds"] == [[int(line["seed"]), float(line["test_accuracy"])] for line in lines]
        macro_f1 = [float(line["test_macro_f1"]) for line in lines]
        assert [model["macro_f1"], model["macro_f1_sd"]] == pytest.approx([fmean(macro_f1), stdev(macro_f1)])
        twin = "the same runs" if model["name"] == "reuters_integer_labels" else ""
        assert [model["verdict"], model["macro_f1_verdict"]] == [twin, twin]
        assert model["figures"]["test.accuracy"] == read_json(folder / "metrics.json")["test"]["accuracy"]
        history = read_csv(folder / "history.csv")
        assert content["histories"][model["name"]]["val_loss"] == [float(line["val_loss"]) for line in history]
        labels = [line["name"] for line in content["classes"][model["name"]]]
        cells = [[labels[actual], labels[guess], str(n)] for actual, guess, n in content["confusion"][model["name"]]]
        assert cells == [list(line.values()) for line in read_csv(folder / "confusion.csv")]
    assert [line["name"] for line in content["classes"]["mine"]] == sorted(LABELS)
    judged = read_json(project / "reports/reproduction.json")
    assert [(found["of"], found["axis"], found["published"]) for found in content["published"]] == [
        ("imdb", "accuracy", 0.1),
        ("imdb", "loss", 0.5),
        ("reuters", "epoch", 5),
        ("imdb", "baseline", 0.5),
    ]
    assert content["published"][1]["low"] == pytest.approx(judged["imdb"]["validation.val_loss"]["low"], abs=1e-6)
    begin = (project / "reports/README.md").read_text(encoding="utf-8").partition("\n\n")[2]
    assert begin.startswith("".join(f"- {text}\n" for text in content["findings"]))


def test_the_page_has_the_texts_of_each_cell(project: Path, written: Path) -> None:
    content = content_of(written)
    labels = np.load(project / "data/vectorized/reuters/test/labels.npy")
    probabilities = np.load(project / "data/predictions/reuters.npy")
    original = raw_texts(project, "reuters")
    shown = content["answers"]["reuters"]["texts"]
    cells = {(text["expected"], text["predicted"]) for text in shown}
    assert cells == {(a, b) for a, b, count in content["confusion"]["reuters"] if count}
    for text in shown:
        place = text["place"]
        assert text["expected"] == labels[place]
        assert text["predicted"] == probabilities[place].argmax()
        assert text["probability"] == pytest.approx(probabilities[place].max(), abs=1e-6)
        known = [word for word in content["texts"]["reuters"][str(place)].split() if word != "?"]
        assert set(known) <= set(original[place].split())
        assert {word for word, _ in text["words"]} <= set(known)
    wrong = probabilities.argmax(axis=1) != labels
    worst = np.argsort(-np.where(wrong, probabilities.max(axis=1), 0), kind="stable")[:20].tolist()
    assert [text["place"] for text in shown if text["expected"] != text["predicted"]][:3] == worst[:3]
    assert set(worst) <= {text["place"] for text in shown}


def test_the_words_did_what_errors_says(project: Path, written: Path) -> None:
    first = json.loads(run(project, "errors", "mine", "--count", "1", "--json"))["texts"][0]
    (text,) = (
        text for text in content_of(written)["answers"]["mine"]["texts"] if text["place"] == first["test_text"]
    )
    strongest = first["explain"][0]["change"]
    shown = [push for push in first["explain"] if abs(push["change"]) >= abs(strongest) / 20]
    assert [word for word, _ in text["words"]][: len(shown)] == [push["word"] for push in shown]
    changes = [change for _, change in text["words"]][: len(shown)]
    assert changes == pytest.approx([push["change"] for push in shown], rel=0.05, abs=1e-6)


def test_the_same_page_twice(project: Path, written: Path, tmp_path: Path) -> None:
    run(project, "page", "--no-open", "--out", str(tmp_path / "again.html"))
    assert (tmp_path / "again.html").read_bytes() == written.read_bytes()


def test_no_file_stays_open(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many models there are; some systems allow 256."""
    monkeypatch.chdir(copy)
    params = load_params()
    confusions = {name: confusion_cells(name, load_labels(model.dataset)) for name, model in params.models.items()}
    compose_texts(params, confusions)  # with what libraries open once
    before = os.listdir("/dev/fd")
    assert compose_texts(params, confusions).missing == []
    assert os.listdir("/dev/fd") == before


def test_hostile_labels_are_in_no_markup(written: Path) -> None:
    page = written.read_text(encoding="utf-8")
    assert ATTACK not in page
    assert 'http-equiv="Content-Security-Policy" content="default-src \'none\';' in page


def test_what_is_not_here_is_left_out_and_said(copy: Path) -> None:
    (copy / "data/predictions/imdb.npy").unlink()
    shutil.rmtree(copy / "data/models/reuters")
    (of_imdb, of_reuters), content = missing_from(copy)
    assert of_imdb == "data/predictions/imdb.npy: not there yet; run `dvc repro evaluate@imdb`"
    assert of_reuters == "data/models/reuters: reuters is not trained yet; run `dvc repro evaluate@reuters`"
    assert content["texts"] == content["answers"] == {}
    assert [network["name"] for network in content["networks"]] == ["imdb"]


def test_texts_and_answers_of_others_are_left_out(copy: Path) -> None:
    (copy / "data/predictions/imdb.npy").unlink()  # it may be a link into the cache
    np.save(copy / "data/predictions/imdb.npy", np.full((1_000, 1), 0.9, np.float32))
    shutil.rmtree(copy / "data/raw/reuters")
    (of_imdb, of_reuters), content = missing_from(copy)
    assert of_imdb.startswith("data/predictions/imdb.npy: not what reports/ is about")
    assert of_reuters == "data/raw/reuters: expected one .npz file, found 0"
    assert content["texts"] == {}
    assert [network["name"] for network in content["networks"]] == ["imdb", "reuters"]


@pytest.mark.parametrize("gone", ["reports", "reports/models/imdb/metrics.json", "reports/classes.csv"])
def test_without_results(copy: Path, gone: str) -> None:
    path = copy / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    line = refused(copy, "page", "--no-open", "--out", "page.html")
    assert line.startswith(f"error: {gone}")
    assert line.endswith("run `bagpipe repro`")
    assert not (copy / "page.html").exists()


def test_no_such_revision(copy: Path) -> None:
    assert "expected a Git repository here" in refused(copy, "page", "--no-open", "--against", "main")


def test_what_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_project(tmp_path / "project", monkeypatch)
    made.params["models"]["one"]["hidden"] = [32, 32]
    made.write()
    found = changes_since("main")
    assert found["revision"] == "main"
    (param,) = found["params"]
    assert (param["param"], param["old"], param["new"], param["models"]) == (
        "models.one.hidden",
        "[16, 16]",
        "[32, 32]",
        ["one"],
    )
    assert [row["model"] for row in found["verdicts"]] == ["one"]


def test_what_modules_read_is_installed(tmp_path: Path) -> None:
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    packages = ("bagpipe", "stages")
    for name in packages:
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    command = "from setuptools.build_meta import build_wheel; build_wheel('wheel')"
    subprocess.run([sys.executable, "-c", command], cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = (tmp_path / "wheel").glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    files = (path for name in packages for path in (ROOT / name).rglob("*.*"))
    beside = {path for path in files if path.suffix in (".html", ".css", ".js", ".yaml", ".typed")}
    assert {path.relative_to(ROOT).as_posix() for path in beside} <= inside
    assert "bagpipe/page/page.css" in inside
