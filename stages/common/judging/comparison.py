"""Whether two sets of runs differ by more than chance, the seed: the statistics of the report and `bagpipe diff`.

All that is said is about the same test set, and about the average over seeds.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from scipy import stats

ALPHA = 0.05  # chance that a rule calls noise a difference, anywhere in the family that it is corrected over
CONFIDENCE = 0.95  # of intervals
PAIRED_FROM = 10  # common seeds: below, pairing costs more degrees of freedom than it saves noise

Runs = Mapping[int, float]  # a figure under each seed
Verdict = Literal["better", "worse", "negligible", "equivalent", "not distinguished", "the same runs"]


class Comparison(NamedTuple):
    """Of means, new less old.

    low, high: the 95 % confidence interval of the difference.
    p: two-sided; of a difference at least this large between runs of one and the same model.
    n: runs of each side that were compared; paired: by seed.
    """

    difference: float
    low: float
    high: float
    p: float
    n: tuple[int, int]
    paired: bool


def compare(new: Runs, old: Runs) -> Comparison:
    """Paired t-test on the common seeds from 10 on, Welch's otherwise (Welch, Biometrika 34, 1947).

    Two versions of a model under the same seed start from the same weights and see the same batches, so their figures
    are correlated, and pairing takes the common share of the noise out.

    Args:
        new, old: at least two runs each.
    """
    common = sorted(new.keys() & old.keys())
    if len(common) >= PAIRED_FROM:
        differences = np.array([new[seed] - old[seed] for seed in common])
        if np.ptp(differences) < 1e-9:
            return _without_spread(differences[0], (len(common),) * 2, paired=True)
        return _tested(stats.ttest_1samp(differences, 0), differences.mean(), (len(common),) * 2, paired=True)
    ours, theirs = (np.array(list(runs.values())) for runs in (new, old))
    n, difference = (len(ours), len(theirs)), ours.mean() - theirs.mean()
    if np.ptp(ours) < 1e-9 and np.ptp(theirs) < 1e-9:
        return _without_spread(difference, n, paired=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of one side that hardly varies
        return _tested(stats.ttest_ind(ours, theirs, equal_var=False), difference, n, paired=False)


def highest_against_constant(runs: Mapping[str, Runs], constant: float) -> tuple[str, Comparison]:
    """The model with the highest mean, and a t-test of it against a figure that does not vary, as of a baseline.

    It is picked among all, so p is multiplied by their number (Bonferroni). One that by chance does not stray is
    picked first, so the spread is not taken to be less than that of all of them together.

    Args:
        runs: of each model, by its name.
    """
    highest = max(runs, key=lambda name: np.mean(list(runs[name].values())))
    values = np.array(list(runs[highest].values())) - constant
    n, difference = len(values), float(values.mean())
    together = np.mean([np.var(list(each.values()), ddof=1) for each in runs.values()])
    error = math.sqrt(max(values.var(ddof=1), together) / n)
    if error < 1e-9:
        return highest, _without_spread(difference, (n, 1), paired=False)
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * error
    p = min(float(2 * stats.t.sf(abs(difference) / error, n - 1)) * len(runs), 1)
    return highest, Comparison(difference, difference - reach, difference + reach, p, (n, 1), False)


def _tested(test: "stats._stats_py.TtestResult", difference: float, n: tuple[int, int], paired: bool) -> Comparison:
    interval = test.confidence_interval(CONFIDENCE)
    return Comparison(float(difference), float(interval.low), float(interval.high), float(test.pvalue), n, paired)


def _without_spread(difference: float, n: tuple[int, int], paired: bool) -> Comparison:
    """Where nothing varies a t-test is not defined; what is left is how rare these signs, or this order, would be."""
    arrangements = 2 ** n[0] if paired else math.comb(sum(n), n[0])
    p = 1.0 if abs(difference) < 1e-9 else 2 / arrangements
    return Comparison(float(difference), float(difference), float(difference), p, n, paired)


def same_runs(new: Runs, old: Runs) -> bool:
    """Whether two sets of runs are equal, seed by seed."""
    return new.keys() == old.keys() and all(abs(new[seed] - old[seed]) < 1e-9 for seed in new)


def holm(ps: Sequence[float]) -> list[float]:
    """p-values adjusted so that the chance of any false alarm among them is ALPHA (Holm, Scand. J. Stat. 6, 1979)."""
    order = np.argsort(ps, kind="stable")
    adjusted = np.empty(len(ps))
    adjusted[order] = np.minimum(np.maximum.accumulate((len(ps) - np.arange(len(ps))) * np.asarray(ps)[order]), 1)
    return adjusted.tolist()


def benjamini_hochberg(ps: Sequence[float]) -> list[float]:
    """p-values adjusted so that of what is marked the share ALPHA is noise (J. R. Stat. Soc. B 57, 1995)."""
    return stats.false_discovery_control(ps).tolist() if len(ps) else []


def judge_differences(
    found: Mapping[str, Comparison], negligible: float, equivalent: float
) -> dict[str, tuple[float, Verdict]]:
    """Of each of some comparisons that belong together, p after Holm's correction over all, and the verdict."""
    adjusted = holm([comparison.p for comparison in found.values()])
    return {
        name: (p, judge_difference(comparison, p, negligible, equivalent))
        for (name, comparison), p in zip(found.items(), adjusted, strict=True)
    }


def judge_difference(found: Comparison, p_adjusted: float, negligible: float, equivalent: float) -> Verdict:
    """What a comparison of accuracies says.

    Args:
        negligible: a difference smaller than this is none, however certain.
        equivalent: an interval within this on both sides shows that there is none that matters.
    """
    if p_adjusted < ALPHA:
        if abs(found.difference) < negligible:
            return "negligible"
        return "better" if found.difference > 0 else "worse"
    if -equivalent < found.low and found.high < equivalent:
        return "equivalent"
    return "not distinguished"
