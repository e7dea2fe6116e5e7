"""What is computed otherwise than Keras does, so that every processor agrees: the same as Keras' to rounding."""

import typing

import numpy as np
import pytest
from reference import fit, train_dense
from small_networks import settings_of, some_rows

from stages.common.basics.params.types import Activation, Loss, Optimizer
from stages.common.network import exact
from stages.common.network.backend import keras, tf

pytestmark = pytest.mark.slow

LOGITS = tf.constant(np.random.default_rng(1).normal(0, 5, (200, 46)), tf.float32)
CHOICES = {
    **{name: ("imdb", {"activation": name}) for name in typing.get_args(Activation)},
    **{name: ("imdb", {"optimizer": name}) for name in typing.get_args(Optimizer)},
    **{name: ("reuters" if "categorical" in name else "imdb", {"loss": name}) for name in typing.get_args(Loss)},
    "wide": ("reuters", {"hidden": [200, 150]}),
}


@pytest.mark.parametrize(("model", "changes"), CHOICES.values(), ids=CHOICES)
def test_training_is_that_of_keras(model: str, changes: dict[str, typing.Any]) -> None:
    settings, classes = settings_of(model, **changes)
    rows = some_rows(150, classes)
    trained, _ = fit(settings, rows, classes, 2, 7)
    for found, expected in zip(trained.get_weights(), train_dense(settings, rows, classes, 2, 7), strict=True):
        np.testing.assert_allclose(found, expected, atol=2e-5)


@pytest.mark.parametrize("name", ["softmax", "sigmoid", "gelu"])
def test_an_activation_is_that_of_keras(name: str) -> None:
    found = getattr(exact, name)(LOGITS)
    np.testing.assert_allclose(found, keras.activations.get(name)(LOGITS), atol=1e-6)


def test_large_logits_lose_no_digits() -> None:
    logits, labels = tf.constant([[-100.0], [100.0], [3.0]]), tf.constant([[1.0], [0.0], [1.0]])

    @tf.function
    def losses() -> tf.Tensor:
        return exact.binary_crossentropy(labels, exact.sigmoid(logits))

    np.testing.assert_allclose(losses(), [100, 100, np.log1p(np.exp(-3))], rtol=1e-6)
    np.testing.assert_allclose(tf.reduce_sum(exact.softmax(LOGITS), axis=1), np.ones(200), rtol=1e-6)


@pytest.mark.parametrize("terms", [100, 128, 300])
def test_a_product_is_that_of_tensorflow(terms: int) -> None:
    random = np.random.default_rng(2)
    left = tf.constant(random.normal(size=(50, terms)), tf.float32)
    right = tf.constant(random.normal(size=(terms, 200)), tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch((left, right))
        totals = [tf.reduce_sum(tf.square(multiply(left, right))) for multiply in (exact.product, tf.matmul)]
    for matrix in (left, right):
        found, expected = (tape.gradient(total, matrix) for total in totals)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)
