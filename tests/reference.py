"""What plain Keras does with the same numbers, for comparison."""

import numpy as np
import scipy.sparse

from stages.common.network import Feed, Runs, compile_model, keras, new_model, tf
from stages.common.params import Dataset, Model
from stages.common.rows import Rows


def as_matrix(rows: Rows, num_words: int) -> scipy.sparse.csr_matrix:
    ones = np.ones(len(rows.indices), np.float32)
    return scipy.sparse.csr_matrix((ones, rows.indices, rows.indptr), (len(rows.labels), num_words))


def fit(
    settings: Model, dataset: Dataset, rows: Rows, epochs: int, seed: int, held_out: Rows | None = None
) -> tuple[keras.Model, dict[str, list[float]]]:
    """Train the pipeline's network once; return the model and its history."""
    return Runs(settings, dataset, rows, epochs, held_out).run(seed)


def train_dense(settings: Model, dataset: Dataset, rows: Rows, epochs: int, seed: int) -> list[np.ndarray]:
    """Train a `Sequential` of `Dense` layers on dense batches; return its weights.

    It starts with the same weights and gets the same batches as the pipeline's network.
    """
    shape = (dataset.num_words, dataset.classes)
    sparse = new_model(settings, *shape, seed)
    dense = keras.Sequential(
        [keras.Input((dataset.num_words,))]
        + [keras.layers.Dense(layer.units, activation=layer.activation) for layer in sparse.layers]
    )
    dense.set_weights(sparse.get_weights())
    compile_model(dense, settings)
    batches, _ = Feed(rows, settings.loss, *shape).training_batches(settings.batch_size, epochs, seed)
    for inputs, targets in batches:
        dense.train_on_batch(tf.sparse.to_dense(inputs), targets)
    return dense.get_weights()
