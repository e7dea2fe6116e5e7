"""Numbers and lists as a sentence has them."""

from collections.abc import Iterable

MOST_NAMED = 3
NUMBERS = ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def join_names(items: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, last = items
    return f"{', '.join(first)} and {last}" if first else last


def join_first_names(items: Iterable[str]) -> str:
    """`a, b and c`, or `a, b, c and 4 more`."""
    items = list(items)
    more = len(items) - MOST_NAMED
    return join_names(items if more < 2 else [*items[:MOST_NAMED], f"{more} more"])


def count_with_verb(count: int, one: str, many: str, zero: str = "none") -> str:
    """`none is`, `1 is`, `2 are`."""
    return f"{count:,} {many}" if count > 1 else f"{count or zero} {one}"


def one_in_n(count: int, total: int) -> str:
    """`One in ten test texts (237 of 2,246)`, with the verb that follows."""
    if not count:
        return "No test text is"
    counted = f"({count:,} of {total:,})"
    n = round(total / count)
    if n < 2:
        return f"{count / total:.0%} of the test texts {counted} are"
    return f"One in {NUMBERS[n - 2] if n <= 12 else f'{n:,}'} test texts {counted} is"


def format_points(difference: float) -> str:
    """A difference of accuracies in percentage points, without its sign: `0.8 points`."""
    shown = f"{100 * abs(difference):.1f}"
    return f"{shown} point{'s' * (shown != '1.0')}"
