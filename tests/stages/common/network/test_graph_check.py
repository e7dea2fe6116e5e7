"""A network computed by an operation whose last digits depend on the processor is refused."""

from collections.abc import Callable

import pytest
from small_networks import settings_of, some_rows

from stages.common.basics.params.sections import Settings
from stages.common.network import graph_check, layers
from stages.common.network.backend import keras, tf
from stages.common.network.exact import ACTIVATIONS, LOSSES, OPTIMIZERS
from stages.common.network.feeding import Feed
from stages.common.network.graph_check import InexactOperationError
from stages.common.network.training import Runs


def train(model: str, **changes: object) -> keras.Model:
    settings, classes = settings_of(model, **changes)
    return Runs(settings, some_rows(70, classes), classes, 1).run(1)[0]


def test_the_update_of_keras_own_rmsprop_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPTIMIZERS, "rmsprop", keras.optimizers.RMSprop)
    with pytest.raises(InexactOperationError, match=r"^params.yaml: optimizer: .* found Rsqrt"):
        train("imdb_mse")


def test_operations_put_together_are_seen() -> None:
    @tf.function
    def composed(inputs: tf.Tensor) -> tf.Tensor:
        return tf.exp(tf.math.reciprocal(tf.abs(inputs)))

    with pytest.raises(InexactOperationError, match="found Reciprocal"), graph_check.only_exact_operations():
        composed(tf.ones(10))


def test_keras_own_binary_crossentropy_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LOSSES, "binary_crossentropy", keras.losses.binary_crossentropy)
    with pytest.raises(InexactOperationError, match=r"^params.yaml: loss: .* found Reciprocal"):
        train("imdb")


def test_tensorflows_softmax_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "softmax", keras.activations.softmax)
    settings, classes = settings_of("reuters")
    model = layers.new_model(layers.network_of(settings, 120, classes), 1)
    rows = Feed(some_rows(70, classes), settings.loss, classes).ordered_batches()
    with pytest.raises(InexactOperationError, match=r"^params.yaml: loss: .* found Softmax"):
        model.predict(rows.map(lambda inputs, _: inputs), verbose=0)


@pytest.mark.parametrize(
    ("activation", "operation"), [(keras.activations.gelu, "Erfc"), (keras.activations.softsign, "Softsign")]
)
def test_an_inexact_activation_is_refused(
    monkeypatch: pytest.MonkeyPatch, activation: Callable[[tf.Tensor], tf.Tensor], operation: str
) -> None:
    monkeypatch.setitem(ACTIVATIONS, "gelu", activation)
    with pytest.raises(InexactOperationError, match=rf"^params.yaml: activation: .* found {operation}"):
        train("imdb", activation="gelu")


def data_operations(settings: Settings, classes: int) -> set[str]:
    """Those of the functions by which tf.data makes batches, which run when TensorFlow likes."""
    feed = Feed(some_rows(70, classes), settings.loss, classes)
    datasets = (feed.training_batches(32, 2, 1)[0], feed.ordered_batches().cache())
    graphs = [tf.compat.v1.GraphDef.FromString(data._as_serialized_graph().numpy()) for data in datasets]
    parts = [part for graph in graphs for part in (graph, *graph.library.function)]
    return {node.op for part in parts for node in graph_check.nodes_of(part)}


@pytest.mark.parametrize("loss", ["mse", "categorical_crossentropy", "sparse_categorical_crossentropy"])
def test_the_operations_of_batches_are_known(loss: str) -> None:
    settings, classes = settings_of("imdb" if loss == "mse" else "reuters", loss=loss)
    assert [name for name in data_operations(settings, classes) if not graph_check.is_exact(name)] == []


def test_groups_share_nothing() -> None:
    groups = (graph_check.COPIES, graph_check.ROUNDED, graph_check.POLYNOMIALS, graph_check.SUMS)
    assert sum(map(len, groups)) == len(graph_check.EXACT)
