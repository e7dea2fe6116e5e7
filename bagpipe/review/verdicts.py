"""What `bagpipe diff` says of figures over seeds: a verdict on each test accuracy, marks on the other figures.

Only a test accuracy can be better or worse: the other figures depend on it, and among many, one always strays.
"""

import math
import re
import shlex
from collections.abc import Collection
from dataclasses import replace
from statistics import fmean

from bagpipe.review.freshness import read_inputs, replicate_stage, staleness
from bagpipe.review.records import AccuracyVerdict, Judged, Margins, MetricChange, Obstacle, Statistics
from bagpipe.review.revisions import Side, read_workspace
from stages.common.basics.errors import UserError

Pair = tuple[Side, Side]  # the old one, the new one

GATE = "test.accuracy"
JUDGED = re.compile(r"(?:test\.|validation\.(?:last_|best_)?val_)(accuracy|loss)")
STALE, MISSING = "stale", "no replicates"
FULL = {STALE: "replicates are stale", MISSING: MISSING}


def replicate_command(models: list[str], everything: Collection[str] = ()) -> str:
    """What makes the replicates of some models, or of all."""
    every = len(models) > 3 and set(models) == set(everything)
    return shlex.join(["dvc", "repro", *(["replicate"] if every else map(replicate_stage, models))])


def find_obstacle(sides: Pair, model: str, figure: str) -> Obstacle | None:
    """Why a figure cannot be judged over seeds, None if it can; of the two sides the new one is named first."""
    for side in reversed(sides):
        if len(side.samples(model, figure)) < 2:
            return Obstacle(status=MISSING, side=side.short)
        if found := staleness(side, model):
            return Obstacle(status=STALE, side=side.short, changed=found[0], reason=" ".join(found))
    return None


