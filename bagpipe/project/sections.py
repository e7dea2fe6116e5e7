"""Put an entry into a section of params.yaml, or take one out, and leave every other line as it is."""

import io
import os
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node

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


def _find(mapping: Node, name: str, end: int) -> tuple[Node, int, int]:
    """The value of a key of a mapping, the key's line, and that of the next key, or `end`: where the mapping ends."""
    pairs = mapping.value if isinstance(mapping, MappingNode) else []
    lines = [key.start_mark.line for key, _ in pairs] + [end]
    for place, (key, value) in enumerate(pairs):
        if key.value == name:
            return value, lines[place], lines[place + 1]
    raise UserError(f"{PARAMS_FILE}: {name}: expected a section with an entry a line")


def _end(lines: list[str], start: int, end: int, indent: str) -> int:
    """Where the lines below a key end that are indented so far: what stands before the next key is its own."""
    return next((number for number in range(end, start, -1) if lines[number - 1].startswith(indent)), start)


def with_entry(text: str, section: str, entry: str) -> str:
    """The text of a YAML file with an entry, lines indented as there, at the end of a section.

    Not by the round trip of ruamel.yaml: it changes spaces, lists, escapes and long lines that others have written.

    Raises:
        UserError: the section is not laid out an entry a line.
    """
    ending = "\r" if "\r\n" in text else ""
    lines = text.split("\n")
    _, start, end = _find(YAML(typ="safe").compose(text), section, len(lines))
    end = _end(lines, start + 1, end, INDENT)
    added = [line + ending for line in entry.rstrip("\n").split("\n")]
    expected = _parsed(text)
    expected[section] |= _parsed(entry)
    return _check_change("\n".join([*lines[:end], *added, *lines[end:]]), expected, section)


def without_entry(text: str, section: str, name: str) -> str:
    """The text of a YAML file without an entry of a section; see `with_entry`."""
    lines = text.split("\n")
    entries, _, end = _find(YAML(typ="safe").compose(text), section, len(lines))
    _, start, end = _find(entries, name, end)
    expected = _parsed(text)
    del expected[section][name]
    end = _end(lines, start + 1, end, INDENT * 2)
    return _check_change("\n".join([*lines[:start], *lines[end:]]), expected, section)


def _check_change(changed: str, expected: dict[str, Any], section: str) -> str:
    try:
        as_expected = _parsed(changed) == expected
    except YAMLError:
        as_expected = False
    if not as_expected:
        raise UserError(f"{PARAMS_FILE}: {section}: expected each entry on lines of its own, indented by two spaces")
    return changed
