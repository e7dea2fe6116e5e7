"""Whether one set of runs is better than another, or only luckier."""

from typing import NamedTuple

from scipy import stats

ALPHA = 0.05  # chance of calling noise a difference


class Comparison(NamedTuple):
    """difference: of the means; p: of a difference at least that large if there were none."""

    difference: float
    p: float
    verdict: str


def compare(ours: list[float], theirs: list[float], higher_is_better: bool = True) -> Comparison:
    """Welch's t-test, two-sided: samples of unequal variance (Welch, Biometrika 34, 1947).

    Args:
        ours, theirs: a figure under several seeds, at least two each.
        higher_is_better: true of an accuracy, false of a loss.

    Returns:
        The verdict is "better", "worse" or "within noise".
    """
    difference = sum(ours) / len(ours) - sum(theirs) / len(theirs)
    if len(set(ours)) == 1 == len(set(theirs)):  # no spread at all: the test is not defined
        p = 1.0 if ours[0] == theirs[0] else 0.0
    else:
        p = float(stats.ttest_ind(ours, theirs, equal_var=False).pvalue)
    if p >= ALPHA:
        return Comparison(difference, p, "within noise")
    return Comparison(difference, p, "better" if (difference > 0) == higher_is_better else "worse")
