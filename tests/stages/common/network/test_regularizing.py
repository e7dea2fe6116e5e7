"""Dropout, L2 penalty and class weights, against Keras' own, scikit-learn and known answers."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from reference import fit, train_dense
from sklearn.utils.class_weight import compute_class_weight
from small_networks import NUM_WORDS, settings_of, some_rows, sparse_inputs

from stages.common.network.backend import keras, tf
from stages.common.network.regularizing import Dropout, weigh_classes
from stages.common.network.saved import load, save
from stages.common.network.training import Runs

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("model", "changes"),
    [
        ("imdb", {"hidden": [16, 8], "l2": 0.01}),
        ("imdb", {"hidden": [], "l2": 0.01}),
        ("reuters", {"hidden": []}),
        ("reuters", {"hidden": [16], "class_weight": "sqrt"}),
        ("reuters", {"hidden": [16], "class_weight": "balanced", "loss": "sparse_categorical_crossentropy"}),
        ("imdb", {"hidden": [16], "class_weight": "balanced", "l2": 0.001}),
    ],
)
def test_training_equals_that_of_keras(model: str, changes: dict[str, Any]) -> None:
    settings, classes = settings_of(model, **changes)
    rows = some_rows(300, classes)
    trained, _ = fit(settings, rows, classes, epochs=2, seed=5)
    for found, wanted in zip(trained.get_weights(), train_dense(settings, rows, classes, 2, 5), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6)


@pytest.mark.parametrize("key", ["l2", "class_weight", "dropout", "input_dropout"])
def test_each_setting_changes_the_weights(key: str) -> None:
    """Lest a comparison be one of two networks that leave it out."""
    value = {"l2": 0.01, "class_weight": "sqrt"}.get(key, 0.5)
    (plain, classes), (changed, _) = (settings_of("reuters", hidden=[16], **more) for more in ({}, {key: value}))
    rows = some_rows(100, classes)
    one, other = (fit(settings, rows, classes, 1, 5)[0].get_weights() for settings in (plain, changed))
    assert np.abs(one[0] - other[0]).max() > 1e-4


def test_the_penalty_is_part_of_the_training_loss_alone() -> None:
    (plain, classes), (with_l2, _) = (settings_of("imdb", learning_rate=1e-12, l2=l2) for l2 in (0.0, 0.5))
    rows = some_rows(100, classes)
    (_, before), (model, after) = (fit(settings, rows, classes, 1, 5, rows) for settings in (plain, with_l2))
    kernels = [layer.kernel for layer in model.layers[:-1]]
    penalty = 0.5 * sum(float(np.square(kernel).sum()) for kernel in kernels)
    assert after["loss"][0] - before["loss"][0] == pytest.approx(penalty, rel=1e-4)
    assert after["val_loss"] == pytest.approx(before["val_loss"], rel=1e-5)


# Class weights


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    labels = np.random.default_rng(1).choice(5, 200, p=[0.5, 0.3, 0.1, 0.05, 0.05])
    expected = compute_class_weight("balanced", classes=np.arange(5), y=labels)
    np.testing.assert_allclose(weigh_classes(labels, 5, "balanced"), expected, rtol=1e-6)


def test_weights_by_the_square_root_are_one_in_the_mean_of_all_texts() -> None:
    labels = np.repeat([0, 1, 3], [100, 25, 4])
    found = weigh_classes(labels, 4, "sqrt")
    assert found is not None
    assert found[1] / found[0] == pytest.approx(2, rel=1e-6)
    assert found[3] / found[0] == pytest.approx(5, rel=1e-6)
    assert found[labels].mean() == pytest.approx(1, rel=1e-6)
    assert np.isfinite(found).all()  # of the class without a text, too


def test_without_class_weights_nothing_is_weighed() -> None:
    assert weigh_classes(np.array([0, 1]), 2, "none") is None


# Dropout


def test_dropout_leaves_out_a_share_and_raises_the_others() -> None:
    layer, ones = Dropout(0.2, "dropout"), tf.ones((500, 100))
    found = np.asarray(layer(ones, training=True))
    left_out = (found == 0).mean()
    assert abs(left_out - 0.2) < 5 * math.sqrt(0.2 * 0.8 / ones.shape.num_elements())
    np.testing.assert_allclose(found[found != 0], 1 / 0.8)
    assert not np.array_equal(found, layer(ones, training=True))  # others in the next step
    np.testing.assert_array_equal(layer(ones, training=False), ones)


def test_dropout_of_sparse_rows_leaves_their_shape() -> None:
    inputs = sparse_inputs(some_rows(200, 46))
    found = Dropout(0.5, "dropout")(inputs, training=True)
    assert found.dense_shape.numpy().tolist() == [200, NUM_WORDS]
    np.testing.assert_array_equal(found.indices, inputs.indices)
    assert set(found.values.numpy().tolist()) == {0.0, 2.0}


def test_layers_of_a_seed_draw_otherwise_and_again_the_same() -> None:
    layer, ones = Dropout(0.5, "dropout"), tf.ones((50, 50))

    def drawn(seed: int, number: int) -> bytes:
        layer.restart(seed, number)
        return np.asarray(layer(ones, training=True)).tobytes()

    assert drawn(7, 0) == drawn(7, 0)
    assert len({drawn(7, 0), drawn(7, 1), drawn(8, 0), drawn(8, 1)}) == 4


def test_a_run_with_dropout_after_others_is_as_a_first_one() -> None:
    settings, classes = settings_of("imdb", dropout=0.5, input_dropout=0.3)
    rows = some_rows(100, classes)
    runs = Runs(settings, rows, classes, 2, rows)
    runs.run(1)
    again, history = runs.run(2)
    first, expected = fit(settings, rows, classes, 2, 2, rows)
    assert history == expected
    for found, wanted in zip(again.get_weights(), first.get_weights(), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_a_saved_model_has_nothing_that_acts_in_training_alone(tmp_path: Path) -> None:
    settings, classes = settings_of("reuters", hidden=[16], dropout=0.5, input_dropout=0.5, l2=0.01)
    rows = some_rows(100, classes)
    runs = Runs(settings, rows, classes, 1)
    trained, _ = runs.run(1)
    save(trained, runs.network, tmp_path / "model")
    loaded = load(tmp_path / "model")
    assert not any(isinstance(layer, Dropout) for layer in loaded.layers)
    inputs = sparse_inputs(rows)
    np.testing.assert_array_equal(loaded.predict_on_batch(inputs), trained.predict_on_batch(inputs))
    assert isinstance(trained, keras.Model)
