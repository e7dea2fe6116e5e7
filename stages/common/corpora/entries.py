"""What a file of labelled texts comes to: texts, and what is said of the others."""

import unicodedata
from collections.abc import Iterable
from typing import Any, NamedTuple

from stages.common.basics.params.types import LONGEST_LABEL

CONTROLS = ("Cc", "Cs", "Zl", "Zp")  # Unicode's categories of tabs, line ends and the like
LONGEST_LIST = 500  # characters, of the columns that a message names
LONGEST = 16_000_000  # characters of a text: a quote never closed must not swallow a file of any size
TRUTH_VALUES = ("true", "false")
UNLABELLED = "without a label"
NO_LABEL = "expected a label, found none; `bagpipe add --skip-unlabelled` leaves such texts out"
OTHER_NAMES = (
    "--text and --label of `bagpipe add` say what yours are called, --no-header what they are without a header"
)


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


class LeftOut(NamedTuple):
    """A text that its own file says is not to be learnt from; reason: as in `24 texts that ...`."""

    reason: str
    line: int


class Remark(NamedTuple):
    """How a file is read, where that had to be told from the file itself."""

    said: str


Entry = Text | LeftOut | Remark


def plain_label(label: str) -> str:
    """One spelling of a label: composed (Unicode's NFC), without spaces around it, truth values in small letters."""
    label = unicodedata.normalize("NFC", label.strip())
    return label.lower() if label.lower() in TRUTH_VALUES else label


def describe_problem(text: Text) -> str:
    """What is wrong with a text, if anything."""
    if not text.label:
        return NO_LABEL
    if len(text.label) > LONGEST_LABEL or any(unicodedata.category(sign) in CONTROLS for sign in text.label):
        return (
            f"expected a label of at most {LONGEST_LABEL} characters, no tabs or line ends; found {text.label[:40]!r}"
        )
    if len(text.text) > LONGEST:
        return f"expected at most {LONGEST:,} characters, found {len(text.text):,}"
    return ""


def shorten_list(names: Iterable[str]) -> str:
    """Names for a message, as far as they have room in it."""
    text = ", ".join(map(repr, names)) or "none"
    return text if len(text) <= LONGEST_LIST else f"{text[:LONGEST_LIST]}..."


def describe_value(value: Any) -> str:
    return "none" if value is None else f"{type(value).__name__} {str(value)[:40]!r}"
