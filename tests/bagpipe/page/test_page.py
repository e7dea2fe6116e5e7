"""`bagpipe page`: its content against the reports, and the page itself in Chromium, where there is one."""

import base64
import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calling import refused, run
from diff_project import make_project
from editing import edit_yaml
from git_identity import IDENTITY
from labelled_texts import write_csv
from predicting import raw_texts
from served import HOSTILE, server

from bagpipe.page.changes import changes_since
from bagpipe.page.networks import by_rank
from bagpipe.page.results import confusion
from bagpipe.page.texts import check_answers, strong, telling, texts_content
from bagpipe.page.write import check_place, finite, own_scripts, packed
from bagpipe.project.vega import script
from bagpipe.scratch.copies import ROOT, dvc
from bagpipe.texts.errors import Answers
from bagpipe.texts.predict import Classifier
from stages.common.basics.artifacts import read_csv, read_json
from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import load_params
from stages.common.basics.rows import load_labels

ATTACK = "</script><img src=x onerror=alert(1)>"
LABELS = ['it\'s "so-so", & more', ATTACK, "Öffi 中文 🎻"]
PUBLISHED = [  # what a notebook might have printed
    {"of": "imdb", "figure": "test.accuracy", "value": "0.10", "source": "G", "known": "it is made up"},
    {"of": "imdb", "figure": "validation.val_loss", "value": "0.5", "source": "G"},
    {"of": "reuters", "figure": "validation.best_epoch", "value": "5", "source": "G"},
    {"of": "imdb", "figure": "baselines.expected_of_shuffling", "value": "0.5", "tolerance": 0.1, "source": "G"},
]
STAGES = ("vectorize", "describe", "baseline", "validate", "train", "evaluate", "replicate")


def hostile_texts(count: int) -> list[tuple[str, str, str]]:
    """Texts that are markup, of labels that are, too; a few under the wrong label."""
    random = np.random.default_rng(0)
    names = ["constructor", "__proto__", "Σίσυφος"]
    found = []
    for number in range(count):
        label = int(random.integers(3))
        told = label if number % 10 else (label + 1) % 3
        words = " ".join(f"w{word}" for word in random.integers(0, 50, 8))
        found.append((f"<b>{names[label]}</b> {words} {ATTACK} {number % 90}", LABELS[told], "a"))
    return found


def unpacked(page: str, name: str) -> bytes:
    (text,) = re.findall(rf'<script type="application/octet-stream" id="{name}">([^<]*)</script>', page)
    return gzip.decompress(base64.b64decode(text))


