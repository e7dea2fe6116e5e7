"""The real dvc.yaml, from download to report, on generated corpora: what a run leaves behind, and what it needs."""

import filecmp
import json
import math
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import dvc
from dvc.repo import Repo
from reproducing import (
    ALL,
    DATASETS,
    UP_TO_DATE,
    each,
    edit_params,
    files,
    python,
    read_json,
    repro,
    shown_metrics,
    shown_plots,
    stages_run,
)
from ruamel.yaml import YAML

from bagpipe.review.checks.rerun import rerun
from bagpipe.scratch.copies import copy_project, mirror_of
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import settings_of
from stages.common.basics.params.reading import load_params
from stages.common.judging.published import load_published

NOISE = "warning|tensorflow|cuda|traceback"
HISTORY = ("loss", "accuracy", "val_loss", "val_accuracy")


def read_history(folder: Path, model: str) -> np.ndarray:
    return np.genfromtxt(folder / "reports" / "models" / model / "history.csv", delimiter=",", names=True)


@pytest.fixture(scope="module")
def params(scratch: Path) -> Params:
    return load_params(scratch / "params.yaml")


# What a run leaves behind


def test_every_stage_runs_once_and_without_noise(scratch: Path, params: Params) -> None:
    log = (scratch / "repro.log").read_text(encoding="utf-8")
    of_models = [each(stage, *params.models) for stage in ("validate", "train", "evaluate", "replicate", "render")]
    of_datasets = [each(stage, *params.datasets) for stage in ("download", "vectorize", "describe", "baseline")]
    curves = each("learning_curves", *params.learning_curves)
    assert sorted(stages_run(log)) == sorted({"report"}.union(curves, *of_models, *of_datasets))
    assert not re.search(NOISE, log, re.IGNORECASE)


def test_raw_files_are_those_of_the_mirror(scratch: Path, params: Params) -> None:
    for name in params.datasets:
        assert sorted(path.name for path in (scratch / "data/raw" / name).iterdir()) == sorted(params.official[name])
        for file in params.official[name]:
            assert filecmp.cmp(scratch / "data/raw" / name / file, mirror_of(scratch) / file, shallow=False)


def test_rows_are_compressed_sparse_rows(scratch: Path, params: Params) -> None:
    for name, dataset in params.datasets.items():
        for split in ("train", "test"):
            folder = scratch / "data/vectorized" / name / split
            indptr, indices, labels, shape = (
                np.load(folder / f"{array}.npy") for array in ("indptr", "indices", "labels", "shape")
            )
            assert shape.tolist() == [len(labels), dataset.num_words]
            assert len(indptr) == len(labels) + 1
            assert indptr[0] == 0
            assert indptr[-1] == len(indices)
            assert indices.min() >= 1
            assert indices.max() < dataset.num_words
            assert set(labels) <= set(range(len(dataset.labels)))
            rises = np.diff(indices) > 0
            rises[indptr[1:-1] - 1] = True  # from one row to the next ids may fall
            assert rises.all()


def test_labels_and_words_lie_beside_the_rows(scratch: Path, params: Params) -> None:
    for name, dataset in params.datasets.items():
        folder = scratch / "data/vectorized" / name
        assert read_json(folder / "labels.json") == dataset.labels
        assert read_json(folder / "word_index.json") == read_json(mirror_of(scratch) / f"{name}_word_index.json")


def test_results_have_the_documented_keys(scratch: Path, params: Params) -> None:
    for name, model in params.models.items():
        folder = scratch / "reports/models" / name
        special = "roc_auc" if model.dataset == "imdb" else "top3_accuracy"
        metrics = read_json(folder / "metrics.json")
        assert set(metrics["test"]) == {"loss", "accuracy", "macro_f1", special}
        assert metrics["test_unseen"].keys() == metrics["test"].keys()
        validation = read_json(folder / "validation.json")
        assert {"best_epoch", "val_loss", "val_accuracy", "last_val_accuracy", "best_val_accuracy"} <= set(validation)


def test_validation_figures_are_those_of_the_history(scratch: Path, params: Params) -> None:
    for name in params.models:
        history = read_history(scratch, name)
        assert history.dtype.names == ("epoch", *HISTORY)
        assert history["epoch"].tolist() == list(range(1, settings_of(params, name).validation_epochs + 1))
        best = history["val_loss"].argmin()
        validation = read_json(scratch / "reports/models" / name / "validation.json")
        assert validation["best_epoch"] == best + 1
        assert validation["val_loss"] == history["val_loss"][best]
        assert validation["val_accuracy"] == history["val_accuracy"][best]
        assert validation["last_val_accuracy"] == history["val_accuracy"][-1]
        assert validation["best_val_accuracy"] == history["val_accuracy"].max()


