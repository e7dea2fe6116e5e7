"""What stands for the terms of a text instead of ones: learnt from the texts that are trained on, and no others."""

import math
from typing import Any, NamedTuple

import numpy as np

from stages.common.basics.errors import UserError
from stages.common.basics.params.types import Weighting
from stages.common.basics.rows import FIRST_TERM, Rows
from stages.common.network.backend import keras, tf

ROWS_AT_ONCE = 10_000
SMOOTHING = 1  # of naive Bayes' counts


class TermWeights(NamedTuple):
    """The weight of each column, float32, shape (columns,); whether a row is scaled to a length of 1."""

    weights: np.ndarray
    has_length_one: bool


def has_length_one(weighting: Weighting) -> bool:
    return weighting == "tf_idf"


def learn_weights(rows: Rows, classes: int, weighting: Weighting, dataset: str) -> np.ndarray | None:
    """The weight of each column, float32, shape (columns,); None if all are one.

    `tf_idf` is the inverse document frequency of scikit-learn's `TfidfTransformer`. `naive_bayes` is the log-count
    ratio of Wang and Manning, Baselines and Bigrams, ACL 2012: above 0 for a term of the second class. Marks, which
    are no terms, weigh nothing.

    Raises:
        UserError: there are more classes than two, and `naive_bayes` knows no more.
    """
    if weighting == "binary":
        return None
    if weighting == "naive_bayes" and classes != 2:
        expected = f"expected one for {classes} labels, found 'naive_bayes', which tells 2 apart; try tf_idf"
        raise UserError(f"params.yaml: datasets.{dataset}.weighting: {expected}")
    counts = count_texts(rows, classes)
    if weighting == "tf_idf":
        texts, ratios = len(rows.labels), 1 + counts.sum(axis=0)
        weights = [math.log((1 + texts) / ratio) + 1 for ratio in ratios.tolist()]
    else:
        first, second = SMOOTHING + counts[:, FIRST_TERM:].astype(float)
        shift = math.log(first.sum() / second.sum())
        weights = [0.0] * FIRST_TERM
        weights += [math.log(ratio) + shift for ratio in (second / first).tolist()]
    found = np.array(weights, np.float32)
    found[:FIRST_TERM] = 0
    return found


def count_texts(rows: Rows, classes: int) -> np.ndarray:
    """How many texts of each class have each term: int64, shape (classes, columns)."""
    counts = np.zeros((classes, rows.columns), np.int64)
    for start in range(0, len(rows.labels), ROWS_AT_ONCE):
        block = rows.take(np.arange(start, min(start + ROWS_AT_ONCE, len(rows.labels))))
        labels = np.repeat(block.labels, np.diff(block.indptr))
        for label in np.flatnonzero(np.bincount(block.labels, minlength=classes)).tolist():
            counts[label] += np.bincount(block.indices[labels == label], minlength=rows.columns)
    return counts


@keras.saving.register_keras_serializable(package="bagpipe")
class WeighTerms(keras.layers.Layer):
    """Multiply what stands for a term by the term's weight, and scale each row to a length of 1 if asked.

    From shape (n, columns) to the same, a `tf.SparseTensor` or dense.
    """

    def __init__(self, has_length_one: bool, weights: np.ndarray | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.has_length_one = has_length_one
        self._initial = weights

    def build(self, input_shape: tuple[int | None, int]) -> None:
        initial = "zeros" if self._initial is None else keras.initializers.Constant(self._initial)
        self.term_weights = self.add_weight(
            shape=(input_shape[-1],), initializer=initial, trainable=False, name="term_weights"
        )

    def call(self, inputs: Any) -> Any:
        weights = tf.convert_to_tensor(self.term_weights)
        if not isinstance(inputs, tf.SparseTensor):
            weighed = inputs * weights
            return self._scale(weighed, tf.reduce_sum(tf.square(weighed), axis=1, keepdims=True))
        texts, ids = tf.unstack(inputs.indices, axis=1)
        weighed = inputs.values * tf.gather(weights, ids)
        squares = tf.math.unsorted_segment_sum(tf.square(weighed), texts, inputs.dense_shape[0])
        return inputs.with_values(self._scale(weighed, tf.gather(squares, texts)))

    def _scale(self, weighed: tf.Tensor, squares: tf.Tensor) -> tf.Tensor:
        return tf.math.divide_no_nan(weighed, tf.sqrt(squares)) if self.has_length_one else weighed

    def compute_output_spec(self, inputs: Any) -> Any:
        return keras.KerasTensor(inputs.shape, inputs.dtype, sparse=inputs.sparse)


def weights_of(model: keras.Model) -> TermWeights | None:
    """The term weights of a trained model, None if its rows are of ones."""
    layer = model.layers[0]
    if not isinstance(layer, WeighTerms):
        return None
    return TermWeights(np.asarray(layer.term_weights), layer.has_length_one)
