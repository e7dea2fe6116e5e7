"""The network: its layers, how wide they are, and what it is compiled with."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from stages.common.basics.params.sections import Settings
from stages.common.basics.params.types import BINARY_LOSSES, Weighting
from stages.common.network.backend import keras, tf
from stages.common.network.exact import (
    ACTIVATIONS,
    LOSSES,
    OPTIMIZERS,
    BlockwiseDense,
    product_anywhere,
    sigmoid,
    softmax,
)
from stages.common.network.graph_check import ExactSequential
from stages.common.network.regularizing import NONE, Dropout, Regularization
from stages.common.network.weighting import WeighTerms, has_length_one

# Of the kernel a sparse product takes at a time. The op's CPU kernel has a fast loop for fewer than 32 columns and a
# slower general path beyond; in blocks it computes the same sums in the same order.
COLUMNS = 16


@keras.saving.register_keras_serializable(package="bagpipe")
class MultiHotDense(BlockwiseDense):
    """`keras.layers.Dense` that multiplies a `tf.SparseTensor` without its zeros.

    Keras' own goes through `embedding_lookup_sparse` there, which is no faster than multiplying the zeros.
    """

    def call(self, inputs: Any, training: bool | None = None) -> tf.Tensor:
        if not isinstance(inputs, tf.SparseTensor):
            return super().call(inputs, training)
        self.penalize(training)
        kernel = tf.convert_to_tensor(self.kernel)
        sizes = [min(COLUMNS, self.units - start) for start in range(0, self.units, COLUMNS)]
        products = [tf.sparse.sparse_dense_matmul(inputs, columns) for columns in tf.split(kernel, sizes, axis=1)]
        return self.activation(tf.nn.bias_add(tf.concat(products, axis=1), self.bias))


Network = dict[str, Any]  # what network.json holds: settings of the network, and the shape of its input and output


def network_of(settings: Settings, num_words: int, classes: int, weighting: Weighting = "binary") -> Network:
    """What a model's weights and outputs depend on besides its training rows."""
    fields = ("hidden", "activation", "loss", "optimizer", "learning_rate")
    network = {field: getattr(settings, field) for field in fields}
    if weighting != "binary":
        network["weighting"] = weighting
    return {"num_words": num_words, "classes": classes, "network": network}


def weighting_of(network: Network) -> Weighting:
    return network["network"].get("weighting", "binary")


def widths(network: Network) -> list[int]:
    """How many numbers go into each layer, and come out of the last."""
    settings = network["network"]
    return [network["num_words"], *settings["hidden"], 1 if settings["loss"] in BINARY_LOSSES else network["classes"]]


def count_weights(network: Network) -> int:
    """Of all layers, biases and the weights of terms included."""
    of_terms = 0 if weighting_of(network) == "binary" else network["num_words"]
    return of_terms + sum((inputs + 1) * units for inputs, units in pairwise(widths(network)))


def build_model(
    network: Network,
    initializer: str,
    regularization: Regularization = NONE,
    term_weights: np.ndarray | None = None,
) -> keras.Model:
    """Build a network, with kernels as a Keras initializer of that name gives them."""
    name = network["network"]["activation"]
    activation = ACTIVATIONS.get(name, name)
    inputs, *hidden, last = widths(network)
    layers = [keras.Input((inputs,), sparse=True, name="multi_hot")]
    if (weighting := weighting_of(network)) != "binary":
        layers.append(WeighTerms(has_length_one(weighting), term_weights, name="weigh_terms"))
    if regularization.input_dropout:
        layers.append(Dropout(regularization.input_dropout, "input_dropout"))
    for number, units in enumerate(hidden, start=1):
        dense = MultiHotDense if number == 1 else BlockwiseDense
        name = f"hidden_{number}"
        layers.append(dense(units, activation, kernel_initializer=initializer, l2=regularization.l2, name=name))
        if regularization.dropout:
            layers.append(Dropout(regularization.dropout, f"dropout_{number}"))
    activation, name = sigmoid if last == 1 else softmax, "probabilities"
    if hidden:
        layers.append(BlockwiseDense(last, activation, kernel_initializer=initializer, name=name))
    else:
        layers.append(
            MultiHotDense(last, activation, kernel_initializer=initializer, l2=regularization.l2, name=name)
        )
    return ExactSequential(layers, name="classifier")


def new_model(
    network: Network,
    seed: int,
    regularization: Regularization = NONE,
    term_weights: np.ndarray | None = None,
) -> keras.Model:
    """Build a network with fresh weights drawn from `seed`, but for those of terms, which are given."""
    keras.utils.set_random_seed(seed)
    return build_model(network, "glorot_uniform", regularization, term_weights)


class Layer(NamedTuple):
    """A trained layer: float32 of shape (inputs, units) and (units,), and what comes after the sums."""

    kernel: np.ndarray
    bias: np.ndarray
    activation: Callable[[tf.Tensor], tf.Tensor]


def layers_of(model: keras.Model) -> list[Layer]:
    """The layers of a trained model, for who has no rows to put into the first."""
    dense = (layer for layer in model.layers if isinstance(layer, BlockwiseDense))
    return [Layer._make((*layer.get_weights(), layer.activation)) for layer in dense]


def outputs(layers: list[Layer], sums: tf.Tensor) -> tf.Tensor:
    """What a model comes to from its first layer's sums, bias included: shape (texts, units of that layer)."""
    hidden = layers[0].activation(sums)
    for layer in layers[1:]:
        hidden = layer.activation(product_anywhere(hidden, layer.kernel) + layer.bias)
    return hidden


def compile_model(model: keras.Model, network: Network, steps_per_execution: int = 1) -> None:
    """Compile with the optimizer, loss and metric of params.yaml."""
    settings = network["network"]
    name = settings["optimizer"]
    optimizer = OPTIMIZERS.get(name) or type(keras.optimizers.get(name))
    model.compile(
        optimizer=optimizer(learning_rate=settings["learning_rate"], name=name),
        loss=LOSSES.get(settings["loss"], settings["loss"]),
        metrics=["accuracy"],
        steps_per_execution=steps_per_execution,
    )
