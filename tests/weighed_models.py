"""A project of small models of terms and their weights, made without DVC, and what a formula says of a text."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from editing import edit_yaml
from labelled_texts import write_csv

from bagpipe.scratch.copies import ROOT
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import settings_of
from stages.common.basics.params.reading import PARAMS_FILE, load_params
from stages.common.basics.paths import Paths
from stages.common.basics.rows import Rows
from stages.common.corpora.tokenizer import INDEX_FROM, OUT_OF_VOCABULARY, SEPARATORS, START
from stages.common.network.layers import network_of, new_model
from stages.common.network.saved import save
from stages.common.network.weighting import learn_weights

# Texts that are learnt from. The last terms of the last text have no column.
TRAINING = [
    "not good",
    "a good film",
    "good not",
    "not a good film at all",
    "bad film",
    "k good",
    "stra\u00dfe \u00dfharp",
    "i\u0307stanbul not",
    "\u03c3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2 \u03b1\u03c2 good",
    "\u03b1\u03c3'\u03b1 \u03b1\u03c2 \u03b1\u03c2",
    "don't",
    "\u00e9t\u00e9 \u00e9t\u00e9 \u00e9t\u00e9",
    "good good good bad",
    "bad",
    "film not bad not good",
    "film",
    "rare ending beyond",
]
TERMS_BEYOND = 3

# Texts to ask about, each after one that would make a pair with it.
ASKED = [
    "",
    "  \t ",
    "unheardof zzzz",
    "a film not",
    "good",
    "not",
    "good good good not good not good good",
    "NOT-GOOD",
    "not...good, (film)",
    "a\ngood\0film_at;all",
    "not unheardof good",  # no neighbours
    "not\u00a0good",  # one word
    "STRA\u1e9eE, \u1e9eHARP!",
    "\u0130STANBUL.NOT",
    "\u03a3\u038a\u03a3\u03a5\u03a6\u039f\u03a3 \u0391\u03a3/GOOD",
    "\u0391\u03a3'\u0391 \u0391\u03a3-\u0391\u03a3",
    "\u212a Good",
    "\u212a?",
    "\u00c9T\u00c9 \u00c9t\u00e9 \u00e9t\u00c9",
    "rare ending beyond",  # terms without a column
    "rare good",
    "-- DON'T --",
    " ".join(TRAINING) * 3,
]


def terms_of(text: str, ngrams: int) -> list[str]:
    """Words, and neighbours of up to `ngrams` words."""
    for separator in SEPARATORS:
        text = text.replace(separator, " ")
    words = [word for word in text.lower().split(" ") if word]
    sizes = range(1, ngrams + 1)
    return [" ".join(words[at : at + size]) for size in sizes for at in range(len(words) - size + 1)]


class Kind(NamedTuple):
    """A model to be made: its dataset's features, labels, and hidden layers."""

    weighting: str
    ngrams: int
    classes: int
    hidden: list[int]

    @property
    def name(self) -> str:
        return f"{self.weighting}_{self.ngrams}"


@dataclass(frozen=True)
class Formula:
    """A model as numbers. weights: of terms, None if all are one; layers: kernels and biases; all float64."""

    kind: Kind
    index: dict[str, int]
    labels: list[str]
    weights: np.ndarray | None
    layers: list[tuple[np.ndarray, np.ndarray]]

    def ids(self, text: str) -> list[int]:
        columns = len(self.layers[0][0])
        ranks = [self.index[term] for term in terms_of(text, self.kind.ngrams) if term in self.index]
        places = [rank + INDEX_FROM if rank + INDEX_FROM < columns else OUT_OF_VOCABULARY for rank in ranks]
        return sorted({START, *places})

    def known_words(self, text: str) -> int:
        """Distinct ids of its words alone."""
        columns = len(self.layers[0][0])
        ranks = {self.index[word] for word in terms_of(text, 1) if word in self.index}
        return len({min(rank + INDEX_FROM, columns) for rank in ranks})

    def probabilities(self, ids: list[int]) -> np.ndarray:
        """Of each label, float64, for a text of these ids."""
        row = np.zeros(len(self.layers[0][0]))
        row[ids] = 1 if self.weights is None else self.weights[ids]
        if self.kind.weighting == "tf_idf" and row.any():
            row /= np.sqrt(np.square(row).sum())
        for kernel, bias in self.layers[:-1]:
            row = np.maximum(0, row @ kernel + bias)
        kernel, bias = self.layers[-1]
        sums = row @ kernel + bias
        sums = np.array([0, sums[0]]) if len(sums) == 1 else sums
        return np.exp(sums - sums.max()) / np.exp(sums - sums.max()).sum()

    def without(self, ids: list[int], term: int, label: int) -> float:
        """How much the label's probability falls when a text has a term no more."""
        others = [place for place in ids if place != term]
        return self.probabilities(ids)[label] - self.probabilities(others)[label]


