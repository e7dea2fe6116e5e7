"""The network and how it is fed: ordinary Keras, made as fast as the work allows on a CPU.

A text is a multi-hot row of 10,000 numbers, 99 % of them zeros. The notebooks multiply the zeros, too; nearly all
their minute goes into moving them. Here the first layer takes the rows as they are stored, sparse; the rest is the
textbook's `compile`, `fit`, `evaluate` and `predict`.

    runs = Runs(settings, rows, classes, epochs)   # a model's settings, see stages/common/basics/params.py
    model, history = runs.run(seed)
    save(model, runs.network, folder)
    load(folder).predict(rows)

The same seed gives the same bytes, whatever the processor (basics/processor.py), the number of cores and the user's
own settings of Keras (basics/starting.py). What looks unusual below is there for that or for speed, with its reason
beside it; each is a measurement, see reports/benchmark.md.
"""

import math
import stat
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

from pydantic import Field, ValidationError, model_validator

from stages.common.basics.processor import is_settled

if is_settled():  # a process of our own; in any other TensorFlow stays as it is set there
    from stages.common.basics.starting import start_tensorflow

    start_tensorflow()

import h5py
import keras
import numpy as np
import tensorflow as tf

from stages.common.basics.artifacts import DIVERGED, new_directory, read_json, write_json
from stages.common.basics.errors import UserError
from stages.common.basics.params import (
    BINARY_LOSSES,
    LARGEST_INT32,
    Activation,
    Hidden,
    Loss,
    NumWords,
    Optimizer,
    PositiveFloat,
    Section,
    Settings,
    first_sentence,
)
from stages.common.basics.rows import ChosenRows, Rows

if keras.config.backend() != "tensorflow":
    raise ImportError(
        f"expected Keras to compute with TensorFlow, found {keras.config.backend()}; set KERAS_BACKEND=tensorflow "
        "before Keras is imported"
    )

as_written = tf.autograph.experimental.do_not_convert  # AutoGraph looks for Python loops; there are none

# Of the kernel a sparse product takes at a time. The op's CPU kernel has a fast loop for fewer than 32 columns and a
# slower general path beyond; in blocks it computes the same sums in the same order.
COLUMNS = 16
# Summed at a time in the gradient of a kernel. Eigen splits a longer sum at a length that it takes from the size of
# the processor's L1 cache, so the 424 rows of the last batch of an epoch of IMDB came to other last digits elsewhere.
ROWS_A_SUM = 128
ROWS_AT_ONCE = 10_000  # of validation, evaluation and prediction
# Of the training rows shuffled together: more than the official datasets have, and 10 MB if a text has 80 words. And
# of the neighbours among them, 20 kB that are read at once.
ROWS_A_BLOCK, ROWS_A_RUN = 2**15, 64
NETWORK_FILE, WEIGHTS_FILE = "network.json", "model.weights.h5"
LARGEST_NETWORK_FILE = 100_000  # bytes; a hundred layers need 2,000


