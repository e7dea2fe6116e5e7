"""What users do wrong with the pipeline, and what goes wrong around it: each is told in one line."""

import os
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from reproducing import edit_params, python, repro, stages_run

from bagpipe.scratch.copies import environment


def half_written(folder: Path) -> list[Path]:
    return [path for part in ("data", "reports") for path in (folder / part).rglob("*.partial")]


def assert_one_line(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """Assert that a command failed with one `error:` line that holds `parts`, and with nothing else."""
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    for part in parts:
        assert part in line


def test_an_unknown_model(copy: Path) -> None:
    done = python(copy, "-m", "stages", "train", "imbd")
    assert_one_line(done, "params.yaml", "imdb, reuters", "'imbd'")


def test_a_mistake_in_params_is_told_before_work_starts(copy: Path) -> None:
    edit_params(copy, "defaults.imdb.validation_epochs", -1)
    done = python(copy, "-m", "stages", "validate", "imdb")
    assert_one_line(done, "params.yaml", "defaults.imdb.validation_epochs", "-1")
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("stage", "key"),
    [
        ("validate", "imdb.holdout"),
        ("train", "imdb.leave_out"),
    ],
)
def test_a_holdout_larger_than_the_training_set(copy: Path, stage: str, key: str) -> None:
    edit_params(copy, f"defaults.{key}", 4_000)
    done = python(copy, "-m", "stages", stage, "imdb")
    assert_one_line(done, "params.yaml", key, "4,000")


def test_interrupted_training_leaves_nothing_and_the_next_run_goes_on(copy: Path) -> None:
    edit_params(copy, "defaults.imdb.epochs", 100_000)
    process = subprocess.Popen(
        [sys.executable, "-m", "dvc", "repro", "evaluate@imdb"],
        cwd=copy,
        env=environment(copy),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # a terminal's Ctrl-C goes to all of a foreground job
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # which a background job would ignore
    )
    output = ""
    for line in process.stdout:
        output += line
        if line.startswith("epoch  3/"):
            os.killpg(process.pid, signal.SIGINT)
    assert process.wait() != 0
    process.stdout.close()
    assert "error: interrupted" in output
    assert "Traceback" not in output
    assert not (copy / "data/models/imdb").exists()
    assert half_written(copy) == []

    edit_params(copy, "defaults.imdb.epochs", 2)
    assert stages_run(repro(copy, "evaluate@imdb")) == ["train@imdb", "evaluate@imdb"]


@pytest.mark.parametrize(
    ("stage", "artifact", "limit"),
    [
        ("download", "data/raw/imdb", 10_000),
        ("vectorize", "data/vectorized/imdb", 10_000),
        ("train", "data/models/imdb", 8_000),
        ("evaluate", "data/predictions/imdb.npy", 4_000),  # which lacks the last bytes only
        ("render", "reports/models/imdb/plots", 5_000),
        ("report", "reports/README.md", 1_000),
    ],
)
def test_a_full_disk_is_told_in_one_line(copy: Path, stage: str, artifact: str, limit: int) -> None:
    """A limit on the size of files stands in for the full disk: a write fails with an OSError, too."""
    path = copy / artifact
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    arguments = [] if stage == "report" else ["imdb"]
    done = python(
        copy,
        *("-m", "stages", stage, *arguments),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert_one_line(done, artifact.rpartition("/")[0])
    assert not path.exists()
    if stage != "download":  # which keeps the files it has, to go on from them
        assert half_written(copy) == []
