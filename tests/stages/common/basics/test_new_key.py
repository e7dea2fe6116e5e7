"""A new key of a model is added in three places: twice in sections.py, and in params.yaml."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bagpipe.scratch.copies import ROOT

SECTIONS = Path("stages/common/basics/params/sections.py")
READ = """
from stages.common.basics.params.questions import settings_of
from stages.common.basics.params.reading import load_params
params = load_params()
print(settings_of(params, "imdb").patience, settings_of(params, "reuters").patience)
"""


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "stages", tmp_path / "stages", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "params.yaml", tmp_path)
    return tmp_path


def test_a_new_key_of_a_model_is_added_in_three_places(project: Path) -> None:
    replace(project / SECTIONS, "    batch_size: Count\n", "    batch_size: Count\n    patience: Count\n")
    replace(
        project / SECTIONS,
        "    batch_size: Count | None = None\n",
        "    batch_size: Count | None = None\n    patience: Count | None = None\n",
    )
    replace(project / "params.yaml", "    batch_size: 512\n", "    batch_size: 512\n    patience: 3\n")
    # what a user may then write
    replace(project / "params.yaml", "imdb: {dataset: imdb, hidden", "imdb: {dataset: imdb, patience: 5, hidden")
    done = subprocess.run([sys.executable, "-c", READ], cwd=project, text=True, capture_output=True)
    assert (done.stdout, done.stderr) == ("5 3\n", "")
