"""Few rows of few columns, and the networks of params.yaml for them."""

from typing import Any

import numpy as np

from bagpipe.scratch.copies import ROOT
from stages.common.basics.params.questions import settings_of as settings_in
from stages.common.basics.params.reading import PARAMS_FILE, load_params
from stages.common.basics.params.sections import Settings
from stages.common.basics.rows import Rows
from stages.common.network.backend import keras, tf
from stages.common.network.feeding import Feed
from stages.common.network.layers import network_of, new_model

NUM_WORDS = 120
PARAMS = load_params(ROOT / PARAMS_FILE)


def some_rows(count: int, classes: int) -> Rows:
    """Random rows, an empty one among them."""
    random = np.random.default_rng(3)
    marks = random.random((count, NUM_WORDS)) < 0.1
    marks[1] = False
    indptr = np.concatenate([[0], marks.sum(axis=1).cumsum()])
    indices = np.flatnonzero(marks).astype(np.int32) % NUM_WORDS
    return Rows(indptr, indices, random.integers(0, classes, count), np.array(marks.shape))


def settings_of(model: str, **changes: Any) -> tuple[Settings, int]:
    """The settings of a model of params.yaml with changes, and its number of classes."""
    settings = settings_in(PARAMS, model)
    changed = settings.own.model_copy(update={"batch_size": 32, **changes})
    return Settings(changed, settings.defaults), len(PARAMS.datasets[settings.dataset].labels)


def fresh_model(settings: Settings, classes: int, seed: int) -> keras.Model:
    return new_model(network_of(settings, NUM_WORDS, classes), seed)


def sparse_inputs(rows: Rows) -> tf.SparseTensor:
    (inputs, _), *_ = Feed(rows, "sparse_categorical_crossentropy", 46).ordered_batches()
    return inputs
