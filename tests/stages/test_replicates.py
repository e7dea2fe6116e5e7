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
from sklearn.metrics import f1_score

from stages.common.basics.answers import collect_answers, fingerprint, keys_of, read_answers, write_answers
from stages.common.basics.artifacts import read_csv, read_json
from stages.common.basics.errors import UserError
from stages.common.basics.params.questions import replicate_seeds
from stages.common.basics.params.reading import load_params
from stages.evaluate import evaluate
from stages.replicate import Replicate, mean_and_sd, replicate, standard_error_of_texts


def three_seeds(content: Any) -> None:
    content["replicates"]["own"] = {"imdb": 3}


def files_of(folder: Path) -> dict[str, bytes]:
    reports = folder / "reports/models/imdb"
    return {path.name: path.read_bytes() for path in (*reports.glob("replicates.*"), reports / "errors.npz")}


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
        predicted = copy / ".dvc/tmp/replicates/imdb/predicted.npy"
        content = predicted.read_bytes()
        predicted.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
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
        texts = len(np.load("data/vectorized/imdb/test/labels.npy"))
        return [Replicate(line, np.ones(texts, np.int64))] * len(seeds)

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
    predicted = np.load(scratch / ".dvc/tmp/replicates/imdb/predicted.npy")
    labels = np.load(scratch / "data/vectorized/imdb/test/labels.npy")
    lines = read_csv(scratch / "reports/models/imdb/replicates.csv")
    answers = read_answers(scratch / "reports/models/imdb/errors.npz")
    assert answers.runs == tuple(line["seed"] for line in lines)
    assert (answers.wrong == (predicted != labels)).all()
    expected = {
        "test_accuracy": (predicted == labels).mean(axis=1),
        "test_macro_f1": [f1_score(labels, row, average="macro") for row in predicted],
    }
    for figure, values in expected.items():
        assert [float(line[figure]) for line in lines] == pytest.approx(list(values), abs=1e-6)
    found = read_json(scratch / "reports/models/imdb/replicates.json")["accuracy"]["se_of_texts"]
    assert found == standard_error_of_texts(answers.wrong)


def test_a_test_set_has_another_fingerprint_once_a_text_or_a_label_is_another() -> None:
    hashes, labels = np.arange(10, dtype=np.uint64), np.arange(10) % 2
    others = [
        (hashes[::-1], labels),
        (hashes, 1 - labels),
        (hashes[:-1], labels[:-1]),
        (hashes + np.uint64(1), labels),
    ]
    found = [fingerprint(keys_of(*each)) for each in ((hashes, labels), *others)]
    assert len(set(found)) == len(found)


def test_answers_take_a_bit_each(tmp_path: Path) -> None:
    random = np.random.default_rng(1)
    runs = {str(seed): random.integers(0, 46, 2_001) for seed in range(20)}
    labels = random.integers(0, 46, 2_001)
    written = collect_answers(runs, labels, 46, "one")
    write_answers(tmp_path / "errors.npz", written)
    found = read_answers(tmp_path / "errors.npz")
    assert (found.runs, found.test_set) == (tuple(runs), "one")
    assert (found.wrong == [predicted != labels for predicted in runs.values()]).all()
    assert (tmp_path / "errors.npz").stat().st_size < 20 * 2_001 / 8 + 4 * 2_001 + 3_000


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"what is this", "cut", "compressed", "other shapes"])
def test_what_is_no_file_of_answers_is_an_error(content: bytes | str, tmp_path: Path) -> None:
    path = tmp_path / "errors.npz"
    answers = collect_answers({"1": np.zeros(99, int)}, np.zeros(99, int), 2, "one")
    if content == "compressed":
        np.savez_compressed(path, runs=np.array(["1"]), wrong=np.zeros((1, 10**6), np.uint8))
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        write_answers(path, answers._replace(runs=("1", "2")) if content == "other shapes" else answers)
        whole = path.read_bytes()
        path.write_bytes(whole[:-100] if content == "cut" else whole)
    with pytest.raises(UserError, match=r"errors\.npz: expected which test texts each run got wrong"):
        read_answers(path)


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
    predicted = np.load(".dvc/tmp/replicates/imdb/predicted.npy")
    expected = (predicted == labels)[:, count:].mean(axis=1)
    assert [float(line["test_unseen_accuracy"]) for line in lines] == pytest.approx(expected.tolist(), abs=1e-6)
    assert replicates["unseen_accuracy"] == mean_and_sd([float(line["test_unseen_accuracy"]) for line in lines])


def test_the_standard_error_of_one_run_is_that_of_agresti_and_coull() -> None:
    """Two texts more that are right, two that are wrong."""
    wrong = np.arange(400) < 100
    share = 102 / 404
    assert standard_error_of_texts(wrong[np.newaxis]) == pytest.approx(math.sqrt(share * (1 - share) / 404), abs=1e-6)
    assert standard_error_of_texts(np.zeros((10, 66), bool)) > 0.01


def test_seeds_of_different_seeds_do_not_overlap() -> None:
    assert list(replicate_seeds(1, 3)) == [1001, 1002, 1003]
    assert not set(replicate_seeds(1, 999)) & set(replicate_seeds(2, 999))
