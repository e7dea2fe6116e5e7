"""Put an entry into a section of params.yaml, or take one out, and leave every other line as it is."""

import io
import os
import re
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stages.common.basics.artifacts import write_text
from stages.common.basics.errors import UserError
from stages.common.basics.params.params import Params
from stages.common.basics.params.reading import PARAMS_FILE, first_sentence

INDENT = "  "


def read_params() -> str:
    """The text of params.yaml, with the ends of lines that it has."""
    return PARAMS_FILE.read_bytes().decode("utf-8")


def write_params(text: str) -> None:
    """Write params.yaml, if the text is valid.

    Raises:
        UserError: it is not, or the file is not to be written to.
    """
    try:
        Params.model_validate(_parsed(text))
    except ValidationError as error:
        raise UserError(f"{PARAMS_FILE}: {first_sentence(error)}") from None
    if not os.access(PARAMS_FILE, os.W_OK):
        raise UserError(f"{PARAMS_FILE}: expected a file that can be written to")
    mode = PARAMS_FILE.stat().st_mode
    write_text(PARAMS_FILE, text)
    PARAMS_FILE.chmod(mode)


def _parsed(text: str) -> dict[str, Any]:
    return YAML(typ="safe").load(io.StringIO(text))


def _section(lines: list[str], name: str) -> tuple[int, int]:
    """Where a section's entries start and end; blank lines and comments before the next section are no part of it."""
    starts = [number for number, line in enumerate(lines) if re.match(rf"{name}:\s*(#.*)?$", line)]
    if not starts:
        raise UserError(f"{PARAMS_FILE}: {name}: expected a section with an entry a line")
    start = starts[0] + 1
    ends = (number for number in range(start, len(lines)) if re.match(r"[^\s#]", lines[number]))
    end = next(ends, len(lines))
    while end > start and not lines[end - 1].startswith(INDENT):
        end -= 1
    return start, end


def with_entry(text: str, section: str, entry: str) -> str:
    """The text of a YAML file with an entry, lines indented as there, at the end of a section.

    Raises:
        UserError: the section is not laid out an entry a line.
    """
    ending = "\r" if "\r\n" in text else ""
    lines = text.split("\n")
    _, end = _section(lines, section)
    added = [line + ending for line in entry.rstrip("\n").split("\n")]
    expected = _parsed(text)
    expected[section] |= _parsed(entry)
    return _checked("\n".join([*lines[:end], *added, *lines[end:]]), expected, section)


def without_entry(text: str, section: str, name: str) -> str:
    """The text of a YAML file without an entry of a section; see `with_entry`."""
    lines = text.split("\n")
    start, end = _section(lines, section)
    expected = _parsed(text)
    del expected[section][name]
    first = next((n for n in range(start, end) if re.match(rf"{INDENT}{re.escape(name)}:(\s|$)", lines[n])), end)
    last = first + 1
    while last < end and (not lines[last].strip() or lines[last].startswith(INDENT * 2)):
        last += 1
    while last > first + 1 and not lines[last - 1].strip():
        last -= 1
    return _checked("\n".join([*lines[:first], *lines[last:]]), expected, section)


def _checked(changed: str, expected: dict[str, Any], section: str) -> str:
    try:
        as_expected = _parsed(changed) == expected
    except YAMLError:
        as_expected = False
    if not as_expected:
        raise UserError(f"{PARAMS_FILE}: {section}: expected each entry on lines of its own, indented by two spaces")
    return changed
