"""What the progress bar of TensorFlow 2.4 prints after an epoch."""

from statistics import fmean

from stages.common.network.backend import keras

COLUMNS = ("loss", "accuracy")


class OldProgressBar(keras.callbacks.Callback):
    """Collects the training loss and accuracy of each epoch as TensorFlow 2.4 printed them.

    Keras hands its progress bar the mean of the epoch so far after each batch, and that of the whole epoch once more
    at its end. TensorFlow 2.4 set up the bar before the model had metrics, so it took them for figures of single
    batches and printed the average of all that it was handed: a mean of running means. Validation was not touched.

    history: by `loss` and `accuracy`, a value an epoch. The model must train a batch a call.
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[float]] = {column: [] for column in COLUMNS}
        self._handed: list[dict[str, float]] = []

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._handed.clear()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._handed.append(dict(logs or {}))

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._handed.append(dict(logs or {}))
        for column, values in self.history.items():
            values.append(fmean(handed[column] for handed in self._handed))
