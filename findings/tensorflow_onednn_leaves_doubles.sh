#!/usr/bin/env bash
# A SavedModel answers with other last bits in a program that leaves TensorFlow as it is than in one that turns oneDNN
# off: oneDNN takes over its float32 matrix products and sums in an order of its own. It takes over none of doubles. A
# graph that casts to float64, multiplies, and casts back to float32 gives the same bits in both programs, and needs no
# environment variable on a server that somebody else has set up.
#
# tensorflow-cpu 2.21.0, Python 3.11, x86-64 with AVX2. Seen, the same graphs with oneDNN's settings at 0 and at 1:
#   float32: other bits
#   float64, cast to float32: the same bits
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 keras==3.15.1 numpy==2.4.6
cat > "$folder/save.py" <<'PY'
import sys

import numpy as np
import tensorflow as tf

random = np.random.default_rng(1)
KERNELS = [random.normal(0, 0.1, shape).astype(np.float32) for shape in ((200, 64), (64, 46))]


class Network(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None, 200], tf.float32)])
    def single(self, x):
        for kernel in KERNELS:
            x = tf.nn.relu(tf.matmul(x, kernel))
        return x

    @tf.function(input_signature=[tf.TensorSpec([None, 200], tf.float32)])
    def double(self, x):
        for kernel in KERNELS:
            x = tf.nn.relu(tf.cast(tf.matmul(tf.cast(x, tf.float64), kernel.astype(np.float64)), tf.float32))
        return x


tf.saved_model.save(Network(), sys.argv[1])
PY
cat > "$folder/answer.py" <<'PY'
import hashlib
import sys

import numpy as np
import tensorflow as tf

network = tf.saved_model.load(sys.argv[1])
x = tf.constant(np.random.default_rng(2).normal(0, 1, (64, 200)).astype(np.float32))
for name in ("single", "double"):
    print(hashlib.sha256(getattr(network, name)(x).numpy().tobytes()).hexdigest())
PY
export TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=-1
python="$folder/venv/bin/python"
"$python" "$folder/save.py" "$folder/saved"
TF_ENABLE_ONEDNN_OPTS=1 "$python" "$folder/answer.py" "$folder/saved" > "$folder/on"
TF_ENABLE_ONEDNN_OPTS=0 TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL=false "$python" "$folder/answer.py" "$folder/saved" \
    > "$folder/off"
paste "$folder/on" "$folder/off" | awk '
    { bits = $1 == $2 ? "the same bits" : "other bits" }
    NR == 1 { print "float32: " bits }
    NR == 2 { print "float64, cast to float32: " bits }' | tee "$folder/found"
diff "$folder/found" - <<'SEEN'
float32: other bits
float64, cast to float32: the same bits
SEEN
