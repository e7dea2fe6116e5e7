"""Datasets of params.yaml that have features, and those that have other features of another's texts."""

from pathlib import Path

import pytest
from complaining import MISSING, PARAMS, complaint, edit
from editing import edit_yaml

from stages.common.basics.params.questions import (
    dataset_of,
    models_on,
    ordered_models,
    settings_of,
    sources_of,
    texts_of,
)
from stages.common.basics.params.reading import load_params
from stages.common.basics.params.sections import OfficialDataset, TextDataset

PAIRS = {"texts": "imdb", "num_words": 30000, "ngrams": 2}
OWN = {"texts": "own", "format": "csv", "num_words": 500, "test_split": 0.2, "salt": 7, "group": "by"}
FEATURES = ("texts", "num_words", "ngrams", "min_texts", "weighting")
OF_TWO_LABELS = "expected one for the 46 labels of reuters; found 'naive_bayes', which is for 2"
FORMATS = "'keras', 'csv', 'tsv', 'jsonl', 'parquet', 'fasttext', 'folders'"


def add_pairs(path: Path, **changes: object) -> None:
    """Add a dataset `pairs` of imdb's texts; with MISSING, less a key of it."""
    section = {key: value for key, value in {**PAIRS, **changes}.items() if value is not MISSING}
    edit(path, "datasets.pairs", section)


def add_model(path: Path, name: str, dataset: str, **changes: object) -> None:
    edit(path, f"models.{name}", {"dataset": dataset, "hidden": [16], **changes})


def add_defaults(path: Path, dataset: str, texts: str) -> None:
    """Give a dataset the defaults of its texts' dataset."""
    edit_yaml(path, lambda content: content["defaults"].update({dataset: dict(content["defaults"][texts])}))
    edit(path, f"defaults.{dataset}.reference", MISSING)


# What a dataset is


def test_a_dataset_of_other_features_has_what_else_its_texts_have(path: Path) -> None:
    add_pairs(path)
    params = load_params(path)
    found, texts = dataset_of(params, "pairs"), dataset_of(params, "imdb")
    assert isinstance(found, OfficialDataset)
    assert [getattr(found, key) for key in FEATURES] == ["imdb", 30_000, 2, 1, "binary"]
    others = found.model_dump(exclude=set(FEATURES))
    assert others == texts.model_dump(exclude=set(FEATURES))
    assert others["format"] == "keras"
    assert (found.classes, found.is_official, found.are_of_keras) == (2, True, False)
    assert (texts.texts, texts.num_words, texts.ngrams, texts.are_of_keras) == ("imdb", 10_000, 1, True)


def test_a_dataset_of_other_features_inherits_no_features(path: Path) -> None:
    """Only what its texts are is another's; which of their terms count, it says itself or leaves at its default."""
    edit_yaml(path, lambda content: content["datasets"]["imdb"].update(ngrams=3, min_texts=5, weighting="tf_idf"))
    add_pairs(path, ngrams=MISSING)
    params = load_params(path)
    found = [[getattr(dataset_of(params, name), key) for key in FEATURES] for name in ("imdb", "pairs")]
    assert found == [["imdb", 10_000, 3, 5, "tf_idf"], ["imdb", 30_000, 1, 1, "binary"]]
    assert [dataset_of(params, name).are_of_keras for name in ("imdb", "pairs")] == [False, True]


def test_other_features_of_own_texts(path: Path) -> None:
    edit(path, "datasets.own", OWN)
    add_pairs(path, texts="own", min_texts=4, weighting="naive_bayes")
    params = load_params(path)
    found = dataset_of(params, "pairs")
    assert isinstance(found, TextDataset)
    assert [getattr(found, key) for key in FEATURES] == ["own", 30_000, 2, 4, "naive_bayes"]
    assert (found.format, found.test_split, found.salt, found.group) == ("csv", 0.2, 7, "by")
    assert (found.text, found.label, found.classes, found.is_official) == ("text", "label", None, False)
    assert dataset_of(params, "own") is params.datasets["own"]


def test_the_format_of_other_features_may_be_written(path: Path) -> None:
    add_pairs(path)
    implied = load_params(path)
    add_pairs(path, format="features")
    assert load_params(path) == implied


def test_features_are_all_there_is_to_say_of_other_features(path: Path) -> None:
    for key, value in (("shuffle_seed", 1), ("test_split", 0.2), ("labels", "bad good"), ("salt", 1)):
        add_pairs(path, **{key: value})
        assert complaint(path) == "datasets.pairs.format: expected a value, found none"


