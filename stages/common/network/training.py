"""Training runs of a model, each under a seed of its own."""

import math
import sys

import numpy as np

from stages.common.basics.artifacts import DIVERGED
from stages.common.basics.errors import UserError
from stages.common.basics.params.sections import Settings
from stages.common.basics.params.types import BINARY_LOSSES, Weighting
from stages.common.basics.rows import Rows
from stages.common.network.backend import keras
from stages.common.network.feeding import ROWS_AT_ONCE, Feed
from stages.common.network.layers import compile_model, network_of, new_model
from stages.common.network.regularizing import regularization_of, restart_dropout, weigh_classes
from stages.common.network.weighting import learn_weights


class EpochLines(keras.callbacks.Callback):
    """One line an epoch, for where Keras' progress bar would fill a log."""

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        figures = "  ".join(f"{key} {value:.4f}" for key, value in (logs or {}).items())
        print(f"epoch {epoch + 1:>2}/{self.params['epochs']}  {figures}", flush=True)


class Runs:
    """Training runs of one model on the same rows, each under a seed of its own.

    The model is built, compiled and traced once; a run starts by setting its weights and the optimizer's slots
    back to what they are in a new model of that seed.
    """

    def __init__(
        self,
        settings: Settings,
        rows: Rows,
        classes: int,
        epochs: int,
        held_out: Rows | None = None,
        batch_by_batch: bool = False,
        weighting: Weighting = "binary",
    ) -> None:
        """Prepare runs of `epochs` epochs on `rows`, with `held_out` rows to validate on after each epoch.

        Args:
            weighting: of the terms; what it takes is learnt from `rows`.
            batch_by_batch: a batch a call, for callbacks that look at each: slower, and the same weights.

        Raises:
            UserError: the loss is one for two classes, and there are more.
        """
        if settings.loss in BINARY_LOSSES and classes != 2:
            raise UserError(f"params.yaml: loss {settings.loss} expects 2 classes; {settings.dataset} has {classes}")
        self.network = network_of(settings, rows.columns, classes, weighting)
        self._term_weights = learn_weights(rows, classes, weighting, settings.dataset)
        weights = weigh_classes(np.asarray(rows.labels), classes, settings.class_weight)
        self._rows = Feed(rows, settings.loss, classes, weights)
        self._held_out = None
        if held_out:
            batches = Feed(held_out, settings.loss, classes).ordered_batches()
            few = len(held_out.labels) <= ROWS_AT_ONCE  # else they are read again after each epoch
            self._held_out = batches.cache() if few else batches
        self._batch_size = settings.batch_size
        self._epochs = epochs
        self._model = new_model(self.network, 0, regularization_of(settings), self._term_weights)
        # a whole epoch is one call of a `tf.function`; the progress bar moves an epoch at a time
        batches_a_call = 1 if batch_by_batch else math.ceil(self._rows.size / settings.batch_size)
        compile_model(self._model, self.network, batches_a_call)
        self._model.optimizer.build(self._model.trainable_variables)
        self._fresh_slots = [variable.numpy() for variable in self._model.optimizer.variables]

    def run(self, seed: int, *callbacks: keras.callbacks.Callback) -> tuple[keras.Model, dict[str, list[float]]]:
        """Train from scratch; callbacks: what is to look on.

        Returns:
            The model, the same object for every run, and Keras' history: `loss` and `accuracy`, and with held-out
            rows `val_loss` and `val_accuracy`; one value an epoch.

        Raises:
            UserError: training diverged.
        """
        self._model.set_weights(new_model(self.network, seed, term_weights=self._term_weights).get_weights())
        restart_dropout(self._model, seed)
        for variable, value in zip(self._model.optimizer.variables, self._fresh_slots, strict=True):
            variable.assign(value)
        batches, steps = self._rows.training_batches(self._batch_size, self._epochs, seed)
        on_terminal = sys.stdout.isatty()
        history = self._model.fit(
            batches,
            epochs=self._epochs,
            steps_per_epoch=steps,
            shuffle=False,  # training_batches has done it
            validation_data=self._held_out,
            verbose=1 if on_terminal else 0,
            callbacks=[*callbacks] if on_terminal else [*callbacks, EpochLines()],
        ).history
        # the loss of an epoch is known before its last step has changed the weights
        numbers = (*history.values(), *self._model.get_weights())
        if not all(np.isfinite(values).all() for values in numbers):
            raise UserError(f"the loss grew beyond all numbers: {DIVERGED}")
        return self._model, history
