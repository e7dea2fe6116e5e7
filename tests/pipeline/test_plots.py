"""`dvc plots show` and `dvc plots diff`: every template of ours draws, on a page that needs no network."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commands import dvc
from git_identity import IDENTITY
from ruamel.yaml import YAML

from bagpipe.project.dvc_plots import PAGE, set_up_plots
from bagpipe.scratch.copies import ROOT, environment
from stages.common.basics.artifacts import read_csv, write_csv

TEMPLATES = sorted((ROOT / ".dvc" / "plots").glob("*.json"))
MODELS = ("imdb", "reuters", "reuters_integer_labels")
CHANGED = "reuters"
PATIENCE_MS = 60_000  # for what takes a second or two on a machine with nothing else to do
DIAGNOSES = ("NaN", "Infinity", "undefined", "1.797")  # of a drawing that went wrong


@pytest.fixture(scope="module")
def repository(scratch: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run in Git, and in the workspace other results of one model; to be read only."""
    copy = Path(shutil.copytree(scratch, tmp_path_factory.mktemp("plots") / "repository"))
    (copy / ".gitignore").write_text("/data/\n/.mirror\n", encoding="utf-8")
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message", "run"]):
        subprocess.run(["git", *command], cwd=copy, check=True, env=environment(copy) | IDENTITY)
    (copy / ".dvc" / "config.local").write_text("", encoding="utf-8")
    set_up_plots(copy)
    reports = copy / "reports"
    for path, column in (
        (reports / "models" / CHANGED / "history.csv", "val_loss"),
        (reports / "models" / CHANGED / "replicates.csv", "test_accuracy"),
        (reports / "histories.csv", "val_loss"),
        (reports / "experiments.csv", "test_accuracy"),
    ):
        lines = read_csv(path)
        for line in lines:
            if line.get("model", CHANGED) == CHANGED:
                line[column] = str(float(line[column]) * 0.9)
        write_csv(path, list(lines[0]), [list(line.values()) for line in lines])
    return copy


