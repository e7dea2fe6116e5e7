"""The demo, asked for and as what remains when no source of the official data can be reached."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from editing import edit_yaml

from bagpipe.scratch.copies import BEST_POSSIBLE, ROOT, copy_project, environment

pytestmark = pytest.mark.slow


def bagpipe(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command line in a copy, with no mirror and no network."""
    inherited = {name: value for name, value in environment(folder).items() if name != "DATASETS_MIRROR"}
    return subprocess.run(
        [sys.executable, "-m", "bagpipe.cli.main", *arguments],
        cwd=folder,
        env={**inherited, **variables},
        text=True,
        capture_output=True,
    )


def test_a_demo_that_is_stopped_leaves_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    command = [sys.executable, "-m", "bagpipe.cli.main", "demo", str(folder)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with subprocess.Popen(command, cwd=ROOT, env=environment(tmp_path), text=True, **pipes) as process:
        for line in process.stdout:
            if line.startswith("start "):
                break
        process.terminate()
        printed, _ = process.communicate(timeout=60)
    assert process.returncode == 130, printed
    assert not folder.exists()


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_the_demo_wants_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine", encoding="utf-8")
    done = bagpipe(ROOT, "demo", str(tmp_path / "mine"))
    assert done.returncode == 1
    assert done.stderr == f"error: {tmp_path / 'mine'}: expected an empty folder for the demo\n"
    assert files(tmp_path / "mine") == {"notes.txt": b"mine"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A fresh copy of the project, results of a run included, that can reach no data."""
    folder = tmp_path / "project"
    folder.mkdir()
    copy_project(folder)

    def edit(content: dict) -> None:
        content["download"].update(url="http://127.0.0.1:9/", retries=0, timeout=1)

    edit_yaml(folder / "params.yaml", edit)
    (folder / "dvc.lock").write_bytes((ROOT / "dvc.lock").read_bytes() if (ROOT / "dvc.lock").exists() else b"")
    (folder / "reports" / "models" / "imdb").mkdir(parents=True)
    (folder / "reports" / "models" / "imdb" / "metrics.json").write_text(
        '{"test": {"accuracy": 0.99}}\n', encoding="utf-8"
    )
    return folder


def test_with_no_data_a_run_is_a_demo_and_touches_nothing(project: Path, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    before = {name: files(project / name) for name in ("data", "reports")}, (project / "dvc.lock").read_bytes()
    done = bagpipe(project, "run", KERAS_HOME=str(tmp_path / "no_keras"), TMPDIR=str(temporary))
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    assert "Traceback" not in output
    after = {name: files(project / name) for name in ("data", "reports")}, (project / "dvc.lock").read_bytes()
    assert after == before

    # why, and what it does instead
    for part in ("no source has it", "http://127.0.0.1:9/", "no_keras", "DATASETS_MIRROR", "the demo instead"):
        assert part in output
    # what came out
    (demo,) = temporary.glob("bagpipe-demo-*")
    table = re.findall(r"^(\w+) +\d\.\d{4} +(\d\.\d{4}) +(\d\.\d{4})$", done.stdout, re.MULTILINE)
    assert {"imdb", "reuters", "reuters_integer_labels"} == {name for name, *_ in table}
    for _, accuracy, best in table:
        assert 0 < float(accuracy) < float(best) + 0.05
    assert BEST_POSSIBLE in (demo / "reports" / "README.md").read_text(encoding="utf-8")
    # the last lines say what it was
    last = done.stdout.splitlines()[-4:]
    assert any("demo figures" in line for line in last)
    assert "make run" in last[-1]
    assert "DATASETS_MIRROR" in last[-1]


def test_a_script_can_ask_for_an_error_instead_of_the_demo(project: Path, tmp_path: Path) -> None:
    before = files(project / "reports")
    done = bagpipe(project, "run", "--no-demo", KERAS_HOME=str(tmp_path / "no_keras"), TMPDIR=str(tmp_path))
    assert done.returncode == 3, done.stdout + done.stderr
    assert "error: failed: download@imdb, download@reuters" in done.stderr
    assert "the demo instead" not in done.stdout + done.stderr
    assert files(project / "reports") == before
    assert not list(tmp_path.glob("bagpipe-demo-*"))
