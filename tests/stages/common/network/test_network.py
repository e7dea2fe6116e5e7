"""The network against plain Keras on dense rows."""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.sparse
from reference import as_matrix, fit, train_dense

from bagpipe.scratch.copies import ROOT, environment
from stages.common import network
from stages.common.basics import rows as rows_module
from stages.common.basics.errors import UserError
from stages.common.basics.params.questions import settings_of as settings_in
from stages.common.basics.params.reading import PARAMS_FILE, load_params
from stages.common.basics.params.sections import Settings
from stages.common.basics.processor import ANYWHERE, WITH_AVX2
from stages.common.basics.rows import Rows, hold_out, open_rows
from stages.common.network.backend import keras, tf
from stages.common.network.feeding import Feed
from stages.common.network.layers import MultiHotDense, network_of, new_model
from stages.common.network.saved import load, read_weights, save
from stages.common.network.training import Runs
from tests.benchmarks.steps import LAUNCHER

pytestmark = pytest.mark.filterwarnings(
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"  # Keras, saving weights
)
NUM_WORDS = 120
PARAMS = load_params(ROOT / PARAMS_FILE)


def some_rows(count: int, classes: int) -> Rows:
    """Random rows, an empty one among them."""
    random = np.random.default_rng(3)
    marks = random.random((count, NUM_WORDS)) < 0.1
    marks[1] = False
    indptr = np.concatenate([[0], marks.sum(axis=1).cumsum()])
    indices = np.flatnonzero(marks).astype(np.int32) % NUM_WORDS
    return Rows(indptr, indices, random.integers(0, classes, count), np.array(marks.shape))


def settings_of(model: str, **changes: Any) -> tuple[Settings, int]:
    """The settings of a model of params.yaml with changes, and its number of classes."""
    settings = settings_in(PARAMS, model)
    changed = settings.own.model_copy(update={"batch_size": 32, **changes})
    return settings._replace(own=changed), len(PARAMS.datasets[settings.dataset].labels)


def fresh_model(settings: Settings, classes: int, seed: int) -> keras.Model:
    return new_model(network_of(settings, NUM_WORDS, classes), seed)


def sparse_inputs(rows: Rows) -> tf.SparseTensor:
    (inputs, _), *_ = Feed(rows, "sparse_categorical_crossentropy", 46).ordered_batches()
    return inputs


# The layer


@pytest.mark.parametrize("units", [1, 16, 46, 64, 100])
def test_layer_equals_dense(units: int) -> None:
    rows = some_rows(50, classes=46)
    inputs, dense_inputs = sparse_inputs(rows), tf.constant(as_matrix(rows).toarray())
    ours, dense = (kind(units, activation="relu") for kind in (MultiHotDense, keras.layers.Dense))
    ours.build((None, NUM_WORDS))
    dense.build((None, NUM_WORDS))
    ours.bias.assign(np.linspace(-1, 1, units))
    dense.set_weights(ours.get_weights())

    with tf.GradientTape(persistent=True) as tape:
        outputs, expected = ours(inputs), dense(dense_inputs)
        total, expected_total = (tf.reduce_sum(tf.square(values)) for values in (outputs, expected))
    assert outputs.shape == (50, units)
    np.testing.assert_allclose(outputs, expected, atol=1e-6)
    gradients = tape.gradient(total, [v.value for v in ours.trainable_variables])
    expected_gradients = tape.gradient(expected_total, [v.value for v in dense.trainable_variables])
    for found, wanted in zip(gradients, expected_gradients, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)


def test_what_keras_need_not_import_is_importable_again() -> None:
    code = (
        "import sys; from stages.common.basics.processor import settle; settle();"
        "import stages.common.network.training;"
        "loaded = {'sklearn', 'matplotlib'} & sys.modules.keys();"
        "import sklearn.metrics, matplotlib.figure; print(loaded)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True)
    assert (done.returncode, done.stdout) == (0, "set()\n"), done.stderr


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library than glibc")
def test_the_c_library_takes_what_it_is_told_about_memory() -> None:
    code = "from stages.common.network.starting import keep_memory; print(keep_memory())"  # the process keeps it
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True)
    assert done.stdout == "True\n", done.stderr


