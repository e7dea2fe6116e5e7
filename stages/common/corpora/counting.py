"""The first pass over labelled texts: a block at a time is cut into words, counted and told which split it is of.

What becomes of a text depends on the text alone: on a hash of its words, not on its place in a file (Géron, Hands-On
Machine Learning, chapter 2). So the same texts give the same rows in any format and order, more texts leave the
others where they are, and no text stands on both sides of a split.
"""

import hashlib
import itertools
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from stages.common.corpora.entries import Columns, LeftOut, Remark, Text
from stages.common.corpora.formats import read_entries, where
from stages.common.corpora.layout import Format, Layout, Part, TextFile
from stages.common.corpora.tokenizer import split_words

PARTS: tuple[Part, ...] = ("train", "validation", "test")
TRAIN, VALIDATION, TEST = range(3)
TEXTS_A_BLOCK, CHARACTERS_A_BLOCK = 4_096, 2_000_000
WORDLESS = "without a word"


class Split(NamedTuple):
    """How texts that have no test set are split: this share of them is for testing.

    salt: another one gives another split.
    """

    test_share: float
    salt: int


class Notes(NamedTuple):
    """What is to be said of some texts and their files.

    left_out: by the reason how many texts are left out, and where the first of them stands. remarks: on files.
    """

    left_out: dict[str, tuple[int, str]]
    remarks: list[str]


class Block(NamedTuple):
    """Some texts of one split, or of none yet. groups: None where the texts have none, see `Text`.

    places: where each text stands, as a message says it; notes: on what was read besides.
    """

    part: Part | None
    texts: list[str]
    labels: list[str]
    groups: list[str] | None
    places: Sequence[str] = ()
    notes: Notes = Notes({}, [])


class Counted(NamedTuple):
    """A block's texts, but for those without a word, as rows.

    words: the distinct words, and neighbours that make a term; occurrences: how often each occurs in training texts,
    texts: how many of these have it, int64.
    ids: the distinct words of each text, as places in `words`, one text behind the other, int32; lengths: how many of
    each text, int64.
    order: a hash of each text, uint64; parts: places in PARTS, uint8.
    labels: the distinct labels; codes: places in `labels`, int32.
    sizes: words of each text, int64; notes: texts without any are among them.
    """

    words: list[bytes]
    occurrences: np.ndarray
    texts: np.ndarray
    ids: np.ndarray
    lengths: np.ndarray
    order: np.ndarray
    parts: np.ndarray
    labels: list[str]
    codes: np.ndarray
    sizes: np.ndarray
    notes: Notes


def read_blocks(layout: Layout, columns: Columns) -> Iterator[Block]:
    """Yield all texts in blocks; the last of each part has the notes."""
    for part, files in itertools.groupby(layout.files, key=lambda file: file.part):
        texts: list[Text] = []
        places: list[str] = []
        notes, characters = Notes({}, []), 0
        for _, place, text in read_texts(files, layout.format, columns, notes):
            texts.append(text)
            places.append(place)
            characters += len(text.text)
            if len(texts) == TEXTS_A_BLOCK or characters > CHARACTERS_A_BLOCK:
                yield make_block(part, texts, places, Notes({}, []))
                texts, places, characters = [], [], 0
        if texts or notes.left_out or notes.remarks:
            yield make_block(part, texts, places, notes)


def read_texts(
    files: Iterable[TextFile], form: Format, columns: Columns, notes: Notes, skip_unlabelled: bool = False
) -> Iterator[tuple[TextFile, str, Text]]:
    """Yield the file, the place and the text of each that is learnt from; notes: where to say of the others."""
    for file in files:
        for entry in read_entries(file, form, columns, skip_unlabelled):
            if isinstance(entry, Remark):
                notes.remarks.append(f"{file.path}: {entry.said}")
                continue
            place = f"{file.path}: {where(form, entry.line)}"
            if isinstance(entry, LeftOut):
                add_left_out(notes, entry.reason, 1, place)
            else:
                yield file, place, entry


def add_left_out(notes: Notes, reason: str, count: int, place: str) -> None:
    """Count more texts that are left out; place: of the first of them."""
    before, first = notes.left_out.get(reason, (0, place))
    notes.left_out[reason] = before + count, first


def make_block(part: Part | None, texts: list[Text], places: list[str], notes: Notes) -> Block:
    strings, labels, groups = [text.text for text in texts], [text.label for text in texts], None
    if texts and texts[0].group is not None:
        groups = [text.group or "" for text in texts]
    return Block(part, strings, labels, groups, places, notes)


def hash_bytes(content: bytes | memoryview, salt: int) -> int:
    """64 bits that any machine makes of the same content."""
    return int.from_bytes(hashlib.blake2b(content, digest_size=8, salt=salt.to_bytes(16, "little")).digest(), "big")


