"""What comparisons say in a word, alone or in a family: the verdicts of the report and of `bagpipe diff`."""

import math
from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

import numpy as np

from stages.common.basics.answers import Answers
from stages.common.judging.comparison import ALPHA, holm_factors
from stages.common.judging.new_texts import MEASURES, POWER, Comparison, compare_family, conclude, measure_accuracy

FEW_TEXTS, POINT = 1_000, 0.01

Verdict = Literal["better", "worse", "negligible", "equivalent", "not distinguished", "the same runs"]


class Judged(NamedTuple):
    """A comparison, and what it says.

    low, high: the interval of the difference that the verdict rests on; it misses the difference in a share `alpha`
    of cases, so chosen that it excludes 0 if and only if p_adjusted is below 5 %.
    """

    found: Comparison
    p_adjusted: float
    low: float
    high: float
    alpha: float
    verdict: Verdict


def name_verdict(difference: float, low: float, high: float, negligible: float, equivalent: float) -> Verdict:
    """The word for a difference of accuracies, new less old, by its interval.

    Args:
        negligible: a difference smaller than this is none, however certain.
        equivalent: an interval within this on both sides shows that there is none that matters.
    """
    if low > 0 or high < 0:
        if abs(difference) < negligible:
            return "negligible"
        return "better" if difference > 0 else "worse"
    if -equivalent < low and high < equivalent:
        return "equivalent"
    return "not distinguished"


def judge(found: Comparison, factor: float, negligible: float, equivalent: float) -> Judged:
    """Judge a comparison whose p a correction for the others multiplies by a factor."""
    low, high = found.interval(ALPHA / factor)
    verdict = name_verdict(found.difference, low, high, negligible, equivalent)
    return Judged(found, min(factor * found.p, 1.0), low, high, ALPHA / factor, verdict)


def judge_family(
    pairs: Mapping[str, tuple[Answers, Answers]], negligible: float, equivalent: float, figure: str = "accuracy"
) -> dict[str, Judged]:
    """Judge pairs of models, new and old, on one test set; corrected over all that differ (Holm).

    figure: one of MEASURES.
    """
    same = {name for name, (new, old) in pairs.items() if are_same(new, old)}
    others = [name for name in pairs if name not in same]
    found = compare_family((pairs[name] for name in others), figure)
    factors = holm_factors([comparison.p for comparison in found])
    judged = {
        name: judge(comparison, factor, negligible, equivalent)
        for name, comparison, factor in zip(others, found, factors, strict=True)
    }
    for name in same:
        comparison = conclude(MEASURES[figure](*pairs[name]))
        judged[name] = Judged(comparison, 1.0, 0.0, 0.0, ALPHA, "the same runs")
    return {name: judged[name] for name in pairs}


def are_same(new: Answers, old: Answers) -> bool:
    """Whether runs gave the same answers under all seeds of the side that has fewer."""
    common = [run for run in new.runs if run in old.runs]
    one, other = new.choose(common), old.choose(common)
    same = np.array_equal(one.wrong, other.wrong) and np.allclose(one.macro_f1, other.macro_f1, atol=1e-9)
    return same and len(common) == min(len(new.runs), len(old.runs))


def judge_highest(
    networks: Mapping[str, Answers], baseline: Answers, negligible: float, equivalent: float
) -> tuple[str, Judged]:
    """The network with the highest mean, judged against one run that has no seed, as of a baseline.

    It is picked among all, so p is multiplied by their number (Bonferroni). One that by chance does not stray is
    picked first, so the spread is not taken to be less than that of all of them together.
    """
    highest = min(networks, key=lambda name: networks[name].wrong.mean())
    together = float(np.mean([answers.wrong.mean(axis=1).var(ddof=1) for answers in networks.values()]))
    found = conclude(measure_accuracy(networks[highest], baseline), together)
    return highest, judge(found, len(networks), negligible, equivalent)


def explain_small_test_set(dataset: str, found: Iterable[Judged]) -> str:
    """What difference a test set of few texts lets be found, and what would find one of a point; empty if not few."""
    compared = [judged for judged in found if judged.verdict != "the same runs"]
    if not compared or compared[0].found.texts >= FEW_TEXTS:
        return ""
    alpha = min(judged.alpha for judged in compared)
    least, widest = max((judged.found.detectable(alpha), judged.found) for judged in compared)
    said = (
        f"The test set of {dataset} has {widest.texts:,} texts. A difference of {100 * least:.1f} points is found in "
        f"{POWER:.0%} of cases"
    )
    if least <= POINT:
        return f"{said}."
    numbers = {"test texts": widest.texts_for(POINT, alpha), "seeds": widest.runs_for(POINT, alpha)}
    ways = [f"about {math.ceil(number):,} {what}" for what, number in numbers.items() if math.isfinite(number)]
    return f"{said}; one of a point takes {' or '.join(ways) or 'more texts and more seeds'}."
