"""The command line as a whole: documented, readable on 80 columns, and quiet whatever its output goes to."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from copying import CopyingProject
from terminal import on_a_terminal

from bagpipe.cli.main import main
from bagpipe.scratch.copies import ROOT
from stages.common.basics.terminal import escape_controls

pytestmark = pytest.mark.slow

BAGPIPE, STAGES = "-m bagpipe.cli.main", "-m stages"
# In the terms of the C library; Python alone would take UTF-8 for some of them.
SETTINGS = [
    {"LANG": "C"},
    {"LC_ALL": "C"},
    {"LC_ALL": "C", "PYTHONUTF8": "0"},
    {"PYTHONIOENCODING": "latin-1"},
    {"PYTHONIOENCODING": "ascii"},
]


def shell(line: str, folder: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a line of bash, in which `python` is this Python."""
    script = f'set -o pipefail; python() {{ {shlex.quote(sys.executable)} "$@"; }}; {line}'
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    everything = {**inherited, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(["bash", "-c", script], cwd=folder, env=everything, capture_output=True, check=False)


@pytest.mark.parametrize("name", sorted(main.commands))
def test_a_command_and_its_options_are_documented(name: str) -> None:
    command = main.commands[name]
    assert re.search(rf"\b(bagpipe|make) {name}\b", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert command.help
    assert [option.name for option in command.params if isinstance(option, click.Option) and not option.help] == []


@pytest.mark.parametrize("name", ["", *sorted(main.commands)])
def test_help_fits_80_columns_and_cuts_nothing(name: str) -> None:
    done = shell(f"python {BAGPIPE} {name} --help", COLUMNS="80")
    lines = done.stdout.decode().splitlines()
    assert lines[0].startswith("Usage: ")
    assert max(map(len, lines)) <= 80
    assert [line for line in lines[1:] if line.endswith("...")] == []


@pytest.mark.parametrize("command", [f"{BAGPIPE} results", f"{BAGPIPE} --help", f"{STAGES} --help"])
class TestOutput:
    def test_a_reader_that_has_gone(self, command: str) -> None:
        done = shell(f"python {command} | true")
        assert done.returncode in (1, 141)
        assert done.stderr == b""

    def test_a_full_device(self, command: str) -> None:
        done = shell(f"python {command} > /dev/full")
        assert done.stderr == b"error: standard output: No space left on device\n"
        assert done.returncode == 1

    @pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
    def test_a_closed_descriptor(self, command: str, closed: str) -> None:
        done = shell(f"python {command} {closed}")
        assert done.returncode == 0
        assert done.stderr == b""
        assert done.stdout == (b"" if ">&-" in closed.split() else shell(f"python {command}").stdout)

    @pytest.mark.parametrize("settings", SETTINGS, ids=str)
    def test_any_encoding(self, command: str, settings: dict[str, str]) -> None:
        done = shell(f"python {command}", **settings)
        assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("where", ["2>&-", "2>/dev/full", "2>&1 | true"])
def test_an_error_that_nobody_hears_keeps_its_status(where: str) -> None:
    done = shell(f"python {BAGPIPE} predict nope text {where}")
    assert done.returncode == 1
    assert done.stdout + done.stderr == b""


@pytest.mark.parametrize("action", ["import tensorflow as tf; tf.zeros([2**20, 2**20])", "bytes(2**60)"])
def test_too_little_memory_is_told(action: str) -> None:
    script = f"from stages.common.basics.errors import run; run(lambda: exec({action!r}))"
    done = shell(f"python -c {shlex.quote(script)}", TF_CPP_MIN_LOG_LEVEL="3")
    assert done.returncode == 1
    assert done.stderr == b"error: this machine has too little free memory\n"


def test_a_file_does_not_take_the_place_of_a_closed_descriptor(tmp_path: Path) -> None:
    script = "from stages.common.basics.errors import run; run(lambda: print(open('file', 'w').fileno()))"
    done = shell(f"python -c {shlex.quote(script)} >&- 2>&- <&-", tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "file").read_bytes() == b""


def test_what_an_encoding_lacks_is_spelled_out() -> None:
    script = r"print('16 \u2192 32 \u2013 \xb1 \u0142 \U0001f600 \udcff')"
    script = f"from stages.common.basics.errors import run; run(lambda: {script})"
    for encoding, expected in (
        ("ascii", rb"16 -> 32 - +- \u0142 \U0001f600 \udcff"),
        ("latin-1", b"16 -> 32 - \xb1 " + rb"\u0142 \U0001f600 \udcff"),
        ("utf-8", "16 \u2192 32 \u2013 \xb1 \u0142 \U0001f600 ".encode() + rb"\udcff"),
    ):
        assert shell(f"python -c {shlex.quote(script)}", PYTHONIOENCODING=encoding).stdout == expected + b"\n"


def test_what_commands_a_terminal_is_escaped() -> None:
    assert escape_controls("a\x1b[2J\x00\x9b\n\t\u202e\u2028\ud800b") == r"a\x1b[2J\x00\x9b\n\t\u202e\u2028\ud800b"
    assert (
        escape_controls("\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 é 中 😀")
        == "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645 é 中 😀"
    )


def test_an_error_does_not_command_the_terminal() -> None:
    done = shell(f"python {BAGPIPE} add mine $'x\\x1b[2J\\x9b.txt'", ROOT)
    assert b"\x1b" not in done.stderr
    assert rb"x\x1b[2J" in done.stderr


def test_colours_are_for_terminals(tmp_path: Path) -> None:
    red = "\x1b[31merror:\x1b[0m params.yaml"
    assert on_a_terminal(["results"], tmp_path).startswith(red)
    assert on_a_terminal(["results"], tmp_path, NO_COLOR="1").startswith("error: params.yaml")
    assert shell(f"python {BAGPIPE} results", tmp_path).stderr.startswith(b"error: params.yaml")


@pytest.mark.parametrize(("name", "settings"), [(b"\xfc", {}), (b"\xc3\xbc", {"LC_ALL": "C", "PYTHONUTF8": "0"})])
def test_a_path_that_is_no_utf8_is_one_sentence(tmp_path: Path, name: bytes, settings: dict[str, str]) -> None:
    made = CopyingProject(tmp_path / "project", {"one": ["in.txt"]}).folder
    folder = os.fsencode(tmp_path) + b"/" + name
    os.rename(os.fsencode(made), folder)
    done = shell(f"python {BAGPIPE} repro", Path(os.fsdecode(folder)), **settings)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1].startswith("error: /")
    assert b"expected a name in UTF-8" in done.stderr
    assert b"Traceback" not in done.stderr


def test_umlauts_in_the_path_are_no_matter_in_the_c_locale(tmp_path: Path) -> None:
    folder = CopyingProject(tmp_path / "ümläut", {"one": ["in.txt"]}).folder
    done = shell(f"python {BAGPIPE} repro", folder, LC_ALL="C")
    assert done.returncode == 0, done.stderr.decode()
    assert (folder / "out" / "one").is_file()


def test_what_is_finished_is_kept_when_the_reader_goes(tmp_path: Path) -> None:
    project = CopyingProject(tmp_path / "project", {"one": ["in.txt"], "two": ["out/one"]})
    done = shell(f"python {BAGPIPE} repro | head -2", project.folder)
    assert b"Traceback" not in done.stderr
    assert shell(f"python {BAGPIPE} repro", project.folder).returncode == 0
    calls = [line.split()[0] for line in (project.folder / "calls.txt").read_text(encoding="utf-8").splitlines()]
    assert calls.count("one") == 1
    assert project.output("two") == "in.txt\n"
