"""What `bagpipe diff` says of figures over seeds: a verdict on each test accuracy, marks on the other figures.

Only a test accuracy, or macro F1 where that is asked for, can be better or worse: the other figures depend on it, and
among many, one always strays. A verdict is about new texts; a mark is about these.
"""

import math
import re
import shlex
from collections.abc import Collection
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING

from bagpipe.review.freshness import read_inputs, replicate_stage, staleness
from bagpipe.review.records import Judged, Margins, MetricChange, Obstacle, Statistics, TestVerdict
from bagpipe.review.revisions import Side, read_workspace
from stages.common.basics.errors import UserError
from stages.common.basics.paths import HERE

if TYPE_CHECKING:
    from stages.common.basics.answers import Answers
    from stages.common.judging.verdicts import Judged as JudgedFamily

Pair = tuple[Side, Side]  # the old one, the new one

METRICS = {"accuracy": "accuracy", "macro_f1": "macro F1"}
ACCURACY = "test.accuracy"
JUDGED = re.compile(r"(?:test\.(?=loss)|validation\.(?:last_|best_)?val_)(accuracy|loss)")
STALE, MISSING, UNRECORDED, OTHER_TEXTS = "stale", "no replicates", "answers not recorded", "other test texts"
FULL = {
    STALE: "replicates are stale",
    MISSING: MISSING,
    UNRECORDED: "it is not recorded which test texts the replicates got wrong",
    OTHER_TEXTS: "the test sets differ",
}
OLD_PIPELINE = "its pipeline does not write errors.npz"


def replicate_command(models: list[str], everything: Collection[str] = ()) -> str:
    """What makes the replicates of some models, or of all."""
    every = len(models) > 3 and set(models) == set(everything)
    return shlex.join(["dvc", "repro", *(["replicate"] if every else map(replicate_stage, models))])


def retest_command(obstacle: Obstacle) -> str:
    """What measures the old side on the test texts of the new one, where that is checked out."""
    return shlex.join(["bagpipe", "retest", obstacle.side])


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
            side.md5(str(HERE.errors_of_model(model))),
            read_inputs(side, model),
        )
        for side in sides
    )
    return old == new