@tf.custom_gradient
def product(inputs: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """`inputs @ kernel`; in its gradient the rows of a batch are summed block by block."""

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        missing = -tf.shape(inputs)[0] % ROWS_A_SUM
        blocks = [
            tf.reshape(tf.pad(rows, [[0, missing], [0, 0]]), [-1, ROWS_A_SUM, rows.shape[1]])
            for rows in (inputs, upstream)
        ]
        sums = tf.reduce_sum(tf.matmul(*blocks, transpose_a=True), axis=0)
        return tf.matmul(upstream, kernel, transpose_b=True), sums

    return tf.matmul(inputs, kernel), gradient


@keras.saving.register_keras_serializable(package="bagpipe")
class BlockwiseDense(keras.layers.Dense):
    """`keras.layers.Dense` with the gradient of `product`, the same on every processor."""

    def call(self, inputs: tf.Tensor, training: bool | None = None) -> tf.Tensor:
        return self.activation(tf.nn.bias_add(product(inputs, tf.convert_to_tensor(self.kernel)), self.bias))


@keras.saving.register_keras_serializable(package="bagpipe")
class MultiHotDense(keras.layers.Dense):
    """`keras.layers.Dense` that multiplies a `tf.SparseTensor` without its zeros.

    Keras' own goes through `embedding_lookup_sparse` there, which is no faster than multiplying the zeros.
    """

    def call(self, inputs: Any, training: bool | None = None) -> tf.Tensor:
        if not isinstance(inputs, tf.SparseTensor):
            return super().call(inputs, training)
        kernel = tf.convert_to_tensor(self.kernel)
        sizes = [min(COLUMNS, self.units - start) for start in range(0, self.units, COLUMNS)]
        products = [tf.sparse.sparse_dense_matmul(inputs, columns) for columns in tf.split(kernel, sizes, axis=1)]
        return self.activation(tf.nn.bias_add(tf.concat(products, axis=1), self.bias))


Network = dict[str, Any]  # what network.json holds: settings of the network, and the shape of its input and output


class Architecture(Section):
    """`network` of network.json: what of a model's params the network depends on."""

    hidden: Hidden
    activation: Activation
    loss: Loss
    optimizer: Optimizer
    learning_rate: PositiveFloat


class NetworkFile(Section):
    """network.json, see `network_of`."""

    num_words: NumWords
    classes: Annotated[int, Field(ge=2, le=LARGEST_INT32, strict=True)]
    network: Architecture

    @model_validator(mode="after")
    def _a_binary_loss_has_two_classes(self) -> Self:
        if self.network.loss in BINARY_LOSSES and self.classes != 2:
            raise ValueError(f"classes: expected 2, as network.loss is {self.network.loss}; found {self.classes}")
        return self


def network_of(settings: Settings, num_words: int, classes: int) -> Network:
    """What a model's weights and outputs depend on besides its training rows."""
    fields = ("hidden", "activation", "loss", "optimizer", "learning_rate")
    return {
        "num_words": num_words,
        "classes": classes,
        "network": {field: getattr(settings, field) for field in fields},
    }


def widths(network: Network) -> list[int]:
    """How many numbers go into each layer, and come out of the last."""
    settings = network["network"]
    return [network["num_words"], *settings["hidden"], 1 if settings["loss"] in BINARY_LOSSES else network["classes"]]


def count_weights(network: Network) -> int:
    """Of all layers, biases included."""
    return sum((inputs + 1) * units for inputs, units in pairwise(widths(network)))


def build_model(network: Network, initializer: str) -> keras.Model:
    """Build a network, with kernels as a Keras initializer of that name gives them."""
    activation = network["network"]["activation"]
    inputs, first, *others, last = widths(network)
    return keras.Sequential(
        [
            keras.Input((inputs,), sparse=True, name="multi_hot"),
            MultiHotDense(first, activation, kernel_initializer=initializer, name="hidden_1"),
            *(
                BlockwiseDense(units, activation, kernel_initializer=initializer, name=f"hidden_{number}")
                for number, units in enumerate(others, start=2)
            ),
            BlockwiseDense(
                last,
                "sigmoid" if last == 1 else "softmax",
                kernel_initializer=initializer,
                name="probabilities",
            ),
        ],
        name="classifier",
    )


def new_model(network: Network, seed: int) -> keras.Model:
    """Build a network with fresh weights drawn from `seed`."""
    keras.utils.set_random_seed(seed)
    return build_model(network, "glorot_uniform")


class Layer(NamedTuple):
    """A trained layer: float32 of shape (inputs, units) and (units,), and what comes after the sums."""

    kernel: np.ndarray
    bias: np.ndarray
    activation: Callable[[tf.Tensor], tf.Tensor]


def layers_of(model: keras.Model) -> list[Layer]:
    """The layers of a trained model, for who has no rows to put into the first."""
    return [Layer._make((*layer.get_weights(), layer.activation)) for layer in model.layers]


def outputs(layers: list[Layer], sums: tf.Tensor) -> tf.Tensor:
    """What a model comes to from its first layer's sums, bias included: shape (texts, units of that layer)."""
    hidden = layers[0].activation(sums)
    for layer in layers[1:]:
        hidden = layer.activation(tf.nn.bias_add(tf.matmul(hidden, layer.kernel), layer.bias))
    return hidden


def compile_model(model: keras.Model, network: Network, steps_per_execution: int = 1) -> None:
    """Compile with the optimizer, loss and metric of params.yaml."""
    settings = network["network"]
    name = settings["optimizer"]
    config = {"learning_rate": settings["learning_rate"], "name": name}
    model.compile(
        optimizer=keras.optimizers.get({"class_name": name, "config": config}),
        loss=settings["loss"],
        metrics=["accuracy"],
        steps_per_execution=steps_per_execution,
    )


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

    def __init__(self, rows: Rows | ChosenRows, loss: str, classes: int) -> None:
        self.size = len(rows.labels)
        self._rows = rows
        self._loss = loss
        self._classes = classes

    def batch(self, rows: tf.RaggedTensor, labels: tf.Tensor) -> tuple[tf.SparseTensor, tf.Tensor]:
        return (
            multi_hot(rows, self._rows.columns),
            targets(labels, self._loss, self._classes),
        )

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
        self, settings: Settings, rows: Rows, classes: int, epochs: int, held_out: Rows | None = None
    ) -> None:
        """Prepare runs of `epochs` epochs on `rows`, with `held_out` rows to validate on after each epoch.

        Raises:
            UserError: the loss is one for two classes, and there are more.
        """
        if settings.loss in BINARY_LOSSES and classes != 2:
            raise UserError(f"params.yaml: loss {settings.loss} expects 2 classes; {settings.dataset} has {classes}")
        self.network = network_of(settings, rows.columns, classes)
        self._rows = Feed(rows, settings.loss, classes)
        self._held_out = None
        if held_out:
            batches = Feed(held_out, settings.loss, classes).ordered_batches()
            few = len(held_out.labels) <= ROWS_AT_ONCE  # else they are read again after each epoch
            self._held_out = batches.cache() if few else batches
        self._batch_size = settings.batch_size
        self._epochs = epochs
        self._model = new_model(self.network, 0)
        # a whole epoch is one call of a `tf.function`; the progress bar moves an epoch at a time
        compile_model(self._model, self.network, math.ceil(self._rows.size / settings.batch_size))
        self._model.optimizer.build(self._model.trainable_variables)
        self._fresh_slots = [variable.numpy() for variable in self._model.optimizer.variables]

    def run(self, seed: int) -> tuple[keras.Model, dict[str, list[float]]]:
        """Train from scratch.

        Returns:
            The model, the same object for every run, and Keras' history: `loss` and `accuracy`, and with held-out
            rows `val_loss` and `val_accuracy`; one value an epoch.

        Raises:
            UserError: training diverged.
        """
        self._model.set_weights(new_model(self.network, seed).get_weights())
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
            callbacks=None if on_terminal else [EpochLines()],
        ).history
        # the loss of an epoch is known before its last step has changed the weights
        numbers = (*history.values(), *self._model.get_weights())
        if not all(np.isfinite(values).all() for values in numbers):
            raise UserError(f"the loss grew beyond all numbers: {DIVERGED}")
        return self._model, history


