"""All words of a dataset's texts in their order, which its multi-hot rows do not have."""

import itertools
from array import array
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.common.basics.params.sections import OfficialDataset, TextDataset
from stages.common.basics.rows import Split as SplitName
from stages.common.basics.workers import start_workers
from stages.common.corpora.counting import TEST, TRAIN, VALIDATION, Block, Split, read_blocks, split_block
from stages.common.corpora.labelled import open_texts
from stages.common.corpora.official import find_official_file, flatten_texts, read_archive, split_order, text_arrays


class Sequences(NamedTuple):
    """Texts in the order of their rows: a number for each word, one text behind the other; words of each; int64."""

    words: np.ndarray
    lengths: np.ndarray

    def choose(self, places: np.ndarray) -> "Sequences":
        """The texts at some places, in that order."""
        ends = np.cumsum(self.lengths)
        chosen = self.lengths[places]
        gaps = np.repeat(ends[places] - np.cumsum(chosen), chosen)
        return Sequences(self.words[np.arange(len(gaps)) + gaps], chosen)


def read_sequences(dataset: OfficialDataset | TextDataset, raw: Path) -> dict[SplitName, Sequences]:
    """The texts of both splits."""
    return read_official(dataset, raw) if isinstance(dataset, OfficialDataset) else read_labelled(dataset, raw)


def read_official(dataset: OfficialDataset, raw: Path) -> dict[SplitName, Sequences]:
    archive = find_official_file(raw, ".npz")
    names = text_arrays(dataset)
    arrays = {
        name: Sequences(*flatten_texts(list(itertools.chain.from_iterable(read_archive(archive, name)))))
        for name in names
    }
    order = split_order(dataset, {name: len(texts.lengths) for name, texts in arrays.items()})
    found = {split: arrays[name].choose(places) for name in names for split, places in order[name].items()}
    return {"train": found["train"], "test": found["test"]}


class BlockOfWords(NamedTuple):
    """A block's texts. words: the distinct ones; places: of each word of the texts, in `words`, int32.

    texts: of each how many words, its hash, its place in PARTS and its label.
    """

    words: list[bytes]
    places: np.ndarray
    texts: list[tuple[int, int, int, str]]


def read_block(block: Block, split: Split | None) -> BlockOfWords:
    known: defaultdict[bytes, int] = defaultdict(itertools.count().__next__)
    places, texts = array("i"), []
    for words, label, order, part, _ in split_block(block, split):
        places.extend(map(known.__getitem__, words))
        texts.append((len(words), order, part, label))
    return BlockOfWords(list(known), np.array(places, np.int32), texts)


def read_labelled(dataset: TextDataset, raw: Path) -> dict[SplitName, Sequences]:
    layout, columns, split = open_texts(dataset, raw)
    known: dict[bytes, int] = {}
    words, texts = [], list[tuple[int, int, int, str]]()
    with start_workers() as workers:
        for block in workers.map(read_block, read_blocks(layout, columns), split):
            numbers = np.fromiter((known.setdefault(word, len(known)) for word in block.words), np.int64)
            words.append(numbers[block.places])
            texts += block.texts
    sequences = Sequences(np.concatenate(words), np.array([length for length, *_ in texts], np.int64))
    rank = {VALIDATION: 0, TRAIN: 1, TEST: 2}

    def place(number: int) -> tuple[int, int, str]:
        _, order, part, label = texts[number]
        return rank[part], order, label

    ordered = np.array(sorted(range(len(texts)), key=place))  # as the rows are
    trained = sum(part != TEST for _, _, part, _ in texts)
    return {"train": sequences.choose(ordered[:trained]), "test": sequences.choose(ordered[trained:])}
