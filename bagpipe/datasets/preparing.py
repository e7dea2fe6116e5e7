"""Texts that `bagpipe add` is told how to read, as files that need no telling: in UTF-8, with a header, all labelled.

A dataset's stages read what lies in data/raw, so what an option says is done there once, and params.yaml need not
know it.
"""

import io
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, NamedTuple

from stages.common.basics.errors import UserError
from stages.common.basics.paths import HERE
from stages.common.corpora.compression import OPENERS, ZSTANDARD, open_bytes
from stages.common.corpora.counting import Notes, add_left_out, read_texts
from stages.common.corpora.entries import Columns, Text
from stages.common.corpora.formats import column_names
from stages.common.corpora.layout import (
    SUFFIXES,
    Layout,
    TextFile,
    files_below,
    find_layout,
    is_text_of_class,
    plain_suffix,
)
from stages.common.corpora.readers.tables import needed_columns

AS_IT_IS = ".parquet"  # says itself how it is to be read


class Told(NamedTuple):
    """How texts are to be read.

    encoding: of text files, a name that Python knows. header: the columns, of tables that have none in a first line.
    skip_unlabelled: leave out texts without a label. min_texts: a label that has fewer is rare, none of them
    if it is 0; other: the label that its texts get, None to leave them out.
    """

    encoding: str | None = None
    header: str | None = None
    skip_unlabelled: bool = False
    min_texts: int = 0
    other: str | None = None

    @property
    def of_files(self) -> bool:
        """Whether something is told of whole files."""
        return self.encoding is not None or self.header is not None

    @property
    def of_texts(self) -> bool:
        """Whether something is told of single texts."""
        return self.skip_unlabelled or self.min_texts > 0


@contextmanager
def named_as(place: Path, source: Path) -> Iterator[None]:
    """Have errors name the source of what lies in another place."""
    try:
        yield
    except UserError as error:
        raise UserError(str(error).replace(str(place), str(source))) from None


class Opened(NamedTuple):
    """Texts that are ready to be read.

    place: where they are, the source itself or a folder that is written anew; names: the places that users do not
    know, each with what they know.
    layout: their files; lacking: those beside them that lack a column, and which; notes: on what is not in `place`.
    """

    place: Path
    layout: Layout
    lacking: dict[Path, str]
    notes: Notes
    names: dict[Path, Path]

    def all_notes(self, notes: Notes, raw: Path) -> Notes:
        """These notes and further ones, by names that users know; raw: where the texts are now."""
        known = {**self.names, self.place: self.names.get(self.place, raw)}

        def renamed(said: str) -> str:
            for place, name in known.items():
                said = said.replace(f"{place}", f"{name}")
            return said

        both = {**self.notes.left_out, **notes.left_out}
        left_out = {reason: (count, renamed(place)) for reason, (count, place) in both.items()}
        return Notes(left_out, [renamed(remark) for remark in (*self.notes.remarks, *notes.remarks)])


def open_source(stack: ExitStack, source: Path, columns: Columns, told: Told, with_parts: bool) -> Opened:
    """Make texts ready to be read, as is told; what is written for that lasts as long as the stack.

    Raises:
        UserError: something is wrong with a file, or a text.
    """
    place, names, notes = source, {source: source}, Notes({}, [])
    if told.of_files:
        header = None if told.header is None else make_header(told.header, source)
        place = decode_files(source, stack.enter_context(scratch_folder()), told._replace(header=header))
        stack.enter_context(named_as(place, source))
        names[place] = source
    layout = find_layout(place, columns.label, with_parts)
    if lacking := find_lacking(layout, columns):
        layout = find_layout(place, columns.label, with_parts, frozenset(lacking))
    if told.of_texts:
        place = stack.enter_context(scratch_folder())
        notes = choose_texts(layout, columns, told, place)
        layout = find_layout(place, columns.label)
        stack.enter_context(named_as(place, source))
    return Opened(place, layout, lacking, notes, names)


