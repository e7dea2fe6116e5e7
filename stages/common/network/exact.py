"""What Keras and TensorFlow compute by a processor's approximate instructions, computed exactly.

`rcpps` and `rsqrtps` return what the maker's tables hold; TensorFlow's softmax, erfc (of Keras' gelu), reciprocal (in
the gradient of Keras' binary crossentropy) and rsqrt go through them. And Eigen takes the length of the sums of a
matrix product from the size of the L1 cache. The functions here agree with Keras' to rounding, and with themselves to
the byte on every processor; graph_check.py sees that nothing else is computed with.
"""

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from stages.common.network.backend import keras, tf

TERMS_A_SUM = 128  # Eigen splits no sum of so few terms, whatever the cache
DOUBLES_A_SUM = TERMS_A_SUM // 2  # twice the bytes


def softmax(logits: tf.Tensor) -> tf.Tensor:
    """Softmax of the last axis, any shape, float32."""
    return _with_logits(tf.exp(tf.nn.log_softmax(logits)), logits)


def sigmoid(logits: tf.Tensor) -> tf.Tensor:
    """Keras' sigmoid, which is exact, for a loss that takes its logits."""
    return _with_logits(tf.sigmoid(logits), logits)


def _with_logits(probabilities: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Leave the logits where Keras' losses look for them, as Keras' own activations do: a loss loses no digits so."""
    probabilities._keras_logits = logits
    return probabilities


def gelu(inputs: tf.Tensor) -> tf.Tensor:
    """Gaussian error linear unit, see Hendrycks and Gimpel, arXiv 1606.08415; by erf, as erfc is inexact."""
    return 0.5 * inputs * (1.0 + tf.math.erf(inputs * 0.5**0.5))


ACTIVATIONS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {"gelu": gelu}  # Keras' others are exact


@tf.custom_gradient
def _sigmoid_crossentropy(logits: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """Crossentropy of each number; its gradient is a difference, where TensorFlow goes through a reciprocal."""

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, None]:
        return upstream * (tf.sigmoid(logits) - labels), None

    return tf.nn.sigmoid_cross_entropy_with_logits(labels, logits), gradient


def binary_crossentropy(labels: tf.Tensor, probabilities: tf.Tensor) -> tf.Tensor:
    """Keras' loss of that name, by the logits of `sigmoid`: float32 of shape (n,) from (n, 1) and (n, 1)."""
    return tf.reduce_mean(_sigmoid_crossentropy(probabilities._keras_logits, labels), axis=-1)


LOSSES: dict[str, Callable[[tf.Tensor, tf.Tensor], tf.Tensor]] = {"binary_crossentropy": binary_crossentropy}


class RMSprop(keras.optimizers.RMSprop):
    """Keras' optimizer without its momentum, by a division that TensorFlow leaves as it is.

    It makes `x * rsqrt(y)` of `x / sqrt(y)`. `divide_no_nan` is a division that it knows nothing of.
    """

    def update_step(self, gradient: tf.Tensor, variable: keras.Variable, learning_rate: tf.Tensor) -> None:
        velocity = self._velocities[self._get_variable_index(variable)]
        self.assign(velocity, self.rho * velocity + (1 - self.rho) * tf.square(gradient))
        self.assign_sub(variable, tf.math.divide_no_nan(learning_rate * gradient, self.root(velocity)))

    def root(self, velocity: tf.Tensor) -> tf.Tensor:
        """What a gradient is divided by, float32, from the moving average of its squares."""
        return tf.sqrt(velocity + self.epsilon)


class OldRMSprop(RMSprop):
    """RMSprop as in TensorFlow 2.4, which added epsilon to the root, so that rare words made larger steps."""

    def root(self, velocity: tf.Tensor) -> tf.Tensor:
        return tf.sqrt(velocity) + self.epsilon


# By name; Keras' others are exact. The old one is in no model of params.yaml, see stages/learning_curves.py.
OLD_RMSPROP = "rmsprop_of_tensorflow_2_4"
OPTIMIZERS: dict[str, type[keras.optimizers.Optimizer]] = {"rmsprop": RMSprop, OLD_RMSPROP: OldRMSprop}


def matmul(left: tf.Tensor, right: tf.Tensor, transpose_b: bool = False) -> tf.Tensor:
    """`tf.matmul` of two matrices, the terms of its sums added up block by block."""
    terms = right.shape[1 if transpose_b else 0]
    if terms <= TERMS_A_SUM:
        return tf.matmul(left, right, transpose_b=transpose_b)
    blocks = (slice(start, min(start + TERMS_A_SUM, terms)) for start in range(0, terms, TERMS_A_SUM))
    sums = (
        tf.matmul(left[:, block], right[:, block] if transpose_b else right[block], transpose_b=transpose_b)
        for block in blocks
    )
    return reduce(tf.add, sums)


def product_anywhere(left: tf.Tensor, right: np.ndarray) -> tf.Tensor:
    """`left @ right`, float32, for a graph that runs in programs of others, whatever they set TensorFlow to.

    oneDNN and Eigen's custom kernels, which sum in an order of their own, multiply no matrices of doubles.
    """
    blocks = (slice(start, start + DOUBLES_A_SUM) for start in range(0, len(right), DOUBLES_A_SUM))
    columns = tf.cast(left, tf.float64)
    sums = (tf.matmul(columns[:, block], right[block].astype(np.float64)) for block in blocks)
    return tf.cast(reduce(tf.add, sums), tf.float32)


@tf.custom_gradient
def product(inputs: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """`inputs @ kernel`; in its gradient the rows of a batch are summed block by block, too."""

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        missing = -tf.shape(inputs)[0] % TERMS_A_SUM
        blocks = [
            tf.reshape(tf.pad(rows, [[0, missing], [0, 0]]), [-1, TERMS_A_SUM, rows.shape[1]])
            for rows in (inputs, upstream)
        ]
        sums = tf.reduce_sum(tf.matmul(*blocks, transpose_a=True), axis=0)
        return matmul(upstream, kernel, transpose_b=True), sums

    return matmul(inputs, kernel), gradient


@keras.saving.register_keras_serializable(package="bagpipe")
class BlockwiseDense(keras.layers.Dense):
    """`keras.layers.Dense` by `product`, the same on every processor.

    l2: what the sum of the squares of the kernel is multiplied by, as a penalty that is part of the loss in training
    alone; Keras' own regularizers would be part of the loss of validation and tests, too.
    """

    def __init__(self, units: int, *arguments: Any, l2: float = 0.0, **options: Any) -> None:
        super().__init__(units, *arguments, **options)
        self.l2 = l2

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "l2": self.l2}

    def penalize(self, training: bool | None) -> None:
        if self.l2 and training:
            self.add_loss(self.l2 * tf.reduce_sum(tf.square(tf.convert_to_tensor(self.kernel))))

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        self.penalize(training)
        return self.activation(tf.nn.bias_add(product(inputs, tf.convert_to_tensor(self.kernel)), self.bias))
