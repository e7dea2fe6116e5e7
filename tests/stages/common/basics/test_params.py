"""params.yaml: the committed one is right, and what a model has."""

import re
from pathlib import Path
from typing import Any

import pytest
from complaining import COMMITTED, PARAMS, complaint, edit
from dvc.utils.hydra import apply_overrides
from editing import edit_yaml
from ruamel.yaml import YAML

from bagpipe.scratch.copies import ROOT
from stages.common.basics.declared import LIBRARIES, PIPELINE_FILE
from stages.common.basics.params.questions import models_on, ordered_models, pins_of, settings_of
from stages.common.basics.params.reading import PARAMS_FILE, load_params
from stages.common.judging.published import PUBLISHED_FILE, load_published

# What is committed


def test_the_committed_files_are_right() -> None:
    params = PARAMS
    load_published(params, ROOT / PUBLISHED_FILE)
    assert {"imdb", "reuters"} <= set(params.datasets)
    assert {
        "imdb",
        "reuters",
        "reuters_holdout",
        "reuters_integer_labels",
        "reuters_bottleneck",
    } <= set(params.models)


def test_official_files_are_those_of_the_design() -> None:
    files = {name: file for files in PARAMS.official.values() for name, file in files.items()}
    assert {name: file.sha256[:12] for name, file in files.items()} == {
        "imdb.npz": "69664113be75",
        "imdb_word_index.json": "027313fe9a32",
        "reuters.npz": "d6586e694ee5",
        "reuters_word_index.json": "9b56000edc4b",
    }
    assert (files["imdb.npz"].bytes, files["reuters.npz"].bytes) == (17_464_789, 2_110_848)


def test_topics_are_those_of_keras() -> None:
    from keras.datasets import reuters

    assert tuple(PARAMS.datasets["reuters"].labels) == tuple(reuters.get_label_names())


def test_libraries_are_those_that_are_pinned() -> None:
    pins = dict(re.findall(r"^([^=\s]+)==([^;\s]+)", (ROOT / "requirements.txt").read_text("utf-8"), re.MULTILINE))
    used = {name: version for group in PARAMS.libraries.values() for name, version in pins_of(group).items()}
    assert {distributions[-1] for distributions in LIBRARIES.values()} == set(used)
    for distributions in LIBRARIES.values():
        for distribution in distributions:
            assert pins[distribution] == used[distributions[-1]]


def test_a_library_has_one_version(path: Path) -> None:
    edit(path, "libraries.statistics", "numpy==2.0 scipy==1.17.1")
    numpy = pins_of(PARAMS.libraries["arrays"])["numpy"]
    expected = f"libraries.statistics: expected numpy=={numpy} as in the groups before, found numpy==2.0"
    assert complaint(path) == expected


@pytest.mark.parametrize("name", [PIPELINE_FILE, PARAMS_FILE, PUBLISHED_FILE], ids=str)
def test_the_fast_parser_reads_what_the_plain_one_reads(name: Path) -> None:
    assert "\nruamel-yaml-clib==" in (ROOT / "requirements.txt").read_text(encoding="utf-8")
    fast, plain = YAML(typ="safe"), YAML(typ="safe", pure=True)
    assert fast.Parser is not plain.Parser
    read = plain.load(ROOT / name)
    assert read
    assert repr(fast.load(ROOT / name)) == repr(read)  # types and order, too


@pytest.mark.parametrize(
    ("override", "before", "after"),
    [
        ("models.imdb.hidden=[32,32]", "imdb: {dataset: imdb, hidden: [16, 16]}", "hidden: [32, 32]}"),
        ("models.reuters_bottleneck.hidden=[64,8]", "    - 4", "    - 8"),
        ("defaults.imdb.epochs=5", "    epochs: 4", "    epochs: 5"),
        ("seed=2", "seed: 1", "seed: 2"),
        (
            "+models.imdb_mse.learning_rate=0.01",
            "imdb_mse: {dataset: imdb, hidden: [16, 16], loss: mse}",
            "loss: mse, learning_rate: 0.01}",
        ),
    ],
)
def test_an_experiment_changes_one_line(path: Path, override: str, before: str, after: str) -> None:
    """`dvc exp run -S` writes params.yaml anew; what else it holds stays as it is, byte for byte."""
    apply_overrides(path, [override])
    lines = zip(COMMITTED.splitlines(), path.read_text(encoding="utf-8").splitlines(), strict=True)
    [(old, new)] = [(old, new) for old, new in lines if old != new]
    assert before in old
    assert after in new
    assert old.partition("#")[1:] == new.partition("#")[1:]
    load_params(path)


def test_an_override_that_changes_nothing_leaves_the_bytes(path: Path) -> None:
    apply_overrides(path, ["seed=1"])
    assert path.read_text(encoding="utf-8") == COMMITTED


# What a model has


def test_a_model_has_the_defaults_of_its_dataset_but_for_its_own() -> None:
    defaults, bottleneck = PARAMS.defaults["reuters"], settings_of(PARAMS, "reuters_bottleneck")
    assert (bottleneck.dataset, bottleneck.hidden) == ("reuters", [64, 4])
    assert (bottleneck.batch_size, bottleneck.epochs, bottleneck.leave_out) == (128, 20, 1_000)
    for name in ("activation", "loss", "optimizer", "learning_rate", "holdout", "validation_epochs"):
        assert getattr(bottleneck, name) == getattr(defaults, name)
    assert settings_of(PARAMS, "imdb").batch_size == PARAMS.defaults["imdb"].batch_size


def test_models_stand_with_their_reference_first_whatever_the_order(path: Path) -> None:
    def reverse(content: Any) -> None:
        for section in ("models", "datasets", "defaults"):
            for name in reversed(list(content[section])):
                content[section].move_to_end(name)
        content["defaults"]["reuters"]["reference"] = "reuters_bottleneck"

    edit_yaml(path, reverse)
    params = load_params(path)
    assert list(params.models) == list(reversed(PARAMS.models))
    assert models_on(params, "reuters")[0] == "reuters_bottleneck"
    assert ordered_models(params)[: len(models_on(params, "imdb"))] == models_on(PARAMS, "imdb")
    assert sorted(ordered_models(params)) == sorted(PARAMS.models)


def test_labels_are_a_list_or_words(path: Path) -> None:
    edit(path, "datasets.imdb.labels", ["negative", "positive"])
    assert load_params(path).datasets["imdb"].labels == PARAMS.datasets["imdb"].labels == ["negative", "positive"]
    edit(path, "datasets.imdb.labels", ["not good", "good"])
    assert load_params(path).datasets["imdb"].labels == ["not good", "good"]
