"""Tables in Markdown, and figures as they stand in them."""

from collections.abc import Iterable, Sequence

ALIGNED = {"l": ":--", "r": "--:"}


def format_table(align: str, header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table without padding, every line ended; a cell must not hold a line end or a bare `|`.

    Args:
        align: `l` or `r` for each column.
    """
    every = (header, [ALIGNED[side] for side in align], *lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in every)


def format_p(p: float) -> str:
    """A probability that chance does something."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"
