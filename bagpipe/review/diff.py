"""`bagpipe diff`: which figures and params differ between two revisions, and which figures by more than luck.

A figure under one seed says little: figures are judged over the replicates of both sides, see verdicts.py. What else
differs, DVC and Git show: see `more` in page.py.
"""

import json
from collections.abc import Iterator
from typing import Any

from bagpipe.project.lock import LockEntry
from bagpipe.review.page import show
from bagpipe.review.revisions import Side, read_sides
from bagpipe.review.verdicts import GATE, JUDGED, failures, judge_accuracies, judge_figure, mark
from stages.common.basics.errors import UserError

Difference = dict[str, Any]


def change(key: Any, old: dict, new: dict) -> Difference:
    """What stood and stands under a key, if that differs; a side that lacks it is left out."""
    values = {name: side[key] for name, side in (("old", old), ("new", new)) if key in side}
    return values if len(values) == 1 or values["old"] != values["new"] else {}


def diff_metrics(old: Side, new: Side) -> list[Difference]:
    """Metrics that differ, under `seed` or over further seeds; losses and validation figures marked if by much."""
    rows = []
    for owner, figure in sorted(old.metrics.keys() | new.metrics.keys()):
        found = [side.metrics[owner, figure] for side in (old, new) if (owner, figure) in side.metrics]
        judged = bool(JUDGED.fullmatch(figure)) and figure != GATE and len(found) == 2
        runs = [side.samples(owner, figure) for side in (old, new)] if judged else []
        values = change((owner, figure), old.metrics, new.metrics)
        if not values and (not all(runs) or runs[:1] == runs[1:]):
            continue
        row = {"of": owner, "figure": figure, **(values or {"old": found[0], "new": found[1]})}
        if len(found) == 1:
            row["verdict"] = "added" if "new" in values else "removed"
        elif all(isinstance(value, int | float) for value in found):
            row["difference"] = round(found[1] - found[0], 6)
        rows.append(row | (judge_figure((old, new), owner, figure) if judged else {}))
    mark(rows)
    return rows


def differences(old: dict, new: dict, prefix: str = "") -> Iterator[Difference]:
    """What differs between two mappings; a section that one of them lacks is one difference."""
    for key in sorted(old.keys() | new.keys(), key=str):
        name, values = f"{prefix}.{key}".lstrip("."), change(key, old, new)
        if all(isinstance(values.get(side), dict) for side in ("old", "new")):
            yield from differences(values["old"], values["new"], name)
        elif values:
            yield {"param": name, **values}


def reads(entry: LockEntry, param: str) -> bool:
    """Whether a stage declares a param, a section around it or a part of it."""
    return any(f"{param}.".startswith(f"{key}.") or key.startswith(f"{param}.") for key in entry.params)


def with_downstream(stages: set[str], lock: dict[str, LockEntry]) -> set[str]:
    """Stages, and all that depend on what they write, or on a folder of it."""
    written = [f"{path}/" for name in stages for path in lock[name].outs]
    read = {name: [f"{dep}/" for dep in entry.deps] for name, entry in lock.items()}
    more = {name for name, deps in read.items() if any(out.startswith(tuple(deps)) for out in written)}
    return stages if more <= stages else with_downstream(stages | more, lock)


def touched(param: str, side: Side) -> tuple[set[str], set[str]]:
    """The models that a param has an effect on, and the stages that read it, by name in dvc.yaml."""
    direct = {name for name, entry in side.lock.items() if reads(entry, param)}
    affected = [name.partition("@") for name in with_downstream(direct, side.lock)]
    models = {key for stage, _, key in affected if stage in side.stages_per_model}
    section, _, rest = param.partition(".")
    own = rest.partition(".")[0] if section == "models" else ""  # a model that has not run yet is in no lock
    return (models | {own}) & side.models.keys(), {name.partition("@")[0] for name in direct}


def diff_params(old: Side, new: Side) -> list[Difference]:
    """Params that differ, each with the models that it touches and the stages that read it."""
    rows = []
    for row in differences(old.params, new.params):
        found = [touched(row["param"], side) for side in (old, new)]
        models, stages = (sorted(one | other) for one, other in zip(*found, strict=True))
        rows.append({**row, "models": models, "stages": stages})
    return rows


def diff(old_revision: str | None, new_revision: str | None, form: str, fail_on: str | None) -> None:
    """Print what differs between two revisions.

    Raises:
        UserError: a revision is not there, or a file is not readable; or `fail_on` is given, and a test accuracy got
            worse or cannot be judged.
    """
    old, new = read_sides(old_revision, new_revision)
    content: dict[str, Any] = {
        **{name: {"revision": side.label, "commit": side.commit} for name, side in (("old", old), ("new", new))},
        "verdicts": judge_accuracies((old, new)),
        "metrics": diff_metrics(old, new),
        "params": diff_params(old, new),
    }
    if form == "json":
        print(json.dumps(content, indent=2, default=str))
    else:
        print(show(content, old, new, markdown=form == "md"))
    if fail_on and (found := failures(content["verdicts"], new.models)):
        raise UserError("; ".join(found))