def test_metrics_are_those_of_the_stored_predictions(scratch: Path, params: Params) -> None:
    for name, model in params.models.items():
        metrics = read_json(scratch / "reports/models" / name / "metrics.json")["test"]
        labels = np.load(scratch / "data/vectorized" / model.dataset / "test/labels.npy")
        probabilities = np.load(scratch / "data/predictions" / f"{name}.npy")
        if model.dataset == "imdb":
            assert probabilities.shape == (len(labels), 1)
            probabilities = np.hstack([1 - probabilities, probabilities])
        assert probabilities.shape == (len(labels), len(params.datasets[model.dataset].labels))
        assert np.mean(probabilities.argmax(axis=1) == labels) == pytest.approx(metrics["accuracy"], abs=1e-6)
        losses = -np.log(probabilities[np.arange(len(labels)), labels])
        assert losses.mean() == pytest.approx(metrics["loss"], abs=1e-4)


def test_models_reach_nearly_the_best_possible_accuracy_and_no_more(scratch: Path, params: Params) -> None:
    published = load_published(params, scratch / "published.yaml").published
    assert {entry.of for entry in published} == set(params.models)
    for entry in published:
        name, best = entry.of, entry.number
        model = params.models[name]
        size = len(np.load(scratch / "data/vectorized" / model.dataset / "test/labels.npy"))
        deviation = math.sqrt(best * (1 - best) / size)
        accuracy = read_json(scratch / "reports/models" / name / "metrics.json")["test"]["accuracy"]
        assert best - 0.1 <= accuracy <= best + 3 * deviation


def test_integer_labels_change_nothing_in_the_curves(scratch: Path) -> None:
    one_hot, integer = read_history(scratch, "reuters"), read_history(scratch, "reuters_integer_labels")
    for curve in HISTORY:
        np.testing.assert_allclose(integer[curve], one_hot[curve], rtol=0, atol=1e-4)


# Sameness


def test_dvc_repro_elsewhere_gives_the_same_bytes(scratch: Path, tmp_path: Path) -> None:
    """`scratch` has been made by `bagpipe repro`."""
    twin = tmp_path / "elsewhere" / "twin"
    shutil.copytree(scratch, twin, ignore=shutil.ignore_patterns("data", "reports", "dvc.lock", "cache", "tmp"))
    log = repro(twin)
    assert sorted(stages_run(log)) == sorted(stages_run((scratch / "repro.log").read_text(encoding="utf-8")))
    assert not re.search(NOISE, log, re.IGNORECASE)
    assert files(twin / "reports") == files(scratch / "reports")
    assert (twin / "dvc.lock").read_bytes() == (scratch / "dvc.lock").read_bytes()
    assert files(twin / "data/models") == files(scratch / "data/models")


def test_a_fresh_copy_is_up_to_date_after_a_pull(copy: Path, tmp_path: Path) -> None:
    remote = str(tmp_path / "remote")
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    copy_project(fresh)
    for name in ("params.yaml", "published.yaml", "dvc.lock"):
        shutil.copy(copy / name, fresh / name)
    shutil.copytree(copy / "reports", fresh / "reports")  # which Git would bring
    for folder, command in ((copy, "push"), (fresh, "pull")):
        assert dvc(folder, "remote", "add", "--default", "storage", remote, capture_output=True).returncode == 0
        done = dvc(folder, command, capture_output=True)
        assert done.returncode == 0, done.stderr
    output = repro(fresh)
    assert stages_run(output) == []
    assert UP_TO_DATE in output
    assert files(fresh / "data") == files(copy / "data")


# DVC's views


def test_metrics_show_the_figures_and_no_verdicts(copy: Path) -> None:
    shown = shown_metrics(copy)
    assert shown["reports/models/imdb/metrics.json"]["data"] == read_json(copy / "reports/models/imdb/metrics.json")
    assert set(shown) == {
        *(f"reports/models/{name}/{file}.json" for name in ALL for file in ("metrics", "validation", "replicates")),
        *(f"reports/datasets/{name}/{file}.json" for name in DATASETS for file in ("baselines", "data")),
    }


