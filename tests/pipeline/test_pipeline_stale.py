"""What `dvc repro` runs again after an edit, and what it does not."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from commands import dvc
from editing import edit_yaml
from reproducing import (
    ALL,
    DATASETS,
    REUTERS,
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
    stale,
)

from bagpipe.scratch.copies import generate_corpora, mirror_of
from stages.common.basics.params.reading import load_params

CURVES = {"learning_curves@imdb"}  # see conftest.py
READING_REUTERS = {"describe@reuters", "baseline@reuters"}
READING = each("vectorize", *DATASETS) | each("describe", *DATASETS) | each("baseline", *DATASETS)
LEARNING = each("validate", *ALL) | each("train", *ALL) | each("evaluate", *ALL) | each("replicate", *ALL) | CURVES
EVERYTHING = (
    LEARNING
    | each("download", *DATASETS)
    | each("vectorize", *DATASETS)
    | each("describe", *DATASETS)
    | each("baseline", *DATASETS)
    | each("render", *ALL)
    | {"report"}
)


def test_a_second_run_finds_everything_up_to_date(copy: Path) -> None:
    output = repro(copy)
    assert stages_run(output) == []
    assert UP_TO_DATE in output
    done = dvc(copy, "status", capture_output=True)
    assert done.stdout.strip() == UP_TO_DATE


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("plots.dpi", 50, each("render", *ALL) | {"report"}),
        ("defaults.imdb.epochs", 3, {"train@imdb", "replicate@imdb", "report"} | CURVES),
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
        ("models.imdb.hidden", [8], {"validate@imdb", "train@imdb", "replicate@imdb", "report"} | CURVES),
        ("models.reuters.learning_rate", 0.002, {"validate@reuters", "train@reuters", "replicate@reuters", "report"}),
        ("datasets.reuters.num_words", 300, each("vectorize", "reuters") | READING_REUTERS | {"report"}),
        ("datasets.reuters.ngrams", 2, each("vectorize", "reuters") | READING_REUTERS | {"report"}),
        ("datasets.imdb.labels", "bad good", {"vectorize@imdb", "describe@imdb", "baseline@imdb", "report"}),
        ("models.imdb.dropout", 0.5, {"validate@imdb", "train@imdb", "replicate@imdb", "report"} | CURVES),
        ("defaults.reuters.reference", "reuters_integer_labels", {"report"}),
        ("seed", 2, each("validate", *ALL) | each("train", *ALL) | each("replicate", *ALL) | CURVES),
        ("learning_curves.imdb.old_optimizer", False, {"report"} | CURVES),
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
        ("stages/common/corpora/official.py", READING),
        ("stages/describe/near.py", each("describe", *DATASETS)),
        *((f"stages/common/judging/{name}.py", {"report"}) for name in ("comparison", "new_texts", "verdicts")),
        ("stages/report/comparisons.py", {"report"}),
        ("stages/common/basics/answers.py", EVERYTHING),
        ("stages/train.py", each("train", *ALL)),
        ("stages/common/basics/params/params.py", EVERYTHING),
        ("stages/common/corpora/tokenizer.py", READING),
        ("published.yaml", {"report"}),
        ("stages/common/judging/learning_curves.py", {"report"} | CURVES),
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
    rerun = {"train@imdb", "replicate@imdb", "evaluate@imdb", "render@imdb", "report"} | CURVES
    assert set(stages_run(repro(copy))) == rerun
    assert stale(copy) == set()


def test_a_dataset_and_models_are_added_in_params_alone(copy: Path) -> None:
    """With it come its stages, its figures and its place in every table."""
    dataset = {
        "texts": "films",
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
        content["datasets"]["imdb_pairs"] = {"texts": "imdb", "num_words": 900, "ngrams": 2, "weighting": "tf_idf"}
        content["defaults"]["imdb_pairs"] = {**content["defaults"]["imdb"], "learning_rate": 0.01}
        del content["defaults"]["imdb_pairs"]["reference"]
        content["models"]["imdb_pairs"] = {"dataset": "imdb_pairs", "hidden": [], "input_dropout": 0.3}

    pipeline = (copy / "dvc.yaml").read_bytes()
    edit_yaml(copy / "params.yaml", add)
    new = ("films", "imdb_narrow", "imdb_pairs")
    of_models = [each(stage, *new) for stage in ("validate", "train", "evaluate", "replicate", "render")]
    of_datasets = [each(stage, "films", "imdb_pairs") for stage in ("vectorize", "describe", "baseline")]
    assert set(stages_run(repro(copy))) == {"download@films", "report"}.union(*of_datasets, *of_models)
    assert stale(copy) == set()
    assert (copy / "dvc.yaml").read_bytes() == pipeline

    page = (copy / "reports/README.md").read_text(encoding="utf-8")
    for name, of in (("films", "films"), ("imdb_narrow", "imdb"), ("imdb_pairs", "imdb")):
        accuracy = read_json(copy / f"reports/models/{name}/metrics.json")["test"]["accuracy"]
        assert re.search(rf"^\| \[`{name}`\]\(#model-{name}\) .* {accuracy:.4f} ", page, re.MULTILINE)
        for table in ("histories", "curves", "classes", "experiments"):
            assert f"\n{of},{name}," in (copy / f"reports/{table}.csv").read_text(encoding="utf-8")
    metrics = shown_metrics(copy)
    for file in ("models/films/metrics.json", "models/films/validation.json", "models/films/replicates.json"):
        assert metrics[f"reports/{file}"]["data"] == read_json(copy / "reports" / file)
    assert "reports/datasets/films/baselines.json" in metrics
    compared = [line for line in page.splitlines() if line.startswith("| [`imdb_pairs`](#model-imdb_pairs) | 900")]
    assert len(compared) == 1  # with the reference of its texts
    assert "900 columns of words and pairs by TF-IDF, no hidden layer, dropout 0.3 of terms" in compared[0]
    plots = shown_plots(copy)
    for table in ("histories", "curves", "classes", "experiments"):
        shown = json.dumps(plots[f"reports/{table}.csv"])
        assert '"films"' in shown
        assert '"imdb_narrow"' in shown
    assert "reports/models/films/history.csv" in plots
    assert (copy / "reports/models/films/plots/loss.png").exists()
