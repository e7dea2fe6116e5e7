"""The null study: what it tries, what it declares, and that DVC knows when it is stale."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import bagpipe, dvc
from editing import edit_yaml
from reproducing import python
from studying import STUDY, copy_studies
from verifying import edit_text

from bagpipe.scratch.copies import ROOT, copy_project


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project and its committed runs, without data, where the study has run on two tries; to be read only."""
    folder = tmp_path_factory.mktemp("studied")
    copy_project(folder)
    copy_studies(folder)
    for name in ("datasets", "models"):
        shutil.copytree(ROOT / "reports" / name, folder / "reports" / name)
    done = dvc(folder, "repro", "--single-item", "studies/dvc.yaml", capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def project(studied: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(studied, tmp_path / "project"))


def is_stale(folder: Path) -> bool:
    done = dvc(folder, "status", "--json", "studies/dvc.yaml", capture_output=True)
    assert done.returncode == 0, done.stderr
    return STUDY in json.loads(done.stdout)


def append_comment(name: str) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        with open(folder / name, "a", encoding="utf-8") as file:
            file.write("# one more comment\n")

    return edit


def another_run(folder: Path) -> None:
    path = folder / "reports" / "models" / "imdb" / "replicates.csv"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]) + "\n")


def set_param(section: str, key: str, value: object) -> Callable[[Path], None]:
    return lambda folder: edit_yaml(folder / "params.yaml", lambda params: params[section].update({key: value}))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        pytest.param(append_comment("stages/common/judging/comparison.py"), True, id="what judges"),
        pytest.param(append_comment("stages/report/tables.py"), True, id="what the report compares"),
        pytest.param(append_comment("studies/null_study.py"), True, id="the study"),
        pytest.param(append_comment("studies/worlds.py"), True, id="a module of it"),
        pytest.param(append_comment("stages/common/judging/new_texts.py"), True, id="what judges on new texts"),
        pytest.param(append_comment("published.yaml"), True, id="what is published"),
        pytest.param(another_run, True, id="the runs"),
        pytest.param(set_param("verdicts", "negligible", 0.1), True, id="a margin"),
        pytest.param(append_comment("stages/train.py"), False, id="what trains"),
        pytest.param(set_param("plots", "dpi", 50), False, id="a param of plots"),
        pytest.param(lambda folder: None, False, id="nothing"),
    ],
)
def test_dvc_status_names_the_study_after_an_edit(
    project: Path, edit: Callable[[Path], None], expected: bool
) -> None:
    edit(project)
    assert is_stale(project) == expected


@pytest.mark.slow
def test_the_page_is_the_same_bytes_each_time(project: Path) -> None:
    path = project / "reports" / "null_study.md"
    before = path.read_bytes()
    path.unlink()
    done = python(project, "-m", "studies", "null_study")
    assert (done.returncode, done.stderr) == (0, "")
    assert path.read_bytes() == before
    assert before.decode().startswith("# How often the verdicts are wrong")


@pytest.mark.slow
@pytest.mark.parametrize("command", [bagpipe, dvc])
def test_what_brings_the_pipeline_up_to_date_leaves_the_study_alone(project: Path, command: Any) -> None:
    append_comment("studies/null_study.py")(project)
    done = command(project, "repro", "--dry", capture_output=True)
    assert "download@imdb" in done.stdout
    assert "null_study" not in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("given = read_given(params)", 'open("params.yaml")', "opens params.yaml: expected it to use its argument"),
        ("given = read_given(params)", "params.plots", "reads plots of params.yaml, which it does not declare"),
        (
            "import math",
            "import stages.common.drawing.figures",
            "reads stages/common/drawing/figures.py, which it does not declare",
        ),
        ("import math", "import sklearn", "imports sklearn, which it does not declare"),
        ('HERE.reports / "null_study.md"', 'HERE.reports / "x.md"', "writes reports/.x.md.partial, which it does"),
    ],
    ids=["a file", "a param", "a module", "a library", "an out"],
)
def test_the_study_can_use_only_what_it_declares(project: Path, old: str, new: str, said: str) -> None:
    indent = "    " if old.startswith("given") else ""
    added = new if old.startswith("HERE") else f"{new}\n{indent}{old}"
    edit_text(project / "studies" / "null_study.py", old, added)
    done = python(project, "-m", "studies", STUDY)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"error: {STUDY} {said}")


@pytest.mark.slow
def test_an_unknown_study(project: Path) -> None:
    done = python(project, "-m", "studies", "power_study")
    expected = "error: studies/dvc.yaml: expected a study, one of null_study; found 'power_study'\n"
    assert (done.returncode, done.stderr) == (1, expected)
