"""The words that an exported model's graph finds in texts."""

from collections.abc import Sequence
from pathlib import Path

from bagpipe.serving.portable import TextClassifier
from stages.common.corpora.tokenizer import INDEX_FROM
from stages.common.network.backend import tf
from stages.common.network.layers import new_model


def classifier_of(words: list[str], hidden: Sequence[int] = (2,)) -> TextClassifier:
    """One that tells these words apart, with weights of no meaning."""
    index = {word: rank for rank, word in enumerate(words, start=1)}
    settings = {"hidden": [*hidden], "activation": "tanh", "loss": "binary_crossentropy"}
    model = new_model({"num_words": len(index) + INDEX_FROM + 1, "classes": 2, "network": settings}, seed=1)
    return TextClassifier(model, index, 1, ["no", "yes"], Path(__file__))


def words_in_graph(texts: list[str], words: list[str]) -> list[list[str | None]]:
    """Those of each text, None for what is none of these words."""
    found = classifier_of(words)._find_ids(tf.constant(texts, tf.string))
    names = [*[None] * (INDEX_FROM + 1), *words, None]
    words_of_text: list[list[str | None]] = [[] for _ in texts]
    for (text, _), number in zip(found.indices.numpy(), found.values.numpy(), strict=True):
        words_of_text[text].append(names[number])
    return words_of_text
