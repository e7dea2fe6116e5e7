"""What plain Keras does with the same numbers, for comparison."""

import numpy as np
import scipy.sparse

from stages.common.basics.params.sections import Settings
from stages.common.basics.params.types import BINARY_LOSSES
from stages.common.basics.rows import Rows
from stages.common.network.backend import keras, tf
from stages.common.network.feeding import Feed
from stages.common.network.layers import network_of, new_model
from stages.common.network.regularizing import weigh_classes
from stages.common.network.training import Runs


def as_matrix(rows: Rows) -> scipy.sparse.csr_matrix:
    ones = np.ones(len(rows.indices), np.float32)
    return scipy.sparse.csr_matrix((ones, rows.indices, rows.indptr), tuple(rows.shape))


def fit(
    settings: Settings, rows: Rows, classes: int, epochs: int, seed: int, held_out: Rows | None = None
) -> tuple[keras.Model, dict[str, list[float]]]:
    """Train the pipeline's network once; return the model and its history."""
    return Runs(settings, rows, classes, epochs, held_out).run(seed)


def train_dense(settings: Settings, rows: Rows, classes: int, epochs: int, seed: int) -> list[np.ndarray]:
    """Train Keras' own layers, loss and optimizer on dense batches; return the weights.

    It starts with the same weights and gets the same batches as the pipeline's network, and has Keras' own L2 penalty
    and class weights.
    """
    network = network_of(settings, rows.columns, classes)
    sparse = new_model(network, seed)
    last = "sigmoid" if settings.loss in BINARY_LOSSES else "softmax"
    activations = [*[settings.activation] * len(settings.hidden), last]
    penalized = max(1, len(settings.hidden))
    penalties = [keras.regularizers.L2(settings.l2)] * penalized + [None] * (len(sparse.layers) - penalized)
    dense = keras.Sequential(
        [keras.Input((rows.columns,))]
        + [
            keras.layers.Dense(layer.units, activation=activation, kernel_regularizer=penalty)
            for layer, activation, penalty in zip(sparse.layers, activations, penalties, strict=True)
        ]
    )
    dense.set_weights(sparse.get_weights())
    config = {"learning_rate": settings.learning_rate}
    optimizer = keras.optimizers.get({"class_name": settings.optimizer, "config": config})
    dense.compile(optimizer=optimizer, loss=settings.loss)
    weights = weigh_classes(rows.labels, classes, settings.class_weight)
    batches, _ = Feed(rows, settings.loss, classes, weights).training_batches(settings.batch_size, epochs, seed)
    for inputs, *targets_and_weights in batches:
        dense.train_on_batch(tf.sparse.to_dense(inputs), *targets_and_weights)
    return dense.get_weights()
