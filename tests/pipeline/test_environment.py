"""How `make` sets up .venv, with a Python that only pretends to install; and what it installs."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bagpipe.scratch.copies import ROOT

pytestmark = pytest.mark.skipif(not shutil.which("make"), reason="make not at hand")

PYTHON = """\
#!/bin/sh
# Writes down what it is asked to do to .venv. With a pipe `hold` here, pip waits until someone has written to it.
case "$*" in
  "-m venv --clear .venv") echo made >> log; rm -rf .venv/.run; mkdir -p .venv/bin; cp "$0" .venv/bin/python;;
  "-m pip "*) echo "$*" | grep -o -E '[^ /]+\\.txt|-e \\.' >> log; test ! -p hold || cat hold; test ! -e offline;;
  *) exec {real} "$@";;
esac
"""
INSTALLED = ["build.txt", "requirements.txt", "-e ."]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    folder = tmp_path / "a clone"
    (folder / ".ci").mkdir(parents=True)
    for name in ("Makefile", ".ci/alone.py", "requirements.txt", "requirements-dev.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, folder / name)
    (folder / "python").write_text(PYTHON.format(real=sys.executable), encoding="utf-8")
    (folder / "python").chmod(0o755)
    return folder


def start(folder: Path, target: str = "setup") -> "subprocess.Popen[str]":
    command = ["make", target, "PYTHON=./python"]
    return subprocess.Popen(command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def make(folder: Path, target: str = "setup") -> tuple[int, str]:
    process = start(folder, target)
    output, _ = process.communicate(timeout=60)
    return process.returncode, output


def log(folder: Path) -> list[str]:
    """What was done to .venv since the last look."""
    path = folder / "log"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def test_an_environment_is_made_once_and_a_changed_pin_installs_into_it(clone: Path) -> None:
    assert make(clone)[0] == 0
    assert log(clone) == ["made", *INSTALLED]
    assert make(clone) == (0, "")
    assert log(clone) == []
    (clone / "requirements.txt").touch()
    assert make(clone)[0] == 0
    assert log(clone) == INSTALLED
    assert make(clone, "setup-test")[0] == 0
    assert log(clone) == ["requirements-dev.txt"]


def test_of_two_at_once_the_second_waits_and_finds_all_done(clone: Path) -> None:
    subprocess.run(["mkfifo", clone / "hold"], check=True)
    with start(clone) as first:
        with open(clone / "hold", "w"):  # opens when the first has come to pip
            second = start(clone)
            assert second.stdout
            line = second.stdout.readline()
            (clone / "hold").unlink()
        assert line.startswith("Waiting for another `make` here")
        with second:
            assert first.wait(60) == second.wait(60) == 0
            assert second.stdout.read() == ""
    assert log(clone) == ["made", *INSTALLED]


def test_an_environment_that_is_not_whole_is_made_anew(clone: Path) -> None:
    (clone / "offline").touch()
    assert make(clone)[0] != 0
    assert log(clone) == ["made", "build.txt"]
    (clone / "offline").unlink()
    assert make(clone)[0] == 0
    assert log(clone) == ["made", *INSTALLED]


def test_an_environment_that_was_copied_is_made_anew(clone: Path) -> None:
    make(clone)
    other = Path(shutil.copytree(clone, clone.parent / "other"))
    log(other)
    assert make(other, "setup-test")[0] == 0
    assert log(other) == ["made", *INSTALLED, "requirements-dev.txt"]


def test_the_environment_of_another_clone_is_left_alone(clone: Path) -> None:
    make(clone)
    other = clone.parent / "other"
    shutil.copytree(clone, other, ignore=shutil.ignore_patterns(".venv", "log"))
    (other / ".venv").symlink_to(clone / ".venv")
    status, output = make(other)
    assert status != 0
    assert f"error: .venv: expected this folder's own environment, found a link to that of another: {clone}" in output
    assert log(other) == []


def test_an_environment_may_lie_elsewhere(clone: Path) -> None:
    elsewhere = clone.parent / "elsewhere"
    elsewhere.mkdir()
    (clone / ".venv").symlink_to(elsewhere)
    assert make(clone)[0] == 0
    assert log(clone) == ["made", *INSTALLED]
    assert make(clone) == (0, "")


@pytest.mark.parametrize("version", [(3, 10, 13), (3, 14, 0)])
def test_a_python_that_tensorflow_has_no_build_for(clone: Path, version: tuple[int, int, int]) -> None:
    text = ".".join(map(str, version))
    pretend = (
        f"""  -c*) exec {sys.executable} -c "import sys; sys.version_info={version}; sys.version='{text}'; $2";;\n"""
    )
    script = (clone / "python").read_text(encoding="utf-8")
    (clone / "python").write_text(script.replace("  *) exec", pretend + "  *) exec"), encoding="utf-8")
    status, output = make(clone)
    assert status != 0
    assert f"error: bagpipe needs Python 3.11 to 3.13, found {text}; name one with PYTHON=..." in output
    assert log(clone) == []


def test_help_lists_every_target(clone: Path) -> None:
    status, output = make(clone, "help")
    assert status == 0
    phony = re.search(r"^\.PHONY: (.+)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    assert phony
    assert [line.split()[1] for line in output.splitlines()] == phony[1].split()


# What is installed


def pins(name: str) -> dict[str, str]:
    """What a requirements file has of each package: its version, and where it is for some systems only, for which."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return {line.split("==")[0]: line for line in lines if "==" in line and not line.startswith(("#", " "))}


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt"])
def test_every_pin_has_hashes_and_nothing_says_where_it_is_from(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    entries = re.split(r"(?<!\\)\n", text.split("make lock\n")[1].strip())
    pin = r"[a-z0-9-]+==[\w.]+( ; [^\\]+)?( \\\n    --hash=sha256:[0-9a-f]{64})+"
    assert [entry for entry in entries if not re.fullmatch(pin, entry)] == []
    assert len(entries) == len(pins(name)) > 50


def test_tests_run_with_what_is_pinned_for_the_pipeline() -> None:
    ours, tests = pins("requirements.txt"), pins("requirements-dev.txt")
    both = ours.keys() & tests.keys()
    assert both
    assert {name: ours[name].split()[0] for name in both} == {name: tests[name].split()[0] for name in both}


def test_what_builds_is_pinned_too() -> None:
    assert {"packaging", "setuptools", "wheel"} < pins("requirements.txt").keys()
