"""params.yaml: each mistake is one line that names the key."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from complaining import COMMITTED, MISSING, complaint, edit
from editing import edit_yaml
from pydantic import ValidationError

from bagpipe.scratch.copies import ROOT
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import replicate_seeds
from stages.common.basics.params.reading import PARAMS_FILE, first_sentence, load_params, read_yaml
from stages.common.judging.published import PUBLISHED_FILE


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", -1),
        ("seed", 1.5),
        ("seed", "one"),
        ("download.url", 7),
        ("download.retries", -1),
        ("download.timeout", 0),
        ("datasets.imdb.num_words", 2),
        ("datasets.imdb.num_words", "10000"),
        ("datasets.imdb.shuffle_seed", None),
        ("datasets.reuters.test_split", 1.0),
        ("datasets.reuters.test_split", 0),
        ("datasets.imdb.labels", 2),
        ("defaults.imdb.activation", "rleu"),
        ("defaults.imdb.loss", "hinge"),
        ("defaults.imdb.optimizer", "rmsporp"),
        ("defaults.imdb.learning_rate", 0),
        ("defaults.imdb.learning_rate", float("nan")),
        ("defaults.imdb.learning_rate", "fast"),
        ("defaults.imdb.batch_size", 0),
        ("defaults.imdb.batch_size", 512.0),
        ("defaults.imdb.validation_epochs", -20),
        ("defaults.imdb.holdout", 0),
        ("defaults.imdb.epochs", -4),
        ("defaults.imdb.leave_out", -1),
        ("defaults.imdb.leave_out", None),
        ("models.imdb.dropout", 1.0),
        ("models.imdb.input_dropout", -0.1),
        ("models.imdb.l2", -1),
        ("models.imdb.class_weight", "inverse"),
        ("models.imdb.hidden", 16),
        ("models.imdb.activation", "rleu"),
        ("models.imdb.loss", "hinge"),
        ("models.imdb.optimizer", "rmsporp"),
        ("models.imdb.learning_rate", 0),
        ("models.imdb.learning_rate", float("nan")),
        ("models.imdb.learning_rate", "fast"),
        ("models.imdb.batch_size", 0),
        ("models.imdb.batch_size", 512.0),
        ("models.reuters_holdout.epochs", -4),
        ("models.reuters_holdout.leave_out", -1),
        ("replicates.n", 1),
        ("learning_curves.imdb.n", 1),
        ("learning_curves.imdb.old_optimizer", "yes"),
        ("libraries.arrays", 2.4),
        ("libraries.arrays", "numpy"),
        ("libraries.arrays", "numpy>=2 scipy==1.17.1"),
        ("plots.dpi", 0),
        ("plots.width", -5.0),
    ],
)
def test_a_wrong_value_is_named_with_its_key(path: Path, key: str, value: object) -> None:
    edit(path, key, value)
    message = complaint(path)
    assert message.startswith(f"{key}: expected")
    assert f"found {value!r}" in message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", 2**32),
        ("seed", 2**32 // 1_000),  # its replicates' seeds would be more than NumPy takes
        ("datasets.imdb.shuffle_seed", 2**32),
        ("datasets.imdb.shuffle_seed", 10**4_000),
        ("baselines.shuffle_seed", 2**32),
        ("baselines.logistic_regression.max_iter", 2**31),
        ("baselines.naive_bayes.alpha", float("inf")),
        ("replicates.n", 10**9),
        ("replicates.own.imdb", 10**9),
        ("datasets.imdb.num_words", 2**31),
        ("datasets.reuters.test_split", 0.9999999),
        ("datasets.reuters.test_split", 0.0000001),
        ("datasets.imdb.labels", ["bad", "good"] * 501),
        ("datasets.imdb.labels.0", ""),
        ("datasets.imdb.labels.0", "x" * 201),
        ("datasets.imdb.labels.0", "two\nlines"),
        ("datasets.imdb.labels.0", "\ud800"),
        ("defaults.imdb.batch_size", 10**30),
        ("defaults.imdb.learning_rate", 1e300),
        ("defaults.imdb.epochs", 10**9),
        ("defaults.imdb.holdout", 10**30),
        ("defaults.imdb.leave_out", 10**30),
        ("models.imdb.hidden.0", 10**9),
        ("models.imdb.hidden", [16] * 101),
        ("models.imdb.hidden", [1_000_000, 1_000_000]),
        ("models.imdb.hidden", [500_000]),
        ("models.imdb.dataset", "../raw"),
        ("defaults.imdb.reference", "$(touch PWNED)"),
        ("verdicts.negligible", float("inf")),
        ("verdicts.equivalent", 2.0),
        ("plots.width", 1e9),
        ("plots.height", 1e9),
        ("plots.width", 0.01),
        ("plots.dpi", 1),
        ("plots.dpi", 10**6),
        ("download.timeout", 1e12),
        ("download.retries", 10**9),
        ("download.lowest_speed", 0),
        ("download.url", "http://" + "a" * 100_000),
        ("models.reuters.loss", "mse"),
        ("defaults.reuters.loss", "binary_crossentropy"),
        ("download.url", "/a/folder"),
        ("download.url", "ftp://example.org"),
        ("official.imdb.imdb.npz.bytes", 10**30),
    ],
)
def test_what_would_fail_late_is_refused_at_once(key: str, value: object) -> None:
    content = read_yaml(ROOT / PARAMS_FILE)
    content["datasets"]["imdb"]["labels"] = ["negative", "positive"]
    files = content["official"]["imdb"]
    outer, _, last = key.rpartition(".")
    place = files["imdb.npz"] if key.startswith("official") else content
    for part in [] if place is not content or not outer else outer.split("."):
        place = place[int(part) if part.isdigit() else part]
    place[int(last) if last.isdigit() else last] = value
    with pytest.raises(ValidationError) as caught:
        Params.model_validate(content)
    said = first_sentence(caught.value)
    assert said.startswith(f"{key}: expected")
    assert "found" in said
    assert said.isprintable()
    assert len(said) < 400


def test_limits_leave_room_for_what_is_asked_for() -> None:
    """The largest seeds are seeds, and a network a hundred times the size of any here is no mistake."""
    content = read_yaml(ROOT / PARAMS_FILE)
    content["seed"] = 2**32 // 1_000 - 1
    content["replicates"]["n"] = 999
    content["datasets"]["imdb"] |= {"num_words": 1_000_000, "labels": ["$5 \\frac{a}", "日本語 & “quotes”"]}
    content["models"]["imdb"] |= {"hidden": [4_096, 4_096], "batch_size": 2**31 - 1}
    params = Params.model_validate(content)
    assert replicate_seeds(params.seed, params.replicates.n)[-1] < 2**32


def test_each_number_of_a_list_is_checked(path: Path) -> None:
    edit(path, "models.imdb.hidden", [16, -16])
    assert complaint(path).startswith("models.imdb.hidden.1: expected")


@pytest.mark.parametrize(
    "key",
    [
        "sed",
        "datasets.imdb.words",
        "datasets.imdb.classes",
        "models.imdb.epoch",
        "models.reuters_holdout.epoch",
        "defaults.imdb.hidden",
        "defaults.imdb.epoch",
        "plots.colour",
        "published",
    ],
)
def test_an_unknown_key(path: Path, key: str) -> None:
    edit(path, key, 3)
    assert complaint(path) == f"{key}: unknown key"


@pytest.mark.parametrize(
    "key",
    [
        "seed",
        "download",
        "official.imdb",
        "datasets.imdb.format",
        "datasets.imdb.test_split",
        "defaults.imdb.loss",
        "defaults.imdb.epochs",
        "defaults.imdb",
        "models.imdb.dataset",
        "models.imdb.hidden",
        "plots.dpi",
        "libraries",
    ],
)
def test_a_missing_key(path: Path, key: str) -> None:
    edit(path, key, MISSING)
    assert complaint(path).startswith(f"{key}: expected a value")


@pytest.mark.parametrize("labels", ["review", ["review"], [], ""])
def test_a_dataset_has_two_labels_or_more(path: Path, labels: object) -> None:
    edit(path, "datasets.imdb.labels", labels)
    assert complaint(path).startswith("datasets.imdb.labels: expected")


def test_labels_are_distinct(path: Path) -> None:
    """Tables name classes by their labels: two of one name could not be told apart."""
    for labels in (["review", "review"], "review review"):
        edit(path, "datasets.imdb.labels", labels)
        assert complaint(path).startswith("datasets.imdb: labels: expected")


def test_a_model_of_an_unknown_dataset(path: Path) -> None:
    edit(path, "models.imdb.dataset", "imbd")
    message = complaint(path)
    assert message.startswith("models.imdb.dataset: expected one of imdb, reuters")
    assert "'imbd'" in message


@pytest.mark.parametrize("reference", ["reuters", "nothing"])
def test_a_reference_is_a_model_of_its_dataset(path: Path, reference: str) -> None:
    edit(path, "defaults.imdb.reference", reference)
    message = complaint(path)
    assert message.startswith("defaults.imdb.reference: expected one of imdb, imdb_1_layer, ")
    assert f"found {reference!r}" in message


def test_learning_curves_are_of_a_model_and_its_dataset(path: Path) -> None:
    edit(path, "learning_curves.imdb.dataset", "reuters")
    assert complaint(path) == "learning_curves.imdb.dataset: expected imdb, as models.imdb has it; found 'reuters'"
    edit(path, "learning_curves.imdb.dataset", "imdb")
    edit(path, "learning_curves.imbd", {"dataset": "imdb", "n": 20})
    message = complaint(path)
    assert message.startswith("learning_curves.imbd: expected one of imdb, reuters, ")
    assert message.endswith("found 'imbd'")


def test_no_learning_curves_are_needed(path: Path) -> None:
    edit(path, "learning_curves", {})
    assert load_params(path).learning_curves == {}


@pytest.mark.parametrize("section", ["models", "datasets", "defaults"])
@pytest.mark.parametrize("name", ["../up", "With Capitals", "a-b", "1st", "a/b"])
def test_a_name_that_makes_no_folder(path: Path, section: str, name: str) -> None:
    def change(content: Any) -> None:
        content[section][name] = dict(content[section]["imdb"])

    edit_yaml(path, change)
    assert complaint(path).startswith(f"{section}.{name}")


def test_an_archive_without_an_index(path: Path) -> None:
    edit(path, "official.imdb", {"imdb.npz": {"sha256": "0" * 64, "bytes": 1}})
    assert complaint(path).startswith("official.imdb: expected")


def test_a_short_checksum(path: Path) -> None:
    path.write_text(COMMITTED.replace("69664113be75683a", "69664113"), encoding="utf-8")
    assert complaint(path).startswith("official.imdb.imdb.npz.sha256: expected")


def test_the_first_of_two_mistakes_is_enough(path: Path) -> None:
    edit(path, "defaults.imdb.epochs", -4)
    edit(path, "plots.dpi", 0)
    assert complaint(path).startswith("defaults.imdb.epochs")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("seed: 1\nmodels: [1, 2\nplots: 3\n", "3: expected YAML"),
        ("seed: 1\n  models: 2\n", "2: expected YAML"),
        ("seed: 1\nseed: 2\n", "2: expected YAML"),
        ("seed: 1\nplots: {dpi: 1, dpi: 2}\n", "2: expected YAML"),
        ("seed: *nothing\n", "1: expected YAML"),
        ("seed: 2026-13-45\n", "expected YAML; month must be in 1..12"),
        ("seed: " + "[" * 500 + "]" * 500, "expected at most 100 levels, found more"),
        ("seed: " + "[" * 100_000, "expected at most 100 levels"),
        ("seed: " + "- " * 100_000, ""),
        ("a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in pairwise("abcdefghijklmnop")), ""),
        ("seed: &a [*a]\n", ""),
        ("? {a: b}\n: c\n", ""),
        ("seed: 0x" + "f" * 10_000, ""),
        ("!!omap 1", ""),
        ("!!timestamp x", ""),
    ],
    ids=[
        *("list not closed", "indentation", "key twice", "key twice in line", "no such anchor", "a 13th month"),
        *("deep", "deeper", "deep in lines", "doubled fifteen times", "in itself", "mapping as key", "huge", "omap"),
        *("timestamp",),
    ],
)
def test_no_yaml(path: Path, content: str, line: str) -> None:
    path.write_text(content, encoding="utf-8")
    assert complaint(path).startswith(line)


@pytest.mark.parametrize(
    "content",
    [b"", b"# nothing\n", b"- 1\n- 2\n", b"seed\n", b"\x00\x01", b"seed: \xff\xfe\n"],
    ids=["empty", "comment", "list", "word", "control characters", "no UTF-8"],
)
def test_no_mapping_or_no_text(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert "expected" in complaint(path)
    assert not complaint(path).startswith(":")


@pytest.mark.parametrize("name", [PARAMS_FILE, PUBLISHED_FILE], ids=str)
def test_no_file(tmp_path: Path, name: Path) -> None:
    assert "no such file" in complaint(tmp_path / name)
