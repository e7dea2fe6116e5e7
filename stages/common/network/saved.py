"""Models in files."""

import stat
import sys
from pathlib import Path
from typing import Annotated, Self

import h5py
import numpy as np
from pydantic import Field, ValidationError, model_validator

from stages.common.basics.artifacts import new_directory, read_json, write_json
from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import first_sentence
from stages.common.basics.params.sections import Section
from stages.common.basics.params.types import (
    BINARY_LOSSES,
    LARGEST_INT32,
    Activation,
    Hidden,
    Loss,
    NumWords,
    Optimizer,
    PositiveFloat,
    Weighting,
)
from stages.common.network.backend import keras, tf
from stages.common.network.layers import Network, build_model, compile_model, count_weights

NETWORK_FILE, WEIGHTS_FILE = "network.json", "model.weights.h5"


LARGEST_NETWORK_FILE = 100_000  # bytes; a hundred layers need 2,000


class Architecture(Section):
    """`network` of network.json: what of a model's params the network depends on."""

    hidden: Hidden
    activation: Activation
    loss: Loss
    optimizer: Optimizer
    learning_rate: PositiveFloat
    weighting: Weighting = "binary"


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


def save(model: keras.Model, network: Network, folder: Path) -> None:
    """Save a model's weights, and what rebuilds the model around them, in a new folder.

    Not as one `.keras` file: that holds the date and addresses in memory, so no two would be the same bytes.
    """
    plain = build_model(network, "zeros")  # without what acts in training alone
    plain.set_weights(model.get_weights())
    compile_model(plain, network)  # leaves the optimizer's slots behind
    with new_directory(folder) as partial:
        # HDF5 crashes when a write fails: see beforehand that there is room, weights and 64 KiB of structure
        with open(partial / WEIGHTS_FILE, "wb") as room:
            room.write(bytes(4 * plain.count_params() + 65_536))
        (partial / WEIGHTS_FILE).unlink()
        plain.save_weights(partial / WEIGHTS_FILE)
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


def check_arrays(path: Path, largest: int, count: int) -> None:
    """Check that an HDF5 file has so many arrays, none beyond some bytes, as what is compressed may be.

    Raises:
        ValueError: it has others.
    """
    arrays = []

    def check(name: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and item.nbytes > largest:
            raise ValueError(f"{name} has {item.nbytes:,} bytes")
        if isinstance(item, h5py.Dataset) and name.startswith("layers/"):
            arrays.append(name)

    with h5py.File(path) as file:
        file.visititems(check)
    if len(arrays) != count:
        raise ValueError(f"it has {len(arrays)} arrays, and the model {count}")


def read_weights(model: keras.Model, path: Path) -> None:
    """Give a model the weights of a file.

    Raises:
        UserError: these are not its weights, not finite, or the file is damaged; OSError: it is not there.
    """
    try:
        check_arrays(path, 8 * model.count_params(), len(model.weights))
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
