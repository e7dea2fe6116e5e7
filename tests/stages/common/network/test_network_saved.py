"""A saved network is loaded as it was, and a damaged one is told."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.sparse
from reference import as_matrix, fit
from small_networks import NUM_WORDS, fresh_model, settings_of, some_rows, sparse_inputs

from bagpipe.scratch.copies import ROOT
from stages.common.basics.errors import UserError
from stages.common.basics.processor import ANYWHERE, WITH_AVX2
from stages.common.network.layers import network_of
from stages.common.network.saved import load, read_weights, save

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings(
        "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"  # Keras, saving weights
    ),
]


# Saving and loading


@pytest.mark.parametrize("name", ["imdb", "reuters_integer_labels"])
def test_a_loaded_model_predicts_the_same_from_any_kind_of_rows(tmp_path: Path, name: str) -> None:
    settings, classes = settings_of(name)
    rows = some_rows(60, classes)
    trained, _ = fit(settings, rows, classes, epochs=2, seed=1)
    matrix = as_matrix(rows)
    expected = trained.predict(matrix.toarray(), verbose=0)
    save(trained, network_of(settings, NUM_WORDS, classes), tmp_path / "model")
    loaded = load(tmp_path / "model")
    for kind in (matrix, matrix.toarray(), sparse_inputs(rows)):
        np.testing.assert_allclose(loaded.predict(kind, verbose=0), expected, atol=1e-6)


def test_a_loaded_model_is_compiled(tmp_path: Path) -> None:
    settings, classes = settings_of("reuters_integer_labels")
    rows = some_rows(60, 46)
    trained, _ = fit(settings, rows, classes, epochs=2, seed=1)
    save(trained, network_of(settings, NUM_WORDS, classes), tmp_path / "model")
    loss, accuracy = load(tmp_path / "model").evaluate(as_matrix(rows).toarray(), rows.labels, verbose=0)
    probabilities = trained.predict(as_matrix(rows).toarray(), verbose=0)
    assert accuracy == pytest.approx(np.mean(probabilities.argmax(axis=1) == rows.labels))
    assert loss == pytest.approx(-np.log(probabilities[np.arange(60), rows.labels]).mean(), abs=1e-5)


def test_what_is_saved_is_the_weights_alone(tmp_path: Path) -> None:
    """Another optimizer state, the same weights: the same bytes."""
    settings, classes = settings_of("imdb")
    trained, _ = fit(settings, some_rows(60, 2), classes, epochs=2, seed=1)
    fresh = fresh_model(settings, classes, seed=9)
    fresh.set_weights(trained.get_weights())
    for model, name in ((trained, "trained"), (fresh, "fresh")):
        save(model, network_of(settings, NUM_WORDS, classes), tmp_path / name)
    names = sorted(path.name for path in (tmp_path / "trained").iterdir())
    assert names == ["model.weights.h5", "network.json"]
    for name in names:
        assert (tmp_path / "trained" / name).read_bytes() == (tmp_path / "fresh" / name).read_bytes()


def test_no_model_in_the_folder(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        load(tmp_path)


FOREIGN = """
import gc, os, random, sys
import keras, numpy as np, scipy.sparse, tensorflow as tf
from tensorflow.python.framework.config import is_op_determinism_enabled
threads = tf.config.threading
threads.set_intra_op_parallelism_threads(2)
threads.set_inter_op_parallelism_threads(1)
for seed in (random.seed, np.random.seed, tf.random.set_seed):
    seed(1)
expected = tf.random.uniform([2]).numpy()  # TensorFlow has started: its settings cannot be changed any more
tf.random.set_seed(1)

def state():
    counts = [threads.get_intra_op_parallelism_threads(), threads.get_inter_op_parallelism_threads()]
    seeds = [random.getstate(), np.random.get_state()[1].tolist()]
    return [dict(os.environ), gc.isenabled(), gc.get_freeze_count(), counts, is_op_determinism_enabled(), seeds]

