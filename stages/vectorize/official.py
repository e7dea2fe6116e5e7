"""Multi-hot rows of a dataset's official files, those of `keras.datasets.D.load_data(num_words)` in its order.

The notebooks write them out as 25,000 x 10,000 numbers, of which 1.3 % are ones; here only the ones are kept. Texts
pass through a block at a time: memory does not grow with the corpus but for some bytes a text (its place, length,
label and hash).
"""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from stages.common.basics.artifacts import write_json
from stages.common.basics.errors import UserError
from stages.common.basics.params.sections import OfficialDataset
from stages.common.basics.rows import RowBlock, write_split
from stages.common.corpora.official import (
    encode_flattened,
    find_official_file,
    flatten_texts,
    hash_texts,
    read_archive,
    read_labels,
    read_word_index,
    split_order,
    text_arrays,
)

MARKS = 4_000_000  # of distinct(): a block of rows times num_words, in bytes
ROWS_A_BLOCK = 4_096  # of ordered_blocks(): gathered and written at a time
ID_BYTES = 4  # int32


def distinct(tokens: np.ndarray, lengths: np.ndarray, num_words: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Reduce each text to its distinct word ids, ascending: the ones of its multi-hot row.

    A block of rows is marked in a small bitmap, whose marks come out in order; sorting would be slower.

    Args:
        tokens, lengths: see `corpus.encode_flattened`.

    Yields:
        A block's ids, int32, and the number of ids of each of its rows, int64.
    """
    block = max(1, MARKS // num_words)
    ends = np.cumsum(lengths)
    for start in range(0, len(lengths), block):
        counts = lengths[start : start + block]
        last = ends[min(start + block, len(ends)) - 1]
        offsets = np.arange(len(counts)) * num_words
        marks = np.zeros(len(counts) * num_words, bool)
        marks[np.repeat(offsets, counts) + tokens[last - counts.sum() : last]] = True
        places = np.flatnonzero(marks)
        distinct_counts = np.diff(np.searchsorted(places, offsets), append=len(places))
        yield (places - np.repeat(offsets, distinct_counts)).astype(np.int32), distinct_counts


def spool(archive: Path, name: str, num_words: int, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Write the rows' ids to `path` in the archive's order.

    Returns:
        Where each row starts and, last, the last one ends, in ids: int64, shape (n + 1,); and each text's hash.
    """
    smallest = np.min_scalar_type(num_words)
    counts, hashes = [np.zeros(1, smallest)], [np.zeros(0, np.uint64)]
    with open(path, "wb") as file:
        for texts in read_archive(archive, name):
            indices, sizes = flatten_texts(texts)
            hashes.append(hash_texts(indices, sizes))
            for ids, block_counts in distinct(*encode_flattened(indices, sizes, num_words), num_words):
                file.write(ids.data)  # not tofile(): it does not notice when the last bytes fail
                counts.append(block_counts.astype(smallest))
    return np.cumsum(np.concatenate(counts), dtype=np.int64), np.concatenate(hashes)


def ordered_blocks(
    spooled: Path, starts: np.ndarray, order: np.ndarray, labels: np.ndarray, hashes: np.ndarray
) -> Iterator[RowBlock]:
    """Yield the rows at positions `order` of a spooled array.

    They are read one by one, not through a memory map, whose neighbouring pages would count as ours, too.

    Args:
        spooled, starts: see `spool`; labels, hashes: in the archive's order.
    """
    with open(spooled, "rb") as ids:
        for start in range(0, len(order), ROWS_A_BLOCK):
            rows = order[start : start + ROWS_A_BLOCK]
            counts = starts[rows + 1] - starts[rows]
            places = zip((starts[rows] * ID_BYTES).tolist(), (counts * ID_BYTES).tolist(), strict=True)
            content = b"".join(os.pread(ids.fileno(), size, place) for place, size in places)
            yield RowBlock(np.frombuffer(content, np.int32), counts, labels[rows].astype(np.int64), hashes[rows])


def vectorize_official(dataset: OfficialDataset, raw: Path, folder: Path) -> dict[str, int]:
    """Vectorize the official files in `raw` into `folder`; return the number of rows of each split."""
    archive, index = find_official_file(raw, ".npz"), read_word_index(find_official_file(raw, ".json"))
    classes = len(dataset.labels)
    smallest = np.min_scalar_type(classes)
    labels = {name: read_labels(archive, f"y{name[1:]}", classes).astype(smallest) for name in text_arrays(dataset)}
    sizes = {name: len(values) for name, values in labels.items()}
    rows = {}
    for name, splits in split_order(dataset, sizes).items():
        with tempfile.NamedTemporaryFile(dir=folder) as spooled:
            starts, hashes = spool(archive, name, dataset.num_words, Path(spooled.name))
            if len(starts) - 1 != sizes[name]:
                raise UserError(f"{archive}: {name}: expected {sizes[name]:,} texts, found {len(starts) - 1:,}")
            for split, order in splits.items():
                if not len(order):
                    raise UserError(f"{archive}: expected {split} texts, found none of {sizes[name]:,}")
                blocks = ordered_blocks(Path(spooled.name), starts, order, labels[name], hashes)
                rows[split] = write_split(folder / split, blocks, dataset.num_words)
    write_json(folder / "labels.json", dataset.labels)
    write_json(folder / "word_index.json", index)
    return rows