def test_layer_takes_dense_inputs_too() -> None:
    rows = some_rows(20, classes=46)
    layer = MultiHotDense(16)
    np.testing.assert_allclose(layer(as_matrix(rows).toarray()), layer(sparse_inputs(rows)), atol=1e-6)


# Training


@pytest.mark.parametrize(
    ("model", "units", "loss"),
    [
        ("imdb", 16, "binary_crossentropy"),
        ("imdb", 100, "mse"),
        ("reuters", 64, "categorical_crossentropy"),
        ("reuters", 46, "sparse_categorical_crossentropy"),
    ],
)
def test_training_equals_that_of_dense_layers(model: str, units: int, loss: str) -> None:
    settings, classes = settings_of(model, hidden=[units, 8], loss=loss)
    rows = some_rows(300, classes)
    trained, _ = fit(settings, rows, classes, epochs=2, seed=5)
    expected = train_dense(settings, rows, classes, epochs=2, seed=5)
    for found, wanted in zip(trained.get_weights(), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)


def test_training_changes_the_weights() -> None:
    """Lest the comparison with Dense be one of two networks that learn nothing."""
    settings, classes = settings_of("reuters")
    trained, _ = fit(settings, some_rows(300, 46), classes, epochs=1, seed=5)
    fresh = fresh_model(settings, classes, seed=5)
    for after, before in zip(trained.get_weights(), fresh.get_weights(), strict=True):
        assert np.abs(after - before).max() > 1e-3


def test_history_is_what_keras_evaluates() -> None:
    """`val_loss` and `val_accuracy` of the last epoch are those of the model that comes out."""
    settings, classes = settings_of("reuters")
    held_out = some_rows(50, 46)
    trained, history = fit(settings, some_rows(200, 46), classes, epochs=3, seed=1, held_out=held_out)
    targets = keras.utils.to_categorical(held_out.labels, 46)
    loss, accuracy = trained.evaluate(as_matrix(held_out).toarray(), targets, verbose=0)
    assert {len(values) for values in history.values()} == {3}
    assert history["val_loss"][-1] == pytest.approx(loss, abs=1e-5)
    assert history["val_accuracy"][-1] == pytest.approx(accuracy, abs=1e-6)


def test_integer_labels_change_nothing() -> None:
    rows = some_rows(300, 46)
    histories = []
    for name in ("reuters", "reuters_integer_labels"):
        settings, classes = settings_of(name)
        remaining, held_out = rows.between(50, 300), rows.between(0, 50)
        histories.append(fit(settings, remaining, classes, epochs=3, seed=1, held_out=held_out)[1])
    one_hot, integer = histories
    for curve in ("loss", "accuracy", "val_loss", "val_accuracy"):
        np.testing.assert_allclose(integer[curve], one_hot[curve], rtol=0, atol=1e-4)


def test_same_seed_same_weights_other_seed_other_weights() -> None:
    settings, classes = settings_of("imdb")
    rows = some_rows(100, 2)
    first, again, other = (fit(settings, rows, classes, epochs=1, seed=seed)[0].get_weights() for seed in (1, 1, 2))
    for one, two, three in zip(first, again, other, strict=True):
        np.testing.assert_array_equal(one, two)
        assert not np.array_equal(one, three)


