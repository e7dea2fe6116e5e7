"""Read labelled texts, whatever the format; a mistake is told with its file and line.

csv, tsv      a header, then a line for each text; the columns are named in params.yaml
jsonl         an object a line, with those keys
parquet       with those columns
fasttext      `__label__X text`, one a line
folders       a folder for each class, with a file for each text, as scikit-learn's `load_files` has it
"""

import contextlib
import csv
import io
import json
import lzma
import os
import re
import unicodedata
import zlib
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from stages.common.basics.errors import UserError
from stages.common.basics.params.types import LONGEST_LABEL
from stages.common.basics.terminal import escape_controls
from stages.common.corpora.layout import OPENERS, ZSTANDARD, Format, TextFile

LABEL = "__label__"
SURROGATE = re.compile("[\ud800-\udfff]")
CONTROLS = ("Cc", "Cs", "Zl", "Zp")  # Unicode's categories of tabs, line ends and the like
LONGEST_LIST = 500  # characters, of the columns that a message names
LONGEST = 16_000_000  # characters of a text: a quote never closed must not swallow a file of any size


class Columns(NamedTuple):
    """What the columns are called; group: which texts belong together, by an author or a document."""

    text: str = "text"
    label: str = "label"
    group: str | None = None

    def named(self) -> list[str]:
        return [name for name in self if name is not None]


class Text(NamedTuple):
    """line: where it starts in its file, from 1 on; of a Parquet file, the number of its row.

    group: empty if the text belongs to none, None if there are no groups.
    """

    text: str
    label: str
    group: str | None
    line: int


def read_file(file: TextFile, form: Format, columns: Columns) -> Iterator[Text]:
    """Yield the texts of a file.

    Raises:
        UserError: it is not as its format asks, with the line.
    """
    with contextlib.closing(text_lines(file.path)) as lines:  # closes the file at once, whoever raises
        readers: dict[str, Iterator[Text]] = {
            "csv": read_table(file.path, lines, columns, ","),
            "tsv": read_table(file.path, lines, columns, "\t"),
            "jsonl": read_json_lines(file.path, lines, columns),
            "parquet": read_parquet(file.path, columns),
            "fasttext": read_fasttext(file.path, lines),
            "folders": read_whole(file, lines),
        }
        for text in readers[form]:
            if problem := describe_problem(text):
                raise UserError(f"{file.path}: {where(form, text.line)}: {problem}")
            yield text


def describe_problem(text: Text) -> str:
    """What is wrong with a text, if anything."""
    if not text.label:
        return "expected a label, found none"
    if len(text.label) > LONGEST_LABEL or any(unicodedata.category(sign) in CONTROLS for sign in text.label):
        return (
            f"expected a label of at most {LONGEST_LABEL} characters, no tabs or line ends; found {text.label[:40]!r}"
        )
    if len(text.text) > LONGEST:
        return f"expected at most {LONGEST:,} characters, found {len(text.text):,}"
    return ""


def where(form: str, line: int) -> str:
    return f"row {line}" if form == "parquet" else f"line {line}"


def open_bytes(path: Path) -> BinaryIO:
    """Open a file, through its compression."""
    if path.suffix.lower() == ZSTANDARD:
        import pyarrow

        return io.BufferedReader(pyarrow.input_stream(str(path), compression="zstd"))
    return OPENERS.get(path.suffix.lower(), lambda path: open(path, "rb"))(path)


def decode_bytes(line: bytes, where_it_is: str) -> str:
    """A line as text.

    Raises:
        UserError: it is not UTF-8.
    """
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        found = f"the byte 0x{line[error.start]:02x} at {error.start + 1}"
        raise UserError(f"{where_it_is}: expected UTF-8, found {found}") from None


def text_lines(path: Path) -> Generator[str]:
    """Yield a text file's lines with their ends.

    Raises:
        UserError: it is not UTF-8, holds a NUL, or its compression is broken.
    """
    number = 0
    try:
        with open_bytes(path) as stream:
            for number, line in enumerate(stream, start=1):
                if number == 1:
                    line = strip_byte_order_mark(path, line)
                if b"\0" in line:
                    raise UserError(f"{path}: line {number}: expected text, found a NUL byte")
                yield decode_bytes(line, f"{path}: line {number}")
    except (EOFError, lzma.LZMAError, zlib.error) as error:
        raise UserError(f"{path}: after line {number}: expected a whole compressed file; {error}") from None
    except OSError as error:
        if error.errno:
            raise
        raise UserError(f"{path}: after line {number}: expected a whole compressed file; {error}") from None


def strip_byte_order_mark(path: Path, line: bytes) -> bytes:
    """A first line without its byte order mark, which must be that of UTF-8."""
    if line.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UserError(f"{path}: line 1: expected UTF-8, found the byte order mark of UTF-16")
    return line.removeprefix(b"\xef\xbb\xbf")


