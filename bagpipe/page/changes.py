"""What changed since a revision, as `bagpipe diff` has it."""

from typing import Any

from bagpipe.review.diff import diff_metrics, diff_params
from bagpipe.review.page import text_of
from bagpipe.review.revisions import read_sides
from bagpipe.review.verdicts import judge_accuracies


def changes_since(revision: str) -> dict[str, Any]:
    """Verdicts, metrics and params that differ between a revision and the workspace.

    Raises:
        UserError: there is no such revision, or a file of it is not readable.
    """
    old, new = sides = read_sides(revision, None)
    return {
        "revision": old.short,
        "commit": (old.commit or "")[:7],
        "verdicts": judge_accuracies(sides),
        "metrics": diff_metrics(old, new),
        "params": [row | {side: text_of(row, side) for side in ("old", "new")} for row in diff_params(old, new)],
    }
