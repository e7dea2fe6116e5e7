"""What is printed: in any encoding, to a terminal, a pipe, a full disk or nowhere."""

import codecs
import io
import os
import shutil
import sys
import textwrap
from typing import TextIO

NARROWEST = 80  # characters; a terminal below has its lines broken by itself
COLOURS = {"red": 31, "green": 32}
JOINERS = "\u200c\u200d"  # not printable by themselves, but part of Persian words and of pictures
SPELLED = {"→": "->", "…": "...", "±": "+-", "\u2013": "-", "\u2014": "-", "\u2212": "-"}


def spell_out(error: UnicodeError) -> tuple[str, int]:
    r"""What stands for characters that an encoding lacks, as in `->` or `\u0142`; see `codecs.register_error`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(SPELLED.get(sign, sign.encode("unicode_escape").decode()) for sign in missing), error.end


codecs.register_error("spell_out", spell_out)


def prepare_streams() -> None:
    """Let the standard streams take any character; open those that are closed, as by `>&-`, to nowhere.

    Otherwise the next file that is opened would take the place of a closed one, and get what is meant for that.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            descriptor = os.open(os.devnull, os.O_RDWR)  # the lowest that is free
            os.set_inheritable(descriptor, True)
            stream = open(descriptor, mode, encoding="utf-8")  # noqa: SIM115 - until the process ends
            setattr(sys, name, stream)
        if mode == "w" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="spell_out")


def takes_output(stream: TextIO) -> bool:
    """Whether what was printed reaches its place; if not, that and all that follows goes nowhere."""
    try:
        stream.flush()
    except OSError:  # Python would try again when it ends, and complain
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        return False
    return True


def escape_controls(text: str) -> str:
    r"""A text that does nothing to a terminal: what is not printable is written as in `\x1b`."""
    return "".join(
        sign if sign.isprintable() or sign in JOINERS else sign.encode("unicode_escape").decode() for sign in text
    )


def add_colour(text: str, colour: str | None, stream: TextIO | None = None) -> str:
    """Text in a colour, if the stream, by default standard output, is a terminal; see https://no-color.org."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not (stream or sys.stdout).isatty()
    return text if plain or not colour else f"\x1b[{COLOURS[colour]}m{text}\x1b[0m"


def terminal_width() -> int:
    return max(NARROWEST, shutil.get_terminal_size((NARROWEST, 24)).columns)


def line_width() -> int:
    """The characters of a line of standard output: as many as one likes, unless it is a terminal."""
    return terminal_width() if sys.stdout.isatty() else sys.maxsize


def wrap_text(text: str, indent: str = "", hanging: str = "") -> str:
    """A line to be printed: if on a terminal, broken between words to fit; then `hanging` indents what follows."""
    if not sys.stdout.isatty():
        return indent + text
    fit = textwrap.TextWrapper(line_width(), break_on_hyphens=False, break_long_words=False)
    fit.initial_indent, fit.subsequent_indent = indent, indent + hanging
    return fit.fill(text)