@pytest.mark.parametrize("ngrams", [1, 2, 3])
@pytest.mark.parametrize("weighting", ["binary", "tf_idf", "naive_bayes"])
def test_what_features_there_are(path: Path, ngrams: int, weighting: str) -> None:
    edit_yaml(path, lambda content: content["datasets"]["imdb"].update(ngrams=ngrams, weighting=weighting))
    add_pairs(path, ngrams=ngrams, weighting=weighting)
    params = load_params(path)
    for name in ("imdb", "pairs"):
        assert (dataset_of(params, name).ngrams, dataset_of(params, name).weighting) == (ngrams, weighting)
        assert dataset_of(params, name).are_of_keras == (ngrams == 1)


# Mistakes


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"texts": "imbd"}, "texts: expected one of imdb, reuters; found 'imbd'"),
        ({"texts": "pairs"}, "texts: expected one of imdb, reuters; found 'pairs'"),
        ({"texts": "../up"}, "texts: expected text of the form ^[a-z][a-z0-9_]{0,59}$; found '../up'"),
        ({"texts": None}, "texts: expected a valid string; found None"),
        ({"texts": "reuters", "weighting": "naive_bayes"}, f"weighting: {OF_TWO_LABELS}"),
        ({"weighting": "tfidf"}, "weighting: expected 'binary', 'tf_idf' or 'naive_bayes'; found 'tfidf'"),
        ({"ngrams": 4}, "ngrams: expected less than or equal to 3; found 4"),
        ({"ngrams": 0}, "ngrams: expected greater than or equal to 1; found 0"),
        ({"ngrams": 2.0}, "ngrams: expected a valid integer; found 2.0"),
        ({"ngrams": True}, "ngrams: expected a valid integer; found True"),
        ({"min_texts": 0}, "min_texts: expected greater than 0; found 0"),
        ({"min_texts": 2**31}, "min_texts: expected less than or equal to 2147483647; found 2147483648"),
        ({"num_words": 4}, "num_words: expected greater than 4; found 4"),
        ({"num_words": MISSING}, "num_words: expected a value, found none"),
        ({"ngram": 2}, "ngram: unknown key"),
        ({"format": "kears"}, f"format: expected {FORMATS}; found 'kears'"),
    ],
    ids=lambda value: value.partition(":")[0] if isinstance(value, str) else "",
)
def test_a_mistake_in_other_features(path: Path, changes: dict[str, object], expected: str) -> None:
    add_pairs(path, **changes)
    assert complaint(path) == f"datasets.pairs.{expected}"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("imdb.texts", "reuters", "imdb.texts: expected imdb, as it has a format; found 'reuters'"),
        ("imdb.texts", "imdb_pairs", "imdb.texts: expected imdb, as it has a format; found 'imdb_pairs'"),
        ("imdb.texts", "nothing", "imdb.texts: expected imdb, as it has a format; found 'nothing'"),
        ("imdb.texts", MISSING, "imdb.texts: expected a value, found none"),
        ("imdb.ngrams", 4, "imdb.ngrams: expected less than or equal to 3; found 4"),
        ("imdb.min_texts", 0, "imdb.min_texts: expected greater than 0; found 0"),
        ("reuters.weighting", "naive_bayes", f"reuters.weighting: {OF_TWO_LABELS}"),
    ],
)
def test_a_mistake_in_a_dataset_that_has_texts(path: Path, key: str, value: object, expected: str) -> None:
    edit(path, f"datasets.{key}", value)
    assert complaint(path) == f"datasets.{expected}"


def test_the_texts_of_another_derived_dataset(path: Path) -> None:
    add_pairs(path)
    edit(path, "datasets.triples", {"texts": "pairs", "num_words": 30000, "ngrams": 3})
    assert complaint(path) == "datasets.triples.texts: expected one of imdb, reuters; found 'pairs'"


def test_own_texts_are_among_those_there_are(path: Path) -> None:
    edit(path, "datasets.own", OWN)
    add_pairs(path, texts="onw")
    assert complaint(path) == "datasets.pairs.texts: expected one of imdb, reuters, own; found 'onw'"
    edit(path, "datasets.own.texts", "imdb")
    add_pairs(path, texts="own")
    assert complaint(path) == "datasets.own.texts: expected own, as it has a format; found 'imdb'"


def test_a_dataset_without_texts_and_format(path: Path) -> None:
    """It is taken for one that has texts of its own, of which the format says what else they need."""
    add_pairs(path, texts=MISSING)
    assert complaint(path) == "datasets.pairs.format: expected a value, found none"
    edit(path, "datasets.pairs", OWN)
    edit(path, "datasets.pairs.texts", MISSING)
    assert complaint(path) == "datasets.pairs.texts: expected a value, found none"


def test_a_dataset_that_is_no_mapping(path: Path) -> None:
    edit(path, "datasets.pairs", ["texts", "imdb"])
    assert complaint(path).startswith("datasets.pairs: expected a valid dictionary")


