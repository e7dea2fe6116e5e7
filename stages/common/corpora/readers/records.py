"""Texts from values of any types, as JSON and Parquet have them."""

import re
from typing import Any

from stages.common.basics.errors import UserError
from stages.common.corpora.entries import Columns, Text, describe_value, plain_label, shorten_list

SURROGATE = re.compile("[\ud800-\udfff]")


def convert_text(content: dict[str, Any], columns: Columns, number: int, where_it_is: str, kind: type | None) -> Text:
    """A text; a label is a string, an integer or a truth value, always the same. A text that is null is empty.

    kind: the type of the first label; None of a label that is known already, then a string.
    """
    text, label = content[columns.text], content[columns.label]
    text = "" if text is None else text
    if not isinstance(text, str):
        raise UserError(f"{where_it_is}: {columns.text}: expected a string, found {describe_value(text)}")
    group = None if columns.group is None else str(content[columns.group] or "").strip()
    for name, value in ((columns.text, text), (str(columns.group), group or "")):
        if SURROGATE.search(value):
            raise UserError(f"{where_it_is}: {name}: expected Unicode, found half of a character (a surrogate)")
    if label is None or label == "":
        return Text(text, "", group, number)
    if kind and (type(label) is not kind or kind not in (str, int, bool)):
        expected = {str: "a string", int: "an integer", bool: "true or false"}.get(kind, "a string or an integer")
        raise UserError(f"{where_it_is}: {columns.label}: expected {expected}, found {describe_value(label)}")
    return Text(text, plain_label(str(label)), group, number)


def unwrap_label(label: Any, where_it_is: str) -> Any:
    """The label in a list of one, as annotation tools write it; any other value as it is.

    Raises:
        UserError: there are several in it.
    """
    if not (isinstance(label, list) and all(isinstance(one, str) for one in label)):
        return label
    if len(label) > 1:
        raise UserError(f"{where_it_is}: expected one label, found several: {shorten_list(label)}")
    return label[0] if label else None
