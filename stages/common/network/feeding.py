"""Rows of a dataset as batches for Keras."""

import math
from collections.abc import Callable

import numpy as np

from stages.common.basics.params.types import BINARY_LOSSES
from stages.common.basics.rows import ChosenRows, Rows
from stages.common.network.backend import tf

as_written = tf.autograph.experimental.do_not_convert  # AutoGraph looks for Python loops; there are none

ROWS_AT_ONCE = 10_000  # of validation, evaluation and prediction

# Of the training rows shuffled together: more than the official datasets have, and 10 MB if a text has 80 words. And
# of the neighbours among them, 20 kB that are read at once.
ROWS_A_BLOCK, ROWS_A_RUN = 2**15, 64


def multi_hot(rows: tf.RaggedTensor, num_words: int) -> tf.SparseTensor:
    """Ones at the ids of each row: float32, shape (rows, num_words)."""
    ids = tf.cast(rows.values, tf.int64)
    numbers = rows.to_sparse().indices[:, 0]  # `value_rowids` takes nearly twice as long
    return tf.SparseTensor(
        indices=tf.stack([numbers, ids], axis=1),
        values=tf.ones_like(ids, tf.float32),
        dense_shape=tf.stack([rows.nrows(), tf.constant(num_words, tf.int64)]),
    )


def targets(labels: tf.Tensor, loss: str, classes: int) -> tf.Tensor:
    """Labels as a loss expects them: one-hot, integers, or for two classes a column of 0 and 1."""
    if loss == "categorical_crossentropy":
        return tf.one_hot(labels, classes)
    if loss in BINARY_LOSSES:
        return tf.cast(labels, tf.float32)[:, tf.newaxis]
    return labels


class Feed:
    """Rows of a dataset as batches for a model: multi-hot inputs and the targets of its loss.

    They are read a block at a time, so that memory does not depend on how many there are.
    """

    def __init__(
        self, rows: Rows | ChosenRows, loss: str, classes: int, class_weights: np.ndarray | None = None
    ) -> None:
        """class_weights: how much a text of each class counts, float32, shape (classes,); None if all count alike."""
        self.size = len(rows.labels)
        self._rows = rows
        self._loss = loss
        self._classes = classes
        self._class_weights = class_weights

    def batch(self, rows: tf.RaggedTensor, labels: tf.Tensor) -> tuple[tf.SparseTensor | tf.Tensor, ...]:
        weights = [] if self._class_weights is None else [tf.gather(self._class_weights, labels)]
        return multi_hot(rows, self._rows.columns), targets(labels, self._loss, self._classes), *weights

    def _blocks(self, count: int, positions: Callable[[int], np.ndarray]) -> tf.data.Dataset:
        """The numbers from 0 to `count`, each with the row splits, ids and labels of the rows at its positions."""

        def read(number: np.ndarray) -> tuple[np.ndarray, ...]:
            return self._rows.take(positions(int(number)))[:3]

        @as_written
        def block(number: tf.Tensor) -> tuple[tf.Tensor, ...]:
            # were it stateful, determinism would have TensorFlow prefetch nothing: a quarter more time
            arrays = tf.numpy_function(read, [number], [tf.int64, tf.int32, tf.int64], stateful=False)
            return number, *(tf.ensure_shape(array, [None]) for array in arrays)

        return tf.data.Dataset.range(count).map(block)

    def training_batches(self, size: int, epochs: int, seed: int) -> tuple[tf.data.Dataset, int]:
        """All batches of all epochs, each epoch in an order of its own, and the batches an epoch.

        Keras asks a dataset for a new iterator every epoch, 16 to 35 ms each time: half of an epoch of this size. So
        this is one finite dataset, read through one iterator with `steps_per_epoch`. A batch is gathered while the
        previous one trains, and a block of batches is read while the previous one is used up.

        The rows of a block are shuffled, and the official datasets are one block. The blocks of a larger dataset are
        made up anew each epoch, of runs of neighbours drawn from all over it: single rows would take long to read,
        and a block of neighbours alone might have but one label. All this depends on the seed and on the number of
        the block only, so not on what ran before.
        """
        rows_a_block = max(ROWS_A_BLOCK // size, 1) * size
        blocks = math.ceil(self.size / rows_a_block)

        def positions(number: int) -> np.ndarray:
            epoch, block = divmod(number, blocks)
            whole_runs = self.size // ROWS_A_RUN
            runs = np.append(np.random.default_rng([seed, epoch]).permutation(whole_runs), whole_runs)
            places = np.arange(block * rows_a_block, min((block + 1) * rows_a_block, self.size))
            return np.sort(runs[places // ROWS_A_RUN] * ROWS_A_RUN + places % ROWS_A_RUN)

        @as_written
        def batches(number: tf.Tensor, *rows: tf.Tensor) -> tf.data.Dataset:
            count = tf.size(rows[-1])
            order = tf.random.experimental.stateless_shuffle(tf.range(count), seed=tf.stack([seed, number]))
            steps = tf.cast(-(-count // size), tf.int64)
            return tf.data.Dataset.range(steps).map(as_written(lambda k: (order[k * size : (k + 1) * size], *rows)))

        @as_written
        def gather(places: tf.Tensor, indptr: tf.Tensor, indices: tf.Tensor, labels: tf.Tensor) -> tuple:
            rows = tf.RaggedTensor.from_row_splits(indices, indptr, validate=False)
            return self.batch(tf.gather(rows, places), tf.gather(labels, places))

        found = self._blocks(epochs * blocks, positions).prefetch(1).flat_map(batches).map(gather)
        return _plain(found.prefetch(2)), math.ceil(self.size / size)

    def ordered_batches(self) -> tf.data.Dataset:
        """The rows in their order, each once."""

        def positions(number: int) -> np.ndarray:
            return np.arange(number * ROWS_AT_ONCE, min((number + 1) * ROWS_AT_ONCE, self.size))

        @as_written
        def batch(_: tf.Tensor, indptr: tf.Tensor, indices: tf.Tensor, labels: tf.Tensor) -> tuple:
            return self.batch(tf.RaggedTensor.from_row_splits(indices, indptr, validate=False), labels)

        return _plain(self._blocks(math.ceil(self.size / ROWS_AT_ONCE), positions).map(batch))


def _plain(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Turn off what tf.data tunes while it runs; it takes longer to tune than these runs last."""
    options = tf.data.Options()
    options.autotune.enabled = False
    options.deterministic = True
    return batches.with_options(options)
