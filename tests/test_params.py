"""params.yaml: the committed one is right, and each mistake is one line that names the key."""

from pathlib import Path
from typing import Any

import pytest

from stages.bagpipe.scratch import ROOT, edit_yaml
from stages.common.errors import UserError
from stages.common.params import PARAMS_FILE, load_params

COMMITTED = (ROOT / PARAMS_FILE).read_text(encoding="utf-8")
MISSING = object()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(COMMITTED, encoding="utf-8")
    return path


def complaint(path: Path) -> str:
    """What is said about a params file; always one line that starts with its name."""
    with pytest.raises(UserError) as caught:
        load_params(path)
    message = str(caught.value)
    assert message.startswith(f"{path}:")
    assert "\n" not in message
    return message.removeprefix(f"{path}:").strip()


def edit(path: Path, key: str, value: object) -> None:
    """Set or, with MISSING, remove the value at `models.imdb.hidden` and the like."""
    *outer, last = key.split(".")

    def change(content: Any) -> None:
        for part in outer:
            content = content[part]
        if value is MISSING:
            del content[last]
        else:
            content[last] = value

    edit_yaml(path, change)


def test_the_committed_file_is_right() -> None:
    params = load_params(ROOT / PARAMS_FILE)
    assert {"imdb", "reuters"} <= set(params.datasets)
    assert {
        "imdb",
        "reuters",
        "reuters_holdout",
        "reuters_integer_labels",
        "reuters_bottleneck",
    } <= set(params.models)


def test_official_files_are_those_of_the_design() -> None:
    files = {
        name: file
        for dataset in load_params(ROOT / PARAMS_FILE).datasets.values()
        for name, file in dataset.files.items()
    }
    assert {name: file.sha256[:12] for name, file in files.items()} == {
        "imdb.npz": "69664113be75",
        "imdb_word_index.json": "027313fe9a32",
        "reuters.npz": "d6586e694ee5",
        "reuters_word_index.json": "9b56000edc4b",
    }
    assert (files["imdb.npz"].bytes, files["reuters.npz"].bytes) == (17_464_789, 2_110_848)


def test_topics_are_those_of_keras() -> None:
    from keras.datasets import reuters

    assert tuple(load_params(ROOT / PARAMS_FILE).datasets["reuters"].labels) == tuple(reuters.get_label_names())


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
        ("datasets.reuters.classes", True),
        ("models.imdb.hidden", []),
        ("models.imdb.hidden", 16),
        ("models.imdb.activation", "rleu"),
        ("models.imdb.loss", "hinge"),
        ("models.imdb.optimizer", "rmsporp"),
        ("models.imdb.learning_rate", 0),
        ("models.imdb.learning_rate", float("nan")),
        ("models.imdb.learning_rate", "fast"),
        ("models.imdb.batch_size", 0),
        ("models.imdb.batch_size", 512.0),
        ("models.imdb.validation.epochs", -20),
        ("models.imdb.validation.holdout", 0),
        ("models.imdb.final.epochs", -4),
        ("models.imdb.final.leave_out", -1),
        ("models.imdb.final.leave_out", None),
        ("plots.dpi", 0),
        ("plots.width", -5.0),
    ],
)
def test_a_wrong_value_is_named_with_its_key(path: Path, key: str, value: object) -> None:
    edit(path, key, value)
    message = complaint(path)
    assert message.startswith(f"{key}: expected")
    assert f"found {value!r}" in message


def test_each_number_of_a_list_is_checked(path: Path) -> None:
    edit(path, "models.imdb.hidden", [16, -16])
    assert complaint(path).startswith("models.imdb.hidden.1: expected")


@pytest.mark.parametrize("key", ["sed", "datasets.imdb.words", "models.imdb.final.epoch", "plots.colour"])
def test_an_unknown_key(path: Path, key: str) -> None:
    edit(path, key, 3)
    assert complaint(path) == f"{key}: unknown key"


@pytest.mark.parametrize(
    "key",
    [
        "seed",
        "download",
        "datasets.imdb.files",
        "models.imdb.dataset",
        "models.imdb.final.epochs",
        "plots.dpi",
    ],
)
def test_a_missing_key(path: Path, key: str) -> None:
    edit(path, key, MISSING)
    assert complaint(path).startswith(f"{key}: expected a value")


def test_labels_are_counted(path: Path) -> None:
    edit(path, "datasets.imdb.labels", ["negative", "neutral", "positive"])
    assert complaint(path) == "datasets.imdb: expected 2 labels, found 3"


def test_labels_are_distinct(path: Path) -> None:
    """Tables name classes by their labels: two of one name could not be told apart."""
    edit(path, "datasets.imdb.labels", ["review", "review"])
    assert complaint(path).startswith("datasets.imdb")


def test_a_model_of_an_unknown_dataset(path: Path) -> None:
    edit(path, "models.imdb.dataset", "imbd")
    message = complaint(path)
    assert message.startswith("models.imdb.dataset: expected one of imdb, reuters")
    assert "'imbd'" in message


@pytest.mark.parametrize("loss", ["binary_crossentropy", "mse"])
def test_a_loss_for_two_classes_on_forty_six(path: Path, loss: str) -> None:
    edit(path, "models.reuters.loss", loss)
    message = complaint(path)
    assert message.startswith("models.reuters.loss: ")
    assert "2 classes" in message
    assert "46" in message


@pytest.mark.parametrize("section", ["models", "datasets"])
@pytest.mark.parametrize("name", ["../up", "With Capitals", "a-b", "1st", "a/b"])
def test_a_name_that_makes_no_folder(path: Path, section: str, name: str) -> None:
    def change(content: Any) -> None:
        content[section][name] = dict(content[section]["imdb"])

    edit_yaml(path, change)
    assert complaint(path).startswith(f"{section}.{name}")


def test_an_archive_without_an_index(path: Path) -> None:
    edit(path, "datasets.imdb.files", {"imdb.npz": {"sha256": "0" * 64, "bytes": 1}})
    assert complaint(path).startswith("datasets.imdb.files: expected")


def test_a_short_checksum(path: Path) -> None:
    path.write_text(COMMITTED.replace("69664113be75683a", "69664113"), encoding="utf-8")
    assert complaint(path).startswith("datasets.imdb.files.imdb.npz.sha256: expected")


@pytest.mark.parametrize("source", ["", " ", "C 1.1"])
def test_a_published_figure_without_its_source(path: Path, source: str) -> None:
    def change(content: Any) -> None:
        content["published"][0]["source"] = source

    edit_yaml(path, change)
    assert complaint(path).startswith("published.0")


def test_the_first_of_two_mistakes_is_enough(path: Path) -> None:
    edit(path, "models.imdb.final.epochs", -4)
    edit(path, "plots.dpi", 0)
    assert complaint(path).startswith("models.imdb.final.epochs")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("seed: 1\nmodels: [1, 2\nplots: 3\n", "3: expected YAML"),
        ("seed: 1\n  models: 2\n", "2: expected YAML"),
        ("seed: 1\nseed: 2\n", "2: expected YAML"),
        ("seed: 1\nplots: {dpi: 1, dpi: 2}\n", "2: expected YAML"),
        ("seed: *nothing\n", "1: expected YAML"),
    ],
    ids=["list not closed", "indentation", "key twice", "key twice in line", "no such anchor"],
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


def test_no_file(tmp_path: Path) -> None:
    assert "no such file" in complaint(tmp_path / "params.yaml")
