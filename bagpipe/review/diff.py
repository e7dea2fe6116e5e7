"""`bagpipe diff`: which metrics and params differ between two revisions, and which metrics by more than chance.

A metric under one seed says little: metrics are judged over the replicates of both sides, see verdicts.py. What else
differs, DVC and Git show: see `list_commands` in page.py.
"""

import json
from collections.abc import Iterator
from typing import Any

from bagpipe.project.lock import LockEntry
from bagpipe.review.page import render_page
from bagpipe.review.records import ABSENT, Changes, MetricChange, ParamChange, Revision, changes_as_json
from bagpipe.review.revisions import Side, read_sides
from bagpipe.review.verdicts import (
    JUDGED,
    Pair,
    judge_figure,
    judge_tests,
    list_failures,
    mark_changes,
    only_other_texts,
)
from stages.common.basics.errors import UserError


class OtherTextsError(UserError):
    """Nothing got worse, as far as can be said: two sides were measured on other test texts."""

    exit_code = 4


Values = tuple[Any, Any]  # old and new; ABSENT of a side that has none


def diff_metrics(sides: Pair) -> list[MetricChange]:
    """Metrics that differ, under `seed` or over further seeds; losses and validation metrics marked if by much."""
    names = sorted(sides[0].metrics.keys() | sides[1].metrics.keys())
    found = (diff_metric(sides, owner, figure) for owner, figure in names)
    return mark_changes([row for row in found if row])


def diff_metric(sides: Pair, owner: str, figure: str) -> MetricChange | None:
    """A metric that differs; None if it does not."""
    old, new = (side.metrics.get((owner, figure), ABSENT) for side in sides)
    if old is ABSENT or new is ABSENT:
        return MetricChange(
            of=owner, figure=figure, old=old, new=new, verdict="added" if old is ABSENT else "removed"
        )
    is_judged = bool(JUDGED.fullmatch(figure))
    runs = [side.samples(owner, figure) for side in sides] if is_judged else []
    if old == new and (not all(runs) or runs[:1] == runs[1:]):
        return None
    are_numbers = isinstance(old, int | float) and isinstance(new, int | float)
    return MetricChange(
        of=owner,
        figure=figure,
        old=old,
        new=new,
        difference=round(new - old, 6) if are_numbers else None,
        judged=judge_figure(sides, owner, figure) if is_judged else None,
    )


def find_differences(old: dict, new: dict, prefix: str = "") -> Iterator[tuple[str, Values]]:
    """Keys, dotted, under which two mappings differ; a section that one of them lacks is one difference."""
    for key in sorted(old.keys() | new.keys(), key=str):
        name = f"{prefix}.{key}".lstrip(".")
        before, now = old.get(key, ABSENT), new.get(key, ABSENT)
        if isinstance(before, dict) and isinstance(now, dict):
            yield from find_differences(before, now, name)
        elif before != now:
            yield name, (before, now)


def reads_param(entry: LockEntry, param: str) -> bool:
    """Whether a stage declares a param, a section around it or a key within it."""
    return any(f"{param}.".startswith(f"{key}.") or key.startswith(f"{param}.") for key in entry.params)


def add_downstream(stages: set[str], lock: dict[str, LockEntry]) -> set[str]:
    """Stages, and all that depend on what they write, or on a folder of it."""
    written = [f"{path}/" for name in stages for path in lock[name].outs]
    read = {name: [f"{dep}/" for dep in entry.deps] for name, entry in lock.items()}
    more = {name for name, deps in read.items() if any(out.startswith(tuple(deps)) for out in written)}
    return stages if more <= stages else add_downstream(stages | more, lock)


def find_touched(param: str, side: Side) -> tuple[set[str], set[str]]:
    """The models that a param has an effect on, and the stages that read it, by name in dvc.yaml."""
    direct = {name for name, entry in side.lock.items() if reads_param(entry, param)}
    affected = [name.partition("@") for name in add_downstream(direct, side.lock)]
    models = {key for stage, _, key in affected if stage in side.stages_per_model}
    section, _, rest = param.partition(".")
    own = rest.partition(".")[0] if section == "models" else ""  # a model that has not run yet is in no lock
    return (models | {own}) & side.models.keys(), {name.partition("@")[0] for name in direct}


def diff_params(sides: Pair) -> list[ParamChange]:
    """Params that differ, each with the models that it touches and the stages that read it."""
    rows = []
    for param, (old, new) in find_differences(sides[0].params, sides[1].params):
        touched = [find_touched(param, side) for side in sides]
        models, stages = (sorted(one | other) for one, other in zip(*touched, strict=True))
        rows.append(ParamChange(param=param, old=old, new=new, models=models, stages=stages))
    return rows


def find_changes(sides: Pair, metric: str) -> Changes:
    """All that differs between two sides; metric: what the verdicts are on.

    Raises:
        UserError: a file of a side is not readable.
    """
    old, new = (Revision(side.label, side.commit) for side in sides)
    return Changes(
        old=old,
        new=new,
        verdicts=judge_tests(sides, metric),
        metrics=diff_metrics(sides),
        params=diff_params(sides),
    )


def diff(old_revision: str | None, new_revision: str | None, form: str, fail_on: str | None, metric: str) -> None:
    """Print what differs between two revisions.

    Raises:
        UserError: a revision is not there, or a file is not readable; or `fail_on` is given, and a test figure got
            worse or cannot be judged.
    """
    sides = read_sides(old_revision, new_revision)
    changes = find_changes(sides, metric)
    if form == "json":
        print(json.dumps(changes_as_json(changes), indent=2, default=str))
    else:
        print(render_page(changes, sides, metric, markdown=form == "md"))
    if fail_on and (found := list_failures(changes.verdicts, sides[1].models, metric)):
        raise (OtherTextsError if only_other_texts(changes.verdicts) else UserError)("; ".join(found))
