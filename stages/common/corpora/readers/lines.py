"""The lines of a text file, through its compression."""

import lzma
import zlib
from collections.abc import Generator
from pathlib import Path

from stages.common.basics.errors import UserError
from stages.common.corpora.compression import open_bytes


def decode_bytes(line: bytes, where_it_is: str) -> str:
    """A line as text.

    Raises:
        UserError: it is not UTF-8.
    """
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError as error:
        found = f"the byte 0x{line[error.start]:02x} at {error.start + 1}"
        raise UserError(f"{where_it_is}: expected UTF-8, found {found}{suggest_encoding(line)}") from None


def suggest_encoding(line: bytes) -> str:
    """What a line would be in the encoding that is most common besides UTF-8; empty if it is none of that."""
    try:
        read = line.decode("cp1252").strip()
    except UnicodeDecodeError:
        return ""
    return f"; with `bagpipe add --encoding cp1252` the line begins {read[:40]!r}"


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
        found = "found the byte order mark of UTF-16; `bagpipe add --encoding utf-16` reads it"
        raise UserError(f"{path}: line 1: expected UTF-8, {found}")
    return line.removeprefix(b"\xef\xbb\xbf")
