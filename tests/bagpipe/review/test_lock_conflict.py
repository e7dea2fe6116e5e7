"""Two branches that each add a model, merged: the way out of the conflict in dvc.lock, and what it costs."""

import hashlib
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from commands import bagpipe, dvc
from editing import edit_yaml
from git_identity import IDENTITY

from bagpipe.review.resolve import find_conflicts, join_locks, take_either_side
from stages.common.basics.params.reading import read_yaml

RESULTS = {"dvc.lock", "reports/README.md"}  # in conflict whenever both sides ran the pipeline
WRITTEN = {"params.yaml"}
OF_A_MODEL = ("validate", "train", "evaluate", "replicate", "render")


@pytest.fixture(scope="module", autouse=True)
def _identity() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in IDENTITY.items():
            patch.setenv(name, value)
        yield


def git(folder: Path, *arguments: str, fails: bool = False, stdin: str | None = None) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, text=True, capture_output=True, input=stdin)
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    return done.stdout.strip()


def commit(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "change")


def add_model(folder: Path, name: str) -> None:
    """Add a small model, as a person would: a section of params.yaml. In reports/ it comes right after `imdb`."""

    def add_section(content: Any) -> None:
        content["models"][name] = {"dataset": "imdb", "hidden": [len(name)], "validation_epochs": 1, "epochs": 1}

    edit_yaml(folder / "params.yaml", add_section)