def run_dvc(folder: Path, *arguments: str) -> str:
    done = dvc(folder, "plots", *arguments, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def plots_in(folder: Path, *arguments: str) -> dict[str, list[dict[str, Any]]]:
    return json.loads(run_dvc(folder, *arguments, "--json", "--split"))["data"]


# Templates


@pytest.mark.parametrize("path", TEMPLATES, ids=[path.stem for path in TEMPLATES])
def test_a_template_has_the_anchors_that_editors_fill_and_is_used(path: Path) -> None:
    template = path.read_text(encoding="utf-8")
    for anchor in ("DATA", "TITLE", "COLOR", "PLOT_WIDTH", "PLOT_HEIGHT", "ZOOM_AND_PAN"):
        assert f'"<DVC_METRIC_{anchor}>"' in template
    assert f"template: {path.stem}," in (ROOT / "dvc.yaml").read_text(encoding="utf-8")


def test_only_tables_are_plots_and_each_has_a_template_and_a_title() -> None:
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"].values()
    plots = [plot for stage in stages for plot in stage.get("do", stage).get("plots", [])]
    assert plots
    for plot in plots:
        ((path, settings),) = plot.items()
        assert path.endswith(".csv")
        assert {"template", "title", "x", "y"} <= settings.keys()


def filled(item: dict[str, Any], by_an_editor: bool) -> str:
    """A plot as DVC's own page gets it, or as VS Code's extension does."""
    anchors = dict(item["anchor_definitions"])
    for length in ("WIDTH", "HEIGHT"):
        anchors[f"<DVC_METRIC_PLOT_{length}>"] = "container" if by_an_editor else 300
    content = json.dumps(item["content"])
    for anchor, value in anchors.items():
        content = content.replace(json.dumps(anchor), json.dumps(value))
    assert "<DVC" not in content
    return content


def everything_else(items: dict[str, list[dict[str, Any]]]) -> None:
    """Change every model's figures in the workspace."""
    for (item,) in items.values():
        for row in item["anchor_definitions"]["<DVC_METRIC_DATA>"]:
            for column in ("val_loss", "true_positive_rate", "test_accuracy", "f1"):
                if row["rev"] == "workspace" and column in row:
                    row[column] = str(float(row[column]) * 0.9)


@pytest.mark.parametrize("view", ["show", "diff", "diff of everything"])
def test_every_plot_is_valid_as_dvc_and_as_an_editor_fill_it(repository: Path, view: str) -> None:
    """DVC's in the oldest Vega-Lite at hand, as that of its own page is old; an editor's in the newest."""
    vl_convert = pytest.importorskip("vl_convert")
    items = plots_in(repository, *(["show"] if view == "show" else ["diff", "HEAD"]))
    assert len(items) == 2 + 4 * len(MODELS) + 4  # of datasets, of models, of all models together
    if view == "diff of everything":
        everything_else(items)
    for name in items.keys() - {name for name in items if "reuters_integer_labels" in name}:
        for by_an_editor, version in ((False, "5.8"), (True, "6.4")):
            svg = vl_convert.vegalite_to_svg(filled(items[name][0], by_an_editor), vl_version=version)
            assert svg.count("<path") > 4, name
            assert not any(word in svg for word in DIAGNOSES), (name, by_an_editor)


# The page


def test_setting_up_keeps_what_a_person_has_set(tmp_path: Path) -> None:
    folder = tmp_path / ".dvc"
    folder.mkdir()
    (folder / "config").write_text("[core]\n    analytics = false\n", encoding="utf-8")
    (folder / "config.local").write_text("[core]\n    no_scm = true\n", encoding="utf-8")
    set_up_plots(tmp_path)
    settings = (folder / "config.local").read_text(encoding="utf-8")
    assert "no_scm = true" in settings
    assert f"html_template = {PAGE}" in settings
    page = folder / PAGE
    written = page.stat().st_mtime_ns
    set_up_plots(tmp_path)
    assert page.stat().st_mtime_ns == written  # for it is the right one
    page.write_text("<!-- of another version -->", encoding="utf-8")
    set_up_plots(tmp_path)
    assert "{plot_divs}" in page.read_text(encoding="utf-8")
    (folder / "config.local").write_text("[plots]\n    html_template = mine.html\n", encoding="utf-8")
    set_up_plots(tmp_path)
    assert "mine.html" in (folder / "config.local").read_text(encoding="utf-8")


def test_the_page_asks_the_network_for_nothing_and_git_for_no_room(repository: Path) -> None:
    run_dvc(repository, "show")
    assert "cdn.jsdelivr.net" not in (repository / "dvc_plots" / "index.html").read_text(encoding="utf-8")
    done = subprocess.run(["git", "check-ignore", f".dvc/{PAGE}"], cwd=repository, env=environment(repository))
    assert done.returncode == 0


def test_without_it_dvcs_own_page_is_used(repository: Path, tmp_path: Path) -> None:
    """As in a fresh clone or a new worktree, which have neither the page nor its setting."""
    fresh = Path(shutil.copytree(repository, tmp_path / "fresh", ignore=shutil.ignore_patterns(PAGE, "config.local")))
    run_dvc(fresh, "show")
    assert "cdn.jsdelivr.net" in (fresh / "dvc_plots" / "index.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("no Chromium here")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("view", [("show",), ("diff", "HEAD")], ids=["show", "diff"])
def test_plots_draw_without_the_network(repository: Path, browser: Any, view: tuple[str, ...], width: int) -> None:
    run_dvc(repository, *view)
    with browser.new_context(offline=True, viewport={"width": width, "height": 900}) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        requests, complaints = [], []
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
        uri = (repository / "dvc_plots" / "index.html").as_uri()
        page.goto(uri)
        page.evaluate("() => window.drawn.then(() => true)")  # fails if a plot does
        assert requests == [uri]
        assert complaints == []
        assert page.locator("svg.marks").count() == 2 + 4 * len(MODELS) + 4
        assert page.locator("h2").all_text_contents() == ["All models", "imdb", "reuters"]
        folded = page.locator("main > details:not([open]) > summary").all_text_contents()
        same = [f"{name}: nothing differs" for name in MODELS if name != CHANGED]
        assert folded == (same if view[0] == "diff" else [])
        assert page.locator("#revisions").is_visible() == (view[0] == "diff")
        assert page.evaluate("document.documentElement.scrollWidth") == width
        sizes = page.locator("main > details[open] svg.marks").evaluate_all(
            "drawn => drawn.map((svg) => svg.clientWidth)"
        )
        assert all(width / 4 < size <= width for size in sizes)
