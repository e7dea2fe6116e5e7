"""What changed since a revision, as `bagpipe diff` has it."""

from dataclasses import replace
from typing import Any

from bagpipe.review.diff import find_changes
from bagpipe.review.page import format_value
from bagpipe.review.records import changes_as_json
from bagpipe.review.revisions import read_sides


def changes_since(revision: str) -> dict[str, Any]:
    """Verdicts, metrics and params that differ between a revision and the workspace, as JSON.

    Raises:
        UserError: there is no such revision, or a file of it is not readable.
    """
    sides = read_sides(revision, None)
    found = find_changes(sides, "accuracy")
    shown = [replace(row, old=format_value(row.old), new=format_value(row.new)) for row in found.params]
    content = changes_as_json(replace(found, params=shown))
    return content | {"revision": sides[0].short, "commit": (sides[0].commit or "")[:7]}
