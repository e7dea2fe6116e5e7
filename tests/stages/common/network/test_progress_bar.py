"""What TensorFlow 2.4 does otherwise than Keras today: its RMSprop, by hand, and its progress bar, by Keras' own."""

import numpy as np
import pytest
from small_networks import settings_of, some_rows

from stages.common.network.backend import keras, tf
from stages.common.network.exact import OLD_RMSPROP, OldRMSprop, RMSprop
from stages.common.network.progress_bar import OldProgressBar
from stages.common.network.training import Runs


class Handed(keras.callbacks.Callback):
    """Hands to Keras' bar what it is told of each epoch, as figures of batches, which it averages."""

    def __init__(self) -> None:
        super().__init__()
        self.printed: list[dict[str, float]] = []

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        self.steps = 0
        self.bar = keras.utils.Progbar(self.params["steps"], verbose=0, stateful_metrics=[])

    def on_train_batch_end(self, batch: int, logs: dict) -> None:
        self.steps += 1
        self.bar.update(self.steps, [*logs.items()], finalize=False)

    def on_epoch_end(self, epoch: int, logs: dict) -> None:
        self.bar.update(self.steps, [*logs.items()], finalize=False)
        self.printed.append({name: total / count for name, (total, count) in self.bar._values.items()})


@pytest.mark.slow
def test_the_old_progress_bar_prints_the_average_of_running_means_and_changes_nothing() -> None:
    settings, classes = settings_of("reuters", batch_size=32)
    rows, held_out = some_rows(100, classes), some_rows(40, classes)
    old, handed = OldProgressBar(), Handed()
    trained, history = Runs(settings, rows, classes, 3, held_out, batch_by_batch=True).run(5, old, handed)
    weights = trained.get_weights()
    assert {name: len(values) for name, values in old.history.items()} == {"loss": 3, "accuracy": 3}
    for name, values in old.history.items():
        assert values == pytest.approx([printed[name] for printed in handed.printed], rel=1e-12)
        assert values != history[name]
    whole, same_history = Runs(settings, rows, classes, 3, held_out).run(5)
    assert same_history == history
    for found, expected in zip(whole.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(("optimizer", "inside"), [(RMSprop, True), (OldRMSprop, False)])
def test_the_old_optimizer_adds_epsilon_to_the_root(optimizer: type[RMSprop], inside: bool) -> None:
    gradients = np.array([0.0, 1e-6, 1e-4, 1e-2, -1.0], np.float32)
    variable = keras.Variable(np.zeros(5, np.float32))
    made = optimizer(learning_rate=0.001)
    expected, velocity = np.zeros(5), np.zeros(5)
    for scale in (1, 0.5, 2):
        made.apply([tf.constant(scale * gradients)], [variable])
        velocity = 0.9 * velocity + 0.1 * (scale * gradients.astype(float)) ** 2
        root = np.sqrt(velocity + 1e-7) if inside else np.sqrt(velocity) + 1e-7
        expected -= 0.001 * scale * gradients / root
    np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-4, atol=1e-9)


@pytest.mark.slow
def test_the_old_optimizer_trains_by_exact_operations_to_other_weights() -> None:
    """Every operation is checked, see graph_check.py."""
    found = []
    for name in ("rmsprop", OLD_RMSPROP):
        settings, classes = settings_of("reuters", optimizer=name)
        trained, _ = Runs(settings, some_rows(100, classes), classes, 2).run(5)
        found.append(trained.get_weights()[0])
    assert not np.allclose(*found, atol=1e-4)
