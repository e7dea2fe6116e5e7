"""Files of separated values, their first line a header.

What separates the values is told by the header, and in a file with tabs whether quotation marks are text or stand
around a field (RFC 4180) by all its lines: most corpora with tabs know no quoting.
"""

import csv
import itertools
import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from stages.common.basics.errors import UserError
from stages.common.basics.terminal import escape_controls
from stages.common.corpora.entries import (
    LONGEST,
    OTHER_NAMES,
    Columns,
    Entry,
    Remark,
    Text,
    plain_label,
    shorten_list,
)
from stages.common.corpora.layout import TextFile
from stages.common.corpora.readers.lines import text_lines

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
CLOSED = re.compile(r'"(?:[^"]|"")*"')  # a field in quotes, as RFC 4180 has it
NO_QUOTES = "read without quoting: quotation marks are text"


def read_table(file: TextFile, lines: Iterator[str], columns: Columns, expected: str) -> Iterator[Entry]:
    """Yield the texts of a file of separated values; expected: what separates them, by the file's name."""
    path, needed = file.path, needed_columns(file, columns)
    first = next(lines, "")
    delimiter = find_delimiter(first, needed, expected)
    if delimiter != expected:
        yield Remark(f"read as separated by {SEPARATORS[delimiter]}")
    quoting = find_quoting(path) if delimiter == "\t" else Quoting()
    if not quoting.used:
        yield Remark(NO_QUOTES)
    csv.field_size_limit(LONGEST)
    both = itertools.chain([first], lines)
    if quoting.used:
        rows = csv.reader(both, delimiter=delimiter, strict=True)
    else:
        rows = csv.reader(both, delimiter=delimiter, quoting=csv.QUOTE_NONE, strict=True)
    start = 1
    try:
        header = next(rows, [])
        places = [find_column(path, name, header) for name in needed]
        start = rows.line_num + 1
        for row in rows:
            if row:
                if len(row) != len(header):
                    found = f"expected {len(header)} fields, found {len(row)}{quoting.otherwise}"
                    raise UserError(f"{path}: line {start}: {found}")
                values = dict(zip(needed, (row[place] for place in places), strict=True))
                group = None if columns.group is None else values[columns.group].strip()
                label = values[columns.label] if file.label is None else file.label
                yield Text(values[columns.text], plain_label(label), group, start)
            start = rows.line_num + 1
    except csv.Error as error:
        if "end of data" in str(error):
            problem = f"expected a closing quote, found none{quoting.otherwise}"
        elif "limit" in str(error):
            problem = f"expected at most {LONGEST:,} characters, found more; perhaps a quote is never closed"
        else:
            problem = f"expected separated values; {escape_controls(str(error))}{quoting.otherwise}"  # a tab
        raise UserError(f"{path}: line {start}: {problem}") from None


def needed_columns(file: TextFile, columns: Columns) -> list[str]:
    """The columns that a file must have: not that of the labels, where its folder or name says what they are."""
    return [name for name in columns.named() if name != columns.label or file.label is None]


def find_column(path: Path, name: str, header: list[str]) -> int:
    """Where a column stands."""
    if header.count(name) != 1:
        found = f"found {shorten_list(header)}; {OTHER_NAMES}"
        raise UserError(f"{path}: line 1: expected one column {name!r}, {found}")
    return header.index(name)


def split_header(line: str, delimiter: str) -> list[str]:
    """The names in a first line."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def read_header(file: TextFile, first: str, columns: Columns, expected: str) -> list[str]:
    """The columns of a file, from its first line."""
    return split_header(first, find_delimiter(first, needed_columns(file, columns), expected))


def find_delimiter(first: str, needed: list[str], expected: str) -> str:
    """What separates the values: what the file's name says, unless only with another there are the columns."""
    for delimiter in (expected, *SEPARATORS):
        header = split_header(first, delimiter)
        if all(header.count(name) == 1 for name in needed):
            return delimiter
    return expected


class Quoting(NamedTuple):
    """Whether quotation marks stand around fields; otherwise: what a message says of the other way to read a file."""

    used: bool = True
    otherwise: str = ""


def find_quoting(path: Path) -> Quoting:
    """Whether quotation marks stand around fields in a file with tabs, which all its lines tell together.

    Raises:
        UserError: it is neither the one nor the other.
    """
    with closing(text_lines(path)) as lines:
        found = look_at_quotes(lines)
    if not found.any:
        return Quoting()
    if found.uneven is None:
        return Quoting(used=found.all_closed)
    with closing(text_lines(path)) as lines:
        swallowed = find_swallowed(lines, found.fields)
    uneven = f"; without quoting, line {found.uneven} has other fields than the header"
    if swallowed:
        problem = f"expected a closing quote in the line, found it in line {swallowed[1]}, with whole rows between"
        raise UserError(f"{path}: line {swallowed[0]}: {problem}{uneven}")
    return Quoting(otherwise=uneven)


class Quotes(NamedTuple):
    """What the lines of a file look like if quotation marks are text.

    fields: of the header; uneven: the first line that has more or fewer, if any.
    any: whether a field begins with a quotation mark; all_closed: whether each of these also ends with one.
    """

    fields: int
    uneven: int | None
    any: bool
    all_closed: bool


def look_at_quotes(lines: Iterable[str]) -> Quotes:
    fields, uneven, quoted, all_closed = 0, None, False, True
    for number, line in enumerate(lines, start=1):
        values = line.rstrip("\r\n").split("\t")
        fields = fields or len(values)
        if len(values) != fields and values != [""]:
            uneven = uneven or number
        if '"' in line:
            opened = [value for value in values if value.startswith('"')]
            quoted = quoted or bool(opened)
            all_closed = all_closed and all(map(CLOSED.fullmatch, opened))
    return Quotes(fields, uneven, quoted, all_closed)


def find_swallowed(lines: Iterable[str], fields: int) -> tuple[int, int] | None:
    """The first and last line of a quoted field that runs over several, each of these two a whole row without it.

    A text of several lines is no such field: its last line lacks the fields before it, or its first those behind it.
    """
    whole: list[bool] = []

    def watched() -> Iterator[str]:
        for line in lines:
            whole.append(line.count("\t") == fields - 1)
            yield line

    rows = csv.reader(watched(), delimiter="\t")
    start = 1
    for _ in rows:
        if rows.line_num > start and whole[start - 1] and whole[rows.line_num - 1]:
            return start, rows.line_num
        start = rows.line_num + 1
    return None
