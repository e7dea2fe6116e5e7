"""A project with hostile texts and labels, and its page."""

import shutil
from pathlib import Path

import pytest
from calling import run
from commands import dvc
from editing import edit_yaml
from filelock import FileLock
from labelled_texts import write_csv
from pages import hostile_texts

PUBLISHED = [  # what a notebook might have printed
    {"of": "imdb", "figure": "test.accuracy", "value": "0.10", "source": "G", "known": "it is made up"},
    {"of": "imdb", "figure": "validation.val_loss", "value": "0.5", "source": "G"},
    {"of": "reuters", "figure": "validation.best_epoch", "value": "5", "source": "G"},
    {"of": "imdb", "figure": "baselines.expected_of_shuffling", "value": "0.5", "tolerance": 0.1, "source": "G"},
]
STAGES = ("vectorize", "describe", "baseline", "validate", "train", "evaluate", "replicate")


@pytest.fixture(scope="session")
def project(scratch: Path, tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A copy with a dataset of hostile texts, too, and its results; to be read only. Test processes share one."""
    temporary = tmp_path_factory.getbasetemp()
    folder = (temporary if worker_id == "master" else temporary.parent) / "page"
    log = folder / "repro_mine.log"  # written last
    with FileLock(f"{folder}.lock"):
        if not log.exists():
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(scratch, folder)
            write_csv(folder / "own.csv", hostile_texts(600))
            edit_yaml(folder / "published.yaml", lambda content: content["published"].extend(PUBLISHED))
            run(folder, "add", "mine", "own.csv", "--move", "--test-split", "0.3")
            done = dvc(folder, "repro", *(f"{stage}@mine" for stage in STAGES), "report", capture_output=True)
            assert done.returncode == 0, done.stdout + done.stderr
            log.write_text(done.stdout + done.stderr, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def written(project: Path) -> Path:
    """The page of that project."""
    page = project / "data/page.html"
    with FileLock(f"{project}.lock"):
        if not page.exists():
            told = run(project, "page", "--no-open")
            assert told.startswith("data/page.html: ")
            assert len(told.splitlines()) == 1
    return page
