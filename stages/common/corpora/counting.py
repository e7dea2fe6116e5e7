"""The first pass over labelled texts: a block at a time is cut into words, counted and told which split it is of.

What becomes of a text depends on the text alone: on a hash of its words, not on its place in a file (Géron, Hands-On
Machine Learning, chapter 2). So the same texts give the same rows in any format and order, more texts leave the
others where they are, and no text stands on both sides of a split.
"""

import hashlib
import itertools
from array import array
from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from stages.common.corpora.formats import Columns, Text, read_file
from stages.common.corpora.layout import Layout, Part
from stages.common.corpora.tokenizer import split_words

PARTS: tuple[Part, ...] = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = range(3)
TEXTS_A_BLOCK, CHARACTERS_A_BLOCK = 4_096, 2_000_000


class Split(NamedTuple):
    """How texts that have no test set are split: this share of them is for testing.

    salt: another one gives another split.
    """

    test_share: float
    salt: int


class Block(NamedTuple):
    """Some texts of one split, or of none yet. groups: None where the texts have none, see `Text`."""

    part: Part | None
    texts: list[str]
    labels: list[str]
    groups: list[str] | None


class Counted(NamedTuple):
    """A block's texts, but for those without a word, as rows.

    words: the distinct words; occurrences: how often each occurs in training texts, int64.
    ids: the distinct words of each text, as places in `words`, one text behind the other, int32; lengths: how many of
    each text, int64.
    order: a hash of each text, uint64; parts: places in PARTS, uint8.
    labels: the distinct labels; codes: places in `labels`, int32.
    sizes: words of each text, int64; wordless: texts without any.
    """

    words: list[bytes]
    occurrences: np.ndarray
    ids: np.ndarray
    lengths: np.ndarray
    order: np.ndarray
    parts: np.ndarray
    labels: list[str]
    codes: np.ndarray
    sizes: np.ndarray
    wordless: int


def read_blocks(layout: Layout, columns: Columns) -> Iterator[Block]:
    """Yield all texts in blocks."""
    for part, files in itertools.groupby(layout.files, key=lambda file: file.part):
        texts: list[Text] = []
        characters = 0
        for text in itertools.chain.from_iterable(read_file(file, layout.format, columns) for file in files):
            texts.append(text)
            characters += len(text.text)
            if len(texts) == TEXTS_A_BLOCK or characters > CHARACTERS_A_BLOCK:
                yield make_block(part, texts)
                texts, characters = [], 0
        if texts:
            yield make_block(part, texts)


def make_block(part: Part | None, texts: list[Text]) -> Block:
    columns = map(list, zip(*texts, strict=True))
    strings, labels, groups, _ = columns
    return Block(part, strings, labels, groups if groups[0] is not None else None)


def hash_bytes(content: bytes | memoryview, salt: int) -> int:
    """64 bits that any machine makes of the same content."""
    return int.from_bytes(hashlib.blake2b(content, digest_size=8, salt=salt.to_bytes(16, "little")).digest(), "big")


def split_block(block: Block, split: Split | None) -> Iterator[tuple[list[bytes], str, int, int]]:
    """Yield the words, the label, the hash and the split, a place in PARTS, of each text that has a word."""
    salt, limit = (split.salt, int(split.test_share * 2**64)) if split else (0, 0)
    known = TRAIN if block.part is None else PARTS.index(block.part)
    for number, (text, label) in enumerate(zip(block.texts, block.labels, strict=True)):
        words = split_words(text)
        if words:
            order = hash_bytes(b" ".join(words), salt)
            group = block.groups[number] if block.groups else ""
            drawn = hash_bytes(group.encode("utf-8"), salt) if group else order
            yield words, label, order, TEST if drawn < limit else known


def count_block(block: Block, split: Split | None) -> Counted:
    """Cut a block's texts into words and count these.

    Args:
        split: None if the texts have a test set.
    """
    vocabulary: defaultdict[bytes, int] = defaultdict(itertools.count().__next__)
    codes: defaultdict[str, int] = defaultdict(itertools.count().__next__)
    tokens, rows = array("i"), []
    for words, label, order, part in split_block(block, split):
        tokens.extend(map(vocabulary.__getitem__, words))
        rows.append((order, part, codes[label], len(words)))
    orders, places_of_parts, labels, numbers = zip(*rows, strict=True) if rows else ((),) * 4
    sizes = np.array(numbers, np.int64)
    parts = np.array(places_of_parts, np.uint8)
    flat = np.frombuffer(tokens, np.int32) if tokens else np.zeros(0, np.int32)
    row_of = np.repeat(np.arange(len(sizes)), sizes)
    places = np.sort(row_of * len(vocabulary) + flat)
    places = places[np.diff(places, prepend=-1) > 0]  # each once; numpy's `unique` takes many times as long
    return Counted(
        words=list(vocabulary),
        occurrences=np.bincount(flat[parts[row_of] == TRAIN], minlength=len(vocabulary)),
        ids=(places % max(1, len(vocabulary))).astype(np.int32),
        lengths=np.bincount(places // max(1, len(vocabulary)), minlength=len(sizes)),
        order=np.array(orders, np.uint64),
        parts=parts,
        labels=list(codes),
        codes=np.array(labels, np.int32),
        sizes=sizes,
        wordless=len(block.texts) - len(rows),
    )
