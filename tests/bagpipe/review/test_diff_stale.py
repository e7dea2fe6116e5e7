"""What `bagpipe diff` cannot judge: replicates that are stale, or not there."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from commands import dvc
from diff_project import (
    HIGHER_ACCURACY,
    OLD_ACCURACY,
    Project,
    cells,
    content,
    diff,
    git,
    make_project,
    metric,
    verdict,
)
from made_up_answers import answers_of

from stages.common.basics.answers import pack_answers


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("COLUMNS", "200")
    return make_project(tmp_path / "project", monkeypatch)


def edit_param(project: Project) -> None:
    project.params["models"]["one"]["hidden"] = [32, 32]
    project.write(run=False)


def edit_code(project: Project) -> None:
    project.put("stages/common/network/layers.py", "# another\n")


def add_code(project: Project) -> None:
    project.put("stages/common/basics/another.py", "")


def edit_replicates(project: Project) -> None:
    path = project.folder / "reports/models/one/replicates.csv"
    path.write_text(path.read_text().replace("0.79", "0.99"))


def edit_answers(project: Project) -> None:
    path = project.folder / "reports/models/one/errors.npz"
    path.write_bytes(pack_answers(answers_of(HIGHER_ACCURACY)))


def edit_data(project: Project) -> None:
    project.lock["vectorize@films"]["outs"][0]["md5"] = "another"
    project.write(run=False)


def edit_param_of_data(project: Project) -> None:
    project.params["datasets"]["films"]["num_words"] = 50
    project.write(run=False)


def edit_code_of_data(project: Project) -> None:
    project.put("stages/vectorize/vectorize.py", "# another\n")


def edit_raw_data(project: Project) -> None:
    project.raw["films"] = "another.dir"
    project.write(run=False)


def forget_data(project: Project) -> None:
    del project.lock["vectorize@films"]
    project.write(run=False)


def forget_stage(project: Project) -> None:
    del project.lock["replicate@one"]
    project.write(run=False)


@pytest.mark.parametrize(
    ("edit", "changed"),
    [
        (edit_param, "models.one.hidden"),
        (edit_code, "stages/common"),
        (add_code, "stages/common"),
        (edit_replicates, "reports/models/one/replicates.csv"),
        (edit_answers, "reports/models/one/errors.npz"),
        (edit_data, "data/vectorized/films"),
        (edit_param_of_data, "datasets.films.num_words"),
        (edit_code_of_data, "stages/vectorize/vectorize.py"),
        (edit_raw_data, "data/raw/films"),
        (forget_data, "data/vectorized/films"),
        (forget_stage, "replicate@one"),
    ],
)
@pytest.mark.parametrize("committed", [False, True])
def test_replicates_of_other_params_code_or_data_are_stale(
    project: Project, edit: Callable[[Project], None], changed: str, committed: bool
) -> None:
    edit(project)
    arguments = ("HEAD~1", project.commit_files()) if committed else ()
    row = verdict("one", *arguments)
    assert row["verdict"] == "replicates are stale: `dvc repro replicate@one`"
    assert row["changed"] == changed
    assert "p" not in row
    assert cells("one", *arguments) == ["one", "stale"]
    assert f"`{changed}` is not " in diff(*arguments).stdout
    assert diff(*arguments).exit_code == 0
    done = diff(*arguments, "--fail-on", "worse")
    assert done.exit_code == 1
    assert re.fullmatch(r"error: replicates are stale: `dvc repro replicate@one[^`]*`\n", done.stderr)
    if committed:
        assert verdict("one", arguments[1], arguments[0])["verdict"] == row["verdict"]  # the other way round


def test_what_git_ignores_and_python_leaves_makes_nothing_stale(project: Project) -> None:
    project.put(".gitignore", "*.log\n")
    for name in ("__pycache__/network.cpython-311.pyc", "basics/run.log"):
        project.put(f"stages/common/{name}", "")
    assert content()["verdicts"] == []


def test_a_figure_of_a_model_with_stale_replicates_is_not_marked(project: Project) -> None:
    edit_param(project)
    project.put("reports/models/one/metrics.json", {"test": {"loss": 0.9, "accuracy": 0.7}})
    row = metric("one", "test.loss")
    assert row["verdict"] == "replicates are stale: `dvc repro replicate@one`"
    assert "p" not in row
    assert re.search(r"^one +test\.loss +0\.5 +0\.9 +\+0\.40000 +stale$", diff().stdout, re.MULTILINE)


@pytest.mark.parametrize(("before", "after"), [(None, OLD_ACCURACY), (OLD_ACCURACY, None), ([0.5], OLD_ACCURACY)])
def test_without_replicates_on_both_sides_it_says_so(
    project: Project, before: list[float] | None, after: list[float] | None
) -> None:
    for accuracies in (before, after):
        project.reports.pop("models/one/replicates.csv", None)
        if accuracies:
            project.replicates("one", accuracies)
        project.commit()
    row = verdict("one", "HEAD~1", "HEAD")
    assert row["verdict"] == "no replicates: `dvc repro replicate@one`"
    assert row["n"] == [len(before or []), len(after or [])]
    assert cells("one", "HEAD~1") == ["one", "no replicates"]
    done = diff("HEAD~1", "--fail-on", "worse")
    assert (done.exit_code, done.stderr) == (1, "error: no replicates: `dvc repro replicate@one`\n")


def test_without_replicates_on_either_side_only_what_differs_fails(project: Project) -> None:
    del project.reports["models/one/replicates.csv"]
    project.commit()
    project.reports["models/two/metrics.json"]["test"]["macro_f1"] = 0.5
    project.write()
    assert [row["model"] for row in content()["verdicts"]] == ["two"]
    assert diff("--fail-on", "worse").exit_code == 0
    project.code["stages/train.py"] = "# another\n"  # which is behind the test accuracy
    project.write()
    assert verdict("one")["verdict"] == "no replicates: `dvc repro replicate@one`"
    assert diff("--fail-on", "worse").exit_code == 1


def test_figures_that_are_gone_do_not_pass(project: Project) -> None:
    project.reports = {
        name: content for name, content in project.reports.items() if not name.startswith("models/one")
    }
    project.write()
    assert verdict("one")["verdict"] == "no replicates: `dvc repro replicate@one`"
    assert diff("--fail-on", "worse").exit_code == 1
    del project.params["models"]["one"]  # a model that is taken out has nothing to be judged
    project.write(run=False)
    assert "one" not in {row["model"] for row in content()["verdicts"]}


def test_all_stale_models_are_named_at_once(project: Project) -> None:
    project.params["models"]["four"] = {"dataset": "wires", "hidden": [1]}
    project.add_model("four", "wires")
    project.commit()
    edit_code(project)
    done = diff("--fail-on", "worse")
    assert done.stderr == "error: replicates are stale: `dvc repro replicate`\n"
    assert "Replicates are stale in `workspace`, where `stages/common` is not what they ran with" in done.stdout


# With DVC itself

PIPELINE = """\
stages:
  evaluate:
    foreach: ${models}
    do:
      cmd: python stages/run.py metrics.json reports/models/${key}
      deps: [stages]
      params: ["models.${key}"]
      metrics:
      - reports/models/${key}/metrics.json: {cache: false}
  replicate:
    foreach: ${models}
    do:
      cmd: python stages/run.py replicates.csv reports/models/${key}
      deps: [stages, data/raw/films]
      params: ["models.${key}"]
      outs:
      - reports/models/${key}/errors.npz: {cache: false}
      plots:
      - reports/models/${key}/replicates.csv: {cache: false}
