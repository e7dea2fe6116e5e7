"""The verdicts of `bagpipe diff` are about new texts: few texts, other texts, and answers that are not there."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from diff_project import (
    HIGHER_ACCURACY,
    OLD_ACCURACY,
    Project,
    assert_one_line,
    cells,
    content,
    diff,
    make_project,
    verdict,
)
from made_up_answers import answers_of

from stages.common.basics.answers import pack_answers

TIGHT = [0.800, 0.800, 0.805, 0.795, 0.800]
TWO_POINTS_MORE = [value + 0.02 for value in TIGHT]
MUCH_WORSE = [value - 0.1 for value in OLD_ACCURACY]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("COLUMNS", "200")
    return make_project(tmp_path / "project", monkeypatch)


def page(*arguments: str) -> str:
    """What is printed, on one line."""
    return " ".join(diff(*arguments).stdout.split())


# Few texts


@pytest.mark.parametrize(("texts", "expected"), [(200, "not distinguished"), (1_000, "better"), (100_000, "better")])
def test_a_difference_over_all_seeds_may_be_that_of_a_few_texts(project: Project, texts: int, expected: str) -> None:
    for accuracies in (TIGHT, TWO_POINTS_MORE):
        project.replicates("one", accuracies, answers=answers_of(accuracies, texts=texts))
        project.commit()
    row = verdict("one", "HEAD~1")
    assert (row["verdict"], row["texts"]) == (expected, texts)
    assert row["on_test_set_low"] > 0  # on these very texts there is no doubt
    assert (row["low"] > 0) == (expected == "better")
    shown = page("HEAD~1")
    assert ("The test set of films has 200 texts. A difference of" in shown) == (texts == 200)
    assert ("The test set" in shown) == ("small" in row) == (texts < 1_000)


# Other texts


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (2_000, "both sides have 2,000 test texts, but not the same"),
        (1_500, "the old side has 2,000 test texts and the new one 1,500"),
    ],
)
def test_there_is_no_verdict_on_runs_with_other_test_texts(project: Project, texts: int, said: str) -> None:
    project.replicates("one", answers=answers_of(OLD_ACCURACY, texts=2_000))
    project.commit()
    project.replicates("one", MUCH_WORSE, answers=answers_of(MUCH_WORSE, texts=texts, test_set="other"))
    project.commit()
    done = diff("HEAD~1", "HEAD", "--fail-on", "worse")
    assert done.exit_code == 4
    command = "`bagpipe retest 'HEAD~1'`, where the new side is checked out"
    assert done.stderr == f"error: the test sets differ: {command}\n"
    note = f"No verdict on `one`, as {said}: where the new side is checked out, `bagpipe retest 'HEAD~1'` runs"
    assert note in page("HEAD~1", "HEAD")
    assert cells("one", "HEAD~1", "HEAD") == ["one", "other test texts"]
    row = verdict("one", "HEAD~1", "HEAD")
    assert (row["verdict"], row["status"]) == (f"the test sets differ: {command}", "other test texts")
    assert not {"p", "low", "mean_difference"} & row.keys()
    assert diff("HEAD~1", "HEAD").exit_code == 0

    project.replicates("two", MUCH_WORSE)
    project.commit()
    done = diff("HEAD~2", "HEAD", "--fail-on", "worse")
    assert done.exit_code == 1
    assert done.stderr.startswith("error: test accuracy is worse: two; the test sets differ: `bagpipe retest")


# Answers that are not there


@pytest.mark.parametrize("side", ["old", "new"])
def test_runs_whose_answers_are_not_recorded_are_not_judged(project: Project, side: str) -> None:
    project.replicates("one", HIGHER_ACCURACY)
    (project.folder / "reports/models/one/errors.npz").unlink()
    answers = project.reports.pop("models/one/errors.npz")
    project.commit()
    project.reports["models/one/errors.npz"] = answers
    project.commit()
    arguments = ("HEAD~1", "HEAD") if side == "old" else ("HEAD", "HEAD~1")
    row = verdict("one", *arguments)
    said = "it is not recorded which test texts the replicates got wrong"
    assert (row["status"], row["side"]) == ("answers not recorded", "HEAD~1")
    assert row["verdict"] == f"{said}: `dvc repro replicate@one`"
    assert f"{said.capitalize()} in `HEAD~1`: `dvc repro replicate@one`" in page(*arguments)
    assert cells("one", *arguments) == ["one", "answers not recorded"]
    done = diff(*arguments, "--fail-on", "worse")
    assert (done.exit_code, done.stderr) == (1, f"error: {said}: `dvc repro replicate@one`\n")


def rewrite(content: bytes, compress: bool = False, **changed: np.ndarray) -> bytes:
    """Answers with other arrays in them."""
    file = io.BytesIO()
    with np.load(io.BytesIO(content)) as arrays:
        (np.savez_compressed if compress else np.savez)(file, **{**arrays, **changed})
    return file.getvalue()


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: b"no zip\n",
        lambda content: content[:-40],
        lambda content: content[: len(content) // 2],
        lambda content: content.replace(b"wrong.npy", b"right.npy"),
        lambda content: rewrite(content, compress=True),
        lambda content: rewrite(content, macro_f1=np.zeros(3)),
        lambda content: rewrite(content, wrong=np.zeros((2, 7), np.uint8)),
        lambda content: rewrite(content, wrong=np.zeros((5, 7))),
        lambda content: rewrite(content, runs=np.array([{}] * 5)),
    ],
)
def test_damaged_answers_are_one_line(project: Project, damage: Callable[[bytes], bytes]) -> None:
    project.replicates("one", HIGHER_ACCURACY)
    project.reports["models/one/errors.npz"] = damage(project.reports["models/one/errors.npz"])
    project.commit()
    expected = "HEAD: reports/models/one/errors.npz: expected which test texts each run got wrong"
    assert_one_line(diff("HEAD~1", "HEAD"), expected)
    with zipfile.ZipFile(io.BytesIO(pack_answers(answers_of([0.5, 0.6])))) as archive:  # as it should be
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}


# Macro F1


def change_macro_f1(project: Project, macro_f1: list[float], influence: float = 0.0) -> None:
    """Let runs with the same answers have another macro F1, to which texts contribute so much more or less."""
    answers = answers_of(OLD_ACCURACY, macro_f1=macro_f1)
    signs = np.where(np.arange(answers.wrong.shape[1]) % 2, 1, -1)
    answers = answers._replace(f1_influence=(influence * signs).astype(np.float32))
    project.replicates("one", OLD_ACCURACY, answers=answers)
    project.commit()


def test_verdicts_may_be_on_macro_f1(project: Project) -> None:
    change_macro_f1(project, OLD_ACCURACY)
    change_macro_f1(project, MUCH_WORSE)
    change_macro_f1(project, MUCH_WORSE, influence=30)  # so these texts might as well have raised it
    accuracy, f1 = (
        content("HEAD~2", "HEAD~1", "--metric", metric)["verdicts"][0] for metric in ("accuracy", "macro_f1")
    )
    assert accuracy["mean_difference"] == 0
    assert (accuracy["mean_old"], accuracy["mean_new"]) == (0.804, 0.804)
    assert (f1["verdict"], f1["mean_old"], f1["mean_new"]) == ("worse", 0.804, 0.704)
    done = diff("HEAD~2", "HEAD~1", "--metric", "macro_f1", "--fail-on", "worse")
    assert (done.exit_code, done.stderr) == (1, "error: test macro F1 is worse: one\n")
    assert "VERDICTS ON TEST MACRO F1" in done.stdout
    assert diff("HEAD~2", "HEAD~1", "--fail-on", "worse").exit_code == 0

    unsure = verdict("one", "HEAD~2", "HEAD", "--metric", "macro_f1")
    assert unsure["verdict"] == "not distinguished"
    for bound in ("on_test_set_low", "on_test_set_high"):
        assert unsure[bound] == f1[bound] < 0


def test_a_metric_of_another_name_is_refused(project: Project) -> None:
    done = diff("--metric", "loss")
    assert done.exit_code == 2
    assert "'loss' is not one of 'accuracy', 'macro_f1'" in done.stderr


def test_json_has_what_a_verdict_rests_on(project: Project) -> None:
    project.replicates("one", HIGHER_ACCURACY)
    project.write()
    row: dict[str, Any] = verdict("one")
    assert row.keys() == {
        "model",
        "n",
        "verdict",
        "mean_old",
        "mean_new",
        "mean_difference",
        "low",
        "high",
        "p",
        "p_adjusted",
        "paired",
        "texts",
        "on_test_set_low",
        "on_test_set_high",
        "negligible",
        "equivalent",
    }
