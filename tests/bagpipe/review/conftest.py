"""A project with one commit that is true."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from verifying import commit, edit_published, git, run_dvc

from bagpipe.scratch.copies import ROOT


@pytest.fixture(scope="session")
def honest(scratch: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Git repository with one commit that is true, and its data; to be read only.

    Generated texts do not give the notebooks' figures: it is published here what a first run gave.
    """
    folder = tmp_path_factory.mktemp("honest") / "project"
    shutil.copytree(scratch, folder)
    verdicts = json.loads((folder / "reports" / "reproduction.json").read_text())

    def publish(content: Any) -> None:
        for entry in content["published"]:
            entry["value"] = f"{verdicts[entry['of']][entry['figure']]['mean']:.6f}"
            entry.pop("known")
        content["bounds"] = [{"of": "imdb", "figure": "test.accuracy", "low": 0.6, "high": 0.99}]

    edit_published(folder, publish)
    run_dvc(folder, "repro", "report")
    shutil.copy(ROOT / ".gitignore", folder / ".gitignore")
    (folder / ".dvc" / "config.local").unlink()
    git(folder, "init", "--quiet", "--initial-branch=main")
    (folder / ".git" / "info" / "exclude").write_text("/.mirror/\n/repro.log\n")
    commit(folder)
    return folder


@pytest.fixture
def project(honest: Path, tmp_path: Path) -> Path:
    """A copy of `honest`, to be changed."""
    return Path(shutil.copytree(honest, tmp_path / "project"))
