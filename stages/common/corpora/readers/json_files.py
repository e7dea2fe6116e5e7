"""JSON: an object a line, or one array of objects."""

import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from stages.common.basics.errors import UserError
from stages.common.corpora.entries import OTHER_NAMES, Columns, Entry, LeftOut, Remark, shorten_list
from stages.common.corpora.layout import TextFile
from stages.common.corpora.readers.records import convert_text, unwrap_label
from stages.common.corpora.readers.tables import needed_columns

REFUSED = ("reject", "ignore")  # Prodigy's answers besides "accept"
OF_PRODIGY = {"_input_hash", "_task_hash", "_session_id", "_annotator_id", "_view_id"}
BY_PRODIGY = "that were rejected or ignored in Prodigy"


def read_json(file: TextFile, lines: Iterator[str], columns: Columns) -> Iterator[Entry]:
    path, kind = file.path, None
    for number, content in find_objects(path, lines):
        if isinstance(content, Remark):
            yield content
            continue
        where_it_is = f"{path}: line {number}"
        if is_refused(content):
            yield LeftOut(BY_PRODIGY, number)
            continue
        missing = [name for name in needed_columns(file, columns) if name not in content]
        if missing:
            found = f"found {shorten_list(content)}; {OTHER_NAMES}"
            raise UserError(f"{where_it_is}: expected a key {missing[0]!r}, {found}")
        if file.label is None:
            content = content | {columns.label: unwrap_label(content[columns.label], where_it_is)}
            if content[columns.label] is not None:
                kind = kind or type(content[columns.label])
        else:
            content = content | {columns.label: file.label}
        yield convert_text(content, columns, number, where_it_is, kind)


def is_refused(content: dict[str, Any]) -> bool:
    """Whether whoever annotated a text in Prodigy did not agree with its label."""
    return content.get("answer") in REFUSED and not OF_PRODIGY.isdisjoint(content)


def find_objects(path: Path, lines: Iterator[str]) -> Iterator[tuple[int, Any]]:
    """Yield each object with the line where it starts, and before that a remark if they are in an array."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        if line.lstrip().startswith("["):
            yield number, Remark("read as one JSON array")
            yield from objects_of_array(path, "".join(itertools.chain([line], lines)), number)
            return
        try:
            content = json.loads(line)
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise UserError(f"{path}: line {number}: expected a JSON object, found {line.strip()[:40]!r}")
        yield number, content


def objects_of_array(path: Path, text: str, line: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the objects of an array; line: where the text starts."""
    decode, seen = json.JSONDecoder().raw_decode, 0
    place = text.index("[") + 1
    while True:
        place = skip_spaces(text, place)
        line += text.count("\n", seen, place)
        seen = place
        if text[place : place + 1] == "]":
            return
        try:
            content, place = decode(text, place)
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            found = text[seen : seen + 40].split("\n")[0]
            raise UserError(f"{path}: line {line}: expected a JSON object, found {found!r}")
        yield line, content
        place = skip_spaces(text, place)
        if text[place : place + 1] not in (",", "]"):
            line += text.count("\n", seen, place)
            raise UserError(f"{path}: line {line}: expected a comma or the end of the array, found neither")
        place += text[place] == ","


def skip_spaces(text: str, place: int) -> int:
    while text[place : place + 1].isspace():
        place += 1
    return place
