"""What `bagpipe add` sees in labelled texts, and how it says so."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tabulate import tabulate
from tqdm import tqdm

from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import PARAMS_FILE
from stages.common.basics.paths import HERE
from stages.common.basics.terminal import escape_controls, wrap_text
from stages.common.basics.workers import start_workers
from stages.common.corpora.counting import PARTS, Notes, Split, add_left_out, count_block, read_blocks
from stages.common.corpora.entries import Columns
from stages.common.corpora.layout import Layout, Part
from stages.vectorize.encoding import Vocabulary
from stages.vectorize.labelled import check_texts

FEW_LABELS = 30  # shown with their counts
FEW_FILES = 5  # left out, shown by name
WIDEST_LABEL = 40  # characters of one in the table
JOINED = re.compile(r"\s*[#|;,/+&]\s*")  # what stands between labels where there are several in one


class Findings(NamedTuple):
    """What is in the texts.

    sizes: words of each text; hashes: of the texts of each part, each once, ascending; notes: on texts and files.
    """

    vocabulary: Vocabulary
    sizes: np.ndarray
    hashes: dict[Part, np.ndarray]
    notes: Notes

    def texts(self, part: str) -> int:
        return sum(self.vocabulary.texts_of(part).values())


def read_findings(source: Path, layout: Layout, columns: Columns, split: Split | None) -> Findings:
    """Read everything once; of each text some bytes stay in memory.

    Raises:
        UserError: something is wrong with a text, or with all of them together.
    """
    vocabulary, sizes, notes = Vocabulary(), [], Notes({}, [])
    hashes: dict[int, list[np.ndarray]] = {number: [] for number in range(len(PARTS))}
    with start_workers() as workers, tqdm(unit=" texts", unit_scale=True, disable=None, leave=False) as progress:
        for counted in workers.map(count_block, read_blocks(layout, columns), split):
            vocabulary.add(counted)
            sizes.append(counted.sizes.astype(np.int32))
            notes.remarks.extend(counted.notes.remarks)
            for reason, (count, place) in counted.notes.left_out.items():
                add_left_out(notes, reason, count, place)
            for number, found in hashes.items():
                found.append(counted.order[counted.parts == number])
            progress.update(len(counted.order))
    check_texts(source, vocabulary, layout, columns, split)
    distinct = {PARTS[number]: np.unique(np.concatenate(found)) for number, found in hashes.items()}
    return Findings(vocabulary, np.concatenate(sizes), distinct, notes)


def check_labels(source: Path, labels: dict[str, int]) -> None:
    """Check that no label looks like several in one; labels: the texts of each.

    Raises:
        UserError: one does.
    """
    joined = [label for label in labels if not labels.keys().isdisjoint({*JOINED.split(label)} - {label})]
    if joined:
        some = ", ".join(f"{label!r} ({labels[label]:,} texts)" for label in joined[:FEW_FILES])
        more = f" and {len(joined) - FEW_FILES} more" if len(joined) > FEW_FILES else ""
        beside = sorted({part for label in joined for part in JOINED.split(label) if part in labels})[:FEW_FILES]
        raise UserError(
            f"{source}: expected one label a text, found what looks like several in {some}{more}, beside "
            f"{', '.join(map(repr, beside))}; --joined-labels takes each for a label of its own"
        )


def shorten_label(label: str) -> str:
    """A label as the table has room for it."""
    text = escape_controls(label)
    return text if len(text) <= WIDEST_LABEL else f"{text[: WIDEST_LABEL - 3]}..."


def print_findings(source: Path, layout: Layout, findings: Findings, lacking: Mapping[Path, str]) -> None:
    """Print what was found, what is left out and why."""
    parts = [part for part in PARTS if findings.texts(part)]
    counts = {part: findings.vocabulary.texts_of(part) for part in parts}
    labels = sorted(findings.vocabulary.labels(), key=lambda label: (-sum(counts[p][label] for p in parts), label))
    lines = [[shorten_label(label), *(f"{counts[part][label]:,}" for part in parts)] for label in labels[:FEW_LABELS]]
    total = [f"all {len(labels)} labels", *(f"{findings.texts(part):,}" for part in parts)]
    align = ["left", *["right"] * len(parts)]
    print(f"{source}: {len(layout.files):,} {'file' if len(layout.files) == 1 else 'files'}, {layout.format}\n")
    print(tabulate([*lines, total], ["label", *parts], disable_numparse=True, colalign=align))
    if len(labels) > FEW_LABELS:
        print(f"({len(labels) - FEW_LABELS} labels with fewer texts are not listed.)")
    sizes = findings.sizes
    print(f"\nWords a text: {sizes.min():,} to {sizes.max():,}, median {int(np.median(sizes)):,}.")
    doubles = {part: findings.texts(part) - len(findings.hashes[part]) for part in parts}
    print("Duplicates: " + ", ".join(f"{count:,} in {part}" for part, count in doubles.items()) + ".")
    for part in ("validation", "test"):
        both = len(np.intersect1d(findings.hashes[part], findings.hashes["train"]))
        if both:
            print(f"In {part} and in train: {both:,} different texts.")
    if np.median(sizes) <= 1:
        told = "Most texts are a single word: words are told apart by spaces and ASCII punctuation alone, so texts "
        print(wrap_text(told + "in a script without spaces must be cut into words before."))
    print_notes(layout, findings.notes, lacking)


def print_next(name: str) -> None:
    """Print where the texts of a new dataset are, and what comes next."""
    said = f"The texts are in {HERE.raw(name)}, kept by DVC; {PARAMS_FILE} has the dataset {name} and a model {name}."
    train = f"Next: `bagpipe repro`, then see {HERE.reports / 'README.md'}."
    look_first = f"Before you train, `bagpipe repro describe@{name}` looks for test texts that training has, for "
    look_first += f"contradictions and rare classes: {HERE.dataset_report(name)}."
    keep_it = f"To keep it: `git add {PARAMS_FILE} {HERE.added(name)}`. To take it all back: `bagpipe remove {name}`."
    print("", *map(wrap_text, (said, train, look_first, keep_it)), sep="\n")


def print_notes(layout: Layout, notes: Notes, lacking: Mapping[Path, str]) -> None:
    """Print how files were read, and which texts and files are left out and why."""
    for remark in notes.remarks[:FEW_FILES]:
        print(wrap_text(f"{escape_controls(remark)}."))
    if len(notes.remarks) > FEW_FILES:
        print(f"{len(notes.remarks) - FEW_FILES} more files were read so.")
    for reason, (count, place) in notes.left_out.items():
        first = f"at {place}" if count == 1 else f"the first at {place}"
        print(
            wrap_text(f"Left out: {count:,} {'text' if count == 1 else 'texts'} {reason}, {escape_controls(first)}.")
        )
    for path, column in list(lacking.items())[:FEW_FILES]:
        print(wrap_text(f"Left out: {escape_controls(str(path))}, which has no {escape_controls(column)!r}."))
    others = [path for path in layout.ignored if path not in lacking]
    for path in others[:FEW_FILES]:
        print(f"Left out: {escape_controls(str(path))}, no file of texts of any split.")
    if len(others) > FEW_FILES:
        print(f"Left out: {len(others) - FEW_FILES} more such files.")
