"""The tables of `bagpipe diff` in a terminal and in a pipe."""

import re
import sys

import pytest
from wcwidth import wcswidth

from bagpipe.review.tables import DiffTable, render_table

COLOUR = re.compile("\x1b\\[[0-9]*m")
LONG_NAME = "a_model_with_a_name_that_is_much_longer_than_those_of_others"
TABLE = DiffTable(
    "Verdicts",
    ["model", "verdict", "points"],
    [["one", "better", "+5.00"], ["[bold]two[/]", "not distinguished", "-0.10"], ["three", "worse", "-12.00"]],
    "llr",
)
PLAIN = """\
VERDICTS

model         verdict            points
------------  -----------------  ------
one           better              +5.00
[bold]two[/]  not distinguished   -0.10
three         worse              -12.00"""


def test_a_table_is_plain_text_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    print(render_table(TABLE, markdown=False))
    assert capsys.readouterr().out == f"{PLAIN}\n"


def test_a_verdict_has_its_colour_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = render_table(TABLE, markdown=False)
    assert re.findall("\x1b\\[[1-9][0-9]*m\\w+", shown) == ["\x1b[32mbetter", "\x1b[31mworse"]
    assert COLOUR.sub("", shown) == PLAIN


def test_a_long_name_is_broken_after_dots_and_underscores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    table = DiffTable("Params", ["param", "old"], [[f"models.{LONG_NAME}.hidden", "many words " * 10]], "ll")
    _, _, header, rule, *lines = render_table(table, markdown=False).splitlines()
    names = [line[: rule.index("  ")].rstrip() for line in lines]
    assert header.split() == ["param", "old"]
    assert "".join(names) == f"models.{LONG_NAME}.hidden"
    assert all(name.endswith(("_", ".", "hidden")) for name in filter(None, names))
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize("columns", ["80", "100"])
def test_wide_characters_stay_in_line(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    rows = [["好评差评", "猫犬" * 60, "1"], ["pos neg", "a few", "23"], ["한국어", "e\u0301te\u0301", "456"]]
    lines = render_table(DiffTable("Params", ["标签", "old", "number"], rows, "llr"), markdown=False).splitlines()[2:]
    assert max(map(wcswidth, lines)) <= int(columns)
    cells = {cell: line for line in lines for cell in re.split("  +", line) if cell}
    assert len({wcswidth(cells[cell].partition(cell)[0]) for cell in ("old", "a few", rows[2][1])}) == 1
    assert len({wcswidth(cells[cell]) for cell in ("number", "1", "23", "456")}) == 1