def rows_of(ids: list[list[int]], labels: list[int], columns: int) -> Rows:
    indptr = np.cumsum([0, *map(len, ids)])
    shape = np.array([len(ids), columns])
    return Rows(indptr, np.concatenate(ids).astype(np.int32), np.array(labels), shape)


def make_project(folder: Path, kinds: list[Kind]) -> dict[str, Formula]:
    """Fill a folder with params.yaml, and the words and models of each kind, with random weights of layers."""

    def add(content: Any) -> None:
        features = {"format": "csv", "test_split": 0.2, "salt": 1, "num_words": 1_000}
        for kind in kinds:
            loss = "binary_crossentropy" if kind.classes == 2 else "categorical_crossentropy"
            defaults = {**content["defaults"]["imdb"], "reference": kind.name, "loss": loss}
            told = {"texts": kind.name, "ngrams": kind.ngrams, "weighting": kind.weighting}
            content["datasets"][kind.name] = features | told
            content["defaults"][kind.name] = defaults
            content["models"][kind.name] = {"dataset": kind.name, "hidden": kind.hidden}

    (folder / PARAMS_FILE).write_bytes((ROOT / PARAMS_FILE).read_bytes())
    edit_yaml(folder / PARAMS_FILE, add)
    return {kind.name: make_model(folder, kind) for kind in kinds}


def make_model(folder: Path, kind: Kind) -> Formula:
    """Write the words of a dataset and a model into a project that has them in params.yaml."""
    paths, random = Paths(folder), np.random.default_rng([kind.ngrams, kind.classes])
    terms = list(dict.fromkeys(term for text in TRAINING for term in terms_of(text, kind.ngrams)))
    index = {term: rank for rank, term in enumerate(terms, start=1)}
    columns, labels = len(index) + INDEX_FROM + 1 - TERMS_BEYOND, [f"label {n}" for n in range(kind.classes)]
    files = {"word_index": index, "labels": labels}
    files["features"] = {"ngrams": kind.ngrams, "weighting": kind.weighting}
    paths.vectorized(kind.name).mkdir(parents=True)
    for name, content in files.items():
        (paths.vectorized(kind.name) / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    settings = settings_of(load_params(folder / PARAMS_FILE), kind.name)
    network = network_of(settings, columns, kind.classes, kind.weighting)
    words_alone = Formula(kind, index, labels, None, [(np.zeros((columns, 1)), np.zeros(1))])
    ids = [words_alone.ids(text) for text in TRAINING]
    rows = rows_of(ids, [place % kind.classes for place in range(len(ids))], columns)
    weights = learn_weights(rows, kind.classes, kind.weighting, kind.name)
    model = new_model(network, 1, term_weights=weights)
    arrays = []
    for layer in model.layers[0 if weights is None else 1 :]:
        arrays += [random.normal(size=array.shape).astype(np.float32) for array in layer.get_weights()]
        layer.set_weights(arrays[-2:])
    save(model, network, paths.model(kind.name))
    doubles = [array.astype(float) for array in arrays]
    layers = list(zip(doubles[::2], doubles[1::2], strict=True))
    return Formula(kind, index, labels, None if weights is None else weights.astype(float), layers)


def make_sources(folder: Path) -> Params:
    """Official files and own texts, and params.yaml with datasets of their words, and of pairs of these, too."""
    random = np.random.default_rng(5)
    words = [f"w{number}" for number in range(30)]
    lists = [random.zipf(1.3, random.integers(1, 12)) % 33 + 1 for _ in range(80)]  # some ranks have no word
    ranks = np.empty(80, object)
    ranks[:] = [found.tolist() for found in lists]
    labels = random.integers(0, 2, 80)
    for name in ("imdb", "mine"):
        (folder / "data/raw" / name).mkdir(parents=True)
    arrays = {"x_train": ranks[:50], "y_train": labels[:50], "x_test": ranks[50:], "y_test": labels[50:]}
    np.savez_compressed(folder / "data/raw/imdb/imdb.npz", allow_pickle=True, **arrays)
    index = json.dumps({word: rank for rank, word in enumerate(words, start=1)})
    (folder / "data/raw/imdb/imdb_word_index.json").write_text(index, encoding="utf-8")
    texts = [
        (" - ".join(words[rank % 30] for rank in found), "neg" if label else "pos", "")
        for found, label in zip(lists, labels, strict=True)
    ]
    write_csv(folder / "data/raw/mine/texts.csv", texts)

    def add(content: Any) -> None:
        told = {"texts": "mine", "format": "csv", "test_split": 0.3, "salt": 1, "num_words": 20}
        content["datasets"]["mine"] = told
        content["datasets"]["imdb"]["num_words"] = 20
        for name in ("imdb", "mine"):
            features = {"texts": name, "num_words": 40, "ngrams": 2, "min_texts": 2, "weighting": "tf_idf"}
            content["datasets"][f"{name}_pairs"] = features

    (folder / PARAMS_FILE).write_bytes((ROOT / PARAMS_FILE).read_bytes())
    edit_yaml(folder / PARAMS_FILE, add)
    return load_params(folder / PARAMS_FILE)