def test_plots_show(copy: Path) -> None:
    shown = shown_plots(copy)
    for table in ("histories", "curves", "classes", "experiments"):
        items = shown[f"reports/{table}.csv"]
        assert any(item["type"] == "vega" for item in items)
        assert all(f'"{name}"' in json.dumps(items) for name in ALL)
    confusion = json.dumps(shown["reports/models/imdb/confusion.csv"])
    assert "share of the actual class" in confusion  # of our own template, .dvc/plots/confusion_counts.json
    for name in ALL:
        for file in ("history.csv", "curves.csv", "replicates.csv"):
            assert f"reports/models/{name}/{file}" in shown


def test_diffs_against_a_commit(copy: Path) -> None:
    """`dvc params diff`, `metrics diff` and `plots diff` compare with what Git has."""
    (copy / ".dvc/config.local").unlink()
    (copy / ".gitignore").write_text("/data/\n/.dvc/cache\n/.dvc/tmp\n/.mirror\n", encoding="utf-8")
    author = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    for command in (["init", "--quiet"], ["add", "--all"], [*author, "commit", "--quiet", "--message", "run"]):
        subprocess.run(["git", *command], cwd=copy, check=True)
    edit_params(copy, "defaults.imdb.epochs", 9)
    metrics = read_json(copy / "reports/models/imdb/metrics.json")
    metrics["test"]["accuracy"] += 0.5
    (copy / "reports/models/imdb/metrics.json").write_text(json.dumps(metrics), encoding="utf-8")

    def diff(view: str) -> Any:
        done = dvc(copy, view, "diff", "--json", "HEAD", capture_output=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    assert diff("params") == {"params.yaml": {"defaults.imdb.epochs": {"old": 4, "new": 9, "diff": 5}}}
    (changed,) = diff("metrics").values()
    assert changed["test.accuracy"]["diff"] == pytest.approx(0.5)
    assert "reports/models/imdb/history.csv" in json.dumps(diff("plots"))


# What a stage costs

PRINTS_WHETHER_TENSORFLOW_IS_THERE = """
import runpy, sys
module, *sys.argv[1:] = sys.argv[1:]
try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
finally:
    print("tensorflow" in sys.modules or "keras" in sys.modules)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ("stages", "download", "imdb"),
        ("stages", "vectorize", "imdb"),
        ("stages", "render", "imdb"),
        ("stages", "report"),
        ("bagpipe.cli.main", "--help"),
        ("stages", "validate", "--help"),
        ("bagpipe.cli.main", "results"),
    ],
    ids=" ".join,
)
def test_tensorflow_is_left_alone_where_it_is_not_needed(copy: Path, arguments: tuple[str, ...]) -> None:
    done = python(copy, "-c", PRINTS_WHETHER_TENSORFLOW_IS_THERE, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "False"


# Linux counts the memory of the process that started another as that other's, so a small one must start it.
PRINTS_PEAK_MEMORY = """
import os, subprocess, sys
process = subprocess.Popen([sys.executable, "-m", *sys.argv[1:]])
_, status, usage = os.wait4(process.pid, 0)
print(usage.ru_maxrss // (1024 if sys.platform == "darwin" else 1))
sys.exit(status != 0)
"""


def peak_megabytes(folder: Path, *arguments: str) -> float:
    done = python(folder, "-c", PRINTS_PEAK_MEMORY, *arguments)
    assert done.returncode == 0, done.stderr
    return int(done.stdout.splitlines()[-1]) / 1024


def test_memory_does_not_grow_with_the_columns(copy: Path) -> None:
    """As numbers, 4,000 rows of 200,000 columns would take 3.2 GB."""
    edit_params(copy, "datasets.imdb.num_words", 200_000)
    assert peak_megabytes(copy, "stages", "vectorize", "imdb") < 200
    assert peak_megabytes(copy, "stages", "validate", "imdb") < 1_500


# Nothing but what is declared


def test_each_stage_needs_nothing_but_what_it_declares(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run in a folder that holds nothing else, which also keeps away what no audit hook sees."""
    monkeypatch.setenv("DATASETS_MIRROR", str(mirror_of(copy)))
    monkeypatch.chdir(copy)  # as verify runs: DVC addresses a stage from the current folder
    with Repo() as repo:
        stages = {stage.name.partition("@")[0]: stage for stage in repo.index.stages}
        assert set(stages) == set(YAML(typ="safe").load(copy / "dvc.yaml")["stages"])
        for name, stage in stages.items():
            assert list(rerun(stage, tmp_path / name)) == []
