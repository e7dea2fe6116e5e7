"""Read a YAML file, validate it, and say in a sentence what is wrong with it."""

import reprlib
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import CollectionEndEvent, CollectionStartEvent

from stages.common.basics.errors import UserError
from stages.common.basics.params.params import Params
from stages.common.basics.params.sections import AnySection
from stages.common.basics.terminal import escape_controls

PARAMS_FILE = Path("params.yaml")


DEEPEST = 100  # levels of a YAML file


def read_yaml(path: Path) -> Any:
    """Read a YAML file, see `parse_yaml`.

    Raises:
        UserError: the file is missing or is no YAML.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file here; run this in the project's root") from None
    return parse_yaml(content, str(path))


def parse_yaml(content: bytes, where: str) -> Any:
    """Parse YAML by the rules that DVC itself follows.

    Raises:
        UserError: it is none, or too deep.
    """
    try:
        depth = 0
        for event in YAML(typ="safe").parse(content):
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            if depth > DEEPEST:  # it is built up by recursion in C, which would end the process
                raise UserError(f"{where}: expected at most {DEEPEST} levels, found more")
        return YAML(typ="safe").load(content)
    except UserError:
        raise
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f"{mark.line + 1}: " if mark else " "
        raise UserError(
            f"{where}:{line}expected YAML; {escape_controls(str(error.problem or error.context))}"
        ) from None
    except Exception as error:  # as of a date in a 13th month: the parser leaves it to Python to complain
        reason = escape_controls(str(getattr(error, "reason", error)))[:200]
        raise UserError(f"{where}: expected YAML; {reason}") from None


def validate_content(schema: type[AnySection], path: Path) -> AnySection:
    """Read and validate a YAML file.

    Raises:
        UserError: the file is missing, is no YAML, or has a wrong key, type or value. The first mistake is named.
    """
    try:
        return schema.model_validate(read_yaml(path))
    except ValidationError as error:
        raise UserError(f"{path}: {first_sentence(error)}") from None


def load_params(path: Path = PARAMS_FILE) -> Params:
    """Read and validate a params file, see `validate_content`."""
    return validate_content(Params, path)


class _Short(reprlib.Repr):
    """Of a value of any size, what a line has room for."""

    def repr_int(self, x: int, level: int) -> str:
        return super().repr_int(x, level) if x.bit_length() < 10_000 else "an integer of thousands of digits"


_SHORT = _Short()


_SHORT.maxstring = _SHORT.maxlong = _SHORT.maxother = 80


def first_sentence(error: ValidationError) -> str:
    """`models.imdb.epochs: expected ..., found -3` of the first mistake."""
    first: Any = error.errors(include_url=False)[0]
    path = [part for part in first["loc"] if part != "[key]"]
    if path[:1] == ["datasets"]:
        del path[2:3]  # the format, by which pydantic tells the kinds of datasets apart
    key = escape_controls(".".join(str(part)[:80] for part in path)) or "the file"
    if first["type"] == "extra_forbidden":
        return f"{key}: unknown key"
    if first["type"] == "missing":
        return f"{key}: expected a value, found none"
    if first["type"] == "union_tag_not_found":
        return f"{key}.format: expected a value, found none"
    found = _SHORT.repr(first["input"])
    if first["type"] == "union_tag_invalid":
        formats = first["ctx"]["expected_tags"].replace(", 'features'", "")  # which is for what has no format
        return f"{key}.format: expected {formats}; found {_SHORT.repr(first['ctx']['tag'])}"
    if first["type"] == "string_pattern_mismatch":
        return f"{key}: expected text of the form {first['ctx']['pattern']}; found {found}"
    reason = escape_controls(first["msg"].removeprefix("Value error, "))
    if first["type"] == "value_error":
        return f"{key}: {reason}" if first["loc"] else reason
    reason = reason.removeprefix("Input should be ")
    return f"{key}: expected {reason}; found {found}"
