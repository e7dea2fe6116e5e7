"""The official files of a dataset: read a block at a time, encoded as `keras.datasets` does."""

import itertools
import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from stages.common.basics.errors import UserError
from stages.common.basics.params import OfficialDataset
from stages.labelled.counting import hash_of
from stages.labelled.words import INDEX_FROM, OUT_OF_VOCABULARY, START
from stages.official.pickled_lists import NotIntegerListsError, read_blocks


@contextmanager
def _array(archive: Path, name: str) -> Iterator[tuple[IO[bytes], int]]:
    """Open one array of an .npz; yield its content behind the header, and its length."""
    try:
        with zipfile.ZipFile(archive) as zipped, zipped.open(f"{name}.npy") as stream:
            major, _ = np.lib.format.read_magic(stream)
            read = np.lib.format.read_array_header_1_0 if major == 1 else _read_header_2_0
            shape, _, _ = read(stream)
            if len(shape) != 1:
                raise UserError(f"{archive}: {name}: expected one dimension, found shape {shape}")
            yield stream, shape[0]
    except KeyError:
        raise UserError(f"{archive}: expected an array {name!r}, found none") from None
    except (zipfile.BadZipFile, zlib.error, ValueError, EOFError) as error:
        raise UserError(f"{archive}: {name}: expected an array of numpy's format; {error}") from None


_read_header_2_0 = np.lib.format.read_array_header_2_0


def read_labels(archive: Path, name: str, classes: int) -> np.ndarray:
    """Read the labels of an .npz.

    Returns:
        int64, shape (n,), each in 0 ... classes - 1.

    Raises:
        UserError: the array is missing, holds no integers or a label out of range.
    """
    try:
        with open(archive, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            labels = np.asarray(arrays[name])  # of no array, numpy gives the bytes
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{archive}: {name}: expected an array of integers; {error}") from None
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise UserError(f"{archive}: {name}: expected integers, found {labels.dtype} {labels.shape}")
    if len(labels) and not (labels.min() >= 0 and labels.max() < classes):
        raise UserError(
            f"{archive}: {name}: expected labels 0 to {classes - 1}, found {labels.min()} to {labels.max()}"
        )
    return labels.astype(np.int64)


def read_texts(archive: Path, name: str) -> Iterator[list[list[int]]]:
    """Yield the texts of an .npz in the file's order, as lists of word indices, in blocks.

    Raises:
        UserError: the array is missing or is no pickled array of lists of integers.
    """
    with _array(archive, name) as (stream, expected):
        found = 0
        try:
            for block in read_blocks(stream):
                found += len(block)
                yield block
        except NotIntegerListsError as error:
            raise UserError(f"{archive}: {name}: expected lists of word indices and nothing else; {error}") from None
        if found != expected:
            raise UserError(f"{archive}: {name}: expected {expected:,} texts, found {found:,}")


def flattened(texts: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """The texts' word indices one behind the other, int64, and the length of each, int64, shape (n,)."""
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    return np.fromiter(itertools.chain.from_iterable(texts), np.int64, int(sizes.sum())), sizes


def hashes_of(indices: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """A hash of each text, all its words in their order: uint64, shape (n,); indices, sizes: see `flattened`."""
    content, ends = memoryview(indices.astype("<i4").tobytes()), np.cumsum(sizes) * 4
    places = zip((ends - sizes * 4).tolist(), ends.tolist(), strict=True)
    return np.fromiter((hash_of(content[start:end], 0) for start, end in places), np.uint64, len(sizes))


def encode(texts: list[list[int]], num_words: int) -> tuple[np.ndarray, np.ndarray]:
    """Encode texts, see `encode_flattened`."""
    return encode_flattened(*flattened(texts), num_words)


def encode_flattened(indices: np.ndarray, sizes: np.ndarray, num_words: int) -> tuple[np.ndarray, np.ndarray]:
    """Encode texts as `keras.datasets.*.load_data(num_words)` does.

    Each text starts with 1; a word's index is raised by 3; what then is num_words or more becomes 2.

    Returns:
        The texts one behind the other, int32, shape (tokens,), and each one's length, int64, shape (n,).
    """
    lengths = sizes + 1
    starts = np.cumsum(lengths) - lengths
    tokens = np.empty(int(lengths.sum()), np.int32)
    words = np.ones(len(tokens), bool)
    words[starts] = False
    if len(indices) and indices.min() < 0:
        raise UserError(f"expected word indices of 0 or more, found {indices.min()}")
    indices = indices + INDEX_FROM
    indices[indices >= num_words] = OUT_OF_VOCABULARY
    tokens[words] = indices
    tokens[starts] = START
    return tokens, lengths


def split_order(dataset: OfficialDataset, sizes: dict[str, int]) -> dict[str, dict[str, np.ndarray]]:
    """Where `keras.datasets.*.load_data` puts each text: it shuffles before it splits.

    Args:
        sizes: the number of texts of each array of the archive, in Keras' order.

    Returns:
        For each array, split by split, the positions in the file of the split's texts, in the split's
        order; int32. With a `test_split` one array holds both splits; without, each has an array of its own.
    """
    random = np.random.RandomState(dataset.shuffle_seed)
    order: dict[str, dict[str, np.ndarray]] = {}
    for name, size in sizes.items():
        positions = np.arange(size, dtype=np.int32)
        random.shuffle(positions)
        if dataset.test_split is None:
            order[name] = {name.removeprefix("x_"): positions}
        else:
            train_size = int(size * (1 - dataset.test_split))
            order[name] = {"train": positions[:train_size], "test": positions[train_size:]}
    return order


def file_of(raw: Path, suffix: str) -> Path:
    """The one official file of a kind: `.npz`, the archive, or `.json`, the index of words.

    Raises:
        UserError: there is none, or more than one.
    """
    found = sorted(raw.glob(f"*{suffix}"))
    if len(found) != 1:
        raise UserError(f"{raw}: expected one {suffix} file, found {len(found)}")
    return found[0]


def text_arrays(dataset: OfficialDataset) -> list[str]:
    """The names of the arrays of texts in a dataset's archive; labels stand under y instead of x."""
    return ["x_train", "x_test"] if dataset.test_split is None else ["x"]


def read_word_index(path: Path) -> dict[str, int]:
    """Read the index of each word, 1 being the most frequent.

    Raises:
        UserError: the file is no JSON object of integers.
    """
    try:
        index = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: expected JSON; {error}") from None
    if not isinstance(index, dict) or not all(type(value) is int for value in index.values()):
        raise UserError(f"{path}: expected a JSON object that gives each word its index")
    return index
