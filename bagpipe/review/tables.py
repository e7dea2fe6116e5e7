"""Tables that fit: into a terminal, or into a comment on GitHub."""

import re
import textwrap
from typing import NamedTuple

from wcwidth import wcswidth, wrap

from stages.common.basics.markdown import format_table
from stages.common.basics.terminal import add_colour, escape_controls, terminal_width

MARKDOWN_WIDTH = 100  # what GitHub shows of a comment without a scroll bar
GAP = 2  # between columns, as tabulate has it
COLOURED = {"better": "green", "worse": "red"}
SIDES = {"l": "left", "r": "right"}
WITHIN_WORDS = re.compile(r"(?<=[,@/])|(?<=[._])(?=[a-z])")  # where long names may be broken


class DiffTable(NamedTuple):
    """A section of the page."""

    title: str
    header: list[str]
    rows: list[list[str]]
    align: str  # l or r, a letter a column
    words: int = 0  # how many columns, the last ones, are no names or values
    notes: tuple[str, ...] = ()


def quote_code(text: str) -> str:
    """Text as Markdown code in a table, where it can be neither markup nor a mention."""
    plain = " ".join(text.split()).replace("`", "'").replace("|", "\\|")
    return f"`{plain}`" if plain else ""


def count_places(text: str) -> int:
    """How many places of a terminal a text takes: a Chinese character takes two of them."""
    return wcswidth(escape_controls(text))


def break_lines(text: str, width: int) -> list[str]:
    """Text in lines of at most `width`: broken between words, and within those that are longer, after dots if any.

    It may be a stranger's: no line does anything to a terminal.
    """
    lines = [""]
    for word in map(escape_controls, text.split()):
        for index, part in enumerate(WITHIN_WORDS.split(word) if count_places(word) > width else [word]):
            gap = " " if index == 0 and lines[-1] else ""
            if count_places(lines[-1] + gap + part) <= width or not lines[-1]:
                lines[-1] += gap + part
            else:
                lines.append(part)
            if count_places(lines[-1]) > width:
                lines[-1:] = wrap(lines[-1], width, break_on_hyphens=False)
    return lines


def fit_columns(table: DiffTable, width: int) -> list[int]:
    """The width of each column: first headers are broken, then the widest columns give way until all fit."""
    columns = list(zip(*table.rows, strict=True))
    least = [max(map(count_places, name.split())) for name in table.header]
    least = [max(size, *map(count_places, cells)) for size, cells in zip(least, columns, strict=True)]
    widths = [max(count_places(name), size) for name, size in zip(table.header, least, strict=True)]
    while sum(widths) + GAP * (len(widths) - 1) > width:
        spare = [size - minimum for size, minimum in zip(widths, least, strict=True)]
        give = spare if max(spare) > 0 else widths
        widths[give.index(max(give))] -= 1
    return widths


def terminal_table(table: DiffTable) -> str:
    """A table with its cells broken into lines.

    The header goes in as a row, for tabulate gives headers room that a terminal may not have.
    """
    from tabulate import tabulate

    widths = fit_columns(table, terminal_width())
    rows = (table.header, ["-" * width for width in widths], *table.rows)
    cells = [list(map(format_cell, row, widths)) for row in rows]
    return tabulate(
        cells, tablefmt="plain", disable_numparse=True, colalign=[SIDES[letter] for letter in table.align]
    )


def format_cell(cell: str, width: int) -> str:
    return "\n".join(add_colour(line, COLOURED.get(line)) for line in break_lines(cell, width))


def markdown_table(table: DiffTable) -> str:
    """A table without padding, as GitHub limits a comment's length; long names in pieces, which it can wrap."""
    names, sizes = len(table.header) - table.words, fit_columns(table, MARKDOWN_WIDTH)
    header = [
        name if re.fullmatch(r"[\w. ,%()]+", name) else quote_pieces(name, size)
        for name, size in zip(table.header, sizes, strict=True)
    ]
    rows = ([*map(quote_pieces, row[:names], sizes[:names]), *row[names:]] for row in table.rows)
    return format_table(table.align, header, rows).rstrip("\n")


def quote_pieces(text: str, width: int) -> str:
    return " ".join(map(quote_code, break_lines(text, width)))


def wrap_paragraph(text: str, markdown: bool) -> str:
    """Text in lines that fit a terminal; what stands in backticks is kept on one line if it fits on one."""
    if markdown:
        return text
    width = terminal_width()
    whole = re.sub(r"`[^`]*`\S*", lambda code: code[0].replace(" ", "\0") if len(code[0]) <= width else code[0], text)
    return textwrap.fill(whole, width, break_on_hyphens=False).replace("\0", " ")


def render_table(table: DiffTable, markdown: bool) -> str:
    """A table with its title and notes."""
    title = f"### {table.title}" if markdown else table.title.upper()
    body = (markdown_table if markdown else terminal_table)(table)
    return "\n\n".join([title, body, *(wrap_paragraph(note, markdown) for note in table.notes)])
