"""A trained model on texts, in any process: what `bagpipe.load_model` gives, and what the commands build on.

Nothing here may change a setting of the process, or depend on its current folder but through `root`.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bagpipe.project.names import check_name, model_folder
from bagpipe.texts.words import word_index
from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import PARAMS_FILE, load_params
from stages.common.basics.paths import HERE, Paths
from stages.common.basics.rows import load_features, load_labels
from stages.common.corpora.tokenizer import find_word_ids
from stages.common.network.predictions import probability_of_each_label

TEXTS_AT_ONCE = 2_048


class Prediction(NamedTuple):
    """What a model says of a text.

    label: the most probable one, of equally probable ones the first; probability: its own; probabilities: of every
    label, in the order of the model's labels. They add up to 1, to the precision of float32.
    """

    label: str
    probability: float
    probabilities: dict[str, float]


class WordModel:
    """A trained model with its words and labels. labels: the name of each, from 0 on."""

    def __init__(self, name: str, paths: Paths = HERE) -> None:
        """Load the model of that name of a project.

        Raises:
            UserError: there is none in params.yaml, it is not trained yet, or damaged.
        """
        params_file = paths.root / PARAMS_FILE
        params = load_params(params_file)
        check_name("model", name, params.models, params_file)
        dataset = params.models[name].dataset
        folder = model_folder(name, paths)
        self._index, self._ngrams = word_index(dataset, paths), load_features(dataset, paths).ngrams
        self.labels = load_labels(dataset, paths=paths)

        from stages.common.network import feeding, saved  # TensorFlow, after what can fail quickly

        self._multi_hot = feeding.multi_hot
        self._model = saved.load(folder)
        classes = max(2, self._model.output_shape[-1])
        if classes != len(self.labels):
            found = f"{dataset} has {len(self.labels)}; run `dvc repro evaluate@{name}`"
            raise UserError(f"{folder}: a model of {classes} labels, and {found}")
        self._num_words = self._model.input_shape[-1]

    def ids(self, text: str) -> np.ndarray:
        """The distinct ids of a text, see `find_word_ids`: int32, shape (ids,)."""
        return find_word_ids(text, self._index, self._num_words, self._ngrams)

    def count_words(self, text: str, ids: np.ndarray) -> int:
        """How many ids a text has, of single words, besides that of the start mark; ids: all of its."""
        return len(ids if self._ngrams == 1 else find_word_ids(text, self._index, self._num_words)) - 1

    def probabilities(self, ids: list[np.ndarray]) -> np.ndarray:
        """Probability of each label: float32, shape (texts, classes); of one text or more."""
        from stages.common.network.backend import tf

        ends = np.cumsum([0, *map(len, ids)], dtype=np.int64)
        ragged = tf.RaggedTensor.from_row_splits(np.concatenate(ids), ends, validate=False)
        return probability_of_each_label(self._model.predict_on_batch(self._multi_hot(ragged, self._num_words)))


class TextModel:
    """A trained model for texts, see `bagpipe.load_model`. name: as in params.yaml; labels: their names, in order."""

    def __init__(self, name: str, root: Path) -> None:
        if not (root / PARAMS_FILE).exists():
            raise UserError(f"{root / PARAMS_FILE}: no such file; expected `root` to be the project's folder")
        self._model = WordModel(name, Paths(root))
        self.name = name
        self.labels = tuple(self._model.labels)

    def __repr__(self) -> str:
        return f"<bagpipe model {self.name!r} of {len(self.labels)} labels>"

    def predict(self, texts: Iterable[str]) -> list[Prediction]:
        """Classify n texts, as `bagpipe predict` does.

            >>> [p.label for p in bagpipe.load_model("imdb").predict(["A gem.", "What a waste of time."])]
            ['positive', 'negative']

        Args:
            texts: n strings, none included; of any length, the empty one included. A text of which the model knows no
                word gets the answer that it has for no words at all.

        Returns:
            n predictions, in the order of the texts.

        Raises:
            TypeError: `texts` is a single string, or something in it is no string.
            ValueError: a string holds half of a character (a surrogate), so it is no Unicode.
        """
        ids = [self._model.ids(text) for text in _check_texts(texts)]
        blocks = (ids[start : start + TEXTS_AT_ONCE] for start in range(0, len(ids), TEXTS_AT_ONCE))
        return [self._prediction(row) for block in blocks for row in self._model.probabilities(block)]

    def _prediction(self, row: np.ndarray) -> Prediction:
        probabilities = dict(zip(self.labels, row.tolist(), strict=True))
        label = self.labels[row.argmax()]
        return Prediction(label, probabilities[label], probabilities)


def _check_texts(texts: Iterable[str]) -> list[str]:
    if isinstance(texts, str | bytes):
        raise TypeError(f"texts: expected a list of str, found {type(texts).__name__}; for one text, give [text]")
    found = list(texts)
    for place, text in enumerate(found):
        if not isinstance(text, str):
            raise TypeError(f"texts[{place}]: expected str, found {type(text).__name__}")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            half = f"half of a character (a surrogate) at {error.start}"
            raise ValueError(f"texts[{place}]: expected Unicode, found {half}") from None
    return found
