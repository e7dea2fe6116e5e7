"""How a stage is started: `python -m stages STAGE`, and what the ways that do not work say."""

import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bagpipe.scratch.copies import ROOT
from stages.common.basics.declared import command_line, module_of, source_of

STAGES = sorted(YAML().load(ROOT / "dvc.yaml")["stages"])


def start(*arguments: str | Path, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=folder, text=True, capture_output=True)


def wrong_ways(stage: str) -> list[tuple[str | Path, ...]]:
    """What a reader of DVC's tutorials types."""
    source = source_of(stage)
    ways: list[tuple[str | Path, ...]] = [(source, "imdb"), ("-m", module_of(stage), "imdb")]
    if source.parent.name == stage:  # a folder, which Python can start, too
        ways += [(source.parent, "imdb"), ("-m", f"stages.{stage}", "imdb")]
    return ways


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_started_otherwise_says_how_it_is_started(stage: str) -> None:
    for way in wrong_ways(stage):
        done = start(*way)
        assert (done.returncode, done.stdout) == (1, ""), way
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"error: start a stage as dvc.yaml does: python -m stages {stage}"), way


def test_help_names_all_stages_whether_files_or_folders() -> None:
    assert {(ROOT / "stages" / stage).is_dir() for stage in STAGES} == {True, False}
    done = start("-m", "stages", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert f": {', '.join(STAGES)}." in done.stdout


@pytest.mark.parametrize("stage", STAGES)
def test_help_of_a_stage_is_what_its_module_says(
    stage: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["stages", stage, "--help"])
    monkeypatch.chdir(ROOT)
    command_line()
    lines = capsys.readouterr().out.strip().splitlines()
    assert source_of(stage).read_text(encoding="utf-8").startswith(f'"""{lines[0]}')
    assert any(line.startswith("Writes ") for line in lines)
