"""`bagpipe retest`: another revision's runs on the texts that are here."""

import json
import re
from pathlib import Path

import pytest
from commands import bagpipe
from verifying import commit, edit_params, git, run_dvc

from stages.common.basics.answers import read_answers

pytestmark = pytest.mark.slow


def other_texts(project: Path) -> None:
    """Have more of the texts be test texts, on a branch."""
    git(project, "checkout", "--quiet", "-b", "more_texts")
    edit_params(project, lambda params: params["datasets"]["reuters"].update(test_split=0.3))
    run_dvc(project, "repro", "replicate@reuters", "replicate@reuters_integer_labels")
    commit(project)


def test_a_revision_is_run_on_the_texts_of_this_one_and_can_then_be_compared(project: Path) -> None:
    for key, value in (("user.name", "A"), ("user.email", "a@example.org")):
        git(project, "config", key, value)
    main = git(project, "branch", "--show-current").strip()
    other_texts(project)
    before = bagpipe(project, "diff", main, "--fail-on", "worse", capture_output=True)
    assert before.returncode == 4, before.stderr
    assert f"bagpipe retest {main}" in before.stderr
    head = git(project, "rev-parse", "HEAD"), git(project, "status", "--porcelain")

    done = bagpipe(project, "retest", main, "reuters", capture_output=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"Done; `bagpipe diff retest/{main}` compares with it."
    assert (git(project, "rev-parse", "HEAD"), git(project, "status", "--porcelain")) == head
    assert git(project, "worktree", "list").count("\n") == 1

    after = bagpipe(project, "diff", f"retest/{main}", "--json", capture_output=True)
    judged = {row["model"]: row for row in json.loads(after.stdout)["verdicts"]}
    assert "reuters" not in judged  # the same runs of the same code on the same texts
    assert git(project, "rev-parse", f"retest/{main}~1") == git(project, "rev-parse", main)
    assert read_answers(project / "reports/models/reuters/errors.npz").wrong.shape[1] > 1_000


def test_what_cannot_be_retested_is_told_in_a_line(project: Path) -> None:
    for arguments, said in (
        (("HEAD",), "error: expected models whose test texts are others here than in HEAD; found none"),
        (("HEAD", "nonsense"), "error: .*nonsense.*"),
        (("no_such",), "error: 'no_such': no such revision.*"),
    ):
        done = bagpipe(project, "retest", *arguments, capture_output=True)
        assert done.returncode == 1
        assert re.fullmatch(said, done.stderr.splitlines()[-1])