def read_table(path: Path, lines: Iterator[str], columns: Columns, delimiter: str) -> Iterator[Text]:
    """Yield the texts of a file of separated values, RFC 4180, its first line a header."""
    csv.field_size_limit(LONGEST)
    rows = csv.reader(lines, delimiter=delimiter, strict=True)
    start = 1
    try:
        header = next(rows, [])
        places = [find_column(path, name, header) for name in columns.named()]
        start = rows.line_num + 1
        for row in rows:
            if row:
                if len(row) != len(header):
                    raise UserError(f"{path}: line {start}: expected {len(header)} fields, found {len(row)}")
                text, label, *group = (row[place] for place in places)
                yield Text(text, label.strip(), group[0].strip() if group else None, start)
            start = rows.line_num + 1
    except csv.Error as error:
        if "end of data" in str(error):
            raise UserError(f"{path}: line {start}: expected a closing quote, found none") from None
        if "limit" in str(error):
            expected = f"expected at most {LONGEST:,} characters, found more; perhaps a quote is never closed"
            raise UserError(f"{path}: line {start}: {expected}") from None
        raise UserError(
            f"{path}: line {start}: expected separated values; {escape_controls(str(error))}"
        ) from None  # a tab


def find_column(path: Path, name: str, header: list[str]) -> int:
    """Where a column stands."""
    if header.count(name) != 1:
        raise UserError(f"{path}: line 1: expected one column {name!r}, found {shorten_list(header)}")
    return header.index(name)


def shorten_list(names: Iterable[str]) -> str:
    """Names for a message, as far as they have room in it."""
    text = ", ".join(map(repr, names)) or "none"
    return text if len(text) <= LONGEST_LIST else f"{text[:LONGEST_LIST]}..."


def read_json_lines(path: Path, lines: Iterator[str], columns: Columns) -> Iterator[Text]:
    first: type | None = None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise UserError(f"{path}: line {number}: expected a JSON object, found {line.strip()[:40]!r}")
        missing = [name for name in columns.named() if name not in content]
        if missing:
            raise UserError(f"{path}: line {number}: expected a key {missing[0]!r}, found {shorten_list(content)}")
        where_it_is = f"{path}: line {number}"
        label = content[columns.label]
        first = first or type(label)
        yield convert_text(content, columns, number, where_it_is, first)


def convert_text(content: dict[str, Any], columns: Columns, number: int, where_it_is: str, kind: type) -> Text:
    """A text from values of any types; a label is a string, an integer or a truth value, always the same."""
    text, label = content[columns.text], content[columns.label]
    if not isinstance(text, str):
        raise UserError(f"{where_it_is}: {columns.text}: expected a string, found {describe_value(text)}")
    group = None if columns.group is None else str(content[columns.group] or "").strip()
    for name, value in ((columns.text, text), (str(columns.group), group or "")):
        if SURROGATE.search(value):
            raise UserError(f"{where_it_is}: {name}: expected Unicode, found half of a character (a surrogate)")
    if label is None or (isinstance(label, str) and not label.strip()):
        raise UserError(f"{where_it_is}: {columns.label}: expected a label, found none")
    if type(label) is not kind or kind not in (str, int, bool):
        expected = {str: "a string", int: "an integer", bool: "true or false"}.get(kind, "a string or an integer")
        raise UserError(f"{where_it_is}: {columns.label}: expected {expected}, found {describe_value(label)}")
    return Text(text, str(label).strip(), group, number)


def describe_value(value: Any) -> str:
    return "none" if value is None else f"{type(value).__name__} {str(value)[:40]!r}"


def read_parquet(path: Path, columns: Columns) -> Iterator[Text]:
    import pyarrow
    import pyarrow.parquet

    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            found = file.schema_arrow.names
            for name in columns.named():
                if found.count(name) != 1:
                    raise UserError(f"{path}: expected one column {name!r}, found {shorten_list(found)}")
            kind: type | None = None
            for batch in file.iter_batches(batch_size=4_096, columns=columns.named()):
                for content in batch.to_pylist():
                    number += 1
                    kind = kind or type(content[columns.label])
                    yield convert_text(content, columns, number, f"{path}: row {number}", kind)
    except UnicodeDecodeError:
        raise UserError(f"{path}: after row {number}: expected UTF-8") from None
    except (pyarrow.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        reason = " ".join(str(error).split())
        raise UserError(f"{path}: after row {number}: expected a Parquet file; {reason}") from None


def read_fasttext(path: Path, lines: Iterator[str]) -> Iterator[Text]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        first, *rest = line.split(maxsplit=1)
        text = "".join(rest)
        if not first.startswith(LABEL) or first == LABEL:
            raise UserError(f"{path}: line {number}: expected {LABEL}X and a text, found {line.strip()[:40]!r}")
        if text.startswith(LABEL):
            raise UserError(f"{path}: line {number}: expected one label, found several")
        yield Text(text, first.removeprefix(LABEL), None, number)


def read_whole(file: TextFile, lines: Iterator[str]) -> Iterator[Text]:
    if os.path.getsize(file.path) > 4 * LONGEST:
        raise UserError(f"{file.path}: line 1: expected at most {LONGEST:,} characters, found more")
    yield Text("".join(lines), file.label or "", None, 1)
