#!/usr/bin/env bash
# In a traced function TensorFlow's optimizer of graphs makes x * rsqrt(y) of x / sqrt(y), so a function and the same
# code run eagerly differ in last bits, and rsqrt's depend on the processor: Keras' RMSprop divides so in every step.
# tf.math.divide_no_nan(x, sqrt(y)), the same division where y is not 0, is left alone.
#
# tensorflow-cpu 2.21.0, Python 3.11. Seen:
#   x / sqrt(y): Mul Rsqrt
#   divide_no_nan(x, sqrt(y)): DivNoNan Sqrt
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 keras==3.15.1 numpy==2.4.6
cat > "$folder/graph.py" <<'PY'
import tensorflow as tf
from tensorflow.python.eager import context


def optimized(function):
    current = context.context()
    current.enable_graph_collection()
    function(tf.ones(10), tf.fill([10], 2.0))
    graphs = current.export_run_metadata().function_graphs
    current.disable_graph_collection()
    nodes = {node.op for graph in graphs for node in graph.post_optimization_graph.node}
    return " ".join(sorted(nodes & {"DivNoNan", "Mul", "RealDiv", "Rsqrt", "Sqrt"}))


x, y = tf.ones(10), tf.fill([10], 2.0)
print("x / sqrt(y):", optimized(tf.function(lambda x, y: x / tf.sqrt(y))))
print("divide_no_nan(x, sqrt(y)):", optimized(tf.function(lambda x, y: tf.math.divide_no_nan(x, tf.sqrt(y)))))
PY
export TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=-1
"$folder/venv/bin/python" "$folder/graph.py" | tee "$folder/found"
diff "$folder/found" - <<'SEEN'
x / sqrt(y): Mul Rsqrt
divide_no_nan(x, sqrt(y)): DivNoNan Sqrt
SEEN
