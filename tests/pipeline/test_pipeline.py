"""The real dvc.yaml, from download to report, on generated corpora in scratch copies of the project."""

import filecmp
import json
import math
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dvc.repo import Repo
from editing import edit_yaml
from ruamel.yaml import YAML

from bagpipe.review.checks.rerun import rerun
from bagpipe.scratch.copies import copy_project, dvc, environment, generate_corpora, mirror_of
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import settings_of
from stages.common.basics.params.reading import load_params
from stages.common.judging.published import load_published

UP_TO_DATE = "Data and pipelines are up to date."
HISTORY = ("loss", "accuracy", "val_loss", "val_accuracy")


def repro(folder: Path, *arguments: str) -> str:
    """Run `dvc repro`, which is expected to succeed; return what it printed."""
    done = dvc(folder, "repro", *arguments, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def stages_run(output: str) -> list[str]:
    """The stages that DVC ran, from what it printed."""
    return re.findall(r"^Running stage '([^']+)'", output, re.MULTILINE)


def stale(folder: Path) -> set[str]:
    """The stages that differ from dvc.lock by themselves, those downstream of them not included."""
    done = dvc(folder, "status", "--json", capture_output=True)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


def python(folder: Path, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run Python in a copy, as DVC runs a stage."""
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, env=environment(folder), text=True, capture_output=True, **options)


def edit_params(folder: Path, key: str, value: object) -> None:
    """Set `defaults.imdb.epochs` and the like."""
    *outer, last = key.split(".")

    def edit(content: Any) -> None:
        for part in outer:
            content = content[part]
        content[last] = value

    edit_yaml(folder / "params.yaml", edit)


def half_written(folder: Path) -> list[Path]:
    return [path for part in ("data", "reports") for path in (folder / part).rglob("*.partial")]


def assert_one_line(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """Assert that a command failed with one `error:` line that holds `parts`, and with nothing else."""
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    for part in parts:
        assert part in line


def read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


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
    assert sorted(stages_run(log)) == sorted({"report"}.union(*of_models, *of_datasets))
    assert not re.search("warning|tensorflow|cuda|traceback", log, re.IGNORECASE)


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


# What runs again, and what does not


def test_a_second_run_finds_everything_up_to_date(copy: Path) -> None:
    output = repro(copy)
    assert stages_run(output) == []
    assert UP_TO_DATE in output
    done = dvc(copy, "status", capture_output=True)
    assert done.stdout.strip() == UP_TO_DATE


def each(stage: str, *names: str) -> set[str]:
    return {f"{stage}@{name}" for name in names}


DATASETS = ("imdb", "reuters")
REUTERS = ("reuters", "reuters_integer_labels")
ALL = ("imdb", *REUTERS)
LEARNING = each("validate", *ALL) | each("train", *ALL) | each("evaluate", *ALL) | each("replicate", *ALL)
EVERYTHING = (
    LEARNING
    | each("download", *DATASETS)
    | each("vectorize", *DATASETS)
    | each("describe", *DATASETS)
    | each("baseline", *DATASETS)
    | each("render", *ALL)
    | {"report"}
)


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("plots.dpi", 50, each("render", *ALL) | {"report"}),
        ("defaults.imdb.epochs", 3, {"train@imdb", "replicate@imdb", "report"}),
        (
            "defaults.reuters.validation_epochs",
            2,
            each("validate", *REUTERS) | each("replicate", *REUTERS) | {"report"},
        ),
        (
            "defaults.reuters.learning_rate",
            0.002,
            each("validate", *REUTERS) | each("train", *REUTERS) | each("replicate", *REUTERS) | {"report"},
        ),
        ("models.imdb.hidden", [8], {"validate@imdb", "train@imdb", "replicate@imdb", "report"}),
        ("models.reuters.learning_rate", 0.002, {"validate@reuters", "train@reuters", "replicate@reuters", "report"}),
        ("datasets.reuters.num_words", 300, {"vectorize@reuters", "describe@reuters", "report"}),
        ("datasets.imdb.labels", "bad good", {"vectorize@imdb", "describe@imdb", "report"}),
        ("defaults.reuters.reference", "reuters_integer_labels", {"report"}),
        ("seed", 2, each("validate", *ALL) | each("train", *ALL) | each("replicate", *ALL)),
        ("replicates.n", 3, each("replicate", *ALL)),
        ("verdicts.negligible", 0.1, {"report"}),
        ("baselines.naive_bayes.alpha", 2.0, each("baseline", *DATASETS)),
        ("download.retries", 7, each("download", *DATASETS)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_edit_makes_stale_what_reads_it(copy: Path, key: str, value: object, expected: set[str]) -> None:
    edit_params(copy, key, value)
    assert stale(copy) == expected


@pytest.mark.parametrize(
    ("library", "expected"),
    [
        ("matplotlib", each("render", *ALL) | {"report"}),
        ("keras", LEARNING),
        ("tensorflow", LEARNING),
        ("scikit-learn", each("baseline", *DATASETS) | each("evaluate", *ALL)),
        ("scipy", each("baseline", *DATASETS) | each("describe", *DATASETS) | each("evaluate", *ALL) | {"report"}),
        ("datasketch", each("describe", *DATASETS)),
        ("numpy", EVERYTHING - each("download", *DATASETS)),
    ],
)
def test_another_version_makes_stale_what_uses_the_library(copy: Path, library: str, expected: set[str]) -> None:
    params = (copy / "params.yaml").read_text(encoding="utf-8")
    (copy / "params.yaml").write_text(re.sub(rf"\b{library}==\S+", f"{library}==1.0", params), encoding="utf-8")
    assert stale(copy) == expected


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("stages/common/network/layers.py", LEARNING),
        ("stages/common/drawing/figures.py", each("render", *ALL) | {"report"}),
        ("stages/common/corpora/official.py", each("vectorize", *DATASETS) | each("describe", *DATASETS)),
        ("stages/describe/near.py", each("describe", *DATASETS)),
        ("stages/common/judging/comparison.py", {"report"}),
        ("stages/train.py", each("train", *ALL)),
        ("stages/common/basics/params/params.py", EVERYTHING),
        ("stages/common/corpora/words.py", each("vectorize", *DATASETS) | each("describe", *DATASETS)),
        ("published.yaml", {"report"}),
    ],
)
def test_an_edited_file_makes_stale_what_depends_on_it(copy: Path, file: str, expected: set[str]) -> None:
    with open(copy / file, "a", encoding="utf-8") as edited:
        edited.write("# one more comment\n")
    assert stale(copy) == expected


def test_order_and_comments_mean_nothing(copy: Path) -> None:
    def reverse(content: Any) -> None:
        for section in ("models", "datasets", "defaults"):
            for name in reversed(list(content[section])):
                content[section].move_to_end(name)

    edit_yaml(copy / "params.yaml", reverse)
    text = (copy / "params.yaml").read_text(encoding="utf-8")
    (copy / "params.yaml").write_text("# one more comment\n" + text, encoding="utf-8")
    models = load_params(copy / "params.yaml").models
    assert list(models) == ["reuters_integer_labels", "reuters", "imdb"]
    assert stale(copy) == set()
    written = files(copy / "reports")
    done = python(copy, "-m", "stages", "report")
    assert done.returncode == 0, done.stderr
    assert files(copy / "reports") == written


def test_final_epochs_of_one_model_rerun_that_model(copy: Path) -> None:
    edit_params(copy, "defaults.imdb.epochs", 2)
    rerun = {"train@imdb", "replicate@imdb", "evaluate@imdb", "render@imdb", "report"}
    assert set(stages_run(repro(copy))) == rerun
    assert stale(copy) == set()


def test_a_dataset_and_models_are_added_in_params_alone(copy: Path) -> None:
    """With it come its stages, its figures and its place in every table."""
    dataset = {
        "format": "keras",
        "num_words": 90,
        "shuffle_seed": 1,
        "test_split": None,
        "labels": "dull fair gripping",
    }
    spec = {"vocabulary": 100, "mean_length": 20.0, "separation": 1.0, "train": 1_500, "test": 300}

    def add(content: Any) -> None:
        content["datasets"]["films"] = dataset
        generate_corpora(mirror_of(copy), {"films": spec}, content)
        content["defaults"]["films"] = {
            **content["defaults"]["reuters"],
            "reference": "films",
            "holdout": 300,
            "validation_epochs": 3,
            "epochs": 3,
            "leave_out": 0,
        }
        content["models"]["films"] = {"dataset": "films", "hidden": [8]}
        content["models"]["imdb_narrow"] = {"dataset": "imdb", "hidden": [4]}

    pipeline = (copy / "dvc.yaml").read_bytes()
    edit_yaml(copy / "params.yaml", add)
    new = ("films", "imdb_narrow")
    of_models = [each(stage, *new) for stage in ("validate", "train", "evaluate", "replicate", "render")]
    of_datasets = set().union(*(each(stage, "films") for stage in ("download", "vectorize", "describe", "baseline")))
    assert set(stages_run(repro(copy))) == of_datasets.union({"report"}, *of_models)
    assert stale(copy) == set()
    assert (copy / "dvc.yaml").read_bytes() == pipeline

    page = (copy / "reports/README.md").read_text(encoding="utf-8")
    for name, of in (("films", "films"), ("imdb_narrow", "imdb")):
        accuracy = read_json(copy / f"reports/models/{name}/metrics.json")["test"]["accuracy"]
        assert re.search(rf"^\| \[`{name}`\]\(#model-{name}\) .* {accuracy:.4f} ", page, re.MULTILINE)
        for table in ("histories", "curves", "classes", "experiments"):
            assert f"\n{of},{name}," in (copy / f"reports/{table}.csv").read_text(encoding="utf-8")
    metrics = shown_metrics(copy)
    for file in ("models/films/metrics.json", "models/films/validation.json", "models/films/replicates.json"):
        assert metrics[f"reports/{file}"]["data"] == read_json(copy / "reports" / file)
    assert "reports/datasets/films/baselines.json" in metrics
    plots = shown_plots(copy)
    for table in ("histories", "curves", "classes", "experiments"):
        shown = json.dumps(plots[f"reports/{table}.csv"])
        assert '"films"' in shown
        assert '"imdb_narrow"' in shown
    assert "reports/models/films/history.csv" in plots
    assert (copy / "reports/models/films/plots/loss.png").exists()


# Sameness


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_run_from_scratch_elsewhere_gives_the_same_bytes(scratch: Path, tmp_path: Path) -> None:
    twin = tmp_path / "elsewhere" / "twin"
    shutil.copytree(scratch, twin, ignore=shutil.ignore_patterns("data", "reports", "dvc.lock", "cache", "tmp"))
    assert len(stages_run(repro(twin))) == len(stages_run((scratch / "repro.log").read_text(encoding="utf-8")))
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


def shown_metrics(folder: Path) -> dict[str, Any]:
    done = dvc(folder, "metrics", "show", "--json", capture_output=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)[""]["data"]


def shown_plots(folder: Path) -> dict[str, Any]:
    done = dvc(folder, "plots", "show", "--json", "--split", capture_output=True)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert not shown.get("errors")
    return shown["data"]


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


# What users do wrong, and what goes wrong around them


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
    with Repo(str(copy)) as repo:
        stages = {stage.name.partition("@")[0]: stage for stage in repo.index.stages}
        assert set(stages) == set(YAML(typ="safe").load(copy / "dvc.yaml")["stages"])
        for name, stage in stages.items():
            assert list(rerun(stage, tmp_path / name)) == []
