"""`dvc repro` in a scratch copy of the project: what it ran, and what it would run again."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from commands import dvc
from editing import edit_yaml

from bagpipe.scratch.copies import environment

UP_TO_DATE = "Data and pipelines are up to date."


DATASETS = ("imdb", "reuters")
REUTERS = ("reuters", "reuters_integer_labels")
ALL = ("imdb", *REUTERS)


def repro(folder: Path, *arguments: str) -> str:
    """Run `dvc repro`, which is expected to succeed; return what it printed."""
    done = dvc(folder, "repro", *arguments, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def stages_run(output: str) -> list[str]:
    """The stages that `dvc repro` or `bagpipe repro` ran, from what it printed."""
    return re.findall(r"^(?:Running stage '|start +)([^'\s]+)", output, re.MULTILINE)


def stale(folder: Path) -> set[str]:
    """The stages that differ from dvc.lock by themselves, those downstream of them not included."""
    done = dvc(folder, "status", "--json", capture_output=True)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def each(stage: str, *names: str) -> set[str]:
    return {f"{stage}@{name}" for name in names}


def python(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run Python in a copy, as DVC runs a stage."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment(folder), text=True, capture_output=True, **options)


def edit_params(folder: Path, key: str, value: object) -> None:
    """Set `defaults.imdb.epochs` and the like."""
    *outer, last = key.split(".")

    def edit(content: Any) -> None:
        for part in outer:
            content = content[part]
        content[last] = value

    edit_yaml(folder / "params.yaml", edit)


def read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def shown_metrics(folder: Path) -> dict[str, Any]:
    done = dvc(folder, "metrics", "show", "--json", capture_output=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)[""]["data"]


def shown_plots(folder: Path) -> dict[str, Any]:
    done = dvc(folder, "plots", "show", "--json", "--split", capture_output=True)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert not shown.get("errors")
    return shown["data"]
