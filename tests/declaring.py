"""A stage of a few lines in a small project, and what it may declare."""

import subprocess
import sys
from pathlib import Path

from editing import edit_yaml

from bagpipe.scratch.copies import environment

PIPELINE = """
stages:
  work:
    foreach: ${models}
    do:
      cmd: python -m stages work ${key}
      deps: [stages/work.py, stages/common, "data/in/${item.dataset}"]
      params: [seed, "models.${key}", "defaults.${item.dataset}.optimizer"]
      outs: ["data/out/${key}"]
      metrics:
      - reports/${key}/figures.json: {cache: false}
  download:
    foreach: ${official}
    do:
      cmd: python -m stages download ${key}
      deps: [stages/download.py, stages/common]
      params: ["official.${key}", "datasets.${key}.labels"]
      outs: ["data/in/${key}"]
  gather:
    cmd: python -m stages gather
    deps: [stages/gather.py, stages/common]
    outs: [data/all.txt]
"""
HIDDEN = "data/hidden.txt"  # no stage declares it

Done = subprocess.CompletedProcess[str]


def write_stage(folder: Path, body: str, top: str = "", stage: str = "work") -> None:
    """Write a stage's module: lines at its top, and the lines of its function."""
    name = "" if stage == "gather" else ", name"
    lines = [top, f"def {stage}(params{name}):", *(f"    {line}" for line in body.splitlines())]
    (folder / "stages" / f"{stage}.py").write_text("\n".join(lines) + "\n", encoding="utf-8")


def start(folder: Path, *arguments: str, python: str | Path = sys.executable, **variables: str) -> Done:
    inherited = {name: value for name, value in environment(folder).items() if name != "DATASETS_MIRROR"}
    command = [str(python), "-m", "stages", *arguments]
    return subprocess.run(command, cwd=folder, env={**inherited, **variables}, text=True, capture_output=True)


def work(folder: Path, body: str, top: str = "", **variables: str) -> Done:
    """Run the stage `work` of the model imdb, with a module of these lines."""
    write_stage(folder, body, top)
    return start(folder, "work", "imdb", **variables)


def assert_done(done: Done, output: str = "") -> None:
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.strip() == output


def assert_refused(done: Done, *parts: str) -> None:
    """Assert that a stage failed with one line that holds `parts`."""
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    for part in parts:
        assert part in line


def to_add(line: str, section: str, stage: str = "work") -> str:
    """What a message ends in: the line that would declare it, and where."""
    return f"which it does not declare: add `- {line}` to `{section}` of {stage} in dvc.yaml"


def declare(folder: Path, section: str, entry: str, stage: str = "work") -> None:
    edit_yaml(folder / "dvc.yaml", lambda content: content["stages"][stage]["do"][section].append(entry))
