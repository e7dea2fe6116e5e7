"""Runs under other seeds: kept where they can be, the same bytes however they came about."""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import dvc
from editing import edit_yaml

from stages.common.basics.artifacts import read_csv, read_json
from stages.common.basics.params.questions import replicate_seeds
from stages.common.basics.params.reading import load_params
from stages.evaluate import evaluate
from stages.replicate import Replicate, mean_and_sd, replicate, standard_error_of_texts


def three_seeds(content: Any) -> None:
    content["replicates"]["own"] = {"imdb": 3}


def files_of(folder: Path) -> dict[str, bytes]:
    paths = (folder / "reports/models/imdb").glob("replicates.*")
    return {path.name: path.read_bytes() for path in paths}


def rerun(folder: Path) -> str:
    """Run the stage, whatever DVC thinks of it, and give back what it prints."""
    done = dvc(folder, "repro", "--force", "--no-run-cache", "--single-item", "replicate@imdb", capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_more_seeds_run_only_the_new_ones_and_give_the_bytes_of_a_run_from_nothing(copy: Path) -> None:
    before = read_csv(copy / "reports/models/imdb/replicates.csv")
    edit_yaml(copy / "params.yaml", three_seeds)
    output = rerun(copy)
    assert "under 3 further seeds; 2 are there already" in output
    assert "seed 1001:" not in output
    assert "seed 1003:" in output
    assert read_csv(copy / "reports/models/imdb/replicates.csv")[:2] == before
    added = files_of(copy)
    shutil.rmtree(copy / ".dvc/tmp/replicates")
    assert "seed 1001:" in rerun(copy)
    assert files_of(copy) == added


def test_fewer_seeds_and_more_again_run_nothing(copy: Path) -> None:
    before = files_of(copy)
    for n in (3, 2, 3):
        edit_yaml(copy / "params.yaml", lambda content, n=n: content["replicates"].update(own={"imdb": n}))
        output = rerun(copy)
        if n == 2:
            assert files_of(copy) == before
    assert "3 are there already" in output


@pytest.mark.parametrize("change", ["params", "code", "rows", "damage"])
def test_other_or_damaged_runs_are_not_kept(copy: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    monkeypatch.chdir(copy)
    if change == "params":
        edit_yaml(copy / "params.yaml", lambda content: content["defaults"]["imdb"].update(epochs=2))
    elif change == "code":
        with open(copy / "stages/common/network/layers.py", "a") as file:
            file.write("# another\n")
    elif change == "damage":
        correct = copy / ".dvc/tmp/replicates/imdb/correct.npy"
        content = correct.read_bytes()
        correct.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    else:
        labels = copy / "data/vectorized/imdb/train/labels.npy"
        content = np.load(labels)
        labels.unlink()  # it may be a link into the cache
        np.save(labels, content[::-1])
    ran: list[int] = []

    def none(name: str, settings: object, seeds: list[int]) -> list[Replicate]:
        ran.extend(seeds)
        line = {
            key: json.loads(value) for key, value in read_csv(Path(".dvc/tmp/replicates/imdb/runs.csv"))[0].items()
        }
        del line["seed"]
        return [Replicate(line, np.ones(10, bool))] * len(seeds)

    monkeypatch.setattr("stages.replicate.replicate_runs", none)
    replicate(load_params(), "imdb")
    assert ran == [1001, 1002]
    ran.clear()
    replicate(load_params(), "imdb")
    assert ran == []


def test_an_interrupted_stage_goes_on_where_it_was(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = files_of(copy)
    shutil.rmtree(copy / ".dvc/tmp/replicates/imdb")
    monkeypatch.chdir(copy)
    from stages import replicate as module

    whole = module.replicate_runs

    def interrupted(*arguments: Any) -> Any:
        yield next(whole(*arguments))
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "replicate_runs", interrupted)
    with pytest.raises(KeyboardInterrupt):
        replicate(load_params(), "imdb")
    assert [line["seed"] for line in read_csv(Path(".dvc/tmp/replicates/imdb/runs.csv"))] == ["1001"]
    ran: list[int] = []

    def rest(name: str, settings: Any, seeds: list[int]) -> Any:
        ran.extend(seeds)
        return whole(name, settings, seeds)

    monkeypatch.setattr(module, "replicate_runs", rest)
    replicate(load_params(), "imdb")
    assert ran == [1002]
    assert files_of(copy) == expected


def test_the_figures_are_those_of_the_texts(scratch: Path) -> None:
    correct = np.load(scratch / ".dvc/tmp/replicates/imdb/correct.npy")
    lines = read_csv(scratch / "reports/models/imdb/replicates.csv")
    assert correct.dtype == bool
    assert correct.mean(axis=1).tolist() == pytest.approx([float(line["test_accuracy"]) for line in lines], abs=1e-6)
    found = read_json(scratch / "reports/models/imdb/replicates.json")["accuracy"]["se_of_texts"]
    assert found == standard_error_of_texts(correct)


@pytest.mark.parametrize("seen", [40, "all"])
def test_unseen_texts_are_those_that_training_does_not_have(
    copy: Path, monkeypatch: pytest.MonkeyPatch, seen: int | str
) -> None:
    """In evaluate and replicate: as if training had the first test texts."""
    monkeypatch.chdir(copy)
    rows, reports = Path("data/vectorized/imdb"), Path("reports/models/imdb")
    hashes, labels = np.load(rows / "test/hashes.npy"), np.load(rows / "test/labels.npy")
    count = len(hashes) if seen == "all" else int(seen)
    hashes[:count] = np.load(rows / "train/hashes.npy")[:1]
    (rows / "test/hashes.npy").unlink()  # it may be a link into the cache
    np.save(rows / "test/hashes.npy", hashes)
    whole = read_json(reports / "metrics.json")["test"]
    evaluate(load_params(), "imdb")
    replicate(load_params(), "imdb")
    metrics, replicates = read_json(reports / "metrics.json"), read_json(reports / "replicates.json")
    lines = read_csv(reports / "replicates.csv")
    assert metrics["test"] == whole
    if seen == "all":
        assert "test_unseen" not in metrics
        assert "unseen_accuracy" not in replicates
        assert "test_unseen_accuracy" not in lines[0]
        return
    likelihoods = np.abs(np.load("data/predictions/imdb.npy")[count:, 0] - (labels[count:] == 0))
    assert metrics["test_unseen"]["accuracy"] == pytest.approx((likelihoods > 0.5).mean(), abs=1e-6)
    assert metrics["test_unseen"]["loss"] == pytest.approx(-np.log(likelihoods).mean(), abs=1e-5)
    assert set(metrics["test_unseen"]) == set(whole)
    expected = np.load(".dvc/tmp/replicates/imdb/correct.npy")[:, count:].mean(axis=1)
    assert [float(line["test_unseen_accuracy"]) for line in lines] == pytest.approx(expected.tolist(), abs=1e-6)
    assert replicates["unseen_accuracy"] == mean_and_sd([float(line["test_unseen_accuracy"]) for line in lines])


def test_the_standard_error_of_one_run_is_that_of_a_share() -> None:
    correct = np.arange(400) < 300
    assert standard_error_of_texts(correct[np.newaxis]) == pytest.approx(math.sqrt(0.75 * 0.25 / 399), abs=1e-6)
    assert standard_error_of_texts(np.array([[True, False], [False, True]])) == 0


def test_seeds_of_different_seeds_do_not_overlap() -> None:
    assert list(replicate_seeds(1, 3)) == [1001, 1002, 1003]
    assert not set(replicate_seeds(1, 999)) & set(replicate_seeds(2, 999))