def content_of(page: Path) -> dict[str, Any]:
    def fail(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(unpacked(page.read_text(encoding="utf-8"), "content"), parse_constant=fail)


@pytest.fixture(scope="module")
def project(scratch: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy with a dataset of hostile texts, too, and its results."""
    folder = Path(shutil.copytree(scratch, tmp_path_factory.mktemp("page") / "copy"))
    write_csv(folder / "own.csv", hostile_texts(600))
    edit_yaml(folder / "published.yaml", lambda content: content["published"].extend(PUBLISHED))
    run(folder, "add", "mine", "own.csv", "--move", "--test-split", "0.3")
    done = dvc(folder, "repro", *(f"{stage}@mine" for stage in STAGES), "report", capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def written(project: Path) -> Path:
    """The page of that project."""
    told = run(project, "page", "--no-open")
    assert told.startswith("data/page.html: ")
    assert len(told.splitlines()) == 1
    return project / "data/page.html"


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
    assert telling(answers, 1, 0).tolist() == [4, 2, 1, 6]
    assert telling(answers, 1, 2).tolist() == [4, 3, 2, 1, 6]
    assert telling(answers, 9, 0).tolist() == [4, 3, 2, 5, 1, 0, 6]


def test_answers_must_be_those_of_the_reports() -> None:
    answers = Answers(np.array([0, 1]), np.array([0, 0]), np.array([0.9, 0.8]))
    check_answers("m", answers, [[0, 0, 1], [1, 0, 1], [1, 1, 0]])
    with pytest.raises(UserError, match=r"data/predictions/m\.npy: not what reports/ is about"):
        check_answers("m", answers, [[0, 0, 1], [1, 1, 1]])


def test_the_words_that_count() -> None:
    assert strong([("a", -0.81234), ("b", 0.041), ("c", 0.04)]) == [("a", -0.81), ("b", 0.041)]
    assert strong([("a", 0.0), ("b", 0.0)]) == []
    assert strong([]) == []


def test_words_by_rank() -> None:
    assert by_rank({"b": 3, "a": 1}) == ["a", None, "b"]
    assert by_rank({}) == []


def test_json_knows_no_nan() -> None:
    found = finite({"a": [float("nan"), 1.5, {"b": float("inf")}], "c": (1, "x")})
    assert found == {"a": [None, 1.5, {"b": None}], "c": [1, "x"]}


def test_data_are_packed_the_same_at_any_time() -> None:
    text = packed("name", b"content" * 100)
    assert text == packed("name", b"content" * 100)
    assert unpacked(text, "name") == b"content" * 100


def test_no_script_ends_too_early() -> None:
    for path in own_scripts():
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"</script|<!--", text, re.IGNORECASE), path
        assert text.startswith('"use strict";'), path
    assert not re.search(r"</script|<!--|\r", script(), re.IGNORECASE)


def test_the_page_has_what_the_reports_have(project: Path, written: Path) -> None:
    content = content_of(written)
    assert content["missing"] == []
    assert [model["name"] for model in content["models"]] == ["imdb", "mine", "reuters", "reuters_integer_labels"]
    for model in content["models"]:
        folder = project / "reports/models" / model["name"]
        lines = read_csv(folder / "replicates.csv")
        assert model["seeds"] == [[int(line["seed"]), float(line["test_accuracy"])] for line in lines]
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
    confusions = {name: confusion(name, load_labels(model.dataset)) for name, model in params.models.items()}
    texts_content(params, confusions)  # with what libraries open once
    before = os.listdir("/dev/fd")
    assert texts_content(params, confusions)[1] == []
    assert os.listdir("/dev/fd") == before


def test_hostile_labels_are_in_no_markup(written: Path) -> None:
    page = written.read_text(encoding="utf-8")
    assert ATTACK not in page
    assert 'http-equiv="Content-Security-Policy" content="default-src \'none\';' in page


def missing_from(copy: Path) -> tuple[list[str], dict[str, Any]]:
    """What the page of a project says is missing, as the command does; and its content."""
    told = run(copy, "page", "--no-open", "--out", "page.html").splitlines()
    content = content_of(copy / "page.html")
    assert [f"left out: {sentence}" for sentence in content["missing"]] == told[:-1]
    assert len(content["models"]) == 3
    return content["missing"], content


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
    shutil.copytree(ROOT / "stages", tmp_path / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    command = "from setuptools.build_meta import build_wheel; build_wheel('wheel')"
    subprocess.run([sys.executable, "-c", command], cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = (tmp_path / "wheel").glob("*.whl")
    inside = set(zipfile.ZipFile(wheel).namelist())
    beside = {path for path in (ROOT / "stages").rglob("*.*") if path.suffix in (".html", ".css", ".js", ".yaml")}
    assert {path.relative_to(ROOT).as_posix() for path in beside} <= inside
    assert "bagpipe/page/page.css" in inside


# In a browser


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    path = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chrome")
    if path is None:
        pytest.skip("no Chromium here: no browser to look at the page with")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Opened:
    """A page in a browser, with all that it asked for and complained about."""

    def __init__(self, browser: Any, path: Path, **options: Any) -> None:
        self.context = browser.new_context(reduced_motion="reduce", **options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(20_000)
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(dialog.message))
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("body[data-ready]")

    def texts(self, selector: str) -> list[str]:
        return self.page.locator(selector).all_inner_texts()


@pytest.fixture(scope="module")
def opened(chromium: Any, written: Path) -> Iterator[Opened]:
    found = Opened(chromium, written, viewport={"width": 1280, "height": 900})
    yield found
    found.context.close()


def test_it_asks_for_nothing_and_complains_of_nothing(chromium: Any, written: Path) -> None:
    for scheme, width in (("light", 1280), ("dark", 390)):
        opened = Opened(chromium, written, color_scheme=scheme, viewport={"width": width, "height": 844})
        opened.page.locator(".chart svg").nth(4).wait_for()
        for model in ("imdb", "mine", "reuters"):
            opened.page.select_option("#model-choice", model)
        opened.page.emulate_media(color_scheme="dark" if scheme == "light" else "light")  # the charts are drawn again
        opened.page.locator(".chart svg").nth(4).wait_for()
        assert opened.requests == [written.as_uri()]
        assert opened.complaints == []
        assert opened.page.evaluate("document.documentElement.scrollWidth") == width
        assert opened.page.locator("main img").count() == 0
        opened.context.close()


def test_hostile_texts_and_labels_stay_text(opened: Opened) -> None:
    opened.page.select_option("#model-choice", "mine")
    headers = opened.page.locator("#confusion th[scope=row]").all_text_contents()
    assert sorted(headers) == sorted(LABELS)
    opened.page.fill("#try-text", f"{ATTACK} {ATTACK}")
    opened.page.select_option("#try-model", "mine")
    opened.page.click("#try-field button.main")
    opened.page.locator("#answer table").wait_for()
    assert ATTACK in opened.page.locator("#answer .text").text_content()
    assert opened.page.locator("main img").count() == 0
    assert opened.complaints == []


@pytest.mark.parametrize("name", ["imdb", "mine", "reuters"])
def test_the_field_answers_as_predict(
    opened: Opened, project: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(project)
    texts = [*HOSTILE, ATTACK, "constructor __proto__ toString", "ΣΊΣΥΦΟΣ w1 w2"]
    texts += [text for text, *_ in hostile_texts(50)] if name == "mine" else raw_texts(project, name)[:100]
    asked = """async ([name, texts]) => {
        const content = await unpackedJson("content");
        const classifier = await classifierOf(content.networks.find(network => network.name === name));
        return texts.map(text => {
            const {top, changes, knownWords} = classifier.predict(text);
            return [top.map(({label, probability}) => [label, probability]), [...changes], knownWords];
        });
    }"""
    found = opened.page.evaluate(asked, [name, texts])
    for prediction, (top, changes, known) in zip(Classifier(name).predict(texts, explain=True), found, strict=True):
        assert [p for _, p in top[:3]] == pytest.approx([p for _, p in prediction.top], abs=1e-5)
        assert dict(top)[prediction.top[0][0]] == pytest.approx(prediction.top[0][1], abs=1e-5)
        assert known == prediction.known_words
        if top[0][0] == prediction.top[0][0]:
            for word, change in prediction.pushes:
                assert dict(changes)[word] == pytest.approx(change, abs=1e-5)


def test_the_field_shows_the_answer_of_predict(opened: Opened, project: Path) -> None:
    text = raw_texts(project, "imdb")[0]
    opened.page.select_option("#try-model", "imdb")
    opened.page.fill("#try-text", text)
    opened.page.click("#try-field button.main")
    opened.page.locator("#answer table").wait_for()
    answer = json.loads(run(project, "predict", "imdb", "--json", text))
    shown = opened.texts("#answer tbody tr")
    assert shown[0].split() == [answer["label"], f"{answer['probability']:.4f}"]


def test_activations_are_those_of_keras(opened: Opened) -> None:
    from stages.common.network.backend import keras

    inputs = [-30.0, -3.3, -1.0, -0.1, 0.0, 0.2, 1.0, 2.7, 30.0]
    names = opened.page.evaluate("Object.keys(ACTIVATIONS)")
    assert sorted(names) == ["elu", "gelu", "leaky_relu", "relu", "selu", "sigmoid", "silu", "tanh"]
    for name in names:
        found = opened.page.evaluate("([name, inputs]) => inputs.map(ACTIVATIONS[name])", [name, inputs])
        expected = np.asarray(keras.activations.get(name)(np.array(inputs, np.float32)))
        assert found == pytest.approx(expected.tolist(), abs=2e-6), name


def test_a_cell_leads_to_its_texts(opened: Opened, written: Path) -> None:
    content = content_of(written)
    labels = [line["name"] for line in content["classes"]["mine"]]
    expected, predicted, count = next(cell for cell in content["confusion"]["mine"] if cell[0] != cell[1] and cell[2])
    opened.page.select_option("#model-choice", "mine")
    label = f"expected {labels[expected]}, predicted {labels[predicted]}: "
    opened.page.locator("#confusion [role=gridcell]").and_(
        opened.page.locator(f"[aria-label^={json.dumps(label)}]")
    ).click()
    assert opened.texts("#cell-texts .cell-title") == [f"{labels[expected]}, taken for {labels[predicted]}"]
    facts = opened.page.locator("#cell-texts article .facts").all_text_contents()
    assert 0 < len(facts) <= count
    for fact in facts:
        assert fact.startswith(f"expected {labels[expected]}, predicted {labels[predicted]} with probability")
    assert opened.page.evaluate("document.activeElement.id") == "cell-texts"
    marks = opened.page.locator("#cell-texts mark").all_text_contents()
    assert marks
    assert all(mark == mark.lower() for mark in marks)


def test_a_column_sorts(opened: Opened, written: Path) -> None:
    opened.page.select_option("#model-choice", "reuters")
    supports = [int(line["support"]) for line in content_of(written)["classes"]["reuters"]]
    header = opened.page.locator("#classes th", has_text="Test texts")

    def shown() -> list[int]:
        return [int(text) for text in opened.texts("#classes tbody tr td:last-child")]

    assert shown() == supports
    header.locator("button").click()
    assert shown() == sorted(supports, reverse=True)
    assert header.get_attribute("aria-sort") == "descending"
    header.locator("button").click()
    assert shown() == sorted(supports)
    assert header.get_attribute("aria-sort") == "ascending"
    opened.page.locator("#classes th button", has_text="Class").click()
    names = opened.texts("#classes tbody th")
    assert names == sorted(names)
    assert header.get_attribute("aria-sort") is None


def test_curves_are_switched_on_and_off(opened: Opened) -> None:
    page = opened.page
    page.select_option("#curve-dataset", "reuters")
    lines = page.locator("#curve-chart .mark-line path")
    last = lines.nth(1)
    last.wait_for()
    page.locator("#curve-models input").first.uncheck()
    last.wait_for(state="detached")
    assert lines.count() == 1
    page.get_by_role("button", name="None", exact=True).click()
    lines.first.wait_for(state="detached")
    page.get_by_role("button", name="All", exact=True).click()
    last.wait_for()
    page.select_option("#curve-figure", "roc")
    page.locator("#curve-chart [role=img][aria-label^='ROC of reuters, reuters_integer_labels']").wait_for()
    assert opened.complaints == []


def test_the_keyboard_alone_will_do(chromium: Any, written: Path) -> None:
    opened = Opened(chromium, written)
    page = opened.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "findings"
    page.focus("#model-choice")
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement.getAttribute('role')") != "gridcell":
        page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.className") == "wrong"  # beside the first, which is right
    said = page.evaluate("document.activeElement.ariaLabel")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "cell-texts"
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.ariaLabel") == said
    page.focus("#classes th button")
    page.keyboard.press("Enter")
    assert page.locator("#classes th").first.get_attribute("aria-sort") == "ascending"
    page.focus("#try-text")
    page.keyboard.type("anything")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.locator("#answer table").wait_for()
    opened.context.close()


def test_every_chart_table_and_field_has_its_text(opened: Opened) -> None:
    assert opened.page.locator(".chart").count() >= 5
    texts = opened.page.locator(".chart[role=img]").evaluate_all("charts => charts.map(chart => chart.ariaLabel)")
    assert len(texts) == opened.page.locator(".chart").count()
    assert all(re.search("imdb|reuters|mine|All lie inside", text) for text in texts), texts
    assert opened.page.locator("table:not([role=grid]):not(:has(caption))").count() == 0
    assert opened.page.locator("table:not(:has(th[scope=col]))").count() == 0
    unnamed = "fields => fields.filter(field => field.labels.length === 0).length"
    assert opened.page.locator("input, select, textarea").evaluate_all(unnamed) == 0
    levels = opened.page.locator("h1, h2, h3, h4").evaluate_all("all => all.map(h => Number(h.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


CONTRASTS = """() => {
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const rgb = (colour, below) => {
    canvas.fillStyle = below; canvas.fillRect(0, 0, 1, 1);
    canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const linear = v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => .2126 * linear(r / 255) + .7152 * linear(g / 255) + .0722 * linear(b / 255);
  const ground = node => {
    const above = [];
    for (let at = node; at; at = at.parentElement) above.unshift(getComputedStyle(at).backgroundColor);
    return above.reduce((below, colour) => `rgb(${[...rgb(colour, below)].slice(0, 3).join(" ")})`, "white");
  };
  return [...document.querySelectorAll("main *, header *")]
    .filter(node => node.checkVisibility() && !node.closest("svg")
      && [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim()))
    .map(node => {
      const below = ground(node);
      const [one, other] = [light(rgb(getComputedStyle(node).color, below)), light(rgb(below, below))];
      return [(Math.max(one, other) + .05) / (Math.min(one, other) + .05), node.outerHTML.slice(0, 80)];
    }).filter(([contrast]) => contrast < 4.5);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(chromium: Any, written: Path, scheme: str) -> None:
    """Contrasts of WCAG 2, level AA."""
    opened = Opened(chromium, written, color_scheme=scheme)
    opened.page.select_option("#model-choice", "reuters")
    opened.page.fill("#try-text", "anything at all")
    opened.page.click("#try-field button.main")
    opened.page.locator("#answer table").wait_for()
    assert opened.page.evaluate(CONTRASTS) == []
    opened.context.close()


def test_without_texts_it_still_opens(chromium: Any, copy: Path) -> None:
    shutil.rmtree(copy / "data")
    missing, _ = missing_from(copy)
    expected = "data/vectorized/{0}/word_index.json: not there yet; run `dvc repro vectorize@{0}`"
    assert missing == [expected.format("imdb"), expected.format("reuters")]
    opened = Opened(chromium, copy / "page.html")
    assert "data/vectorized/imdb/word_index.json" in opened.page.locator("#missing").inner_text()
    opened.page.locator("#confusion td.wrong").first.click()
    assert "not in this page" in opened.page.locator("#cell-texts").inner_text()
    assert "No network is in this page" in opened.page.locator("#try").inner_text()
    assert opened.complaints == []
    opened.context.close()


def test_one_model_and_nothing_published(chromium: Any, copy: Path) -> None:
    def fewer(content: Any) -> None:
        content["models"] = {"imdb": content["models"]["imdb"]}
        del content["defaults"]["reuters"]

    def nothing(content: Any) -> None:
        content["published"] = []

    edit_yaml(copy / "params.yaml", fewer)
    edit_yaml(copy / "published.yaml", nothing)
    run(copy, "page", "--no-open", "--out", "page.html")
    opened = Opened(chromium, copy / "page.html")
    assert opened.page.locator("#published").is_hidden()
    assert "Published" not in opened.page.locator("nav").inner_text()
    assert opened.texts("#headline tbody th") == ["imdb"]
    assert opened.complaints == []
    opened.context.close()


def test_the_page_of_serve_answers(chromium: Any, project: Path) -> None:
    text = raw_texts(project, "imdb")[0]
    answer = json.loads(run(project, "predict", "imdb", "--explain", "--json", text))
    with server(project, "imdb") as (address, _):
        for scheme, width in (("light", 1280), ("dark", 390)):
            context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 800})
            page = context.new_page()
            complaints: list[str] = []
            page.on("console", lambda message, into=complaints: into.append(message.text))
            page.goto(address)
            page.fill("#text", text)
            page.click("button")
            page.locator("#answer tr").nth(1).wait_for()
            rows = [row.split() for row in page.locator("#answer tr").all_inner_texts()]
            assert rows[0] == [answer["label"], f"{answer['probability']:.4f}"]
            changes = [
                [push["word"], f"{push['change']:+.4f}".replace("-", "\N{MINUS SIGN}")] for push in answer["explain"]
            ]
            assert rows[2:] == changes
            page.fill("#text", f"zzzz {ATTACK}")
            page.click("button")
            page.get_by_text("knows no word of this text").wait_for()
            assert page.evaluate("document.documentElement.scrollWidth") == width
            assert complaints == []
            context.close()
