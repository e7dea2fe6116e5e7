"""What `bagpipe diff` says of figures over seeds: a verdict on each test accuracy, marks on the other figures.

Only a test accuracy can be better or worse: the other figures depend on it, and one of many is always unlucky.
"""

import math
import re
import shlex
from collections.abc import Collection
from statistics import fmean
from typing import Any

from bagpipe.review.freshness import inputs, replicate_stage, staleness
from bagpipe.review.revisions import Side, read_workspace
from stages.common.basics.errors import UserError

Row = dict[str, Any]
Pair = tuple[Side, Side]  # the old one, the new one

GATE = "test.accuracy"
JUDGED = re.compile(r"(?:test\.|validation\.(?:last_|best_)?val_)(accuracy|loss)")
STALE, MISSING = "stale", "no replicates"
FULL = {STALE: "replicates are stale", MISSING: MISSING}


def command(models: list[str], everything: Collection[str] = ()) -> str:
    """What makes the replicates of some models, or of all."""
    every = len(models) > 3 and set(models) == set(everything)
    return shlex.join(["dvc", "repro", *(["replicate"] if every else map(replicate_stage, models))])


def unusable(sides: Pair, model: str, figure: str) -> Row:
    """Why a figure cannot be judged over seeds, {} if it can; of the two sides the new one is named first."""
    for side in reversed(sides):
        missing = len(side.samples(model, figure)) < 2
        found = None if missing else staleness(side, model)
        if missing or found:
            status = MISSING if missing else STALE
            verdict = f"{FULL[status]}: `{command([model])}`"
            reason = {"changed": found[0], "reason": " ".join(found)} if found else {}
            return {"status": status, "verdict": verdict, "side": side.short, **reason}
    return {}


def unchanged(sides: Pair, model: str) -> bool:
    """Whether a model has the same figures, the same replicates, and the same params, code and data behind them."""
    old, new = (
        (
            {name: value for name, value in side.metrics.items() if name[0] == model},
            side.md5(side.replicates_file(model)),
            inputs(side, model),
        )
        for side in sides
    )
    return old == new


def judged_models(sides: Pair) -> list[str]:
    """The models of both sides that have a test accuracy and are not the same on both."""
    common = sorted(sides[0].models.keys() & sides[1].models.keys())
    tested = [
        name for name in common if any((name, GATE) in side.metrics or side.samples(name, GATE) for side in sides)
    ]
    return [name for name in tested if not unchanged(sides, name)]


def diverged(sides: Pair, model: str, figures: tuple[str, ...]) -> list[bool]:
    """Of each side, whether a value is not finite."""
    return [
        not all(map(math.isfinite, [v for f in figures for v in side.samples(model, f).values()])) for side in sides
    ]


def compared(old: dict[int, float], new: dict[int, float]) -> Row:
    """The statistics of two sets of runs; the means of those that were compared."""
    from stages.common.judging.comparison import compare  # SciPy: a second, where there is something to judge

    found = compare(new, old)
    seeds = old.keys() & new.keys() if found.paired else None
    means = [fmean(value for seed, value in runs.items() if seeds is None or seed in seeds) for runs in (old, new)]
    return {
        "mean_old": round(means[0], 6),
        "mean_new": round(means[1], 6),
        "mean_difference": round(found.difference, 6),
        "low": round(found.low, 6),
        "high": round(found.high, 6),
        "p": found.p,
        "n": list(reversed(found.n)),
        "paired": found.paired,
    }


def margins(sides: Pair) -> dict[str, float]:
    """The smallest difference that counts, and the bound of equivalence: the old side's, which no branch can widen.

    Raises:
        UserError: neither side has them, nor has the workspace.
    """
    for side in (*sides, read_workspace()):
        found = side.params.get("verdicts")
        values: Any = [found.get(key) if isinstance(found, dict) else None for key in ("negligible", "equivalent")]
        if all(isinstance(value, int | float) for value in values):
            return dict(zip(("negligible", "equivalent"), values, strict=True))
    raise UserError("params.yaml: expected numbers under verdicts.negligible and verdicts.equivalent; found none")


def judge_accuracies(sides: Pair) -> list[Row]:
    """A verdict on the test accuracy of each model that differs, p adjusted over those whose replicates differ."""
    rows = [judge_accuracy(sides, model) for model in judged_models(sides)]
    tested = [row for row in rows if "p" in row]
    if tested:
        from stages.common.judging.comparison import Comparison, verdicts

        limits, fields = margins(sides), ("mean_difference", "low", "high", "p", "n", "paired")
        found = {row["model"]: Comparison(*(row[field] for field in fields)) for row in tested}
        for row, (p, said) in zip(tested, verdicts(found, **limits).values(), strict=True):
            row |= {"p_adjusted": p, "verdict": said, **limits}
    return rows


def judge_accuracy(sides: Pair, model: str) -> Row:
    """The verdict on one model, or the statistics that it rests on."""
    old, new = (side.samples(model, GATE) for side in sides)
    row = {"model": model, "n": [len(old), len(new)]}
    if found := unusable(sides, model, GATE):
        return row | found
    lost = diverged(sides, model, (GATE, "test.loss"))  # a loss that is not finite leaves an accuracy of guesses
    if any(lost):
        return row | {
            "verdict": "not distinguished" if all(lost) else "worse" if lost[1] else "better",
            "diverged": lost,
        }
    if same(old, new):
        mean = round(fmean(old.values()), 6)
        return row | {"mean_old": mean, "mean_new": mean, "verdict": "the same runs"}
    return row | compared(old, new)


def same(old: dict[int, float], new: dict[int, float]) -> bool:
    if old == new:
        return True
    from stages.common.judging.comparison import same_runs

    return same_runs(new, old)


def judge_figure(sides: Pair, model: str, figure: str) -> Row:
    """The statistics of another figure over seeds, or why there are none."""
    old, new = (side.samples(model, figure) for side in sides)
    row = {"n": [len(old), len(new)]}
    if found := unusable(sides, model, figure):
        return row | found
    lost = diverged(sides, model, (figure,))
    if any(lost):
        return row | {
            "verdict": "diverged on both sides" if all(lost) else "diverged" if lost[1] else "diverged before"
        }
    return row | ({"verdict": "the same runs"} if same(old, new) else compared(old, new))


def mark(rows: list[Row]) -> None:
    """Say of judged figures which are higher or lower, p adjusted over all of them together."""
    tested = [row for row in rows if "p" in row]
    if tested:
        from stages.common.judging.comparison import ALPHA, benjamini_hochberg

        for row, p in zip(tested, benjamini_hochberg([row["p"] for row in tested]), strict=True):
            direction = "higher" if row["mean_difference"] > 0 else "lower"
            row |= {"p_adjusted": p, "verdict": direction if p < ALPHA else "not distinguished"}


def failures(rows: list[Row], models: Collection[str]) -> list[str]:
    """What `--fail-on worse` fails for: accuracies that got worse, and those that could not be judged."""
    worse = [row["model"] for row in rows if row["verdict"] == "worse"]
    found = [f"test accuracy is worse: {', '.join(worse)}"] if worse else []
    unjudged = {status: [row["model"] for row in rows if row.get("status") == status] for status in FULL}
    return found + [f"{FULL[status]}: `{command(names, models)}`" for status, names in unjudged.items() if names]