def save(model: keras.Model, network: Network, folder: Path) -> None:
    """Save a model's weights, and what rebuilds the model around them, in a new folder.

    Not as one `.keras` file: that holds the date and addresses in memory, so no two would be the same bytes.
    """
    compile_model(model, network)  # leaves the optimizer's slots behind
    with new_directory(folder) as partial:
        # HDF5 crashes when a write fails: see beforehand that there is room, weights and 64 KiB of structure
        with open(partial / WEIGHTS_FILE, "wb") as room:
            room.write(bytes(4 * model.count_params() + 65_536))
        (partial / WEIGHTS_FILE).unlink()
        model.save_weights(partial / WEIGHTS_FILE)
        write_json(partial / NETWORK_FILE, network)


def check_regular(path: Path, largest: int = sys.maxsize) -> None:
    """Check that reading a file ends: that of a pipe, say, need not, nor that of a gigabyte of JSON.

    Raises:
        UserError: it is something else; OSError: it is not there.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise UserError(f"{path}: expected a regular file")
    if path.stat().st_size > largest:
        raise UserError(f"{path}: expected at most {largest:,} bytes, found {path.stat().st_size:,}")


def read_network(path: Path) -> Network:
    """Read and validate a network.json.

    Raises:
        UserError: it has a wrong key, type or value; OSError: it is not there.
    """
    check_regular(path, LARGEST_NETWORK_FILE)
    try:
        return NetworkFile.model_validate(read_json(path)).model_dump()
    except ValidationError as error:
        raise UserError(f"{path}: {first_sentence(error)}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: expected JSON; {error}") from None


def check_sizes(path: Path, largest: int) -> None:
    """Check that no array of an HDF5 file needs more bytes in memory: what is compressed, or not written, is short.

    Raises:
        ValueError: one does.
    """

    def check(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and item.nbytes > largest:
            raise ValueError(f"{name} has {item.nbytes:,} bytes")

    with h5py.File(path) as file:
        file.visititems(check)


def read_weights(model: keras.Model, path: Path) -> None:
    """Give a model the weights of a file.

    Raises:
        UserError: these are not its weights, not finite, or the file is damaged; OSError: it is not there.
    """
    try:
        check_sizes(path, 8 * model.count_params())
        model.load_weights(path)
    except (MemoryError, tf.errors.ResourceExhaustedError):
        raise
    except Exception as error:  # h5py and Keras raise one of many kinds, depending on which byte is wrong
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path}: expected the weights of the model in {NETWORK_FILE} beside it; {reason}") from None
    if not all(np.isfinite(weights).all() for weights in model.get_weights()):
        raise UserError(f"{path}: expected finite weights, found one that is not")


def load(folder: Path | str) -> keras.Model:
    """Load a trained model, compiled: `load("data/models/imdb").predict(rows)`.

    It takes rows as a `tf.SparseTensor`, a scipy sparse matrix or a dense array of shape (n, num_words). Nothing else
    of the process changes: no setting of TensorFlow, and no state of a random generator.

    Raises:
        UserError: a file is damaged, or the two do not belong together; OSError: there is no model.
    """
    network, weights = read_network(Path(folder) / NETWORK_FILE), Path(folder) / WEIGHTS_FILE
    check_regular(weights)
    expected, found = count_weights(network), weights.stat().st_size
    if found < 4 * expected:  # before as much memory is asked for
        raise UserError(f"{weights}: expected {expected:,} weights as in {NETWORK_FILE}, found {found:,} bytes")
    model = build_model(network, "zeros")
    read_weights(model, weights)
    compile_model(model, network)
    return model
