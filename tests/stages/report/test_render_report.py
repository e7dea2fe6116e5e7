"""Pictures, long tables and the page of results; and that README.md and dvc.yaml tell the same story."""

import csv
import itertools
import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import dvc
from editing import edit_yaml
from made_up_answers import answers_of
from ruamel.yaml import YAML
from sklearn.metrics import precision_recall_fscore_support

from bagpipe.scratch.copies import ROOT
from stages.common.basics.answers import read_answers, write_answers
from stages.common.basics.artifacts import write_csv
from stages.common.basics.declared import source_of
from stages.common.basics.errors import UserError
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import ordered_models
from stages.common.basics.params.reading import PARAMS_FILE, load_params
from stages.common.judging.published import PUBLISHED_FILE
from stages.render import render
from stages.report.report import class_figures, report
from stages.report.tables import NO_BREAK

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
        drawn = {kind: (reports / "models" / name / "plots" / f"{kind}.png").read_bytes() for kind in PICTURES}
        for kind in PICTURES:
            (reports / "models" / name / "plots" / f"{kind}.png").unlink()
        render(params, name)
        assert {
            kind: (reports / "models" / name / "plots" / f"{kind}.png").read_bytes() for kind in PICTURES
        } == drawn


def test_pictures_depend_on_what_they_show(reports: Path, params: Params) -> None:
    """Lest the same bytes be those of an empty picture."""
    folder = reports / "models" / "imdb"
    before = {kind: (folder / "plots" / f"{kind}.png").read_bytes() for kind in PICTURES}
    assert len(set(before.values())) == len(PICTURES)
    for name in ("history", "curves"):
        shutil.copy(reports / "models" / "reuters" / f"{name}.csv", folder / f"{name}.csv")
    table = folder / "confusion.csv"
    table.write_text(
        "actual,predicted,count\nnegative,negative,3\npositive,negative,5\npositive,positive,0\n", encoding="utf-8"
    )
    render(params, "imdb")
    for kind in PICTURES:
        assert (folder / "plots" / f"{kind}.png").read_bytes() != before[kind]


def test_plot_settings_are_obeyed(reports: Path, params: Params) -> None:
    width, height = png_size(reports / "models" / "imdb" / "plots" / "loss.png")
    finer = params.plots.model_copy(update={"dpi": 2 * params.plots.dpi})
    render(params.model_copy(update={"plots": finer}), "imdb")
    assert png_size(reports / "models" / "imdb" / "plots" / "loss.png") == pytest.approx(
        (2 * width, 2 * height), abs=4
    )


def test_the_overview_shows_runs_under_other_seeds_and_published_figures(reports: Path, params: Params) -> None:
    picture = reports / "overview.png"
    width, _ = png_size(picture)
    assert width >= 830  # pixels, as wide as GitHub shows it
    drawn = [picture.read_bytes()]
    path = reports / "models" / "reuters" / "replicates.csv"
    lines = [{**line, "test_accuracy": "0.5"} for line in lines_of(path)]
    write_csv(path, list(lines[0]), (line.values() for line in lines))
    report(params)
    drawn.append(picture.read_bytes())

    def publish(content: Any) -> None:
        for entry in content["published"]:
            entry["best_possible"] = False

    edit_yaml(reports.parent / PUBLISHED_FILE, publish)
    report(params)
    drawn.append(picture.read_bytes())
    assert len(set(drawn)) == 3


# The page


def test_what_the_last_stage_writes_is_the_same_each_time(reports: Path, params: Params) -> None:
    written = {path: path.read_bytes() for path in reports.iterdir() if path.is_file()}
    assert len(written) == 11
    for path in written:
        path.unlink()
    report(params)
    assert {path: path.read_bytes() for path in reports.iterdir() if path.is_file()} == written


def test_every_model_is_on_the_page_with_its_figures(reports: Path, params: Params) -> None:
    page = (reports / "README.md").read_text(encoding="utf-8")
    for name in params.models:
        test = json.loads((reports / "models" / name / "metrics.json").read_text(encoding="utf-8"))["test"]
        rows = [line for line in page.splitlines() if line.startswith("|") and f"`{name}`" in line]
        assert any(f" {test['loss']:.4f} " in row and f" {test['accuracy']:.4f} " in row for row in rows)