def split_block(block: Block, split: Split | None) -> Iterator[tuple[list[bytes], str, int, int, int]]:
    """Yield the words, label, hash, split (a place in PARTS) and number of each text that has a word."""
    salt, limit = (split.salt, int(split.test_share * 2**64)) if split else (0, 0)
    known = TRAIN if block.part is None else PARTS.index(block.part)
    for number, (text, label) in enumerate(zip(block.texts, block.labels, strict=True)):
        words = split_words(text)
        if words:
            order = hash_bytes(b" ".join(words), salt)
            group = block.groups[number] if block.groups else ""
            drawn = hash_bytes(group.encode("utf-8"), salt) if group else order
            yield words, label, order, TEST if drawn < limit else known, number


def count_block(block: Block, split: Split | None, ngrams: int = 1) -> Counted:
    """Cut a block's texts into words and count these.

    Args:
        split: None if the texts have a test set.
        ngrams: of how many neighbours a term has at most.
    """
    vocabulary: defaultdict[bytes, int] = defaultdict(itertools.count().__next__)
    codes: defaultdict[str, int] = defaultdict(itertools.count().__next__)
    tokens, rows = array("i"), []
    for words, label, order, part, number in split_block(block, split):
        tokens.extend(map(vocabulary.__getitem__, words))
        rows.append((order, part, codes[label], len(words), number))
    orders, places_of_parts, labels, counts, numbers = zip(*rows, strict=True) if rows else ((),) * 5
    sizes = np.array(counts, np.int64)
    parts = np.array(places_of_parts, np.uint8)
    flat = np.frombuffer(tokens, np.int32) if tokens else np.zeros(0, np.int32)
    return Counted(
        **count_terms(list(vocabulary), flat, sizes, parts == TRAIN, ngrams)._asdict(),
        order=np.array(orders, np.uint64),
        parts=parts,
        labels=list(codes),
        codes=np.array(labels, np.int32),
        sizes=sizes,
        notes=note_wordless(block, numbers),
    )


class Terms(NamedTuple):
    """The terms of some texts, see `Counted`."""

    words: list[bytes]
    occurrences: np.ndarray
    texts: np.ndarray
    ids: np.ndarray
    lengths: np.ndarray


def count_terms(
    words: list[bytes], flat: np.ndarray, sizes: np.ndarray, in_training: np.ndarray, ngrams: int
) -> Terms:
    """Count the words of texts, and their neighbours that make a term.

    Args:
        flat: places in `words`, one text behind the other; sizes: words of each text; in_training: of each, bool.
    """
    row_of = np.repeat(np.arange(len(sizes)), sizes)
    terms, grams, rows = list(words), [flat.astype(np.int64)], [row_of]
    for more in range(1, ngrams):
        together = rows[-1][: len(grams[-1]) - 1] == row_of[more:] if len(flat) > more else np.zeros(0, bool)
        pairs = (grams[-1][: len(together)] * max(1, len(words)) + flat[more:])[together]
        found = distinct(pairs)
        first = len(terms)
        terms += [b"%b %b" % (terms[pair // len(words)], words[pair % len(words)]) for pair in found.tolist()]
        numbers = np.full(len(flat) - more if len(flat) > more else 0, -1, np.int64)
        numbers[together] = first + np.searchsorted(found, pairs)
        grams.append(numbers)
        rows.append(row_of[: len(numbers)])
    all_grams, all_rows = (np.concatenate(arrays) for arrays in (grams, rows))
    made = all_grams >= 0
    all_grams, all_rows = all_grams[made], all_rows[made]
    places = distinct(all_rows * len(terms) + all_grams)
    ids, texts = places % max(1, len(terms)), places // max(1, len(terms))
    return Terms(
        words=terms,
        occurrences=np.bincount(all_grams[in_training[all_rows]], minlength=len(terms)),
        texts=np.bincount(ids[in_training[texts]], minlength=len(terms)),
        ids=ids.astype(np.int32),
        lengths=np.bincount(texts, minlength=len(sizes)),
    )


def distinct(numbers: np.ndarray) -> np.ndarray:
    """Each number of 0 or more once, ascending; numpy's `unique` takes many times as long."""
    ascending = np.sort(numbers)
    return ascending[np.diff(ascending, prepend=-1) > 0]


def note_wordless(block: Block, numbers: Sequence[int]) -> Notes:
    """A block's notes, with one on the texts that have no word; numbers: of those that have one."""
    found = sorted(set(range(len(block.texts))).difference(numbers))
    if not found:
        return block.notes
    first = block.places[found[0]] if block.places else ""
    return block.notes._replace(left_out={**block.notes.left_out, WORDLESS: (len(found), first)})
