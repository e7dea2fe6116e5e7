"""`bagpipe verify` looks at the studies as at any stage, and says what brings them up to date."""

from collections.abc import Callable
from pathlib import Path

import pytest
from studying import STUDY, copy_studies
from verifying import clone, commit, edit_text, findings, run_dvc


@pytest.fixture
def studied(project: Path) -> Path:
    """A true project with a study."""
    copy_studies(project)
    run_dvc(project, "repro", "--single-item", "studies/dvc.yaml")
    commit(project)
    return project


def test_a_study_that_is_true_passes_and_comes_to_the_same_in_a_rerun(studied: Path) -> None:
    assert findings(clone(studied)) == []
    assert findings(studied, "--rerun", STUDY) == []


def test_a_study_of_other_rules_is_stale_until_it_is_run(studied: Path) -> None:
    with open(studied / "stages" / "common" / "judging" / "comparison.py", "a") as file:
        file.write("\nANOTHER = 1\n")
    run_dvc(studied, "repro")
    commit(studied)
    (found,) = findings(studied)
    assert found["stage"] == STUDY
    assert found["problem"] == "stages/common/judging is not the one that dvc.lock has"
    assert found["fix"] == "`make studies`, then commit"
    run_dvc(studied, "repro", "--single-item", "studies/dvc.yaml")
    commit(studied)
    assert findings(studied) == []


def another_page(folder: Path) -> None:
    edit_text(folder / "reports" / "null_study.md", "## False alarms", "## Few false alarms")


def no_lock(folder: Path) -> None:
    (folder / "studies" / "dvc.lock").unlink()


def unwatched(folder: Path) -> None:
    edit_text(folder / "studies" / "dvc.yaml", 'python -m studies "$DVC_STAGE"', "python -m studies null_study")


@pytest.mark.parametrize(
    ("lie", "problem"),
    [
        (another_page, "reports/null_study.md is not what the stage wrote, by dvc.lock"),
        (no_lock, "has no entry in dvc.lock: its results are none of a run"),
        (unwatched, "is not run by `python -m studies`, so nothing watches what it reads"),
    ],
)
def test_a_lie_about_a_study_is_named(studied: Path, lie: Callable[[Path], None], problem: str) -> None:
    lie(studied)
    commit(studied)
    assert (STUDY, problem) in [(found["stage"], found["problem"]) for found in findings(studied)]
