"""`bagpipe repro` on odd machines: it works, or says in a sentence why not."""

import fcntl
import shlex
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from commands import dvc
from copying import BAGPIPE, DIAMOND, PATIENCE_S, CopyingProject
from dvc.repo import Repo
from editing import edit_yaml

from bagpipe.review.checks.rerun import isolate
from bagpipe.scratch.copies import copy_writable, environment
from stages.common.basics.params.reading import PARAMS_FILE
from stages.common.judging.published import PUBLISHED_FILE

pytestmark = pytest.mark.slow


def test_mistakes_in_params_are_told_before_anything_runs(copying) -> None:
    here = copying(DIAMOND)
    edit_yaml(here.folder / PARAMS_FILE, lambda content: content.update(seed="x"))
    printed = here.repro(status=1)
    assert printed.startswith("error: params.yaml: seed: expected ")
    assert here.calls() == []


def test_a_figure_that_does_not_exist_is_told_before_anything_runs(copying) -> None:
    here = copying(DIAMOND)
    edit_yaml(here.folder / PUBLISHED_FILE, lambda content: content["published"][0].update(figure="test.acuracy"))
    printed = here.repro(status=1)
    assert printed.startswith("error: published.yaml: published.0.figure: expected ")
    assert here.calls() == []


def test_a_download_without_git(copying) -> None:
    here = copying(DIAMOND)
    here.write(".dvc/config", "[core]\n    analytics = false\n")
    assert "4 run" in here.repro()
    assert "4 up to date already" in here.repro()


def test_braces_in_the_path_are_refused(tmp_path: Path) -> None:
    here = CopyingProject(tmp_path / "a{x}b", DIAMOND)
    expected = "expected a path without braces, which DVC cannot use"
    assert here.repro(status=1) == f"error: {here.folder}/.dvc/cache: {expected}\n"
    assert here.calls() == []


@pytest.mark.parametrize("name", ["a,b #c", "100% sure", "ä 'quoted'", "$HOME;x", "[x]!?*"])
def test_other_paths_are_not(tmp_path: Path, name: str) -> None:
    here = CopyingProject(tmp_path / name, {"one": ["one.txt"], "two": ["out/one"]})
    assert "2 run" in here.repro()
    here.assert_up_to_date()


def test_a_cache_of_any_name_is_found_by_stages_that_are_run_again(copying, tmp_path: Path) -> None:
    here = copying({"one": ["one.txt"]})
    cache = tmp_path / "a,b #c"
    assert dvc(here.folder, "cache", "dir", "--local", str(cache)).returncode == 0
    (tmp_path / "again" / ".dvc").mkdir(parents=True)
    with Repo(str(here.folder)) as project:
        isolate(project.stage.load_one(str(here.folder / "dvc.yaml"), "one"), tmp_path / "again")
    with Repo(str(tmp_path / "again")) as again:
        assert again.cache.local_cache_dir == str(cache)


def test_a_shell_that_does_not_exist(copying, monkeypatch: pytest.MonkeyPatch) -> None:
    here = copying(DIAMOND)
    monkeypatch.setenv("SHELL", "/no/such/shell")
    assert "/no/such/shell: No such file or directory\n" in here.repro(status=1)


def test_a_copy_of_a_checkout_that_nobody_can_write_in_can_be_written(tmp_path: Path) -> None:
    """For the demo."""
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "outer" / "inner").mkdir(parents=True)
    (source / "outer" / "inner" / "file").touch(0o444)
    for folder in (source / "outer" / "inner", source / "outer", source):
        folder.chmod(0o555)
    copy_writable(source, target)
    assert {path.name for path in target.rglob("*")} == {"outer", "inner", "file"}
    assert all(path.stat().st_mode & stat.S_IWUSR for path in (target, *target.rglob("*")))


@pytest.mark.parametrize("limit", ["ulimit -n 40", "export PYTHONWARNINGS=error"])
def test_few_open_files_and_strict_warnings(copying, limit: str) -> None:
    here = copying(DIAMOND)
    command = [*BAGPIPE, "repro", "--jobs", "2"]
    done = subprocess.run(
        ["/bin/sh", "-c", f"{limit} && {shlex.join(command)}"],
        cwd=here.folder,
        env=environment(here.folder),
        text=True,
        capture_output=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 run" in done.stdout


def test_the_same_stage_twice_at_once_takes_turns(copy: Path) -> None:
    """Each would take away what the other is writing."""
    lock = copy / ".dvc" / "tmp" / "bagpipe" / "baseline@imdb.stage.lock"
    command = [sys.executable, "-m", "stages", "baseline", "imdb"]
    written = copy / "reports" / "datasets" / "imdb" / "baselines.json"
    before = written.read_bytes()
    written.unlink()
    lock.parent.mkdir(exist_ok=True)
    with open(lock, "wb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        process = subprocess.Popen(
            command, cwd=copy, env=environment(copy), stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert process.stdout.readline() == "baseline@imdb is running already: waiting for its end\n"
        assert not written.exists()
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert written.read_bytes() == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_a_stage_clears_away_what_it_has_not_finished(tmp_path: Path, number: signal.Signals) -> None:
    code = """
from pathlib import Path
from stages.common.basics.artifacts import new_directory
from stages.common.basics.errors import run
def work():
    with new_directory(Path("made")):
        print("begun", flush=True)
        input()
run(work)
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, **pipes)
    process.stdout.readline()
    process.send_signal(number)
    _, printed = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, printed) == (130, b"error: interrupted; nothing half-written was kept\n")
    assert not list(tmp_path.iterdir())
