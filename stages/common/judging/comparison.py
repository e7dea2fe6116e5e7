"""Whether two sets of runs differ by more than chance, the seed, and what many such comparisons come to.

What is said of figures is about the same texts, and about the average over seeds; of accuracies on new texts see
new_texts.py.
"""

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

ALPHA = 0.05  # chance that a rule calls noise a difference, anywhere in the family that it is corrected over
CONFIDENCE = 0.95  # of intervals
PAIRED_FROM = 10  # common seeds: below, pairing costs more degrees of freedom than it saves noise

Runs = Mapping[int, float]  # a figure under each seed


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


def holm_factors(ps: Sequence[float]) -> list[float]:
    """What to multiply p-values by, so that the chance of any false alarm among them is ALPHA.

    By Holm, Scand. J. Stat. 6, 1979; a product may exceed 1.
    """
    order = np.argsort(ps, kind="stable")
    ascending = np.maximum(np.asarray(ps, float)[order], np.finfo(float).tiny)
    factors = np.empty(len(ps))
    factors[order] = np.maximum.accumulate((len(ps) - np.arange(len(ps))) * ascending) / ascending
    return factors.tolist()


def holm(ps: Sequence[float]) -> list[float]:
    """p-values so adjusted, at most 1."""
    return [min(factor * p, 1.0) for factor, p in zip(holm_factors(ps), ps, strict=True)]


def benjamini_hochberg(ps: Sequence[float]) -> list[float]:
    """p-values adjusted so that of what is marked the share ALPHA is noise (J. R. Stat. Soc. B 57, 1995)."""
    return stats.false_discovery_control(ps).tolist() if len(ps) else []