"""
PROGRAM = """\
import json, sys
from pathlib import Path
import numpy as np
from ruamel.yaml import YAML
hidden = YAML(typ="safe").load(Path("params.yaml"))["models"]["one"]["hidden"]
lines = ["seed,test_loss,test_accuracy", *(f"{seed},0.5,{hidden / 100 + seed / 1000}" for seed in range(5))]
texts = {"metrics.json": json.dumps({"test": {"accuracy": hidden / 100}}), "replicates.csv": "\\n".join(lines)}
Path(sys.argv[2]).mkdir(parents=True, exist_ok=True)
Path(sys.argv[2], sys.argv[1]).write_text(texts[sys.argv[1]])
if sys.argv[1] == "replicates.csv":
    accuracy = np.array([hidden / 100 + seed / 1000 for seed in range(5)])
    wrong = np.arange(1000) >= np.rint(1000 * accuracy[:, np.newaxis])
    arrays = {"runs": [str(seed) for seed in range(5)], "wrong": np.packbits(wrong, axis=1), "macro_f1": accuracy}
    influence = np.zeros(1000, np.float32)
    np.savez(Path(sys.argv[2], "errors.npz"), **arrays, f1_influence=influence, test_set="the same")
"""


@pytest.mark.slow
def test_an_experiment_that_ran_only_evaluate_is_stale_and_one_that_ran_all_is_not(project: Project) -> None:
    """The hashes are those that DVC writes down: of a folder, of a file and of raw data."""
    shutil.rmtree(project.folder / "stages")
    shutil.rmtree(project.folder / "reports")
    shutil.rmtree(project.folder / "data")
    models = {"one": {"dataset": "films", "hidden": 16}}
    params: dict[str, Any] = {"models": models, "verdicts": project.params["verdicts"]}
    files = {
        "dvc.yaml": PIPELINE,
        "stages/run.py": PROGRAM,
        "stages/common/a.py": "",
        "params.yaml": json.dumps(params),
    }
    for name, text in {**files, "data/raw/films/a.txt": "a text", ".dvcignore": "", "dvc.lock": ""}.items():
        project.put(name, text)
    (project.folder / "dvc.lock").unlink()
    dvc(project.folder, "init", "--quiet", check=True)
    dvc(project.folder, "config", "core.analytics", "false")
    dvc(project.folder, "add", "--quiet", "data/raw/films", check=True)
    dvc(project.folder, "repro", "--quiet", check=True)
    project.commit_files()
    assert content("HEAD", "HEAD")["verdicts"] == content("HEAD")["verdicts"] == []
    for name, target in (("only-evaluate", ["evaluate@one"]), ("all-of-it", [])):
        dvc(
            project.folder,
            "exp",
            "run",
            "--quiet",
            "--name",
            name,
            "--set-param",
            "models.one.hidden=8",
            *target,
            check=True,
        )
        subprocess.run(["git", "reset", "--quiet", "--hard"], cwd=project.folder, check=True)
    row = verdict("one", "main", "only-evaluate")
    assert (row["verdict"], row["changed"]) == ("replicates are stale: `dvc repro replicate@one`", "models.one")
    assert diff("main", "only-evaluate", "--fail-on", "worse").exit_code == 1
    assert verdict("one", "main", "all-of-it")["verdict"] == "worse"
    assert verdict("one", "all-of-it", "main")["verdict"] == "better"
    assert git(project.folder, "status", "--porcelain") == ""
