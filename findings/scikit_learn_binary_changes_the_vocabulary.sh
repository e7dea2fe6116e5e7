#!/usr/bin/env bash
# CountVectorizer and TfidfVectorizer document max_features as the terms of the highest "term frequency across the
# corpus". With binary=True it is the number of texts that have a term: counts become ones before terms are ranked. So
# switching a pipeline to presence alone, as naive Bayes on presence asks for, also swaps columns, and two runs that
# were to differ in the values only differ in what they know. To keep the columns, fit with binary=False and pass its
# vocabulary on.
#
# scikit-learn 1.9.1, numpy 2.4.6, scipy 1.17.1, Python 3.11. Seen:
#   CountVectorizer binary=False: tea
#   CountVectorizer binary=True: milk
#   TfidfVectorizer binary=False: tea
#   TfidfVectorizer binary=True: milk
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check scikit-learn==1.9.1 numpy==2.4.6 scipy==1.17.1
"$folder/venv/bin/python" - > "$folder/found" <<'PY'
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

TEXTS = ["tea tea tea tea", "milk", "milk sugar"]
for kind in (CountVectorizer, TfidfVectorizer):
    for binary in (False, True):
        [kept] = kind(max_features=1, binary=binary).fit(TEXTS).get_feature_names_out()
        print(f"{kind.__name__} binary={binary}: {kept}")
PY
cat "$folder/found"
diff "$folder/found" - <<'SEEN'
CountVectorizer binary=False: tea
CountVectorizer binary=True: milk
TfidfVectorizer binary=False: tea
TfidfVectorizer binary=True: milk
SEEN