def test_published_figures_stand_beside_ours(reports: Path, params: Params) -> None:
    """A published test accuracy of 0.5000, and a mean of 0.75 over seeds."""

    def publish(content: dict) -> None:
        (entry,) = (entry for entry in content["published"] if entry["of"] == "imdb")
        entry["value"] = "0.5000"
        del entry["best_possible"]

    edit_yaml(reports.parent / PUBLISHED_FILE, publish)
    path = reports / "models" / "imdb" / "replicates.csv"
    lines = [{**line, "test_accuracy": str(0.74 + 0.02 * place)} for place, line in enumerate(lines_of(path))]
    write_csv(path, list(lines[0]), (line.values() for line in lines))
    report(params)
    page = text_of(reports)
    assert re.search(r"^\| \[`imdb`\]\(#model-imdb\) \| 0\.7500 ± 0\.0141 \| 0\.5000 \|", page, re.MULTILINE)
    assert re.search(r"^\| test accuracy \| 0\.5000 \| 0\.7500 ± 0\.0141 \|", page, re.MULTILINE)
    assert not re.search(r"validation\.|test\.(loss|acc)|_epoch", page)


def make_up_runs(reports: Path, model: str, accuracies: list[float]) -> None:
    """Write the files of replicates, as if their accuracies on 1,000 test texts, and macro F1, were these."""
    folder = reports / "models" / model
    first = lines_of(folder / "replicates.csv")[0]
    test_set = read_answers(folder / "errors.npz").test_set
    answers = answers_of(dict(enumerate(accuracies, 1001)), texts=1_000, test_set=test_set)
    lines = [
        {**first, "seed": seed, "test_accuracy": accuracy, "test_macro_f1": accuracy}
        for seed, accuracy in enumerate(accuracies, 1001)
    ]
    write_csv(folder / "replicates.csv", list(first), (line.values() for line in lines))
    write_answers(folder / "errors.npz", answers)


def test_the_page_says_what_is_true_of_made_up_runs(reports: Path, params: Params) -> None:
    """Runs of which every verdict is known: the same, better, and worse than the baseline."""
    for name in ("reuters", "reuters_integer_labels"):
        make_up_runs(reports, name, [0.5, 0.52] * 5)
    report(params)
    page = text_of(reports)
    assert re.search(r"^\| \[`reuters_integer_labels`.*\| the same runs \|$", page, re.MULTILINE)
    make_up_runs(reports, "reuters_integer_labels", [0.6 + 0.001 * place for place in range(10)])
    report(params)
    page = text_of(reports)
    assert "On reuters, `reuters_integer_labels` (0.6045) is better than `reuters` (0.5100), by " in page
    assert re.search(
        r"^\| \[`reuters_integer_labels`.*\| \+9\.45 \(.*\| <0\.001 \| better \| \+9\.45 \(.*\) \| better \|$",
        page,
        re.MULTILINE,
    )
    assert re.search(
        r"`reuters`: the highest mean of 2 networks is 0\.6045 \(`reuters_integer_labels`\), below", page
    )


def test_answers_on_another_test_set_are_refused(reports: Path, params: Params) -> None:
    path = reports / "models" / "imdb" / "errors.npz"
    write_answers(path, read_answers(path)._replace(test_set="another"))
    with pytest.raises(
        UserError, match=r"^replicate@imdb: expected answers on the test set that the baselines have; "
    ):
        report(params)


