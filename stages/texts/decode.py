"""`bagpipe decode`: samples of a dataset back to text, on the terminal."""

from pathlib import Path

import numpy as np

from stages.common.basics.artifacts import RAW
from stages.common.basics.errors import UserError
from stages.common.basics.params import Dataset, load_params
from stages.official.corpus import archive_of, encode, read_labels, read_texts, split_order, text_arrays
from stages.texts.words import check_name, decode, word_index, words_by_id


def read_split(dataset: Dataset, archive: Path, split: str) -> tuple[str, np.ndarray, np.ndarray]:
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


def texts_at(archive: Path, name: str, positions: list[int]) -> dict[int, list[int]]:
    """The texts at some positions of an array, read no further than the last of them."""
    found: dict[int, list[int]] = {}
    start = 0
    wanted = sorted(positions)
    for block in read_texts(archive, name):
        while wanted and wanted[0] < start + len(block):
            found[wanted[0]] = block[wanted[0] - start]
            wanted.pop(0)
        if not wanted:
            break
        start += len(block)
    return found


def decode_samples(name: str, split: str, index: int, label: str | None, count: int) -> None:
    """Print `count` samples of a split from `index` on, if asked only those of a label.

    Raises:
        UserError: an unknown dataset, label or index, or the data are not there yet.
    """
    params = load_params()
    check_name("dataset", name, params.datasets)
    dataset = params.datasets[name]
    words = words_by_id(word_index(name))
    archive = RAW / name / archive_of(dataset)
    array, positions, labels = read_split(dataset, archive, split)
    if not 0 <= index < len(positions):
        raise UserError(f"--index: expected 0 to {len(positions) - 1} in the {split} split, found {index}")
    samples = np.arange(index, len(positions))
    if label is not None:
        samples = samples[labels[samples] == label_number(label, dataset.labels)]
        if not len(samples):
            raise UserError(f"--label: no sample from index {index} on has label {label!r}")
    samples = samples[:count]

    texts = texts_at(archive, array, positions[samples].tolist())
    for sample in samples:
        tokens, _ = encode([texts[positions[sample]]], dataset.num_words)
        number = labels[sample]
        print(f"{name} {split} {sample}, label {number} ({dataset.labels[number]}):")
        print(decode(tokens, words))
