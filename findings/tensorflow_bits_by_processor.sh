#!/usr/bin/env bash
# TensorFlow's softmax, erfc, rsqrt and reciprocal give other last bits on another maker's processor, on one thread,
# without oneDNN and with the same vector width: they go through rcpps and rsqrtps, whose results each maker chooses.
# tf.nn.gelu goes through erfc, and the gradient of log1p through reciprocal. exp(log_softmax(x)), erf, x / y and
# 1 / sqrt(x) called eagerly are the same everywhere.
#
# tensorflow-cpu 2.21.0, Python 3.11, seen on an AMD EPYC against QEMU 7.2 as an Intel Haswell (exact quotients), which
# prints the four names below. It needs qemu-x86_64-static (Debian: qemu-user-static) and two minutes.
set -euo pipefail
command -v qemu-x86_64-static > /dev/null || { echo "needs qemu-x86_64-static (Debian: qemu-user-static)" >&2; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 keras==3.15.1 numpy==2.4.6
cat > "$folder/ops.py" <<'PY'
import hashlib

import numpy as np
import tensorflow as tf

tf.config.threading.set_intra_op_parallelism_threads(1)
random = np.random.default_rng(1)
x = tf.constant(random.normal(0, 3, 10_000), tf.float32)
y = tf.abs(x) + 0.1
rows = tf.reshape(x, [200, 50])
for name, found in {
    "softmax": tf.nn.softmax(rows),
    "exp of log_softmax": tf.exp(tf.nn.log_softmax(rows)),
    "erfc": tf.math.erfc(x),
    "erf": tf.math.erf(x),
    "rsqrt": tf.math.rsqrt(y),
    "1 / sqrt": 1.0 / tf.sqrt(y),
    "reciprocal": tf.math.reciprocal(y),
    "x / y": x / y,
}.items():
    print(name, hashlib.sha256(found.numpy().tobytes()).hexdigest(), sep="\t")
PY
export TF_ENABLE_ONEDNN_OPTS=0 TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=-1
"$folder/venv/bin/python" "$folder/ops.py" > "$folder/native"
packages=$("$folder/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
python=$(readlink -f "$folder/venv/bin/python")
PYTHONPATH=$packages qemu-x86_64-static -cpu Haswell "$python" "$folder/ops.py" > "$folder/emulated"
found=$({ diff "$folder/native" "$folder/emulated" || true; } | sed -n 's/^< \(.*\)\t.*/\1/p' | paste -sd, -)
echo "other bits: $found"
[ "$found" = "softmax,erfc,rsqrt,reciprocal" ]
