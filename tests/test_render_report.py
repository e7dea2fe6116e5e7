"""Pictures and the page of results, and that the page, README.md and dvc.yaml tell the same story."""

import itertools
import json
import re
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from stages.bagpipe.scratch import ROOT, dvc
from stages.common.params import PARAMS_FILE, Params, load_params
from stages.render import render
from stages.report import DIAGRAM, report

PICTURES = ("loss", "accuracy", "confusion", "roc")
DVC_YAML = YAML(typ="safe").load(ROOT / "dvc.yaml")


@pytest.fixture
def reports(copy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The reports of a finished run, in the current folder; to be changed."""
    monkeypatch.chdir(copy)
    return copy / "reports"


@pytest.fixture
def params(reports: Path) -> Params:
    return load_params(reports.parent / PARAMS_FILE)


# Pictures


def png_size(path: Path) -> tuple[int, int]:
    """Width and height of a PNG in pixels, from its first chunk."""
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(content[16:20]), int.from_bytes(content[20:24])


def test_render_draws_the_same_bytes_each_time(reports: Path, params: Params) -> None:
    for name in ("imdb", "reuters"):
        drawn = {kind: (reports / name / f"{kind}.png").read_bytes() for kind in PICTURES}
        for kind in PICTURES:
            (reports / name / f"{kind}.png").unlink()
        render(params, name)
        assert {kind: (reports / name / f"{kind}.png").read_bytes() for kind in PICTURES} == drawn


def test_pictures_depend_on_what_they_show(reports: Path, params: Params) -> None:
    """Lest the same bytes be those of an empty picture."""
    folder = reports / "imdb"
    before = {kind: (folder / f"{kind}.png").read_bytes() for kind in PICTURES}
    assert len(set(before.values())) == len(PICTURES)
    for name in ("history", "roc", "confusion"):
        shutil.copy(reports / "reuters" / f"{name}.csv", folder / f"{name}.csv")
    table = folder / "confusion.csv"
    table.write_text("actual,predicted,count\nnegative,negative,3\npositive,negative,5\n", encoding="utf-8")
    render(params, "imdb")
    for kind in PICTURES:
        assert (folder / f"{kind}.png").read_bytes() != before[kind]


def test_plot_settings_are_obeyed(reports: Path, params: Params) -> None:
    width, height = png_size(reports / "imdb" / "loss.png")
    finer = params.plots.model_copy(update={"dpi": 2 * params.plots.dpi})
    render(params.model_copy(update={"plots": finer}), "imdb")
    assert png_size(reports / "imdb" / "loss.png") == pytest.approx((2 * width, 2 * height), abs=4)


# The page


def test_the_page_is_what_the_last_stage_writes_each_time(reports: Path) -> None:
    written = (reports / "README.md").read_bytes()
    (reports / "README.md").unlink()
    report()
    assert (reports / "README.md").read_bytes() == written


def test_every_model_is_on_the_page_with_its_figures(reports: Path, params: Params) -> None:
    page = (reports / "README.md").read_text(encoding="utf-8")
    for name in params.models:
        test = json.loads((reports / name / "metrics.json").read_text(encoding="utf-8"))["test"]
        rows = [line for line in page.splitlines() if line.startswith("|") and f"`{name}`" in line]
        assert any(f" {test['loss']:.4f} " in row and f" {test['accuracy']:.4f} " in row for row in rows)


def test_published_figures_stand_beside_ours_with_the_difference(reports: Path) -> None:
    """A published test accuracy of 0.5 and a reached one of 0.75 differ by +0.2500."""
    path = reports.parent / PARAMS_FILE
    text = path.read_text(encoding="utf-8")
    path.write_text(
        text.replace("figure: test.accuracy, value: 0.8824", "figure: test.accuracy, value: 0.5"), "utf-8"
    )
    assert path.read_text(encoding="utf-8") != text
    metrics = json.loads((reports / "imdb" / "metrics.json").read_text(encoding="utf-8"))
    metrics["test"]["accuracy"] = 0.75
    (reports / "imdb" / "metrics.json").write_text(json.dumps(metrics), encoding="utf-8")
    report()
    page = (reports / "README.md").read_text(encoding="utf-8")
    assert re.search(r"^\|.*`imdb`.* 0\.5000 +\| +0\.7500 +\| +\+0\.2500 ", page, re.MULTILINE)


@pytest.mark.parametrize("page", ["reports/README.md", "README.md"])
def test_links_of_the_committed_pages_lead_somewhere(page: str) -> None:
    path = ROOT / page
    if not path.exists():
        pytest.skip(f"no {page} here")
    assert_links_resolve(path)


def test_links_of_a_new_page_lead_somewhere(reports: Path) -> None:
    assert_links_resolve(reports / "README.md")


def assert_links_resolve(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    anchors = {heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", page, re.MULTILINE)}
    links = re.findall(r"\]\(([^)\s]+)\)", page)
    assert links
    for link in links:
        if link.startswith("#"):
            assert link[1:] in anchors, link
        elif "://" not in link:
            assert (path.parent / link.partition("#")[0]).exists(), link


# The diagram and dvc.yaml

Edges = set[tuple[str, str]]


def arrows(text: str) -> Edges:
    """The arrows of a Mermaid diagram, chains and `A & B` included, as pairs of names without @key."""
    edges = set()
    for line in text.splitlines():
        groups = [re.findall(r"(?:^|&)\s*([a-z]+)", part) for part in line.split("-->")]
        for starts, ends in itertools.pairwise(groups):
            edges |= set(itertools.product(starts, ends))
    return edges


def mermaid(text: str) -> str:
    """The first Mermaid diagram of a page."""
    found = re.search(r"```mermaid\n(.*?)```", text, re.DOTALL)
    return found.group(1) if found else ""


@pytest.fixture
def pipeline(copy: Path) -> Edges:
    """The edges of dvc.yaml as DVC itself draws them."""
    done = dvc(copy, "dag", "--md", "--collapse-foreach-matrix", capture_output=True)
    assert done.returncode == 0, done.stderr
    names = dict(re.findall(r'(node\d+)\["([a-z]+)', done.stdout))
    return {(names[a], names[b]) for a, b in re.findall(r"(node\d+)-->(node\d+)", done.stdout)}


def test_the_reports_diagram_is_that_of_dvc_yaml(pipeline: Edges) -> None:
    assert pipeline
    assert arrows(DIAGRAM) == pipeline


def test_the_readmes_diagram_is_that_of_dvc_yaml(pipeline: Edges) -> None:
    path = ROOT / "README.md"
    diagram = mermaid(path.read_text(encoding="utf-8")) if path.exists() else ""
    if not diagram:
        pytest.skip("README.md draws no diagram")
    assert arrows(diagram) == pipeline


def test_the_report_depends_on_every_model() -> None:
    folders = {dep for dep in DVC_YAML["stages"]["report"]["deps"] if dep.startswith("reports/")}
    assert {f"reports/{name}" for name in load_params(ROOT / PARAMS_FILE).models} <= folders


def written_files() -> set[str]:
    """What dvc.yaml says the stages of each model write."""
    files = set()
    for stage in DVC_YAML["stages"].values():
        for entry in [*stage.get("do", {}).get("plots", []), *stage.get("do", {}).get("metrics", [])]:
            path = entry if isinstance(entry, str) else next(iter(entry))
            files |= {path.replace("${key}", name) for name in load_params(ROOT / PARAMS_FILE).models}
    return files


def test_overlaid_plots_show_files_that_stages_write() -> None:
    files = written_files()
    overlaid = [entry for plot in DVC_YAML.get("plots", []) for entry in plot.values()]
    assert overlaid
    for plot in overlaid:
        assert plot["y"]
        assert set(plot["y"]) <= files


def test_every_model_is_in_an_overlaid_plot() -> None:
    shown = {path for plot in DVC_YAML.get("plots", []) for entry in plot.values() for path in entry["y"]}
    assert {f"reports/{name}/history.csv" for name in load_params(ROOT / PARAMS_FILE).models} <= shown


def imported_modules(module: Path) -> set[str]:
    """The project's modules that a module imports, directly or not, itself included; as paths."""
    found, waiting = set(), [module]
    while waiting:
        path = waiting.pop()
        if path in found:
            continue
        found.add(path)
        names = re.findall(
            r"^\s*(?:from|import) (stages[\w.]*)", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE
        )
        candidates = [Path(name.replace(".", "/")).with_suffix(".py") for name in names]
        waiting += [candidate for candidate in candidates if (ROOT / candidate).is_file()]
    return {path.as_posix() for path in found}


@pytest.mark.parametrize("stage", DVC_YAML["stages"])
def test_a_stage_depends_on_every_module_that_it_imports(stage: str) -> None:
    """DVC does not follow imports: what is not listed can change without the stage running again."""
    definition = DVC_YAML["stages"][stage]
    deps = {dep for dep in definition.get("do", definition)["deps"] if dep.endswith(".py")}
    assert deps == imported_modules(Path("stages") / f"{stage}.py")
