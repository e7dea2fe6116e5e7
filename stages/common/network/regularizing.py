"""What keeps a network from learning its training texts by heart; all of it acts in training alone."""

import math
from typing import Any, NamedTuple

import numpy as np

from stages.common.basics.params.sections import Settings
from stages.common.basics.params.types import ClassWeight
from stages.common.network.backend import keras, tf

STEPS = 2**32  # between the numbers by which two layers draw; no run is as long
PHILOX = 1  # what TensorFlow draws by, of Salmon, Moraes, Dror and Shaw, SC 2011


class Regularization(NamedTuple):
    """Shares that dropout leaves out, of the inputs and of each hidden layer's outputs; and the factor of L2."""

    input_dropout: float = 0.0
    dropout: float = 0.0
    l2: float = 0.0


NONE = Regularization()


def regularization_of(settings: Settings) -> Regularization:
    return Regularization(*(getattr(settings, field) for field in Regularization._fields))


class Dropout(keras.layers.Layer):
    """Zero a share of numbers, others each step, and raise what is left to make up for it.

    Srivastava, Hinton, Krizhevsky, Sutskever and Salakhutdinov, JMLR 15, 2014. As `keras.layers.Dropout`, which takes
    no `tf.SparseTensor`; what is drawn hangs on `restart` and the number of the step only.
    """

    def __init__(self, rate: float, name: str) -> None:
        super().__init__(name=name)
        self.rate = rate
        self._seeds = keras.random.SeedGenerator(0)

    def restart(self, seed: int, number: int) -> None:
        """Draw from now on as the layer of that number under a seed does."""
        self._seeds.state.assign(np.array([seed, number * STEPS], np.int64))

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        if not training:
            return inputs
        if isinstance(inputs, tf.SparseTensor):
            return inputs.with_values(self._drop(inputs.values))
        return self._drop(inputs)

    def compute_output_spec(self, inputs: Any, training: bool | None = None) -> Any:
        return keras.KerasTensor(inputs.shape, inputs.dtype, sparse=inputs.sparse)

    def _drop(self, values: tf.Tensor) -> tf.Tensor:
        key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=self._seeds.next())
        drawn = tf.raw_ops.StatelessRandomUniformV2(shape=tf.shape(values), key=key, counter=counter, alg=PHILOX)
        return tf.where(drawn < self.rate, 0.0, values * (1 / (1 - self.rate)))


def restart_dropout(model: keras.Model, seed: int) -> None:
    """Have the layers of a model draw as they do in a new run under `seed`."""
    for number, layer in enumerate(layer for layer in model.layers if isinstance(layer, Dropout)):
        layer.restart(seed, number)


def weigh_classes(labels: np.ndarray, classes: int, kind: ClassWeight) -> np.ndarray | None:
    """How much a text of each class counts: float32, shape (classes,), 1 in the mean of all texts; None if all do.

    `balanced` is scikit-learn's: n texts of a class have the weight 1 / n, before all are scaled; `sqrt` has
    1 / sqrt(n).
    """
    if kind == "none":
        return None
    texts = np.maximum(np.bincount(labels, minlength=classes), 1)
    raw = 1 / (np.sqrt(texts) if kind == "sqrt" else texts)
    total = math.fsum(raw * np.bincount(labels, minlength=classes))
    return (raw * (len(labels) / total)).astype(np.float32)
