"""`bagpipe verify`: what it says of commits that are true, and of every way to lie that could be thought of."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import bagpipe, dvc
from verifying import clone, commit, committed_params, edit_params, edit_published, findings, git, run_dvc, verify

from bagpipe.review.checks.registry import BY_ID


def test_a_true_commit_passes_with_data_and_without(project: Path) -> None:
    assert (project / "data" / "models" / "imdb").is_dir()
    assert findings(project) == []
    without = clone(project)
    assert findings(without) == []
    assert git(without, "status", "--short") == ""


def test_each_check_prints_a_line(project: Path) -> None:
    done = verify(project)
    assert done.returncode == 0, done.stdout
    assert len(done.stdout.splitlines()) == 8
    assert all(line.startswith("ok      ") for line in done.stdout.splitlines())
    (project / "reports" / "models" / "imdb" / "curves.csv").write_text("")
    done = verify(project)
    assert done.returncode == 1
    assert (
        "FAILED  dvc.lock is consistent\n        evaluate@imdb: reports/models/imdb/curves.csv is not what"
        in done.stdout
    )
    assert "to fix: `git checkout reports/models/imdb/curves.csv`, or `dvc repro evaluate@imdb`" in done.stdout
    assert done.stderr == ""


def test_tensorflow_is_not_imported(honest: Path) -> None:
    code = "import sys; from bagpipe.review.verify import verify; verify(); assert 'tensorflow' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], cwd=honest, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


# Lies


# What is undeclared: the run fails


def test_a_change_that_is_not_committed_is_named(project: Path) -> None:
    with open(project / "stages" / "report" / "report.py", "a") as file:
        file.write("\nANOTHER = 1\n")
    run_dvc(project, "repro", "report")
    assert {finding["stage"] for finding in findings(project)} == {"dvc.lock", "stages/report/report.py"}
    commit(project)
    assert findings(project) == []


HOSTILE = """\
* ident
reports/** working-tree-encoding=UTF-16 -diff export-ignore
params.yaml eol=crlf text filter=hide diff=hide
"""


def test_attributes_of_a_commit_do_not_decide_what_is_compared(project: Path) -> None:
    """With these, Git checks out other bytes than it has, and finds nothing to differ."""
    git(project, "config", "filter.hide.clean", "git show HEAD:params.yaml")  # as of Git LFS, say, on any machine
    git(project, "config", "diff.hide.textconv", "echo")
    with open(project / "params.yaml", "a") as file:
        file.write("# $Id$\n")
    (project / ".gitattributes").write_text(HOSTILE)
    git(project, "add", ".gitattributes", "params.yaml")
    git(project, "commit", "--quiet", "--message", "Say what Git is to see")
    report = project / "reports" / "models" / "imdb" / "metrics.json"
    report.write_text(report.read_text().replace("{", "{ ", 1), encoding="utf-16")
    params = project / "params.yaml"
    params.write_bytes(params.read_bytes().replace(b"\n", b"\r\n"))
    assert git(project, "diff", "--name-only", "HEAD", "params.yaml") == ""
    found = {finding["stage"] for finding in findings(project) if "is not in the last commit" in finding["problem"]}
    assert found >= {"params.yaml", "reports/models/imdb/metrics.json"}


def test_attributes_of_a_commit_do_not_decide_what_diff_shows(project: Path) -> None:
    edit_params(project, lambda params: params["defaults"]["imdb"].update(epochs=7))
    commit(project)
    plain = bagpipe(project, "diff", "--json", "HEAD~1", "HEAD", capture_output=True)
    (project / ".gitattributes").write_text(HOSTILE)
    commit(project)
    hostile = bagpipe(project, "diff", "--json", "HEAD~2", "HEAD", capture_output=True)
    (one,), (other,) = (json.loads(done.stdout)["params"] for done in (plain, hostile))
    assert one == other
    assert one["param"] == "defaults.imdb.epochs"


def test_a_change_that_git_is_told_to_assume_is_none(project: Path) -> None:
    git(project, "update-index", "--assume-unchanged", "stages/report/report.py")
    with open(project / "stages" / "report" / "report.py", "a") as file:
        file.write("\nANOTHER = 1\n")
    assert "stages/report/report.py" in {finding["stage"] for finding in findings(project)}


LEFT = [".DS_Store", "._x.png", "README.md~", ".x.swp", "#x#", ".#x", "Thumbs.db"]
LEFT += [".directory", ".nfs0001", ".x.kate-swp", "x___jb_tmp___"]


def test_what_systems_and_editors_leave_is_nothing(project: Path) -> None:
    before = dvc(project, "status", "--json", capture_output=True).stdout
    for folder in (
        "reports",
        "reports/models",
        "reports/models/imdb",
        "reports/models/imdb/plots",
        "stages/common/basics",
    ):
        for name in LEFT:
            (project / folder / name).write_bytes(b"\0")
    assert findings(project) == []
    assert dvc(project, "status", "--json", capture_output=True).stdout == before
    run_dvc(project, "repro", "--force", "--single-item", "report")
    assert findings(project) == []


@pytest.mark.parametrize(
    ("ignore", "hidden"),
    [
        (".dvcignore", "stages/common/network/layers.py"),
        ("stages/.dvcignore", "layers.py"),
        (".dvcignore", "stages/common/"),
    ],
)
def test_code_that_dvc_is_told_to_ignore_is_named(project: Path, ignore: str, hidden: str) -> None:
    """Else it could change, and no stage were stale."""
    with open(project / ignore, "a") as file:
        file.write(f"{hidden}\n")
    commit(project)
    problems = {finding["stage"]: finding["problem"] for finding in findings(project)}
    assert "a .dvcignore hides it from DVC" in problems["stages/common/network/layers.py"]


def test_a_dvcignore_where_dvc_refuses_it_is_told_in_a_line(project: Path) -> None:
    (project / "stages" / "common" / "basics" / ".dvcignore").write_text("rows.py\n")
    done = verify(project)
    assert done.returncode == 1
    assert done.stderr.startswith("error: stages/common/basics: .dvcignore file should not be in collected dir path")
    assert len(done.stderr.splitlines()) == 1


def test_compiled_code_in_git_is_named(project: Path) -> None:
    """Python would run it instead of the source beside it."""
    path = project / "stages" / "common" / "network" / "__pycache__" / "layers.cpython-311.pyc"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"other code")
    git(project, "add", "--force", str(path))
    commit(project)
    (found,) = findings(project)
    assert (found["stage"], "hides it" in found["problem"]) == (str(path.relative_to(project)), True)


def test_names_in_git_do_not_command_the_terminal(project: Path) -> None:
    name = "a\x1b[2J\u202e.npz"
    (project / name).touch()
    git(project, "add", "--force", name)
    commit(project)
    done = verify(project)
    assert r"a\x1b[2J\u202e.npz: is data and in Git" in done.stdout
    assert "\x1b" not in done.stdout


# Another checkout


def test_data_that_changed_is_named(project: Path) -> None:
    path = project / "data" / "predictions" / "imdb.npy"
    path.unlink()  # it may be a link into the cache
    path.write_bytes(b"other")
    (found,) = findings(project)
    assert (found["stage"], found["problem"]) == (
        "evaluate@imdb",
        "data/predictions/imdb.npy is not the one that dvc.lock has",
    )


def test_params_that_may_change_nothing_are_no_lie(project: Path) -> None:
    def edit(params: Any) -> None:
        params["baselines"]["logistic_regression"]["max_iter"] += 1
        params["download"]["timeout"] = 7
        params["datasets"]["imdb"]["labels"] = params["datasets"]["imdb"]["labels"].split()

    edit_params(project, edit)
    edit_published(project, lambda content: content["published"][0].update(known="it is so"))
    baselines = project / "reports" / "datasets" / "imdb" / "baselines.json"
    before = baselines.read_bytes()
    run_dvc(project, "repro")
    assert baselines.read_bytes() == before
    commit(project)
    assert findings(clone(project)) == []


def test_figures_of_other_settings_are_no_lie(project: Path) -> None:
    """A hidden layer more: figures and bounds of the model before say nothing of it; those of others are judged."""

    def settle(content: Any) -> None:
        content["settings"] = {"models": {"imdb": {"dataset": "imdb", "hidden": [16, 16, 16]}}}
        content["bounds"][0].update(low=0.98)
        content["published"][0].update(value="99.9")

    edit_published(project, settle)
    run_dvc(project, "repro", "report")
    commit(project)
    without = clone(project)
    assert findings(without) == []
    note = (
        "1 published figure belongs to other settings and is not judged: `models.imdb.hidden` is [16, 16] here and "
        "[16, 16, 16] there."
    )
    assert note in verify(without).stdout
    assert [check["note"] for check in json.loads(verify(without, "--json").stdout)["checks"]].count(note) == 1
    edit_published(project, lambda content: content["published"][1].update(value="99.9"))
    run_dvc(project, "repro", "report")
    commit(project)
    problems = [finding["problem"] for finding in findings(project)]
    assert problems == ["reuters test.accuracy of the notebooks differs from ours"]


def test_more_seeds_of_the_others_leave_the_runs_of_a_model_true(project: Path) -> None:
    before = (project / "reports/models/reuters/replicates.csv").read_bytes()
    edit_params(project, lambda params: params["replicates"].update(n=3, own={"reuters": 2}))
    run_dvc(project, "repro")
    assert (project / "reports/models/reuters/replicates.csv").read_bytes() == before
    commit(project)
    assert findings(clone(project)) == []


def test_a_setting_may_move_between_a_model_and_its_defaults(project: Path) -> None:
    def move(params: Any) -> None:
        params["models"]["imdb"]["epochs"] = params["defaults"]["imdb"]["epochs"]
        params["defaults"]["imdb"]["epochs"] = 3  # for no model

    edit_params(project, move)
    run_dvc(project, "commit", "--force")  # a run gives the same bytes
    commit(project)
    assert findings(clone(project)) == []


def test_a_lie_that_is_taken_back_is_none(project: Path) -> None:
    before = (project / "dvc.lock").read_bytes(), (project / "params.yaml").read_bytes()
    committed_params(project)
    commit(project)
    assert findings(project)
    (project / "dvc.lock").write_bytes(before[0])
    (project / "params.yaml").write_bytes(before[1])
    commit(project)
    assert findings(project) == []


def test_a_shallow_clone_says_what_to_fetch(project: Path) -> None:
    edit_params(project, lambda params: params["plots"].update(dpi=60))
    run_dvc(project, "repro", "report")
    commit(project)
    shallow = clone(project, "--depth", "1")
    (found,) = findings(shallow)
    assert found["fix"] == "`git fetch --unshallow`"
    git(shallow, "fetch", "--quiet", "--unshallow")
    assert findings(shallow) == []


def test_without_git_there_is_one_line(copy: Path) -> None:
    done = verify(copy)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: expected a Git repository here")


def checks_made(folder: Path, *arguments: str) -> tuple[list[str], list[str]]:
    """The ids of the checks that are made, and of those that are left out."""
    answer = json.loads(verify(folder, "--json", *arguments).stdout)
    return [check["id"] for check in answer["checks"]], answer["skipped"]


def test_checks_can_be_chosen_and_what_is_left_out_is_said(project: Path) -> None:
    every, none = checks_made(project)
    assert (every, none) == ([name for name in BY_ID if name != "rerun"], [])
    only, skipped = checks_made(project, "--only", "figures-hold")
    assert only == ["valid-files", "figures-hold"]
    assert sorted([*only, *skipped]) == sorted(every)
    assert checks_made(project, "--skip", "git-contents", "--skip", "up-to-date")[1] == ["up-to-date", "git-contents"]
    (project / "notes.txt").write_bytes(b"a line\n" * 200_000)
    commit(project)
    assert verify(project).returncode == 1
    done = verify(project, "--skip", "git-contents")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "Not checked: git-contents."


@pytest.mark.slow
def test_checks_explain_themselves_and_name_each_other(tmp_path: Path) -> None:
    for name, check in BY_ID.items():
        done = verify(tmp_path, "--explain", name)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"{name}: {check.TITLE}\n\n")
    for option in ("--explain", "--only", "--skip"):
        done = verify(tmp_path, option, "git-content")
        assert done.returncode == 1
        known = ", ".join(BY_ID)
        expected = f"error: {option}: expected one of {known}; found 'git-content'; did you mean git-contents?\n"
        assert done.stderr == expected
