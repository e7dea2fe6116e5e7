"""Labelled texts as a whole: whether a classifier can be learnt from them, and their multi-hot rows."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from stages.common.basics.artifacts import write_json
from stages.common.basics.errors import UserError
from stages.common.basics.npy import write_npy
from stages.common.basics.params.sections import Features, TextDataset
from stages.common.basics.params.types import MOST_LABELS
from stages.common.basics.rows import write_split
from stages.common.basics.workers import start_workers
from stages.common.corpora.counting import Split, count_block, read_blocks
from stages.common.corpora.entries import Columns
from stages.common.corpora.formats import read_file, where
from stages.common.corpora.labelled import open_texts
from stages.common.corpora.layout import Layout
from stages.common.corpora.tokenizer import INDEX_FROM
from stages.vectorize.encoding import Spool, Vocabulary, encode_bucket

MOST_NAMED = 20  # labels in a message
SPLITS = {"train": ("validation", "train"), "test": ("test",)}  # a ready hold-out comes first, where `holdout` looks


def check_texts(source: Path, vocabulary: Vocabulary, layout: Layout, columns: Columns, split: Split | None) -> None:
    """Check that there are several labels, and that training and test have what they need of each.

    Raises:
        UserError: not so.
    """
    labels = vocabulary.labels()
    if not labels:
        raise UserError(f"{source}: expected texts, found none with a word in it")
    if len(labels) == 1:
        raise UserError(f"{source}: expected at least 2 labels, found only {labels[0]!r}")
    if len(labels) > MOST_LABELS:
        found = f"found {len(labels):,}, from {labels[0]!r} to {labels[-1]!r}"
        raise UserError(f"{source}: expected at most {MOST_LABELS:,} labels, {found}")
    train, test = vocabulary.texts_of("train"), vocabulary.texts_of("test")
    lacking = [label for label in labels if not train[label] or (split and not test[label])]
    if lacking and split:
        raise UserError(
            f"{source}: expected texts of each label in training and test, found too few of "
            f"{name_rare(lacking, vocabulary.texts_of_all())}; add texts, leave these labels out "
            "(`bagpipe add --drop-rare`) or give them one (`--other NAME`), try another --test-split, or bring a "
            "test set of your own"
        )
    if lacking:
        place = first_with(lacking[0], layout, columns)
        raise UserError(f"{place}: label {lacking[0]!r}: expected one that training texts have, too")
    if not sum(test.values()):
        raise UserError(f"{source}: expected test texts, found none with a word in it")


def name_rare(lacking: list[str], texts: dict[str, int]) -> str:
    """All labels that have no more texts than some that are lacking somewhere, each with its number of texts."""
    most = max(texts[label] for label in lacking)
    rare = sorted((count, label) for label, count in texts.items() if count <= most)
    more = f" and {len(rare) - MOST_NAMED} more labels" if len(rare) > MOST_NAMED else ""
    return ", ".join(f"{label!r} ({count:,})" for count, label in rare[:MOST_NAMED]) + more


def first_with(label: str, layout: Layout, columns: Columns) -> str:
    """Where a label stands first, for a message."""
    for file in layout.files:
        for text in read_file(file, layout.format, columns):
            if text.label == label:
                return f"{file.path}: {where(layout.format, text.line)}"
    return str(layout.files[0].path)


def vectorize_texts(
    dataset: TextDataset, raw: Path, folder: Path, progress: Callable[[int], object]
) -> dict[str, int]:
    """Vectorize the labelled texts in `raw` into `folder`; return the number of rows of each split.

    Args:
        progress: told how many more texts are counted.
    """
    layout, columns, split = open_texts(dataset, raw)
    with TemporaryDirectory(dir=folder.absolute()) as temporary, start_workers() as workers:
        vocabulary = Vocabulary()
        spool = Spool(Path(temporary), sum(file.path.stat().st_size for file in layout.files))
        for counted in workers.map(count_block, read_blocks(layout, columns), split, dataset.ngrams):
            spool.add(counted, *vocabulary.add(counted))
            progress(len(counted.order))
        check_texts(raw, vocabulary, layout, columns, split)
        index = choose_terms(vocabulary, dataset)
        columns_file = Path(temporary) / "columns.npy"
        write_npy(columns_file, vocabulary.columns(index))
        write_json(folder / "labels.json", vocabulary.labels())
        write_json(folder / "word_index.json", index)
        width, rows = len(index) + INDEX_FROM + 1, {}
        for name, parts in SPLITS.items():
            buckets = [path for part in parts for path in spool.buckets(part)]
            blocks = workers.map(encode_bucket, buckets, columns_file, width, vocabulary.numbers())
            rows[name] = write_split(folder / name, blocks, width)
    return rows


def choose_terms(vocabulary: Vocabulary, features: Features) -> dict[str, int]:
    """The rank, from 1 on, of the terms that get a column.

    Raises:
        UserError: there are none.
    """
    index = vocabulary.most_frequent(features.num_words - INDEX_FROM - 1, features.min_texts)
    if not index:
        expected = "expected few enough for some term to be in as many training texts"
        raise UserError(f"params.yaml: datasets: min_texts: {expected}; found {features.min_texts}")
    return index
