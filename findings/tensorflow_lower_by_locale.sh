#!/usr/bin/env bash
# tf.strings.lower with encoding="utf-8" goes through ICU, whose default locale is that of LC_ALL or LANG, even where
# that locale is not installed and Python's locale is another. So a SavedModel that lowers its texts finds other words
# on a Turkish server: "I" becomes a dotless i. Without an encoding it lowers ASCII only, the same everywhere.
#
# tensorflow-cpu 2.21.0, Python 3.11. Seen:
#   C.UTF-8 utf-8: title
#   tr_TR.UTF-8 utf-8: tıtle
#   tr_TR.UTF-8 ascii: title
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check tensorflow-cpu==2.21.0 keras==3.15.1 numpy==2.4.6
cat > "$folder/lower.py" <<'PY'
import os
import sys

import tensorflow as tf

encoding = "" if sys.argv[1] == "ascii" else sys.argv[1]
found = tf.strings.lower("TITLE", encoding=encoding).numpy()
sys.stdout.buffer.write(f"{os.environ['LC_ALL']} {sys.argv[1]}: ".encode() + found + b"\n")
PY
export TF_CPP_MIN_LOG_LEVEL=3 CUDA_VISIBLE_DEVICES=-1
{
    LC_ALL=C.UTF-8 "$folder/venv/bin/python" "$folder/lower.py" utf-8
    LC_ALL=tr_TR.UTF-8 "$folder/venv/bin/python" "$folder/lower.py" utf-8
    LC_ALL=tr_TR.UTF-8 "$folder/venv/bin/python" "$folder/lower.py" ascii
} | tee "$folder/found"
diff "$folder/found" - <<'SEEN'
C.UTF-8 utf-8: title
tr_TR.UTF-8 utf-8: tıtle
tr_TR.UTF-8 ascii: title
SEEN
