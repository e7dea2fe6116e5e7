"""`bagpipe decode`: samples of a dataset back to text, on the terminal."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bagpipe.project.names import check_name
from bagpipe.texts.words import UNKNOWN, decode, word_index, words_by_id
from stages.common.basics.errors import UserError
from stages.common.basics.params.questions import dataset_of
from stages.common.basics.params.reading import load_params
from stages.common.basics.params.sections import OfficialDataset, TextDataset
from stages.common.basics.params.types import LARGEST_INT32
from stages.common.basics.paths import HERE
from stages.common.basics.rows import Split, load_labels, load_rows
from stages.common.basics.terminal import escape_controls, wrap_text
from stages.common.corpora.counting import PARTS, read_blocks, split_block
from stages.common.corpora.labelled import open_texts
from stages.common.corpora.official import (
    encode,
    find_official_file,
    read_archive,
    read_labels,
    read_word_index,
    split_order,
    text_arrays,
)
from stages.vectorize.labelled import SPLITS


def read_split(dataset: OfficialDataset, archive: Path, split: Split) -> tuple[str, np.ndarray, np.ndarray]:
    """Where a split's texts lie: the array's name, their positions in it, and their labels."""
    labels = {name: read_labels(archive, f"y{name[1:]}", len(dataset.labels)) for name in text_arrays(dataset)}
    order = split_order(dataset, {name: len(values) for name, values in labels.items()})
    name = next(name for name, splits in order.items() if split in splits)
    positions = order[name][split]
    return name, positions, labels[name][positions]


def label_number(label: str, names: list[str]) -> int:
    """A label given by its number or its name.

    Raises:
        UserError: there is no such label.
    """
    if label in names:
        return names.index(label)
    if label.isdecimal() and int(label) < len(names):
        return int(label)
    raise UserError(f"--label: expected 0 to {len(names) - 1} or a label's name, found {label!r}")


def read_texts_at(archive: Path, name: str, positions: list[int]) -> dict[int, list[int]]:
    """The texts at some positions of an array, read no further than the last of them."""
    found: dict[int, list[int]] = {}
    start = 0
    wanted = sorted(positions)
    for block in read_archive(archive, name):
        while wanted and wanted[0] < start + len(block):
            found[wanted[0]] = block[wanted[0] - start]
            wanted.pop(0)
        if not wanted:
            break
        start += len(block)
    return found


class OfficialTexts:
    """A split of a dataset of Keras. labels: the number of each of its texts' label."""

    def __init__(self, name: str, dataset: OfficialDataset, split: Split) -> None:
        raw = HERE.raw(dataset.texts)
        self._archive = find_official_file(raw, ".npz")
        words, columns = words_by_id(read_word_index(find_official_file(raw, ".json"))), word_index(name)
        self._words = {
            token: word
            for token, word in words.items()
            if (token < dataset.num_words if dataset.are_of_keras else word in columns)
        }
        self._array, self._positions, self.labels = read_split(dataset, self._archive, split)

    def decoded(self, samples: np.ndarray) -> Iterator[str]:
        """The texts at some places, with `?` for a word that is not among the most frequent."""
        positions = self._positions[samples].tolist()
        texts = read_texts_at(self._archive, self._array, positions)
        for position in positions:
            tokens, _ = encode([texts[position]], LARGEST_INT32)
            yield decode(tokens, self._words)


class OwnTexts:
    """The same of a dataset of one's own. They are read twice: where a text stands, all of them decide."""

    def __init__(self, name: str, dataset: TextDataset, split: Split) -> None:
        self._index = word_index(name)
        self._layout, self._columns, self._split = open_texts(dataset, HERE.raw(dataset.texts))
        self._parts = SPLITS[split]
        self.labels = np.asarray(load_rows(name, split).labels)

    def _texts(self) -> Iterator[tuple[tuple[int, int, str], list[bytes]]]:
        """What decides on the place of each text of the split, and its words."""
        for block in read_blocks(self._layout, self._columns):
            for words, label, order, part, _ in split_block(block, self._split):
                if PARTS[part] in self._parts:
                    yield (self._parts.index(PARTS[part]), order, label), words

    def decoded(self, samples: np.ndarray) -> Iterator[str]:
        keys = sorted(key for key, _ in self._texts())
        wanted = [keys[sample] for sample in samples]
        few = set(wanted)
        found = {key: words for key, words in self._texts() if key in few}
        for key in wanted:
            yield " ".join(text if (text := word.decode()) in self._index else UNKNOWN for word in found[key])


def open_split(name: str, dataset: OfficialDataset | TextDataset, split: Split) -> OfficialTexts | OwnTexts:
    """A split's texts, to be decoded."""
    if isinstance(dataset, OfficialDataset):
        return OfficialTexts(name, dataset, split)
    return OwnTexts(name, dataset, split)


def decode_samples(name: str, split: Split, index: int, label: str | None, count: int) -> None:
    """Print `count` samples of a split from `index` on, if asked only those of a label.

    Raises:
        UserError: an unknown dataset, label or index, or the data are not there yet.
    """
    params = load_params()
    check_name("dataset", name, params.datasets)
    word_index(name)  # or the error that it is not there yet
    dataset = dataset_of(params, name)
    names = load_labels(name, dataset.classes or 2)
    texts = open_split(name, dataset, split)
    if not 0 <= index < len(texts.labels):
        raise UserError(f"--index: expected 0 to {len(texts.labels) - 1} in the {split} split, found {index}")
    samples = np.arange(index, len(texts.labels))
    if label is not None:
        samples = samples[texts.labels[samples] == label_number(label, names)]
        if not len(samples):
            raise UserError(f"--label: no sample from index {index} on has label {label!r}")
    samples = samples[:count]
    for sample, text in zip(samples, texts.decoded(samples), strict=True):
        number = texts.labels[sample]
        print(f"{name} {split} {sample}, label {number} ({escape_controls(names[number])}):")
        print(wrap_text(escape_controls(text)))
