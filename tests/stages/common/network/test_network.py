"""The network against plain Keras on dense rows: its first layer and its training."""

import platform
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from reference import as_matrix, fit, train_dense
from small_networks import NUM_WORDS, fresh_model, settings_of, some_rows, sparse_inputs

from bagpipe.scratch.copies import ROOT
from stages.common.basics.errors import UserError
from stages.common.network.backend import keras, tf
from stages.common.network.layers import MultiHotDense
from stages.common.network.training import Runs

pytestmark = pytest.mark.slow

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