def find_lacking(layout: Layout, columns: Columns) -> dict[Path, str]:
    """The files without a column that others have, as Kaggle's test texts have no labels, and which they lack."""
    lacking = {}
    for file in layout.files if layout.has_columns else []:
        names = column_names(file, layout.format, columns)
        if missing := [name for name in needed_columns(file, columns) if name not in names]:
            lacking[file.path] = missing[0]
    return lacking if len(lacking) < len(layout.files) else {}


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A folder beside data/raw, which is gone in the end."""
    HERE.raw("").mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=HERE.raw("").parent, prefix=".add.") as folder:
        yield Path(folder)


def decode_files(source: Path, target: Path, told: Told) -> Path:
    """Copy a file, or a folder's files, in UTF-8 and with a header; return the copy.

    Raises:
        UserError: a file is of another encoding, or nobody knows that one.
    """
    encoding = told.encoding or "utf-8"
    try:
        "".encode(encoding)
    except LookupError:
        expected = "expected one that Python knows, such as cp1252 or utf-16"
        raise UserError(f"--encoding: {expected}; found {encoding!r}") from None
    if source.is_file():
        return decode_file(source, target / source.name, encoding, told.header)
    for path in files_below(source):
        below = path.relative_to(source)
        if plain_suffix(path) in SUFFIXES or is_text_of_class(below):
            decode_file(path, target / below, encoding, told.header)
    return target


def decode_file(path: Path, target: Path, encoding: str, header: str | None) -> Path:
    """Write a file without its compression, in UTF-8, with a header; return where it is."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if plain_suffix(path) == AS_IT_IS:
        target.write_bytes(path.read_bytes())
        return target
    if path.suffix.lower() in (*OPENERS, ZSTANDARD):
        target = target.with_suffix("")
    number = 0
    with open_bytes(path) as stream, open(target, "w", encoding="utf-8", newline="") as file:
        try:
            if header is not None:
                file.write(header + "\n")
            for number, line in enumerate(io.TextIOWrapper(stream, encoding, newline=""), start=1):
                file.write(line.removeprefix("\ufeff") if number == 1 else line)
        except UnicodeError as error:
            raise UserError(f"{path}: after line {number}: expected the encoding {encoding}; {error}") from None
    return target


def make_header(names: str, source: Path) -> str:
    """The first line that a table lacks, from the names of its columns, with what separates them in the file."""
    path = source if source.is_file() else find_layout(source).files[0].path
    with open_bytes(path) as stream:
        first = stream.readline().decode("latin-1")
    columns = [name.strip() for name in names.split(",")]
    separator = max(",;\t|", key=first.count)
    return separator.join(columns)


def choose_texts(layout: Layout, columns: Columns, told: Told, target: Path) -> Notes:
    """Write the texts that are learnt from as JSON Lines, a file for each part; return what is said of the others."""

    def texts(notes: Notes) -> Iterator[tuple[TextFile, str, Text]]:
        return read_texts(layout.files, layout.format, columns, notes, told.skip_unlabelled)

    counts = Counter(text.label for _, _, text in texts(Notes({}, []))) if told.min_texts else Counter[str]()
    notes = Notes({}, [])
    with ExitStack() as stack:
        files: dict[str, IO[str]] = {}
        for source, place, text in texts(notes):
            part = source.part or "texts"
            if told.min_texts and counts[text.label] < told.min_texts:
                if told.other is None:
                    add_left_out(notes, f"of labels that have fewer than {told.min_texts}", 1, place)
                    continue
                text = text._replace(label=told.other)
            if part not in files:
                files[part] = stack.enter_context(open(target / f"{part}.jsonl", "w", encoding="utf-8"))
            content = {columns.text: text.text, columns.label: text.label}
            if columns.group:
                content[columns.group] = text.group or ""
            files[part].write(json.dumps(content, ensure_ascii=False) + "\n")
    return notes