def test_a_run_traces_its_step_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither further epochs nor a shorter last batch make TensorFlow build the graph again."""
    calls = []
    call = MultiHotDense.call

    def counting(self: MultiHotDense, inputs: Any, training: bool | None = None) -> tf.Tensor:
        calls.append(1)
        return call(self, inputs, training)

    monkeypatch.setattr(MultiHotDense, "call", counting)
    settings, classes = settings_of("imdb")

    def calls_of(rows: int, epochs: int) -> int:
        calls.clear()
        fit(settings, some_rows(rows, 2), classes, epochs, seed=1)
        return len(calls)

    assert calls_of(64, epochs=1) == calls_of(100, epochs=4) > 0


def test_a_run_after_others_is_as_a_first_one() -> None:
    settings, classes = settings_of("reuters", optimizer="adam")
    rows = some_rows(100, 46)
    runs = Runs(settings, rows, classes, 2, rows.between(0, 20))
    for seed in (1, 2, 1):
        model, history = runs.run(seed)
        expected, expected_history = fit(settings, rows, classes, 2, seed, rows.between(0, 20))
        assert history == expected_history
        for found, wanted in zip(model.get_weights(), expected.get_weights(), strict=True):
            np.testing.assert_array_equal(found, wanted)


def test_divergence_is_told() -> None:
    settings, classes = settings_of("reuters", optimizer="sgd", learning_rate=1e30)
    with pytest.raises(UserError, match="learning_rate"):
        fit(settings, some_rows(100, 46), classes, epochs=3, seed=1)


@pytest.mark.parametrize(("learning_rate", "held_out"), [(1e39, 0), (1e38, 20)], ids=["weights", "val_loss"])
def test_divergence_in_the_last_step_is_told(learning_rate: float, held_out: int) -> None:
    """The loss of an epoch is that before its last step, so it is still a number."""
    settings, classes = settings_of("reuters", optimizer="sgd", learning_rate=learning_rate, batch_size=1_000)
    rows = some_rows(100, 46)
    with pytest.raises(UserError, match="learning_rate"):
        fit(settings, rows, classes, 1, 1, rows.between(0, held_out) if held_out else None)


# Batches


def numbered(count: int) -> Feed:
    """A feed whose integer labels are the rows' numbers."""
    rows = some_rows(count, 2)._replace(labels=np.arange(count))
    return Feed(rows, "sparse_categorical_crossentropy", 2)


def epochs_of(count: int, size: int, epochs: int, seed: int) -> list[list[int]]:
    """The numbers of the rows, epoch by epoch, in the order of training."""
    batches, steps = numbered(count).training_batches(size, epochs, seed)
    numbers = [labels.numpy().tolist() for _, labels in batches]
    assert len(numbers) == steps * epochs
    return [list(chain(*numbers[start : start + steps])) for start in range(0, len(numbers), steps)]


def test_an_epoch_holds_each_row_once_in_an_order_of_its_own() -> None:
    orders = epochs_of(50, size=16, epochs=3, seed=1)
    for order in orders:
        assert sorted(order) == list(range(50))
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_orders_are_a_function_of_the_seed() -> None:
    assert epochs_of(50, 16, 2, seed=1) == epochs_of(50, 16, 2, seed=1)
    assert epochs_of(50, 16, 2, seed=1)[0] != epochs_of(50, 16, 2, seed=2)[0]


def test_batches_have_the_size_asked_for() -> None:
    batches, steps = numbered(50).training_batches(16, epochs=1, seed=1)
    assert steps == 4
    assert [len(labels) for _, labels in batches] == [16, 16, 16, 2]


def test_a_batch_holds_the_rows_that_its_labels_name() -> None:
    matrix = as_matrix(some_rows(50, 2)).toarray()
    batches, _ = numbered(50).training_batches(16, epochs=2, seed=1)
    for inputs, numbers in batches:
        np.testing.assert_array_equal(tf.sparse.to_dense(inputs), matrix[numbers])


def test_the_rows_of_one_block_are_shuffled_by_seed_and_epoch() -> None:
    """Models of the official data depend on this order, to the byte."""
    orders = epochs_of(50, size=16, epochs=3, seed=7)
    expected = [tf.random.experimental.stateless_shuffle(tf.range(50), (7, epoch)).numpy() for epoch in range(3)]
    np.testing.assert_array_equal(orders, expected)


