"""published.yaml: each mistake is one line that names the key."""

from pathlib import Path
from typing import Any

import pytest
from complaining import MISSING, PARAMS, complaint, edit
from editing import edit_yaml

from bagpipe.scratch.copies import ROOT
from stages.common.basics.errors import UserError
from stages.common.judging.published import PUBLISHED_FILE, load_published


@pytest.fixture
def published_path(tmp_path: Path) -> Path:
    path = tmp_path / "published.yaml"
    path.write_bytes((ROOT / PUBLISHED_FILE).read_bytes())
    return path


@pytest.mark.parametrize("source", ["", " ", "D 1.1"])
def test_a_published_figure_without_its_source(published_path: Path, source: str) -> None:
    edit(published_path, "published.0.source", source)
    assert complaint(published_path).startswith("published.0.source: expected")


@pytest.mark.parametrize(
    ("key", "value", "start"),
    [
        ("published.0.of", "imbd", "published.0: expected one of imdb, reuters"),
        ("published.0.against", "imbd", "published.0: expected one of imdb, reuters"),
        ("published.0.figure", "training.loss", "published.0.figure: expected"),
        ("published.0.figure", "baselines_", "published.0.figure: expected"),
        ("published.0.value", "high", "published.0.value: expected"),
        ("published.0.value", "9" * 400, "published.0.value: expected"),
        ("published.0.value", MISSING, "published.0.value: expected a value"),
        ("published.0.tolerance", -1, "published.0.tolerance: expected"),
        ("published.0.size", 1, "published.0.size: unknown key"),
        ("settings.models.imdb.hidden", [0], "settings.models.imdb.hidden.0: expected"),
        ("settings.models.imdb.layers", 2, "settings.models.imdb.layers: unknown key"),
        (
            "settings.models.imbd",
            {"dataset": "imdb", "hidden": [1]},
            "settings.models: expected one of imdb, reuters",
        ),
        ("settings.datasets.imdb.words", 9, "settings.datasets.imdb.words: unknown key"),
        ("settings.datasets.imbd", {"num_words": 9}, "settings.datasets: expected one of imdb, reuters"),
        ("bounds.1.of", "imbd", "bounds.1: expected one of imdb, reuters"),
        ("bounds.1.figure", "curves", "bounds.1.figure: expected"),
        ("bounds.1.figure", "data.overlap.all", "bounds.1.figure: expected"),
        ("bounds.6.of", "reuters_holdout", "bounds.6: expected one of imdb, reuters"),
        ("bounds.1.high", MISSING, "bounds.1.high: expected a value"),
        ("models", {}, "models: unknown key"),
    ],
)
def test_a_mistake_in_what_is_published(published_path: Path, key: str, value: object, start: str) -> None:
    edit(published_path, key, value)
    assert complaint(published_path).startswith(start)


def test_curves_are_compared_epoch_by_epoch(published_path: Path) -> None:
    names = {"of": "imdb_1_layer", "against": "imdb_tanh"}  # no notebook says with which settings
    entry = {**names, "figure": "curves", "value": "0", "tolerance": 0, "source": "A 1"}
    edit_yaml(published_path, lambda content: content["published"].append(entry))
    load_published(PARAMS, published_path)
    longer = PARAMS.models["imdb_tanh"].model_copy(update={"validation_epochs": 21})
    with pytest.raises(UserError, match=r"published\.\d+: expected models of as many validation_epochs"):
        load_published(PARAMS.model_copy(update={"models": {**PARAMS.models, "imdb_tanh": longer}}), published_path)


def test_baselines_are_published_of_a_dataset(published_path: Path) -> None:
    def change(content: Any) -> None:
        (entry,) = [entry for entry in content["published"] if entry["figure"] == "baselines.shuffled_labels"]
        entry["of"] = "reuters_holdout"

    edit_yaml(published_path, change)
    assert complaint(published_path).endswith("expected one of imdb, reuters; found 'reuters_holdout'")
