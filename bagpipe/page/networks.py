"""The networks that are small enough to run in the page, which has the words and weights for them."""

import json
from dataclasses import dataclass

from bagpipe.project.names import model_folder
from bagpipe.texts.words import word_index
from stages.common.basics.artifacts import read_json
from stages.common.basics.errors import UserError
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import models_on, sources_of
from stages.common.basics.rows import load_features, load_labels

MOST_WEIGHTS = 1_000_000  # four megabytes, a third more in the page
MOST_WORDS = 300_000


@dataclass(frozen=True, kw_only=True)
class NetworkContent:
    """What the page's JSON holds of a network; shapes: of each layer's kernel."""

    name: str
    dataset: str
    activation: str
    ngrams: int
    has_term_weights: bool
    has_length_one: bool
    shapes: list[tuple[int, int]]
    labels: list[str]


@dataclass(frozen=True)
class PageNetwork:
    """A network in the page.

    words: a JSON list, in the order of their ranks; weights: little-endian float32, those of terms if it has any, and
    of each layer the kernel, row by row, and the bias.
    """

    content: NetworkContent
    words: bytes
    weights: bytes


def by_rank(index: dict[str, int]) -> list[str | None]:
    """The word of each rank, from 1 on; None where there is none."""
    words: list[str | None] = [None] * max(index.values(), default=0)
    for word, rank in index.items():
        words[rank - 1] = word
    return words


def compose_network(model: str, dataset: str) -> PageNetwork:
    """A trained network.

    Raises:
        UserError: it is not trained, or too large for a page.
    """
    index, folder = word_index(dataset), model_folder(model)

    from stages.common.network.layers import layers_of  # TensorFlow, after what can fail quickly
    from stages.common.network.saved import NETWORK_FILE, load
    from stages.common.network.weighting import weights_of

    trained = load(folder)
    layers, of_terms = layers_of(trained), weights_of(trained)
    if sum(layer.kernel.size for layer in layers) > MOST_WEIGHTS or max(index.values(), default=0) > MOST_WORDS:
        raise UserError(f"{model}: too large to run in the page; `bagpipe predict {model}` runs it in the terminal")
    content = NetworkContent(
        name=model,
        dataset=dataset,
        ngrams=load_features(dataset).ngrams,
        has_term_weights=of_terms is not None,
        has_length_one=of_terms is not None and of_terms.has_length_one,
        activation=read_json(folder / NETWORK_FILE)["network"]["activation"],
        shapes=[layer.kernel.shape for layer in layers],
        labels=load_labels(dataset),
    )
    arrays = [] if of_terms is None else [of_terms.weights]
    arrays += [array for layer in layers for array in (layer.kernel, layer.bias)]
    words = json.dumps(by_rank(index)).encode()
    return PageNetwork(content, words, b"".join(array.astype("<f4").tobytes() for array in arrays))


def read_networks(params: Params) -> tuple[list[PageNetwork], list[str]]:
    """The reference model of each dataset, and a sentence for each that cannot be had."""
    networks, missing = [], []
    for dataset in sources_of(params):
        for model in models_on(params, dataset)[:1]:
            try:
                networks.append(compose_network(model, params.models[model].dataset))
            except UserError as error:
                missing.append(str(error))
    return networks, missing