def test_other_features_have_no_files(path: Path) -> None:
    add_pairs(path)
    edit_yaml(path, lambda content: content["official"].update(pairs=dict(content["official"]["imdb"])))
    assert complaint(path) == "official.pairs: expected no files of this dataset"


# Models


def test_a_model_of_other_features_is_one_of_its_texts(path: Path) -> None:
    add_pairs(path)
    add_defaults(path, "pairs", "imdb")
    add_model(path, "a_model", "pairs")
    params = load_params(path)
    assert texts_of(params, "a_model") == texts_of(params, "imdb") == "imdb"
    assert texts_of(params, "reuters_holdout") == "reuters"
    expected = [name for name in params.models if not name.startswith("reuters")]
    assert models_on(params, "imdb") == ["imdb", *sorted(set(expected) - {"imdb"})]
    assert "a_model" in models_on(params, "imdb")
    assert set(models_on(params, "reuters")) == set(params.models) - set(expected)
    assert sources_of(params) == ["imdb", "reuters"]
    assert ordered_models(params) == [*models_on(params, "imdb"), *models_on(params, "reuters")]
    assert settings_of(params, "a_model").epochs == params.defaults["pairs"].epochs


def test_models_of_other_features_have_defaults_of_their_own(path: Path) -> None:
    add_pairs(path)
    add_model(path, "a_model", "pairs")
    assert complaint(path) == "defaults.pairs: expected a value, found none; models.a_model needs it"


def test_models_of_other_features_need_the_defaults_of_their_texts(path: Path) -> None:
    """Which name the reference of all models of these texts."""
    edit(path, "datasets.own", OWN)
    add_pairs(path, texts="own")
    add_defaults(path, "pairs", "imdb")
    add_model(path, "a_model", "pairs")
    assert complaint(path) == "defaults.own: expected a value, found none; models.a_model is of its texts"
    add_defaults(path, "own", "imdb")
    assert complaint(path) == "defaults.own.reference: expected one of a_model; found none"
    edit(path, "defaults.own.reference", "imdb")
    assert complaint(path) == "defaults.own.reference: expected one of a_model; found 'imdb'"
    edit(path, "defaults.own.reference", "a_model")
    params = load_params(path)
    assert sources_of(params) == ["imdb", "own", "reuters"]
    assert models_on(params, "own") == ["a_model"]


def test_other_features_without_a_model_need_no_defaults_of_their_texts(path: Path) -> None:
    edit(path, "datasets.own", OWN)
    add_pairs(path, texts="own")
    add_defaults(path, "pairs", "imdb")
    assert sources_of(load_params(path)) == ["imdb", "reuters"]


def test_texts_without_defaults_are_no_source(path: Path) -> None:
    edit(path, "datasets.own", OWN)
    add_pairs(path, texts="own")
    assert sources_of(load_params(path)) == ["imdb", "reuters"]


def test_the_reference_may_be_of_other_features(path: Path) -> None:
    add_pairs(path)
    add_defaults(path, "pairs", "imdb")
    add_model(path, "a_model", "pairs")
    edit(path, "defaults.imdb.reference", "a_model")
    params = load_params(path)
    assert models_on(params, "imdb")[:2] == ["a_model", "imdb"]
    edit(path, "defaults.pairs.reference", "imdb")
    expected = "expected none, as that of defaults.imdb is that of its texts"
    assert complaint(path) == f"defaults.pairs.reference: {expected}; found 'imdb'"


def test_a_loss_for_two_labels_of_other_features_of_46(path: Path) -> None:
    add_pairs(path, texts="reuters")
    add_defaults(path, "pairs", "reuters")
    add_model(path, "a_model", "pairs", loss="mse")
    expected = "models.a_model.loss: expected one for the 46 labels of pairs; found 'mse'"
    assert complaint(path) == expected


def test_the_columns_of_other_features_count_for_the_size_of_a_network(path: Path) -> None:
    add_pairs(path, num_words=10_000_000)
    add_defaults(path, "pairs", "imdb")
    add_model(path, "a_model", "pairs", hidden=[500])
    expected = "expected at most 4,294,967,296 weights, the first layer's 10,000,000 a unit included"
    assert complaint(path) == f"models.a_model.hidden: {expected}; found 5,000,000,000"


def test_the_datasets_that_are_committed_name_the_texts_they_are_of() -> None:
    for name, dataset in PARAMS.datasets.items():
        assert isinstance(dataset_of(PARAMS, name), OfficialDataset)
        assert (dataset.texts == name) == (name in PARAMS.official)
    assert sources_of(PARAMS) == ["imdb", "reuters"]
    assert sorted(ordered_models(PARAMS)) == sorted(PARAMS.models)
