"""Rows of official texts whose terms are not just Keras' words: neighbours, too, or what enough texts have.

The words have their names, so what `bagpipe predict` makes of a new text is what training knows; those of the files
that have none, and marks, make no term that a text could have.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from stages.common.basics.artifacts import write_json
from stages.common.basics.errors import UserError
from stages.common.basics.npy import write_npy
from stages.common.basics.params.sections import OfficialDataset
from stages.common.basics.rows import RowBlock, write_split
from stages.common.basics.workers import start_workers
from stages.common.corpora.counting import PARTS, TEST, TRAIN, Counted, Notes, count_terms, distinct
from stages.common.corpora.official import (
    find_official_file,
    flatten_texts,
    hash_texts,
    read_archive,
    read_labels,
    read_word_index,
    split_order,
    text_arrays,
)
from stages.common.corpora.tokenizer import INDEX_FROM, split_words
from stages.vectorize.encoding import Spool, Vocabulary, encode_bucket
from stages.vectorize.labelled import choose_terms

NAMELESS = b"#%d"  # no word of a text has the sign, so such a term gets no column


class OfficialBlock(NamedTuple):
    """Some texts: the ranks of their words, one text behind the other, and the words of each; see `Counted`."""

    ranks: np.ndarray
    sizes: np.ndarray
    order: np.ndarray
    parts: np.ndarray
    codes: np.ndarray


class Places(NamedTuple):
    """Of the texts of an array of the archive the split, a number that grows with the place there, and the label."""

    parts: np.ndarray
    order: np.ndarray
    codes: np.ndarray


def find_places(dataset: OfficialDataset, archive: Path) -> dict[str, Places]:
    """The place of each text, by array of the archive."""
    codes = {name: read_labels(archive, f"y{name[1:]}", len(dataset.labels)) for name in text_arrays(dataset)}
    places = {}
    for name, splits in split_order(dataset, {name: len(values) for name, values in codes.items()}).items():
        parts, order = np.zeros(len(codes[name]), np.uint8), np.zeros(len(codes[name]), np.uint64)
        for split, positions in splits.items():
            parts[positions] = TEST if split == "test" else TRAIN
            if not len(positions):
                raise UserError(f"{archive}: expected {split} texts, found none of {len(codes[name]):,}")
            step = (2**64 - 1) // len(positions)  # the rows are spooled by the first bits
            order[positions] = np.arange(len(positions), dtype=np.uint64) * np.uint64(step)
        places[name] = Places(parts, order, codes[name].astype(np.int32))
    return places


def read_blocks(archive: Path, places: dict[str, Places], hashes: list[np.ndarray]) -> Iterator[OfficialBlock]:
    """Yield all texts; hashes: where those of each block are put."""
    for name, (parts, order, codes) in places.items():
        start = 0
        for texts in read_archive(archive, name):
            ranks, sizes = flatten_texts(texts)
            hashes.append(hash_texts(ranks, sizes))
            if len(ranks) and ranks.min() < 0:
                raise UserError(f"expected word indices of 0 or more, found {ranks.min()}")
            chosen = slice(start, start + len(texts))
            start += len(texts)
            if start > len(parts):
                continue
            yield OfficialBlock(ranks, sizes, order[chosen], parts[chosen], codes[chosen])
        if start != len(parts):
            raise UserError(f"{archive}: {name}: expected {len(parts):,} texts, found {start:,}")


def count_official(block: OfficialBlock, names: dict[int, bytes], labels: list[str], ngrams: int) -> Counted:
    """Count a block's terms. names: of the words, by rank."""
    ranks = distinct(block.ranks)
    words = [names.get(rank, NAMELESS % rank) for rank in ranks.tolist()]
    flat = np.searchsorted(ranks, block.ranks)
    terms = count_terms(words, flat, block.sizes, block.parts == TRAIN, ngrams)
    terms.occurrences[[number for number, term in enumerate(terms.words) if b"#" in term]] = 0
    return Counted(
        **terms._asdict(),
        order=block.order,
        parts=block.parts,
        labels=labels,
        codes=block.codes,
        sizes=block.sizes,
        notes=Notes({}, []),
    )


def with_hashes(blocks: Iterator[RowBlock], hashes: np.ndarray) -> Iterator[RowBlock]:
    """Give rows the hashes of their texts, in the order of the rows."""
    start = 0
    for block in blocks:
        yield block._replace(hashes=hashes[start : start + len(block.labels)])
        start += len(block.labels)


def vectorize_official_terms(dataset: OfficialDataset, raw: Path, folder: Path) -> dict[str, int]:
    """Vectorize the official files in `raw` into `folder`; return the number of rows of each split."""
    archive, ranks = find_official_file(raw, ".npz"), read_word_index(find_official_file(raw, ".json"))
    names = {rank: word.encode() for word, rank in ranks.items() if split_words(word) == [word.encode()]}
    places, hashes = find_places(dataset, archive), list[np.ndarray]()
    with TemporaryDirectory(dir=folder.absolute()) as temporary, start_workers() as workers:
        vocabulary, spool = Vocabulary(), Spool(Path(temporary), archive.stat().st_size)
        blocks = read_blocks(archive, places, hashes)
        for counted in workers.map(count_official, blocks, names, dataset.labels, dataset.ngrams):
            spool.add(counted, *vocabulary.add(counted))
        index = choose_terms(vocabulary, dataset)
        columns_file = Path(temporary) / "columns.npy"
        write_npy(columns_file, vocabulary.columns(index))
        write_json(folder / "labels.json", dataset.labels)
        write_json(folder / "word_index.json", index)
        width, rows = len(index) + INDEX_FROM + 1, {}
        all_hashes = np.concatenate(hashes)
        parts, order = (
            np.concatenate([getattr(place, key) for place in places.values()]) for key in ("parts", "order")
        )
        for split, part in (("train", TRAIN), ("test", TEST)):
            of_split = np.flatnonzero(parts == part)
            in_order = of_split[np.argsort(order[of_split], kind="stable")]
            encoded = workers.map(
                encode_bucket, spool.buckets(PARTS[part]), columns_file, width, vocabulary.numbers(dataset.labels)
            )
            rows[split] = write_split(folder / split, with_hashes(encoded, all_hashes[in_order]), width)
    return rows