def test_what_replicates_and_baselines_got_wrong_adds_up(reports: Path, params: Params) -> None:
    """errors.npz beside the figures that come from the same runs; both of the same texts."""
    for name, model in params.models.items():
        answers = read_answers(reports / "models" / name / "errors.npz")
        lines = lines_of(reports / "models" / name / "replicates.csv")
        assert list(answers.runs) == [line["seed"] for line in lines]
        for values, column in ((1 - answers.wrong.mean(axis=1), "accuracy"), (answers.macro_f1, "macro_f1")):
            np.testing.assert_allclose(values, [float(line[f"test_{column}"]) for line in lines], atol=1e-6)
        baselines = read_answers(reports / "datasets" / model.dataset / "errors.npz")
        assert baselines.test_set == answers.test_set
        figures = json.loads((reports / "datasets" / model.dataset / "baselines.json").read_text(encoding="utf-8"))
        accuracies = dict(zip(baselines.runs, 1 - baselines.wrong.mean(axis=1), strict=True))
        assert accuracies == pytest.approx({run: figures[run]["accuracy"] for run in accuracies}, abs=1e-6)
        assert figures.keys() - accuracies.keys() == {"expected_of_shuffling"}


def test_damaged_answers_are_named(reports: Path, params: Params) -> None:
    path = reports / "models" / "imdb" / "errors.npz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match=r"^reports/models/imdb/errors\.npz: expected which test texts"):
        report(params)


def test_figures_of_other_settings_are_not_judged(reports: Path, params: Params) -> None:
    def settle(content: dict) -> None:
        for entry in content["published"]:
            del entry["best_possible"]
        content["settings"] = {"models": {"imdb": {"dataset": "imdb", "hidden": [96, 96]}}}

    edit_yaml(reports.parent / PUBLISHED_FILE, settle)
    report(params)
    said = "1 published figure belongs to other settings and is not judged: `models.imdb.hidden` is [16, 16] here and"
    assert f"{said} [96, 96] there." in text_of(reports)
    judged = json.loads((reports / "reproduction.json").read_text(encoding="utf-8"))
    assert judged.keys() == {"reuters", "reuters_integer_labels"}
    beside = re.findall(r"^\| \[`imdb`\].*", text_of(reports), re.MULTILINE)[0]
    assert "±" in beside
    assert not re.search(r"\| 0\.\d+ \|", beside)  # nothing published


def text_of(reports: Path) -> str:
    """The page, with ordinary spaces."""
    return (reports / "README.md").read_text(encoding="utf-8").replace(NO_BREAK, " ")


@pytest.mark.parametrize("page", ["reports/README.md", "README.md"])
def test_links_of_the_committed_pages_lead_somewhere(page: str) -> None:
    path = ROOT / page
    if not path.exists():
        pytest.skip(f"no {page} here")
    assert_links_resolve(path)


def test_links_of_a_new_page_lead_somewhere(reports: Path) -> None:
    assert_links_resolve(reports / "README.md")


@pytest.mark.parametrize("broken", ["[x](#model-nothing)", "![x](no.png)", "[x](classes.csv#2)", "[x](#results-1)"])
def test_a_link_that_leads_nowhere_is_found(reports: Path, broken: str) -> None:
    path = reports / "README.md"
    with open(path, "a", encoding="utf-8") as page:
        page.write(f"\n{broken}\n")
    with pytest.raises(AssertionError):
        assert_links_resolve(path)


def anchors(page: str) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    found: list[str] = []
    for heading in re.findall(r"^#+ (.+?) *$", re.sub(r"^```.*?^```", "", page, flags=re.M | re.S), re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.append(f"{anchor}-{found.count(anchor)}" if anchor in found else anchor)
    return set(found)


def assert_links_resolve(path: Path) -> None:
    """Follow links and pictures, to headings of other pages, too."""
    links = re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8"))
    assert links
    for link in links:
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), link


# The long tables


