"""Copies of params.yaml, and a small project with a stage of a few lines, to be changed."""

import shutil
from pathlib import Path

import pytest
from complaining import COMMITTED
from declaring import HIDDEN, PIPELINE

from bagpipe.scratch.copies import ROOT
from stages.common.basics.params.reading import PARAMS_FILE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(COMMITTED, encoding="utf-8")
    return path


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a stage `work`, to be written by each test."""
    folder = tmp_path / "project"
    (folder / "stages").mkdir(parents=True)
    for name in ("__init__.py", "__main__.py"):
        shutil.copy(ROOT / "stages" / name, folder / "stages")
    shutil.copytree(ROOT / "stages/common", folder / "stages/common", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / PARAMS_FILE, folder)
    (folder / "dvc.yaml").write_text(PIPELINE, encoding="utf-8")
    for file in ("data/in/imdb/rows.txt", "data/in/reuters/rows.txt", HIDDEN):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(f"{file}\n", encoding="utf-8")
    return folder
