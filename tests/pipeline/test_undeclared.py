"""A run fails for what a stage does not declare, and says the line that declares it."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from commands import dvc
from verifying import at_the_start_of, edit_text, param_no_longer_declared


def import_in_a_function(folder: Path) -> None:
    at_the_start_of(folder, "report", "import stages.vectorize.encoding")


def top_import(folder: Path) -> None:
    before = "from stages.report.page import"
    edit_text(folder / "stages" / "report" / "report.py", before, f"import stages.vectorize.encoding\n{before}")


def transitive_import(folder: Path) -> None:
    with open(folder / "stages" / "common" / "drawing" / "figures.py", "a") as file:
        file.write("\nimport stages.vectorize.encoding\n")


def library(folder: Path) -> None:
    at_the_start_of(folder, "render", "import scipy.stats")


def param(folder: Path) -> None:
    at_the_start_of(folder, "report", "print(params.replicates.n)")


def param_kept_in_a_global(folder: Path) -> None:
    path = folder / "stages" / "render.py"
    edit_text(path, "\nFEW = 10", "\nKEPT = []\nFEW = 10")
    at_the_start_of(folder, "render", "KEPT.append(params)")
    edit_text(path, "    names, counts = ", "    print(KEPT[0].seed)\n    names, counts = ")


def params_read_into_a_global(folder: Path) -> None:
    path = folder / "stages" / "render.py"
    edit_text(
        path,
        "\nFEW = 10",
        "\nfrom stages.common.basics.params.reading import load_params\n\nP = load_params()\nFEW = 10",
    )
    edit_text(path, "params.plots", "P.plots")


def data_of_another_dataset(folder: Path) -> None:
    at_the_start_of(folder, "baseline", 'open("data/vectorized/reuters/labels.json").close()')


def mapped_data_of_another_dataset(folder: Path) -> None:
    at_the_start_of(folder, "baseline", 'load_rows("reuters", "test")')


def refusal_that_is_swallowed(folder: Path) -> None:
    code = 'import contextlib\n    with contextlib.suppress(Exception):\n        open("published.yaml").close()'
    at_the_start_of(folder, "render", code)


def written_file(folder: Path) -> None:
    at_the_start_of(folder, "render", 'open("reports/notes.txt", "w").close()')


ENCODING = "add `- stages/vectorize/encoding.py` to `deps` of report in dvc.yaml"


UNDECLARED = [
    (top_import, "report", ENCODING),
    (import_in_a_function, "report", ENCODING),
    (transitive_import, "report", ENCODING),
    (library, "render@imdb", "add `- libraries.statistics` to `params` of render in dvc.yaml"),
    (param, "report", "add `- replicates` to `params` of report in dvc.yaml"),
    (
        param_no_longer_declared,
        "train@imdb",
        "add `- defaults.${item.dataset}.epochs` to `params` of train in dvc.yaml",
    ),
    (param_kept_in_a_global, "render@imdb", "add `- seed` to `params` of render in dvc.yaml"),
    (
        params_read_into_a_global,
        "render@imdb",
        "opens params.yaml: expected it to use its argument `params`",
    ),
    (data_of_another_dataset, "baseline@imdb", "add `- data/vectorized/reuters/labels.json` to `deps` of baseline"),
    (mapped_data_of_another_dataset, "baseline@imdb", "data/vectorized/reuters/test/"),
    (refusal_that_is_swallowed, "render@imdb", "add `- published.yaml` to `deps` of render in dvc.yaml"),
    (written_file, "render@imdb", "add `- reports/notes.txt` to `outs` of render in dvc.yaml"),
]


@pytest.mark.parametrize(("edit", "stage", "line"), UNDECLARED, ids=[edit.__name__ for edit, _, _ in UNDECLARED])
def test_a_run_fails_for_what_is_undeclared(copy: Path, edit: Callable[[Path], None], stage: str, line: str) -> None:
    edit(copy)
    before = (copy / "dvc.lock").read_bytes()
    done = dvc(copy, "repro", "--force", "--single-item", stage, capture_output=True)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    (error,) = re.findall("^error: (.*)$", done.stderr, re.MULTILINE)
    assert error.startswith(f"{stage} ")
    assert line in error
    assert (copy / "dvc.lock").read_bytes() == before
