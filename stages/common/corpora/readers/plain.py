"""fastText's files, files that hold the texts of one label, and files that are one text."""

import os
import re
from collections.abc import Iterator

from stages.common.basics.errors import UserError
from stages.common.corpora.entries import LONGEST, Entry, Remark, Text, plain_label
from stages.common.corpora.layout import LABEL, TextFile

SPACES = re.compile("[ \t\n\v\f\r]+")  # at which fastText ends a word; NUL, too, which no text may hold


def read_fasttext(file: TextFile, lines: Iterator[str]) -> Iterator[Entry]:
    """Yield the texts of lines with one `__label__X` each."""
    for number, line in enumerate(lines, start=1):
        words = [word for word in SPACES.split(line) if word]
        labels = [word for word in words if word.startswith(LABEL)]
        if len(labels) > 1:
            raise UserError(f"{file.path}: line {number}: expected one label, found several")
        if words and labels in ([], [LABEL]):
            found = f"found {line.strip()[:40]!r}"
            raise UserError(f"{file.path}: line {number}: expected {LABEL}X and a text, {found}")
        if words:
            text = " ".join(word for word in words if word != labels[0])
            yield Text(text, plain_label(labels[0].removeprefix(LABEL)), None, number)


def read_lines(label: str, lines: Iterator[str]) -> Iterator[Entry]:
    """Yield each line of a file that has the texts of one label."""
    yield Remark(f"read as texts of the label {label!r}, one a line")
    for number, line in enumerate(lines, start=1):
        if line.strip():
            yield Text(line.strip(), plain_label(label), None, number)


def read_whole(file: TextFile, lines: Iterator[str]) -> Iterator[Text]:
    if os.path.getsize(file.path) > 4 * LONGEST:
        raise UserError(f"{file.path}: line 1: expected at most {LONGEST:,} characters, found more")
    yield Text("".join(lines), plain_label(file.label or ""), None, 1)
