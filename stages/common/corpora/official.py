"""The official files of a dataset: read a block at a time, encoded as `keras.datasets` does."""

import errno
import itertools
import json
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from stages.common.basics.errors import UserError
from stages.common.basics.params.sections import OfficialDataset
from stages.common.basics.params.types import LARGEST_INT32
from stages.common.basics.terminal import escape_controls
from stages.common.corpora.counting import hash_bytes
from stages.common.corpora.pickled_lists import NotIntegerListsError, read_lists
from stages.common.corpora.readers.records import SURROGATE
from stages.common.corpora.tokenizer import INDEX_FROM, OUT_OF_VOCABULARY, START

MOST_TEXTS = 10_000_000  # an archive may claim any number, and labels be allocated for it
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, OverflowError, RuntimeError, ValueError, struct.error)


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    try:
        shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    except Exception as error:  # numpy has several parsers try it
        raise ValueError(error) from None
    return shape, dtype


@contextmanager
def _array(archive: Path, name: str) -> Iterator[tuple[IO[bytes], int, np.dtype]]:
    """Open one array of an .npz; yield its content behind the header, its length and its type."""
    where = f"{archive}: {name}"
    try:
        with zipfile.ZipFile(archive) as zipped:
            member = zipped.getinfo(f"{name}.npy")
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise UserError(f"{where}: expected an array as numpy compresses it, found another method")
            with zipped.open(member) as stream:
                if (version := np.lib.format.read_magic(stream)) != (1, 0):  # later ones have headers of any length
                    raise UserError(f"{where}: expected version (1, 0) of numpy's format, found {version}")
                shape, dtype = _read_header(stream)
                if len(shape) != 1:
                    raise UserError(f"{where}: expected one dimension, found shape {shape}")
                if not 0 <= shape[0] <= MOST_TEXTS:
                    raise UserError(f"{where}: expected at most {MOST_TEXTS:,} texts, found {shape[0]:,}")
                yield stream, shape[0], dtype
    except KeyError:
        raise UserError(f"{where}: expected an array, found none") from None
    except OSError as error:
        if error.errno != errno.EINVAL:  # which is a place before the archive's start
            raise
        raise UserError(f"{where}: expected an array of numpy's format; the archive is damaged") from None
    except UNREADABLE as error:
        raise UserError(
            f"{where}: expected an array of numpy's format; {escape_controls(str(error)[:200])}"
        ) from None


def read_labels(archive: Path, name: str, classes: int) -> np.ndarray:
    """Read the labels of an .npz.

    Returns:
        int64, shape (n,), each in 0 ... classes - 1.

    Raises:
        UserError: the array is missing, holds no integers or a label out of range.
    """
    with _array(archive, name) as (stream, count, dtype):
        if dtype.kind not in "iu":
            raise UserError(f"{archive}: {name}: expected integers, found {dtype}")
        size = count * dtype.itemsize
        content = stream.read(size + 1)  # at the end the checksum is compared
        if len(content) != size:
            found = "fewer" if len(content) < size else "more"
            raise UserError(f"{archive}: {name}: expected {count:,} labels, found {found}")
    labels = np.frombuffer(content, dtype)
    if count and not (labels.min() >= 0 and labels.max() < classes):
        raise UserError(
            f"{archive}: {name}: expected labels 0 to {classes - 1}, found {labels.min()} to {labels.max()}"
        )
    return labels.astype(np.int64)


def read_archive(archive: Path, name: str) -> Iterator[list[list[int]]]:
    """Yield the texts of an .npz in the file's order, as lists of word indices, in blocks.

    Raises:
        UserError: the array is missing or is no pickled array of lists of integers.
    """
    with _array(archive, name) as (stream, expected, _):
        found = 0
        try:
            for block in read_lists(stream):
                found += len(block)
                if found > expected:
                    raise UserError(f"{archive}: {name}: expected {expected:,} texts, found more")
                yield block
        except NotIntegerListsError as error:
            raise UserError(f"{archive}: {name}: expected lists of word indices and nothing else; {error}") from None
        if found != expected:
            raise UserError(f"{archive}: {name}: expected {expected:,} texts, found {found:,}")


def flatten_texts(texts: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """The texts' word indices one behind the other, int64, and the length of each, int64, shape (n,)."""
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    return np.fromiter(itertools.chain.from_iterable(texts), np.int64, int(sizes.sum())), sizes


def hash_texts(indices: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """A hash of each text, all its words in their order: uint64, shape (n,); indices, sizes: see `flatten_texts`."""
    content, ends = memoryview(indices.astype("<i4").tobytes()), np.cumsum(sizes) * 4
    places = zip((ends - sizes * 4).tolist(), ends.tolist(), strict=True)
    return np.fromiter((hash_bytes(content[start:end], 0) for start, end in places), np.uint64, len(sizes))


def encode(texts: list[list[int]], num_words: int) -> tuple[np.ndarray, np.ndarray]:
    """Encode texts, see `encode_flattened`."""
    return encode_flattened(*flatten_texts(texts), num_words)


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


def find_official_file(raw: Path, suffix: str) -> Path:
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
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: expected JSON; {error}") from None
    if not isinstance(index, dict) or not all(type(value) is int for value in index.values()):
        raise UserError(f"{path}: expected a JSON object that gives each word its index")
    if index and not (min(index.values()) > 0 and max(index.values()) <= LARGEST_INT32):
        found = f"found {min(index.values())} to {max(index.values())}"
        raise UserError(
            f"{path}: expected the words of a JSON object to have indices of 1 to {LARGEST_INT32:,}; {found}"
        )
    if SURROGATE.search(" ".join(index)):
        raise UserError(
            f"{path}: expected the words of a JSON object in Unicode, found half of a character (a surrogate)"
        )
    return index
