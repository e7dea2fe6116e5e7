"""A trained model with its words and labels as one TensorFlow function: strings in, labels out.

The graph does to a text what stages/common/corpora/tokenizer.py does in Python, so it must answer as
`bagpipe predict` does; the tests hold one against the other. `keras.layers.TextVectorization` would not: it lowers
ASCII only, and deletes punctuation where a space belongs.
"""

from pathlib import Path

import numpy as np

from bagpipe.serving.lowercase import Lowercase
from stages.common.corpora.tokenizer import INDEX_FROM, OUT_OF_VOCABULARY, SEPARATORS, START
from stages.common.network.backend import keras, tf
from stages.common.network.layers import layers_of, outputs
from stages.common.network.weighting import weights_of

ANY_SEPARATOR = "[" + "".join(f"\\x{ord(separator):02x}" for separator in SEPARATORS) + "]"
KELVIN = "\u212a"  # the only letter beyond ASCII whose lowercase is within: k


class TextClassifier(tf.Module):
    """A model as a function of strings, ready for `tf.saved_model.save`.

    For a single text the time goes into the number of operations. So there are few: weights are constants, not
    variables to be read, and sparse tensors are used as they come, not made ragged ones.

    labels: a file of the classes' names, kept with the function.
    """

    def __init__(
        self, model: keras.Model, index: dict[str, int], ngrams: int, labels: list[str], labels_file: Path
    ) -> None:
        super().__init__()
        self._ngrams = ngrams
        self.labels = tf.saved_model.Asset(str(labels_file))
        self._names = labels
        self._num_words = model.input_shape[-1]
        index = {word: rank for word, rank in index.items() if word == word.lower()}  # no text has any other
        ids = np.fromiter(index.values(), np.int64, len(index)) + INDEX_FROM
        ids[ids >= self._num_words] = OUT_OF_VOCABULARY
        words = tf.lookup.KeyValueTensorInitializer(tf.constant(list(index)), tf.constant(ids))
        self._ids = tf.lookup.StaticHashTable(words, default_value=self._num_words)  # unknown: beyond the columns
        self._lowercase = None if all(map(str.isascii, index)) else Lowercase(index)
        layers = layers_of(model)
        self._outputs = lambda sums: outputs(layers, sums)
        of_terms, kernel = weights_of(model), layers[0].kernel
        if of_terms is not None:
            kernel = of_terms.weights[:, np.newaxis] * kernel
        self._squares = tf.square(of_terms.weights) if of_terms is not None and of_terms.has_length_one else None
        self._kernel = tf.constant(kernel)
        self._always = tf.constant(kernel[START] + layers[0].bias)  # a mark weighs nothing where terms are weighed

    def _find_ids(self, text: tf.Tensor) -> tf.SparseTensor:
        """The ids of words: int64, shape (n, most words of a text); `num_words` for one that the index lacks.

        Nearly all words are found as soon as they are lowercase in ASCII, so only the others are looked into.
        """
        places, words, shape = tf.raw_ops.StringSplitV2(input=self._lower(text), sep="")
        ids = self._ids.lookup(words)
        if self._lowercase is not None:
            missing = tf.where(tf.equal(ids, self._num_words))
            others = self._ids.lookup(self._lowercase(tf.gather_nd(words, missing)))
            ids = tf.tensor_scatter_nd_update(ids, missing, others)
        return tf.SparseTensor(places, ids, shape)

    def _lower(self, text: tf.Tensor) -> tf.Tensor:
        """Texts in lowercase, if only in ASCII, and with spaces alone between words."""
        text = tf.strings.lower(tf.strings.regex_replace(text, ANY_SEPARATOR, " "))
        return tf.strings.regex_replace(text, KELVIN, "k") if self._lowercase is None else text

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="text")])
    def __call__(self, text: tf.Tensor) -> dict[str, tf.Tensor]:
        """Classify n texts.

        Returns:
            `label`, string, shape (n,): the most probable; `probability`, float32, shape (n,): its own;
            `probabilities`, float32, shape (n, classes): of all labels, in their order.
        """
        texts, ids = self._words_once(text) if self._ngrams == 1 else self._terms_once(text)
        sums = tf.sparse.segment_sum(self._kernel, ids, texts, num_segments=tf.size(text))
        if self._squares is not None:
            squares = tf.math.unsorted_segment_sum(tf.gather(self._squares, ids), texts, tf.size(text))
            sums = tf.math.divide_no_nan(sums, tf.sqrt(squares)[:, tf.newaxis])
        found = self._outputs(sums + self._always)
        probabilities = found if len(self._names) == found.shape[1] else tf.concat([1 - found, found], axis=1)
        best = tf.argmax(probabilities, axis=1)
        return {
            "label": tf.gather(self._names, best),
            "probability": tf.reduce_max(probabilities, axis=1),
            "probabilities": probabilities,
        }

    def _words_once(self, text: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The texts that have a word, ascending, and its id, each pair once: int64, shape (pairs,) each."""
        words = self._find_ids(text)
        texts_and_ids, _, _ = tf.raw_ops.SparseCountSparseOutput(
            indices=words.indices,
            values=words.values,
            dense_shape=tf.add(words.dense_shape, [1, 0]),  # a row more, for it refuses none
            weights=tf.constant([], tf.float32),
            binary_output=True,
            minlength=self._num_words,
            maxlength=self._num_words,
        )
        return tuple(tf.unstack(texts_and_ids, axis=1))

    def _terms_once(self, text: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The same of neighbouring words, too."""
        places, words, _ = tf.raw_ops.StringSplitV2(input=self._lower(text), sep="")
        if self._lowercase is not None:
            words = self._lowercase(words)
        texts, terms = places[:, 0], words
        keys = [texts * (self._num_words + 1) + self._ids.lookup(words)]
        for more in range(1, self._ngrams):
            terms = tf.strings.join([terms[:-1], words[more:]], " ")
            together = texts[:-more] == texts[more:]
            ids = tf.boolean_mask(self._ids.lookup(terms), together)
            keys.append(tf.boolean_mask(texts[:-more], together) * (self._num_words + 1) + ids)
        once = tf.unique(tf.sort(tf.concat(keys, axis=0))).y
        known = tf.boolean_mask(once, once % (self._num_words + 1) != self._num_words)
        return known // (self._num_words + 1), known % (self._num_words + 1)