def lines_of(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(("table", "name"), [("histories", "history"), ("curves", "curves")])
def test_a_long_table_has_the_lines_of_every_model(reports: Path, params: Params, table: str, name: str) -> None:
    expected = [
        {"dataset": params.models[model].dataset, "model": model, **line}
        for model in ordered_models(params)
        for line in lines_of(reports / "models" / model / f"{name}.csv")
    ]
    assert lines_of(reports / f"{table}.csv") == expected


def test_experiments_are_the_test_accuracies_of_the_replicates(reports: Path, params: Params) -> None:
    expected = [
        (params.models[model].dataset, model, line["seed"], line["test_accuracy"])
        for model in ordered_models(params)
        for line in lines_of(reports / "models" / model / "replicates.csv")
    ]
    assert [tuple(line.values()) for line in lines_of(reports / "experiments.csv")] == expected


def test_classes_are_those_of_the_stored_predictions(reports: Path, params: Params) -> None:
    found = lines_of(reports / "classes.csv")
    for model in params.models:
        dataset = params.models[model].dataset
        names, data = params.datasets[dataset].labels, reports.parent / "data"
        labels = np.load(data / "vectorized" / dataset / "test" / "labels.npy")
        probabilities = np.load(data / "predictions" / f"{model}.npy")
        binary = probabilities.shape[1] == 1
        predicted = (probabilities[:, 0] > 0.5).astype(int) if binary else probabilities.argmax(axis=1)
        lines = [line for line in found if line["model"] == model]
        assert [(line["dataset"], line["label"], line["name"]) for line in lines] == [
            (dataset, str(label), name) for label, name in enumerate(names)
        ]
        expected = precision_recall_fscore_support(labels, predicted, labels=range(len(names)), zero_division=0)
        for column, values in zip(("precision", "recall", "f1", "support"), expected, strict=True):
            np.testing.assert_allclose([float(line[column]) for line in lines], values, atol=1e-6)


def test_figures_of_classes() -> None:
    counts = [("a", "a", 2), ("a", "b", 1), ("b", "b", 1), ("c", "c", 0)]
    table = [{"actual": actual, "predicted": predicted, "count": str(count)} for actual, predicted, count in counts]
    assert list(class_figures(table)) == [
        (0, "a", 1.0, 0.666667, 0.8, 3),
        (1, "b", 0.5, 1.0, 0.666667, 1),
        (2, "c", 0.0, 0.0, 0.0, 0),  # a class that does not occur
    ]


# README.md's diagram, and dvc.yaml

Edges = set[tuple[str, str]]


def arrows(text: str) -> Edges:
    """The arrows of a Mermaid diagram, chains and `A & B` included, as pairs of names without @key."""
    edges = set()
    for line in text.splitlines():
        groups = [re.findall(r"(?:^|&)\s*([a-z_]+)", part) for part in line.split("-->")]
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
    names = dict(re.findall(r'(node\d+)\["([a-z_]+)', done.stdout))
    return {(names[a], names[b]) for a, b in re.findall(r"(node\d+)-->(node\d+)", done.stdout)}


def test_the_readmes_diagram_is_that_of_dvc_yaml(pipeline: Edges) -> None:
    path = ROOT / "README.md"
    assert pipeline
    assert arrows(mermaid(path.read_text(encoding="utf-8"))) == pipeline


def test_dvc_yaml_names_no_model_and_no_dataset() -> None:
    """A line of params.yaml is all that a new one needs."""
    params = load_params(ROOT / PARAMS_FILE)
    words = set(re.findall(r"\w+", json.dumps(DVC_YAML)))
    assert not words & {*params.models, *params.datasets}


@pytest.mark.parametrize("stage", DVC_YAML["stages"])
def test_templates_of_plots_are_there(stage: str) -> None:
    definition = DVC_YAML["stages"][stage]
    plots = [plot for plot in definition.get("do", definition).get("plots", []) if isinstance(plot, dict)]
    templates = {settings["template"] for plot in plots for settings in plot.values() if "template" in settings}
    known = {path.stem for path in (ROOT / ".dvc" / "plots").glob("*.json")}
    assert templates <= known


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
def test_a_stage_depends_on_the_modules_that_it_imports_and_no_others(stage: str) -> None:
    """DVC does not follow imports: what is not listed can change without the stage running again."""
    definition = DVC_YAML["stages"][stage]
    deps = [dep for dep in definition.get("do", definition)["deps"] if dep.startswith("stages/")]
    imported = imported_modules(source_of(stage)) | imported_modules(Path("stages/__main__.py"))
    imported -= {"stages/__main__.py"}  # which only calls the rest
    for module in imported:
        assert any(Path(module).is_relative_to(dep) for dep in deps), module
    for dep in deps:
        assert any(Path(module).is_relative_to(dep) for module in imported), dep