def judged_models(sides: Pair) -> list[str]:
    """The models of both sides that have a test accuracy and are not the same on both."""
    common = sorted(sides[0].models.keys() & sides[1].models.keys())
    tested = [
        name
        for name in common
        if any((name, ACCURACY) in side.metrics or side.samples(name, ACCURACY) for side in sides)
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


def judge_tests(sides: Pair, metric: str) -> list[TestVerdict]:
    """A verdict on `accuracy` or `macro_f1` of each model that differs; p adjusted over those of a dataset."""
    found: dict[str, TestVerdict] = {}
    pairs: dict[str, dict[str, tuple[Answers, Answers]]] = {}
    for model in judged_models(sides):
        without_texts = judge_without_texts(sides, model, metric)
        if without_texts:
            found[model] = TestVerdict(model=model, judged=without_texts)
        else:
            old, new = (side.answers(model) for side in sides)
            pairs.setdefault(sides[1].models[model]["dataset"], {})[model] = new, old
    for dataset, family in pairs.items():
        found |= judge_dataset(dataset, family, metric, read_margins(sides))
    return [found[model] for model in sorted(found)]


def judge_dataset(
    dataset: str, pairs: dict[str, tuple["Answers", "Answers"]], metric: str, margins: Margins
) -> dict[str, TestVerdict]:
    """The verdicts on the models of one dataset whose runs differ."""
    from stages.common.judging.verdicts import explain_small_test_set, judge_family  # SciPy

    judged = judge_family(pairs, margins.negligible, margins.equivalent, metric)
    small = explain_small_test_set(dataset, judged.values())
    found = {}
    for model, pair in pairs.items():
        record = record_of(judged[model], *pair, metric)
        found[model] = TestVerdict(model=model, judged=record)
        if record.statistics:
            found[model] = replace(found[model], margins=margins, small=small)
    return found


def record_of(judged: "JudgedFamily", new: "Answers", old: "Answers", metric: str) -> Judged:
    """The record of a verdict, with the means of the runs that were compared."""
    from stages.common.judging.new_texts import match_runs

    found = judged.found
    new, old, _ = match_runs(new, old)
    figures = (side.macro_f1 if metric == "macro_f1" else 1 - side.wrong.mean(axis=1) for side in (old, new))
    means = [round(float(figure.mean()), 6) for figure in figures]
    n = (found.n[1], found.n[0])
    if judged.verdict == "the same runs":
        return Judged(n=n, verdict=judged.verdict, mean_old=means[0], mean_new=means[1])
    statistics = Statistics(
        mean_old=means[0],
        mean_new=means[1],
        mean_difference=round(found.difference, 6),
        low=round(judged.low, 6),
        high=round(judged.high, 6),
        p=found.p,
        p_adjusted=judged.p_adjusted,
        paired=found.paired,
        texts=found.texts,
        on_test_set_low=round(found.on_test_set()[0], 6),
        on_test_set_high=round(found.on_test_set()[1], 6),
    )
    return Judged(n=n, verdict=judged.verdict, statistics=statistics)


def find_other_texts(sides: Pair, model: str) -> Obstacle | None:
    """Why the answers of two sides cannot be held against each other, None if they can."""
    for side in reversed(sides):
        if not side.has_answers(model) or len(side.answers(model).runs) < 2:
            is_written = str(HERE.errors_of_model(model)) in side.lock[replicate_stage(model)].outs
            return Obstacle(status=UNRECORDED, side=side.short, reason="" if is_written else OLD_PIPELINE)
    old, new = (side.answers(model) for side in sides)
    if old.test_set == new.test_set:
        return None
    before, now = (f"{answers.wrong.shape[1]:,}" for answers in (old, new))
    reason = (
        f"both sides have {now} test texts, but not the same"
        if before == now
        else f"the old side has {before} test texts and the new one {now}"
    )
    return Obstacle(status=OTHER_TEXTS, side=sides[0].short, reason=reason)


def judge_without_texts(sides: Pair, model: str, metric: str) -> Judged | None:
    """What is said of a model without comparing its answers: why not, or that runs diverged; else None."""
    old, new = (side.samples(model, ACCURACY) for side in sides)
    n = len(old), len(new)
    if obstacle := find_obstacle(sides, model, ACCURACY) or find_other_texts(sides, model):
        return Judged(n=n, verdict=advise(obstacle, [model]), obstacle=obstacle)
    figures = (f"test.{metric}", "test.loss")  # a loss that diverged leaves an accuracy of guesses
    before, now = find_diverged(sides, model, figures)
    if before or now:
        verdict = "not distinguished" if before and now else "worse" if now else "better"
        return Judged(n=n, diverged=(before, now), verdict=verdict)
    return None


def advise(obstacle: Obstacle, models: list[str], everything: Collection[str] = ()) -> str:
    """What is the matter, and the command that mends it."""
    if obstacle.status == OTHER_TEXTS:
        return f"{FULL[OTHER_TEXTS]}: `{retest_command(obstacle)}`, where the new side is checked out"
    return f"{FULL[obstacle.status]}: `{replicate_command(models, everything)}`"


def judge_runs(sides: Pair, model: str, figure: str, finite: tuple[str, ...]) -> Judged:
    """Why a figure cannot be judged, or the statistics of its runs; no verdict if one of `finite` diverged."""
    old, new = (side.samples(model, figure) for side in sides)
    n = len(old), len(new)
    if obstacle := find_obstacle(sides, model, figure):
        return Judged(n=n, verdict=advise(obstacle, [model]), obstacle=obstacle)
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


def list_failures(verdicts: list[TestVerdict], models: Collection[str], metric: str) -> list[str]:
    """What `--fail-on worse` fails for: test figures that got worse, and those that could not be judged."""
    worse = [row.model for row in verdicts if row.judged.verdict == "worse"]
    found = [f"test {METRICS[metric]} is worse: {', '.join(worse)}"] if worse else []
    for status in FULL:
        rows = [row for row in verdicts if row.judged.obstacle and row.judged.obstacle.status == status]
        if rows and (obstacle := rows[0].judged.obstacle):
            found.append(advise(obstacle, [row.model for row in rows], models))
    return found


def only_other_texts(verdicts: list[TestVerdict]) -> bool:
    """Whether nothing is the matter but that test sets differ."""
    judged = [row.judged for row in verdicts]
    return all(
        found.obstacle.status == OTHER_TEXTS if found.obstacle else found.verdict != "worse" for found in judged
    )
