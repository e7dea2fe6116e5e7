"""Test texts that training has nearly, but not word for word.

Two texts are near duplicates if the sets of their words have a Jaccard similarity of at least 0.8: four of five words
that occur in either occur in both. To compare all pairs would take too long, so MinHash proposes some (Leskovec,
Rajaraman, Ullman, Mining of Massive Datasets, chapter 3): 60 minima, in 12 bands of 5. It proposes a pair of
similarity 0.8 with a probability of 99 %, one of 0.9 with 99.99 %; of those proposed the similarity is computed, so
none is counted wrongly. What does not fit into some tens of bytes a text goes through temporary files.
"""

import os
from pathlib import Path

import numpy as np
from datasketch import MinHash

from stages.describe.identical import is_among
from stages.describe.raw import Texts

SIMILAR = 0.8
BANDS, ROWS = 12, 5
SEED = 1
CANDIDATES = 100  # tried in a band: texts of one form letter may be many
_MIX = np.random.RandomState(SEED).randint(0, 1 << 62, ROWS, dtype=np.uint64) * np.uint64(2) + np.uint64(1)


class Sketches:
    """The band keys and word sets of a split's texts, in files of a folder."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._minhash = MinHash(BANDS * ROWS, SEED, hashfunc=int)
        self._sizes: list[np.ndarray] = []
        self._hashes: list[np.ndarray] = []

    def add(self, texts: Texts, chosen: np.ndarray) -> None:
        """Take in the texts of a block that are `chosen`, bool."""
        ends = np.cumsum(texts.distinct)
        minima = np.empty((int(chosen.sum()), BANDS * ROWS), np.uint32)
        for place, text in enumerate(np.flatnonzero(chosen)):
            self._minhash.clear()
            self._minhash.update_batch(texts.words[ends[text] - texts.distinct[text] : ends[text]].tolist())
            minima[place] = self._minhash.hashvalues
        keys = (minima.reshape(-1, BANDS, ROWS) * _MIX).sum(axis=2, dtype=np.uint64)
        for band in range(BANDS):
            self._append(f"band{band}", keys[:, band])
        self._append("words", texts.words[np.repeat(chosen, texts.distinct)])
        self._sizes.append(texts.distinct[chosen].astype(np.int32))
        self._hashes.append(texts.hashes[chosen])

    def _append(self, name: str, values: np.ndarray) -> None:
        with open(self._folder / name, "ab") as file:
            file.write(np.ascontiguousarray(values).data)

    def hashes(self) -> np.ndarray:
        """Of each text, in the order of their coming: uint64."""
        return np.concatenate(self._hashes)

    def sizes(self) -> np.ndarray:
        """The distinct words of each text: int32."""
        return np.concatenate(self._sizes)

    def keys(self, band: int) -> np.ndarray:
        """The key of each text in a band: uint64."""
        return np.fromfile(self._folder / f"band{band}", np.uint64)

    def open_sets(self) -> "WordSets":
        return WordSets(self._folder / "words", self.sizes())


class WordSets:
    """The distinct words of each text, read when asked for."""

    def __init__(self, path: Path, sizes: np.ndarray) -> None:
        self._file = open(path, "rb")  # noqa: SIM115 - for as long as this lives
        self.sizes = sizes
        self._ends = np.cumsum(sizes, dtype=np.int64)

    def __getitem__(self, text: int) -> np.ndarray:
        size = int(self.sizes[text])
        content = os.pread(self._file.fileno(), 4 * size, 4 * (int(self._ends[text]) - size))
        return np.frombuffer(content, np.uint32)

    def close(self) -> None:
        self._file.close()


def jaccard(one: np.ndarray, other: np.ndarray) -> float:
    """The similarity of two sets, given as ascending arrays without repetitions; `other` is not empty."""
    common = np.count_nonzero(is_among(one, other))
    return common / (len(one) + len(other) - common)


def near_duplicates(train: Sketches, test: Sketches) -> int:
    """The number of test texts with a near duplicate in training, without those that training has word for word."""
    is_open = ~is_among(test.hashes(), np.sort(train.hashes())) & (test.sizes() > 0)
    train_sets, test_sets = train.open_sets(), test.open_sets()
    found = 0
    for band in range(BANDS):
        keys = train.keys(band)
        order = np.argsort(keys, kind="stable")
        keys = keys[order]
        texts = np.flatnonzero(is_open)
        wanted = test.keys(band)[texts]
        starts, stops = np.searchsorted(keys, wanted), np.searchsorted(keys, wanted, "right")
        for text, start, stop in zip(texts.tolist(), starts.tolist(), stops.tolist(), strict=True):
            if start < stop and _is_near(test_sets[text], train_sets, order[start:stop]):
                is_open[text] = False
                found += 1
    train_sets.close()
    test_sets.close()
    return found


def _is_near(words: np.ndarray, sets: WordSets, candidates: np.ndarray) -> bool:
    sizes = sets.sizes[candidates]
    fitting = candidates[(sizes >= SIMILAR * len(words)) & (sizes * SIMILAR <= len(words))]
    return any(jaccard(words, sets[candidate]) >= SIMILAR for candidate in fitting[:CANDIDATES].tolist())
