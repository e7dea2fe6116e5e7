"""The operations that a network may be computed by: those known to give the same bits on every processor.

TensorFlow rewrites what it is told to compute, so the check looks at what it came to. docs/processors.md has the
table of what was measured: tests/stages/common/network/test_emulated.py runs each operation that computes, natively
and on an emulated processor.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from tensorflow.python.eager import context  # what a function came to is told here alone

from stages.common.basics.errors import UserError
from stages.common.basics.processor import SAME_BYTES, is_settled
from stages.common.network.backend import keras


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Flow, variables, datasets, shapes and copies: no number is computed.
COPIES = _words("""
    AssignVariableOp Bitcast BroadcastGradientArgs BroadcastTo ConcatOffset ConcatV2 Const DatasetCardinality
    DeserializeSparse DynamicStitch EnsureShape Enter Exit ExpandDims Fill GatherV2 Identity IdentityN If
    IteratorGetNext IteratorGetNextAsOptional LoopCond MakeIterator Merge NextIteration NoOp OneHot
    OptionalFromValue OptionalGetValue OptionalHasValue OptionalNone Pack Pad PartitionedCall PyFuncStateless
    RaggedGather RaggedTensorToSparse Range ReadVariableOp Reshape Select SelectV2 SerializeSparse Shape
    ShapeN Size Slice Split SplitV Squeeze StatefulPartitionedCall StatelessIf StatelessRandomGetKeyCounter
    StatelessShuffle StatelessWhile StridedSlice StridedSliceGrad Switch Tile Unpack VarHandleOp
    VarIsInitializedOp While ZerosLike _Arg _Retval
""")
# Comparisons, integers, and what IEEE 754 has rounded correctly, an operation or two for each number.
ROUNDED = _words("""
    Abs AddV2 ArgMax AssignAddVariableOp AssignSubVariableOp BitwiseAnd Cast DivNoNan Equal FloorDiv FloorMod
    Greater GreaterEqual LeakyRelu LeakyReluGrad Less LogicalAnd LogicalOr Mul Neg Prod RealDiv Relu ReluGrad
    SigmoidGrad Sqrt Square SquaredDifference StatelessRandomUniformV2 Sub TanhGrad
""")
# Polynomials, which TensorFlow computes by the same instructions everywhere.
POLYNOMIALS = _words("""
    Elu EluGrad Erf Exp Log1p LogSoftmax Pow Selu SeluGrad Sigmoid Tanh
""")
# Sums whose order the processor has no part in; of a matrix product up to TERMS_A_SUM terms, see exact.py.
SUMS = _words("""
    AddN BatchMatMulV2 BiasAdd BiasAddGrad MatMul Mean SparseTensorDenseMatMul Sum UnsortedSegmentSum
    _FusedMatMul
""")
EXACT = COPIES | ROUNDED | POLYNOMIALS | SUMS

# Which key of params.yaml a part of a network comes from, by what Keras puts into the names of operations.
KEYS = {
    "compile_loss/": "loss",
    "dropout": "dropout",
    "weigh_terms": "weighting",
    "probabilities": "loss",
    "hidden_": "activation",
}


class InexactOperationError(UserError):
    """A network computes with something whose last digits depend on the processor."""


def find_inexact(graphs: Iterable[Any]) -> dict[str, str]:
    """The operations of graphs that are not known to be exact, each with a node that is one.

    Args:
        graphs: of the type tf.compat.v1.GraphDef.
    """
    parts = (part for graph in graphs for part in (graph, *graph.library.function))
    nodes = (node for part in parts for node in nodes_of(part))
    return {name: node.name for node in nodes for name in list_operations(node) if not is_exact(name)}


def list_operations(node: Any) -> list[str]:
    """The operation of a node, or those that TensorFlow has put together in it."""
    fused = [name.decode() for key in ("op_names", "fused_ops") for name in node.attr[key].list.s]
    return fused if node.op == "_UnaryOpsComposition" else [node.op, *fused]


def is_function(graph: Any) -> bool:
    """Whether a graph, before it is optimized, is of a traced function, not of an operation that eager code calls."""
    return sum(not node.op.endswith(("Arg", "Retval")) for node in graph.node) > 1


def is_exact(operation: str) -> bool:
    """Whether an operation gives the same bits everywhere; a dataset only says which functions make its batches."""
    return operation in EXACT or re.search(r"Dataset(V\d)?$", operation) is not None


def nodes_of(part: Any) -> Iterable[Any]:
    """Of a graph or of a function in its library."""
    return part.node if hasattr(part, "node") else part.node_def


def name_key(node: str) -> str:
    """The key of params.yaml that brought a node into a graph."""
    return next((key for mark, key in KEYS.items() if mark in node), "optimizer")


@contextmanager
def only_exact_operations() -> Iterator[None]:
    """Check all functions that TensorFlow optimizes in the block, those of Keras or any other.

    Raises:
        InexactOperationError: one of them is computed by an operation that is not listed here.
    """
    current = context.context()
    current.enable_graph_collection()
    try:
        yield
        found = current.export_run_metadata()
    finally:
        current.disable_graph_collection()
    traced = [function for function in found.function_graphs if is_function(function.pre_optimization_graph)]
    inexact = find_inexact(function.post_optimization_graph for function in traced)
    for operation, node in sorted(inexact.items()):
        raise InexactOperationError(
            f"params.yaml: {name_key(node)}: expected to be computed by operations that give the same bits on every "
            f"processor, found {operation} ({node}); compute it otherwise in stages/common/network/exact.py, or show "
            "that it is exact and list it in stages/common/network/graph_check.py"
        )


class ExactSequential(keras.Sequential):
    """`keras.Sequential` that refuses to compute inexactly; in a process of our own all that it traces is checked."""

    _checked = False  # while it is: `fit` calls `evaluate`

    def fit(self, *arguments: Any, **options: Any) -> Any:
        return self._check(super().fit, *arguments, **options)

    def evaluate(self, *arguments: Any, **options: Any) -> Any:
        return self._check(super().evaluate, *arguments, **options)

    def predict(self, *arguments: Any, **options: Any) -> Any:
        return self._check(super().predict, *arguments, **options)

    def _check(self, compute: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        if self._checked or not (is_settled() and SAME_BYTES):  # elsewhere nothing is promised
            return compute(*arguments, **options)
        self._checked = True
        try:
            with only_exact_operations():
                return compute(*arguments, **options)
        finally:
            self._checked = False
