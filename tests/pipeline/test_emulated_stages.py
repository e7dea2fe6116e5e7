"""`make processors` hears each stage to its end."""

from pathlib import Path

import pytest

from tests.benchmarks import processors

NOTHING = processors.Chain([], [], [])


def run(code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Run code of Python as if it were a chain of stages."""
    monkeypatch.setattr(processors, "list_commands", lambda chain, done: iter([["-c", code]]))
    return processors.run_chain(NOTHING, None, folder)


def test_a_stage_that_warns_of_much_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a pipe holds: the emulator warns of all that a processor has and it has not, for each thread."""
    code = "import sys; print('::train@mine 1.0'); sys.stderr.write('x' * 300_000); print('::evaluate@mine 1.0')"
    assert run(code, tmp_path, monkeypatch) == ""
    assert (tmp_path / "done").read_text(encoding="utf-8") == "train@mine\nevaluate@mine\n"


def test_a_stage_that_fails_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "import sys; sys.exit('qemu: warning: no such feature\\nerror: the disk is full')"
    found = run(code, tmp_path, monkeypatch)
    assert found.endswith(": exit status 1 error: the disk is full")
    assert "no such feature" not in found.partition("exit status")[2]
