"""Each operation that a network may compute with, by itself on ten thousand values: prints the hash of what it gives.

    python -m tests.operations_alone

What must agree between processors is on lines `OPERATION HASH`; so test_emulated.py runs this natively and emulated.
"""

import hashlib
from collections.abc import Callable

import numpy as np

from stages.common.basics.processor import settle

settle()

from stages.common.network.backend import tf  # noqa: E402 # after the settings
from stages.common.network.exact import TERMS_A_SUM  # noqa: E402

RANDOM = np.random.default_rng(1)
COUNT = 10_000


def any_size(count: int = COUNT) -> tf.Tensor:
    """Numbers around zero, and numbers from 1e-6 to 1e6, of both signs."""
    near = RANDOM.normal(0, 3, count // 2)
    far = np.exp(RANDOM.uniform(-14, 14, count - len(near))) * RANDOM.choice([-1, 1], count - len(near))
    return tf.constant(np.concatenate([near, far]), tf.float32)


def matrix(rows: int, columns: int) -> tf.Tensor:
    return tf.reshape(any_size(rows * columns), [rows, columns])


raw = tf.raw_ops
X, Y = any_size(), any_size()
POSITIVE = tf.abs(Y)
EXPONENTS = tf.clip_by_value(X, -80.0, 80.0)
WHOLE, ABOVE_0 = (tf.constant(RANDOM.integers(low, 1000, COUNT), tf.int32) for low in (-1000, 1))
LEFT, RIGHT = matrix(80, TERMS_A_SUM), matrix(TERMS_A_SUM, 80)
BIAS = any_size(80)
SPARSE = tf.sparse.from_dense(tf.where(matrix(100, 100) > 1, 1.0, 0.0))


def assigned(operation: Callable[..., object]) -> tf.Tensor:
    variable = tf.Variable(X)
    operation(resource=variable.handle, value=Y)
    return variable.read_value()


@tf.function
def fused_product() -> tf.Tensor:
    """TensorFlow makes `_FusedMatMul` of it."""
    return tf.nn.relu(tf.nn.bias_add(tf.matmul(LEFT, RIGHT), BIAS))


@tf.function
def composition() -> tf.Tensor:
    """TensorFlow makes one operation, `_UnaryOpsComposition`, of the four."""
    return tf.math.log1p(tf.exp(-tf.abs(X)))


PROBES: dict[str, Callable[[], tf.Tensor]] = {
    "Abs": lambda: raw.Abs(x=X),
    "AddN": lambda: raw.AddN(inputs=[X, Y, X]),
    "AddV2": lambda: raw.AddV2(x=X, y=Y),
    "ArgMax": lambda: raw.ArgMax(input=matrix(100, 100), dimension=1),
    "AssignAddVariableOp": lambda: assigned(raw.AssignAddVariableOp),
    "AssignSubVariableOp": lambda: assigned(raw.AssignSubVariableOp),
    "BatchMatMulV2": lambda: raw.BatchMatMulV2(
        x=tf.reshape(LEFT, [1, 80, -1]), y=tf.reshape(RIGHT, [1, TERMS_A_SUM, 80])
    ),
    "BiasAdd": lambda: raw.BiasAdd(value=matrix(125, 80), bias=BIAS),
    "BiasAddGrad": lambda: raw.BiasAddGrad(out_backprop=matrix(500, 20)),
    "BitwiseAnd": lambda: raw.BitwiseAnd(x=WHOLE, y=ABOVE_0),
    "Cast": lambda: raw.Cast(x=WHOLE, DstT=tf.float32),
    "DivNoNan": lambda: raw.DivNoNan(x=X, y=tf.nn.relu(Y)),
    "Elu": lambda: raw.Elu(features=EXPONENTS),
    "EluGrad": lambda: raw.EluGrad(gradients=Y, outputs=tf.nn.elu(X)),
    "Equal": lambda: raw.Equal(x=WHOLE, y=ABOVE_0),
    "Erf": lambda: raw.Erf(x=X),
    "Exp": lambda: raw.Exp(x=EXPONENTS),
    "FloorDiv": lambda: raw.FloorDiv(x=WHOLE, y=ABOVE_0),
    "FloorMod": lambda: raw.FloorMod(x=WHOLE, y=ABOVE_0),
    "Greater": lambda: raw.Greater(x=X, y=Y),
    "GreaterEqual": lambda: raw.GreaterEqual(x=X, y=Y),
    "LeakyRelu": lambda: raw.LeakyRelu(features=X),
    "LeakyReluGrad": lambda: raw.LeakyReluGrad(gradients=Y, features=X),
    "Less": lambda: raw.Less(x=X, y=Y),
    "Log1p": lambda: raw.Log1p(x=POSITIVE),
    "LogSoftmax": lambda: raw.LogSoftmax(logits=tf.reshape(EXPONENTS, [200, 50])),
    "LogicalAnd": lambda: raw.LogicalAnd(x=X > 0, y=Y > 0),
    "LogicalOr": lambda: raw.LogicalOr(x=X > 0, y=Y > 0),
    "MatMul": lambda: raw.MatMul(a=LEFT, b=RIGHT),
    "Mean": lambda: raw.Mean(input=X, axis=[0]),
    "Mul": lambda: raw.Mul(x=X, y=Y),
    "Neg": lambda: raw.Neg(x=X),
    "Pow": lambda: raw.Pow(x=POSITIVE, y=EXPONENTS / 80),
    "Prod": lambda: raw.Prod(input=tf.reshape(ABOVE_0, [5000, 2]), axis=[1]),
    "RealDiv": lambda: raw.RealDiv(x=X, y=Y),
    "Relu": lambda: raw.Relu(features=X),
    "ReluGrad": lambda: raw.ReluGrad(gradients=Y, features=X),
    "Selu": lambda: raw.Selu(features=EXPONENTS),
    "SeluGrad": lambda: raw.SeluGrad(gradients=Y, outputs=tf.nn.selu(X)),
    "Sigmoid": lambda: raw.Sigmoid(x=X),
    "SigmoidGrad": lambda: raw.SigmoidGrad(y=tf.sigmoid(X), dy=Y),
    "SparseTensorDenseMatMul": lambda: raw.SparseTensorDenseMatMul(
        a_indices=SPARSE.indices, a_values=SPARSE.values, a_shape=SPARSE.dense_shape, b=matrix(100, 16)
    ),
    "Sqrt": lambda: raw.Sqrt(x=POSITIVE),
    "Square": lambda: raw.Square(x=X),
    "SquaredDifference": lambda: raw.SquaredDifference(x=X, y=Y),
    "StatelessRandomUniformV2": lambda: tf.random.stateless_uniform([COUNT], [1, 2]),
    "Sub": lambda: raw.Sub(x=X, y=Y),
    "Sum": lambda: raw.Sum(input=matrix(100, 100), axis=[0]),
    "Tanh": lambda: raw.Tanh(x=X),
    "TanhGrad": lambda: raw.TanhGrad(y=tf.tanh(X), dy=Y),
    "UnsortedSegmentSum": lambda: raw.UnsortedSegmentSum(data=X, segment_ids=ABOVE_0 % 7, num_segments=7),
    "_FusedMatMul": fused_product,
    "_UnaryOpsComposition": composition,
}
# What is not listed: it must differ somewhere, or the emulator shows nothing.
INEXACT: dict[str, Callable[[], tf.Tensor]] = {
    "Erfc": lambda: raw.Erfc(x=X),
    "Reciprocal": lambda: raw.Reciprocal(x=Y),
    "Rsqrt": lambda: raw.Rsqrt(x=POSITIVE),
    "Softmax": lambda: raw.Softmax(logits=tf.reshape(EXPONENTS, [200, 50])),
}


def main() -> None:
    for name, compute in (PROBES | INEXACT).items():
        print(name, hashlib.sha256(compute().numpy().tobytes()).hexdigest(), flush=True)


if __name__ == "__main__":
    main()