@pytest.mark.parametrize("count", [127, 128, 129, 150])
@pytest.mark.parametrize("run", [1, 5, 8, 1_000])
def test_several_blocks_hold_each_row_once(monkeypatch: pytest.MonkeyPatch, count: int, run: int) -> None:
    monkeypatch.setattr(network, "ROWS_A_BLOCK", 40)  # so 32 with batches of 16
    monkeypatch.setattr(network, "ROWS_A_RUN", run)
    matrix = as_matrix(some_rows(count, 2)).toarray()
    batches, steps = numbered(count).training_batches(16, epochs=2, seed=1)
    found = [(tf.sparse.to_dense(inputs), numbers.numpy()) for inputs, numbers in batches]
    for inputs, numbers in found:
        np.testing.assert_array_equal(inputs, matrix[numbers])
    sizes = [len(numbers) for _, numbers in found]
    assert sizes == 2 * [*[16] * (count // 16), *([count % 16] if count % 16 else [])]
    first, second = (np.concatenate([numbers for _, numbers in found[start:][:steps]]) for start in (0, steps))
    assert sorted(first) == sorted(second) == list(range(count))
    assert first.tolist() != second.tolist()
    if run < 10:  # a block has rows from all over
        assert np.ptp(first[:32]) > count / 2


def test_batches_of_a_part_of_stored_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `validate` has them: the rows after the held-out ones, read from files."""
    monkeypatch.setattr(network, "ROWS_AT_ONCE", 7)
    write_rows(tmp_path, some_rows(40, 2))
    monkeypatch.setattr(rows_module, "VECTORIZED", tmp_path)
    held_out, remaining = hold_out(open_rows("some", "train"), 15, "holdout")
    matrix = as_matrix(some_rows(40, 2)).toarray()
    for rows, expected in ((held_out, matrix[:15]), (remaining, matrix[15:])):
        feed = Feed(rows, "sparse_categorical_crossentropy", 2)
        ordered = np.concatenate([tf.sparse.to_dense(inputs) for inputs, _ in feed.ordered_batches()])
        np.testing.assert_array_equal(ordered, expected)
        assert len(list(feed.training_batches(4, 1, 1)[0])) == -(-len(expected) // 4)


def write_rows(folder: Path, rows: Rows) -> None:
    (folder / "some" / "train").mkdir(parents=True)
    (folder / "some" / "labels.json").write_text('["no", "yes"]', encoding="utf-8")
    for name, array in rows._asdict().items():
        np.save(folder / "some" / "train" / f"{name}.npy", array)


def test_memory_does_not_depend_on_the_number_of_rows(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from stages.common.basics import rows\n"
        "rows.VECTORIZED = Path(sys.argv[1])\n"
        "from stages.common.network.feeding import Feed\n"
        "feed = Feed(rows.open_rows('some', 'train'), 'mse', 2)\n"
        "for batches in (feed.ordered_batches(), feed.training_batches(512, 1, 1)[0]):\n"
        "    for _ in batches: pass"
    )
    peaks = []
    for count in (50_000, 500_000):
        folder = tmp_path / str(count)
        ids = np.random.default_rng(1).integers(0, 125, (count, 80), np.int32) + 125 * np.arange(80, dtype=np.int32)
        labels = np.zeros(count, np.int64)
        write_rows(folder, Rows(np.arange(0, ids.size + 1, 80), ids.ravel(), labels, np.array([count, 10_000])))
        command = [sys.executable, "-S", "-c", LAUNCHER, folder / "peak", sys.executable, "-c", code, folder]
        subprocess.run(command, cwd=ROOT, env=environment(ROOT), check=True)
        peaks.append(int((folder / "peak").read_text()) / 1024)
    assert peaks[1] - peaks[0] < 100, peaks  # MB: the allocator varies by 70, and the rows are 148 more


@pytest.mark.parametrize("rows_at_once", [1, 7, 23, 24, 1_000])
def test_ordered_batches_hold_all_rows_in_order(monkeypatch: pytest.MonkeyPatch, rows_at_once: int) -> None:
    monkeypatch.setattr(network, "ROWS_AT_ONCE", rows_at_once)
    batches = list(numbered(23).ordered_batches())
    assert np.concatenate([labels for _, labels in batches]).tolist() == list(range(23))
    inputs = np.concatenate([tf.sparse.to_dense(inputs) for inputs, _ in batches])
    np.testing.assert_array_equal(inputs, as_matrix(some_rows(23, 2)).toarray())


@pytest.mark.parametrize(
    ("loss", "classes", "expected"),
    [
        ("categorical_crossentropy", 46, lambda labels: keras.utils.to_categorical(labels, 46)),
        ("sparse_categorical_crossentropy", 46, lambda labels: labels),
        ("binary_crossentropy", 2, lambda labels: labels.astype("float32").reshape(-1, 1)),
        ("mse", 2, lambda labels: labels.astype("float32").reshape(-1, 1)),
    ],
)
def test_targets(loss: str, classes: int, expected: Callable[[np.ndarray], np.ndarray]) -> None:
    rows = some_rows(30, classes)
    ((_, found),) = Feed(rows, loss, classes).ordered_batches()
    np.testing.assert_array_equal(found, expected(rows.labels))
    assert found.shape == expected(rows.labels).shape


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
        (altered("hidden", []), "network.hidden: "),
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