def is_unchanged(sides: Pair, model: str) -> bool:
    """Whether a model has the same figures, the same replicates, and the same params, code and data behind them."""
    old, new = (
        (
            {name: value for name, value in side.metrics.items() if name[0] == model},
            side.md5(side.replicates_file(model)),
            read_inputs(side, model),
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
    return [name for name in tested if not is_unchanged(sides, name)]


def find_diverged(sides: Pair, model: str, figures: tuple[str, ...]) -> tuple[bool, bool]:
    """Of each side, whether a value is not finite."""
    old, new = (
        not all(map(math.isfinite, [v for f in figures for v in side.samples(model, f).values()])) for side in sides
    )
    return old, new


def compare_runs(old: dict[int, float], new: dict[int, float]) -> Judged:
    """The statistics of two sets of runs; the means of those that were compared."""
    from stages.common.judging.comparison import compare  # SciPy: a second, where there is something to judge

    found = compare(new, old)
    seeds = old.keys() & new.keys() if found.paired else None
    means = [fmean(value for seed, value in runs.items() if seeds is None or seed in seeds) for runs in (old, new)]
    statistics = Statistics(
        mean_old=round(means[0], 6),
        mean_new=round(means[1], 6),
        mean_difference=round(found.difference, 6),
        low=round(found.low, 6),
        high=round(found.high, 6),
        p=found.p,
        paired=found.paired,
    )
    return Judged(n=(found.n[1], found.n[0]), statistics=statistics)


def read_margins(sides: Pair) -> Margins:
    """The margins of the old side, which no branch can widen; if it has none, of the new one or the workspace.

    Raises:
        UserError: neither side has them, nor has the workspace.
    """
    for side in (*sides, read_workspace()):
        found = side.params.get("verdicts")
        values = [found.get(key) if isinstance(found, dict) else None for key in ("negligible", "equivalent")]
        negligible, equivalent = values
        if isinstance(negligible, int | float) and isinstance(equivalent, int | float):
            return Margins(negligible, equivalent)
    raise UserError("params.yaml: expected numbers under verdicts.negligible and verdicts.equivalent; found none")


def judge_accuracies(sides: Pair) -> list[AccuracyVerdict]:
    """A verdict on the test accuracy of each model that differs, p adjusted over those whose replicates differ."""
    judged = {model: judge_accuracy(sides, model) for model in judged_models(sides)}
    tested = {model: found.statistics for model, found in judged.items() if found.statistics}
    if not tested:
        return [AccuracyVerdict(model=model, judged=found) for model, found in judged.items()]
    from stages.common.judging.comparison import Comparison, judge_differences

    margins = read_margins(sides)
    comparisons = {
        model: Comparison(found.mean_difference, found.low, found.high, found.p, judged[model].n, found.paired)
        for model, found in tested.items()
    }
    for model, (p, verdict) in judge_differences(comparisons, margins.negligible, margins.equivalent).items():
        adjusted = replace(tested[model], p_adjusted=p)
        judged[model] = replace(judged[model], verdict=verdict, statistics=adjusted)
    return [
        AccuracyVerdict(model=model, judged=found, margins=margins if found.statistics else None)
        for model, found in judged.items()
    ]


def judge_runs(sides: Pair, model: str, figure: str, finite: tuple[str, ...]) -> Judged:
    """Why a figure cannot be judged, or the statistics of its runs; no verdict if one of `finite` diverged."""
    old, new = (side.samples(model, figure) for side in sides)
    n = len(old), len(new)
    if obstacle := find_obstacle(sides, model, figure):
        advice = f"{FULL[obstacle.status]}: `{replicate_command([model])}`"
        return Judged(n=n, verdict=advice, obstacle=obstacle)
    diverged = find_diverged(sides, model, finite)
    if any(diverged):
        return Judged(n=n, diverged=diverged)
    if are_same_runs(old, new):
        mean = round(fmean(old.values()), 6)
        return Judged(n=n, verdict="the same runs", mean_old=mean, mean_new=mean)
    return compare_runs(old, new)


def are_same_runs(old: dict[int, float], new: dict[int, float]) -> bool:
    """Whether all runs agree; SciPy is loaded only if they are not equal to the last bit."""
    if old == new:
        return True
    from stages.common.judging.comparison import same_runs

    return same_runs(new, old)


def judge_accuracy(sides: Pair, model: str) -> Judged:
    """The verdict on one model's test accuracy, or the statistics that it will rest on."""
    found = judge_runs(sides, model, GATE, (GATE, "test.loss"))  # a loss that diverged leaves an accuracy of guesses
    if found.diverged is None:
        return found
    before, now = found.diverged
    return replace(found, verdict="not distinguished" if before and now else "worse" if now else "better")


def judge_figure(sides: Pair, model: str, figure: str) -> Judged:
    """The statistics of another figure over seeds, or why there are none."""
    found = judge_runs(sides, model, figure, (figure,))
    if found.diverged is None:
        return found
    before, now = found.diverged
    word = "diverged on both sides" if before and now else "diverged" if now else "diverged before"
    return replace(found, verdict=word)


def mark_changes(changes: list[MetricChange]) -> list[MetricChange]:
    """Say of judged figures which are higher or lower, p adjusted over all of them together."""
    tested = [
        (place, row.judged, row.judged.statistics)
        for place, row in enumerate(changes)
        if row.judged and row.judged.statistics
    ]
    if not tested:
        return changes
    from stages.common.judging.comparison import ALPHA, benjamini_hochberg

    marked, adjusted = list(changes), benjamini_hochberg([statistics.p for _, _, statistics in tested])
    for (place, judged, statistics), p in zip(tested, adjusted, strict=True):
        direction = "higher" if statistics.mean_difference > 0 else "lower"
        verdict = direction if p < ALPHA else "not distinguished"
        found = replace(judged, verdict=verdict, statistics=replace(statistics, p_adjusted=p))
        marked[place] = replace(changes[place], judged=found)
    return marked


def list_failures(verdicts: list[AccuracyVerdict], models: Collection[str]) -> list[str]:
    """What `--fail-on worse` fails for: accuracies that got worse, and those that could not be judged."""
    worse = [row.model for row in verdicts if row.judged.verdict == "worse"]
    found = [f"test accuracy is worse: {', '.join(worse)}"] if worse else []
    obstacles = [(row.judged.obstacle, row.model) for row in verdicts]
    unjudged = {status: [model for why, model in obstacles if why and why.status == status] for status in FULL}
    return found + [
        f"{FULL[status]}: `{replicate_command(names, models)}`" for status, names in unjudged.items() if names
    ]