before = state()
from stages.common.network.saved import load
model = load(sys.argv[1])
assert state() == before
assert (tf.random.uniform([2]).numpy() == expected).all()
np.save(sys.argv[2], model.predict(scipy.sparse.load_npz(sys.argv[3]), verbose=0))
"""


def test_load_leaves_a_process_that_uses_tensorflow_as_it_is(tmp_path: Path) -> None:
    settings, classes = settings_of("reuters")
    rows = some_rows(60, classes)
    trained, _ = fit(settings, rows, classes, epochs=1, seed=1)
    save(trained, network_of(settings, NUM_WORDS, classes), tmp_path / "model")
    scipy.sparse.save_npz(tmp_path / "rows.npz", as_matrix(rows))
    unset = {name: value for name, value in os.environ.items() if name not in ANYWHERE | WITH_AVX2}
    names = [tmp_path / name for name in ("model", "found.npy", "rows.npz")]
    command = [sys.executable, "-c", FOREIGN, *names]
    done = subprocess.run(command, cwd=ROOT, env=unset, text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    expected = trained.predict(as_matrix(rows).toarray(), verbose=0)
    np.testing.assert_allclose(np.load(tmp_path / "found.npy"), expected, atol=1e-6)


def test_keras_on_something_else_than_tensorflow() -> None:
    code = "import keras; keras.config.backend = lambda: 'jax'; import stages.common.network.training"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True)
    assert "expected Keras to compute with TensorFlow, found jax; set KERAS_BACKEND=tensorflow" in done.stderr


# Damaged models: one sentence that names the file


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    settings, classes = settings_of("imdb")
    folder = tmp_path_factory.mktemp("models") / "imdb"
    save(fresh_model(settings, classes, seed=1), network_of(settings, NUM_WORDS, classes), folder)
    return folder


@pytest.fixture
def damaged(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "model"))


def altered(key: str, value: Any) -> Callable[[dict], bytes]:
    def alter(content: dict) -> bytes:
        section = content if key in content else content["network"]
        return json.dumps(
            section | {key: value} if section is content else content | {"network": section | {key: value}}
        ).encode()

    return alter


@pytest.mark.parametrize(
    ("alter", "sentence"),
    [
        (altered("activation", "exec"), "network.activation: expected 'relu'"),
        (altered("activation", ["relu"]), "network.activation: expected 'relu'"),
        (altered("optimizer", {"module": "os"}), "network.optimizer: expected 'adam'"),
        (altered("hidden", 16), "network.hidden: expected a valid list; found 16"),
        (altered("hidden", [16, 0]), "network.hidden.1: expected greater than 0; found 0"),
        (altered("hidden", [16, 1e99]), "network.hidden.1: expected a valid integer"),
        (altered("learning_rate", "fast"), "network.learning_rate: expected a valid number"),
        (altered("hidden", [1] * 101), "network.hidden: expected List should have at most 100 items"),
        (altered("classes", 10**4299), "classes: expected less than or equal to 2147483647; found an integer"),
        (lambda content: b" " * 100_001, "expected at most 100,000 bytes, found 100,001"),
        (altered("num_words", True), "num_words: expected a valid integer; found True"),
        (altered("classes", 3), "classes: expected 2, as network.loss is binary_crossentropy; found 3"),
        (altered("num_words", 10**12), "num_words: expected less than or equal to 10000000; found 1000000000000"),
        (altered("hidden", [10**300]), "network.hidden.0: expected less than or equal to 1000000; found 1000"),
        (altered("seed", 1), "network.seed: unknown key"),
        (lambda content: b"[]", "the file: expected a valid dictionary"),
        (lambda content: b"", "expected JSON; "),
        (lambda content: '{"ä": 1}'.encode("latin-1"), "expected JSON; "),
        (lambda content: b"[" * 100_000, "expected JSON; "),
        (lambda content: json.dumps(content).replace("0.001", "NaN").encode(), "network.learning_rate: "),
    ],
)
def test_another_network(damaged: Path, alter: Callable[[dict], bytes], sentence: str) -> None:
    path = damaged / "network.json"
    path.write_bytes(alter(json.loads(path.read_bytes())))
    with pytest.raises(UserError, match="^" + re.escape(f"{path}: {sentence}")) as caught:
        load(damaged)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "alter",
    [
        altered("num_words", NUM_WORDS - 1),
        altered("hidden", [16]),
        altered("hidden", [16, 16, 16]),
        altered("hidden", [8, 8]),
        altered("num_words", 10**7),
        altered("hidden", [10**6, 10**6]),
        altered("loss", "categorical_crossentropy"),
    ],
)
def test_a_network_and_weights_that_do_not_belong_together(damaged: Path, alter: Callable[[dict], bytes]) -> None:
    path = damaged / "network.json"
    path.write_bytes(alter(json.loads(path.read_bytes())))
    with pytest.raises(UserError, match="^" + re.escape(f"{damaged / 'model.weights.h5'}: expected ")):
        load(damaged)


@pytest.mark.parametrize("size", [0, 1, 100, 5_000, -1])
def test_weights_that_are_cut(damaged: Path, size: int) -> None:
    path = damaged / "model.weights.h5"
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(UserError, match="^" + re.escape(f"{path}: expected ")):
        load(damaged)


def test_weights_with_wrong_bytes(damaged: Path) -> None:
    """Wherever they are: an error that names the file, unless a weight is another number and nothing else."""
    path, random = damaged / "model.weights.h5", np.random.default_rng(1)
    content, model, complaints = path.read_bytes(), load(damaged), []
    for place in random.integers(len(content), size=150).tolist():
        path.write_bytes(content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :])
        try:
            read_weights(model, path)
        except UserError as error:
            complaints.append(str(error))
    assert len(complaints) > 10
    assert all(text.startswith(f"{path}: expected ") for text in complaints)


def test_weights_that_are_not_finite(damaged: Path) -> None:
    with h5py.File(damaged / "model.weights.h5", "r+") as file:
        file["layers/multi_hot_dense/vars/1"][3] = np.nan
    with pytest.raises(UserError, match=r"model\.weights\.h5: expected finite weights"):
        load(damaged)


def test_weights_that_would_fill_the_memory(damaged: Path) -> None:
    """Zeros that no byte of the file stands for."""
    with h5py.File(damaged / "model.weights.h5", "r+") as file:
        del file["layers/multi_hot_dense/vars/1"]
        file.create_dataset("layers/multi_hot_dense/vars/1", 10**12, "f4", chunks=(1_000_000,))
    with pytest.raises(UserError, match=r"model\.weights\.h5: expected .*vars/1 has 4,000,000,000,000 bytes"):
        load(damaged)


@pytest.mark.parametrize("name", ["network.json", "model.weights.h5"])
def test_a_pipe_or_a_folder_instead_of_a_file(damaged: Path, name: str) -> None:
    (damaged / name).unlink()
    os.mkfifo(damaged / name)
    with pytest.raises(UserError, match=f"{name}: expected a regular file"):
        load(damaged)
    (damaged / name).unlink()
    (damaged / name).mkdir()
    with pytest.raises(UserError, match=f"{name}: expected a regular file"):
        load(damaged)
