"""A small network of each kind, trained, validated and asked: prints the hash of all that comes out.

python -m tests.networks_alone
"""

import hashlib
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))  # as pytest has it

from stages.common.basics.processor import settle

settle()

from small_networks import settings_of, some_rows  # noqa: E402 # after the settings

from bagpipe.serving.portable import TextClassifier  # noqa: E402
from stages.common.corpora.tokenizer import INDEX_FROM  # noqa: E402
from stages.common.network.backend import keras  # noqa: E402
from stages.common.network.feeding import Feed  # noqa: E402
from stages.common.network.training import Runs  # noqa: E402

# Each loss, both kinds of output, layers of more terms than a sum may have, and the optimizers and activations that
# come nearest to something inexact.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "binary": ("imdb", {}),
    "categories": ("reuters", {"hidden": [200], "activation": "gelu"}),
    "integers": ("reuters", {"loss": "sparse_categorical_crossentropy", "optimizer": "adam", "activation": "selu"}),
    "squares": ("imdb", {"loss": "mse", "optimizer": "nadam", "activation": "silu"}),
    "regularized": (
        "reuters",
        {"input_dropout": 0.5, "dropout": 0.5, "l2": 0.001, "class_weight": "sqrt", "weighting": "tf_idf"},
    ),
    "linear": ("imdb", {"hidden": [], "weighting": "naive_bayes"}),
}


def exported(model: keras.Model, classes: int) -> bytes:
    """The probabilities that an exported model gives of a text of each word and the next."""
    words = [f"w{number}" for number in range(model.input_shape[-1] - INDEX_FROM - 1)]
    index = {word: rank for rank, word in enumerate(words, start=1)}
    classify = TextClassifier(model, index, 1, [str(label) for label in range(classes)], Path(__file__))
    return classify([" ".join(pair) for pair in pairwise(words)])["probabilities"].numpy().tobytes()


def compute(model: str, changes: dict[str, Any]) -> str:
    """Train two epochs of three batches; return the hash of weights, history, probabilities and test figures."""
    changes = {"batch_size": 150, **changes}
    weighting = changes.pop("weighting", "binary")
    settings, classes = settings_of(model, **changes)
    rows = some_rows(400, classes)
    trained, history = Runs(settings, rows, classes, 2, rows, weighting=weighting).run(1)
    batches = Feed(rows, settings.loss, classes).ordered_batches()
    probabilities = trained.predict(batches.map(lambda inputs, _: inputs), verbose=0)
    parts = [*(weights.tobytes() for weights in trained.get_weights()), probabilities.tobytes()]
    parts.append(exported(trained, classes))
    parts.append(repr((history, trained.evaluate(batches, verbose=0))).encode())
    return hashlib.sha256(b"".join(parts)).hexdigest()


def main() -> None:
    for name, (model, changes) in KINDS.items():
        found = compute(model, changes)
        print(name, found, flush=True)


if __name__ == "__main__":
    main()
