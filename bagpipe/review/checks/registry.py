"""The checks of `bagpipe verify`, in the order in which they are made: the one list of them."""

import difflib
import inspect
from collections.abc import Iterable
from types import ModuleType

from bagpipe.review.checks import (
    consistent_lock,
    figures_hold,
    git_contents,
    measured_pages,
    rerun,
    results_agree,
    results_of_params,
    up_to_date,
    valid_files,
)
from stages.common.basics.errors import UserError

# Each is a module with a TITLE, a function `find` and, as its docstring, the explanation; some have a function `note`
# of what is no finding and should be known. `valid_files` comes first and gives the others what they look at; `rerun`
# is made for the stages that are asked for.
CHECKS = (
    valid_files,
    up_to_date,
    consistent_lock,
    results_of_params,
    results_agree,
    figures_hold,
    measured_pages,
    git_contents,
    rerun,
)


def id_of(check: ModuleType) -> str:
    """A check's id: `up-to-date` of up_to_date.py."""
    return check.__name__.rpartition(".")[2].replace("_", "-")


BY_ID = {id_of(check): check for check in CHECKS}


def explain(check: ModuleType) -> str:
    """What a check looks at, what a finding means, and how to fix it."""
    return f"{id_of(check)}: {check.TITLE}\n\n{inspect.getdoc(check)}"


def check_ids(ids: Iterable[str], option: str) -> None:
    """Check that there are checks of these ids.

    Raises:
        UserError: there is none of one of them.
    """
    for name in ids:
        if name not in BY_ID:
            near = difflib.get_close_matches(name, BY_ID, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise UserError(f"{option}: expected one of {', '.join(BY_ID)}; found {name!r}{meant}")