def repro(folder: Path) -> str:
    done = dvc(folder, "repro", capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def resolve_lock(folder: Path) -> subprocess.CompletedProcess[str]:
    return bagpipe(folder, "resolve-lock", capture_output=True)


def stages_run(output: str) -> list[str]:
    """The stages that `dvc repro` or `bagpipe repro` says it ran."""
    return re.findall(r"^(?:Running stage '|start +)([^'\s]+)", output, re.MULTILINE)


def from_run_cache(output: str) -> set[str]:
    return set(re.findall(r"^(?:Stage '(?=.* is cached)|restored +)([^'\s]+)", output, re.MULTILINE))


def unmerged(folder: Path) -> set[str]:
    return set(git(folder, "diff", "--name-only", "--diff-filter=U").split())


def of(model: str) -> set[str]:
    return {f"{stage}@{model}" for stage in OF_A_MODEL}


def merge_what_people_wrote(folder: Path) -> None:
    """Take both sides of params.yaml."""
    git(folder, "checkout", "--ours", *WRITTEN)
    add_model(folder, "theirs")
    git(folder, "add", *WRITTEN)


def assert_merged(folder: Path) -> None:
    """Assert that the merge can be committed, and is then true."""
    assert unmerged(folder) == set()
    git(folder, "commit", "--quiet", "--message", "merge")
    assert git(folder, "status", "--porcelain") == ""
    done = dvc(folder, "status", capture_output=True)
    assert done.stdout.strip() == "Data and pipelines are up to date."
    lock = read_yaml(folder / "dvc.lock")
    assert of("ours") | of("theirs") < set(lock["stages"])
    page = (folder / "reports" / "README.md").read_text(encoding="utf-8")
    assert "`ours`" in page
    assert "`theirs`" in page


@pytest.fixture(scope="module")
def merging(scratch: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository in the middle of a merge, both sides of which ran the pipeline here; to be read only."""
    folder = Path(shutil.copytree(scratch, tmp_path_factory.mktemp("merge") / "repository"))
    (folder / ".dvc" / "config.local").unlink()
    (folder / ".gitignore").write_text("/data/\n/.mirror/\n/repro.log\n__pycache__/\n", encoding="utf-8")
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit(folder)
    for name in ("theirs", "ours"):
        git(folder, "checkout", "--quiet", "-b", name, "main")
        add_model(folder, name)
        assert set(stages_run(repro(folder))) == of(name) | {"report"}
        commit(folder)
    git(folder, "merge", "--quiet", "theirs", fails=True)
    assert unmerged(folder) > RESULTS | WRITTEN
    return folder


@pytest.fixture
def conflict(merging: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(merging, tmp_path / "repository", symlinks=True))


def test_what_people_wrote_is_left_to_them(conflict: Path) -> None:
    before = {name: (conflict / name).read_bytes() for name in RESULTS | WRITTEN}
    done = resolve_lock(conflict)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: params.yaml: in conflict")
    assert "git add" in line
    assert {name: (conflict / name).read_bytes() for name in before} == before

    git(conflict, "add", *WRITTEN)  # with the marks still in them
    done = resolve_lock(conflict)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: params.yaml:")
    assert (conflict / "dvc.lock").read_bytes() == before["dvc.lock"]


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_either_side_will_do_and_the_run_cache_restores_the_other(conflict: Path, side: str) -> None:
    other = {"ours": "theirs", "theirs": "ours"}[side]
    merge_what_people_wrote(conflict)
    git(conflict, "checkout", f"--{side}", "dvc.lock", "reports")
    output = repro(conflict)
    # DVC has no run cache for what writes outs that are in Git alone; `replicate` keeps its runs itself
    again = {f"render@{other}", f"replicate@{other}"}
    assert from_run_cache(output) == of(other) - again
    assert set(stages_run(output)) == {*again, "report"}
    git(conflict, "add", "dvc.lock", "reports")
    assert_merged(conflict)


def test_one_command_does_the_same_and_finds_both_sides_in_the_lock(conflict: Path) -> None:
    merge_what_people_wrote(conflict)
    done = resolve_lock(conflict)
    assert done.returncode == 0, done.stderr
    assert stages_run(done.stdout) == ["report"]
    assert re.search(r"^\d+ stages: 1 run, \d+ up to date already\.", done.stdout, re.MULTILINE)
    assert of("ours") | of("theirs") <= read_yaml(conflict / "dvc.lock")["stages"].keys()
    assert "now `git commit`" in done.stdout.splitlines()[-1]
    assert_merged(conflict)

    done = resolve_lock(conflict)
    assert (done.returncode, done.stdout) == (0, "No file is in conflict.\n")


def test_artifacts_that_are_not_in_the_workspace_come_from_the_cache(conflict: Path) -> None:
    merge_what_people_wrote(conflict)
    for folder in ("models", "predictions"):
        shutil.rmtree(conflict / "data" / folder)
    done = resolve_lock(conflict)
    assert done.returncode == 0, done.stderr
    assert stages_run(done.stdout) == ["report"]
    assert {f"{stage}@{model}" for stage in ("train", "evaluate") for model in ("ours", "theirs")} <= from_run_cache(
        done.stdout
    )
    assert_merged(conflict)


def test_what_was_computed_elsewhere_is_computed_again_only_if_git_does_not_keep_it(conflict: Path) -> None:
    merge_what_people_wrote(conflict)
    model = conflict / "data" / "models" / "theirs"
    names = {hashlib.md5(path.read_bytes()).hexdigest() for path in model.rglob("*") if path.is_file()}
    cached = [path for path in (conflict / ".dvc/cache/files").rglob("*") if path.parent.name + path.name in names]
    assert cached
    for path in cached:
        path.unlink()
    shutil.rmtree(model)
    shutil.rmtree(conflict / ".dvc" / "cache" / "runs")
    done = resolve_lock(conflict)
    assert done.returncode == 0, done.stderr
    run = stages_run(done.stdout)
    assert "train@theirs" in run
    assert set(run) <= {
        "train@theirs",
        "evaluate@theirs",
        "render@theirs",
        "report",
    }  # the longest are not among them
    assert_merged(conflict)


def test_entries_of_stages_that_are_no_more_are_dropped(conflict: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(conflict)
    merge_what_people_wrote(conflict)
    git(conflict, "checkout", "--ours", "dvc.lock")
    join_locks({"2", "3"})
    lock = (conflict / "dvc.lock").read_text(encoding="utf-8")
    stray = git(conflict, "show", ":3:dvc.lock") + "\n  train@gone:\n    cmd: python -m stages train gone\n"
    blob = git(conflict, "hash-object", "-w", "--stdin", stdin=stray)
    git(conflict, "update-index", "--index-info", stdin=f"100644 {blob} 3\tdvc.lock\n")
    join_locks({"2", "3"})
    assert (conflict / "dvc.lock").read_text(encoding="utf-8") == lock


def test_a_lock_of_the_studies_is_one_sides_and_they_are_left_to_run(conflict: Path) -> None:
    merge_what_people_wrote(conflict)
    locks = [f"schema: '2.0'\nstages: {{}}  # of {side}\n" for side in ("ours", "theirs")]
    blobs = [git(conflict, "hash-object", "-w", "--stdin", stdin=lock) for lock in locks]
    entries = [f"100644 {blob} {side}\tstudies/dvc.lock\n" for side, blob in enumerate(blobs, start=2)]
    git(conflict, "update-index", "--index-info", stdin="".join(entries))
    done = resolve_lock(conflict)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("studies/dvc.lock is that of one side: `make studies` ")
    assert (conflict / "studies" / "dvc.lock").read_text(encoding="utf-8") == locks[0]
    assert_merged(conflict)


def test_a_file_that_one_side_deleted_is_taken_from_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    git(tmp_path, "init", "--quiet", "--initial-branch", "main")
    for name in ("one", "two"):
        (tmp_path / name).write_text("base", encoding="utf-8")
    commit(tmp_path)
    for branch, changed, deleted in (("theirs", "one", "two"), ("ours", "two", "one")):
        git(tmp_path, "checkout", "--quiet", "-b", branch, "main")
        (tmp_path / changed).write_text(branch, encoding="utf-8")
        (tmp_path / deleted).unlink()
        commit(tmp_path)
    git(tmp_path, "merge", "--quiet", "theirs", fails=True)
    for path, sides in find_conflicts().items():
        take_either_side(path, sides)
    assert {name: (tmp_path / name).read_text(encoding="utf-8") for name in ("one", "two")} == {
        "one": "theirs",
        "two": "ours",
    }
