"""Whether models differ by more than chance on new texts of the same kind: by seeds and by test texts.

A figure of a model is off because it was trained under these seeds, and because it was measured on these texts. The
variance of a difference is V_s from the seeds (of the runs' differences, over n) and V_t from the texts (of the
texts' differences, averaged over seeds, over T). Either holds the noise of each run on each text, so what they share
is taken off once: the design is that of runs crossed with texts, see Brennan, Generalizability Theory, 2001.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy import stats

from stages.common.basics.answers import Answers
from stages.common.judging.comparison import ALPHA, PAIRED_FROM

SMALLEST = 1e-12  # error: for a test of figures that vary in nothing
POWER = 0.8  # with which a difference is to be found, where it is said which could have been


class Parts(NamedTuple):
    """What the variance of a difference of mean accuracies, new less old, is made of.

    of_seeds: V_s; freedom: its degrees of freedom; spread: the variance of the difference of two single runs, and
    each: V_s over it, one over the number of runs.
    of_texts: V_t; shared: what both of them hold.
    n: runs of each side; texts: T; paired: by seed.
    """

    difference: float
    of_seeds: float
    freedom: float
    spread: float
    each: float
    of_texts: float
    shared: float
    n: tuple[int, int]
    texts: int
    paired: bool


def half_width(alpha: float, error: float, freedom: float) -> float:
    """Of the interval of t that misses in a share alpha of cases."""
    return float(stats.t.ppf(1 - alpha / 2, freedom)) * error


def two_sided_p(difference: float, error: float, freedom: float) -> float:
    return float(2 * stats.t.sf(abs(difference) / error, freedom))


class Comparison(NamedTuple):
    """Of mean accuracies, new less old, as far as it holds for new texts: never surer than on the test set itself.

    Satterthwaite's degrees of freedom alone would have it so of few runs.

    error, freedom: the standard error of the difference, and its degrees of freedom after Satterthwaite.
    p: two-sided; of a difference at least this large between models that are equally good.
    of_seeds, of_texts: standard errors that come from either alone.
    by_seeds: the standard error and its degrees of freedom by the seeds alone, of the difference on these very texts.
    n, texts, paired: see `Parts`.
    """

    difference: float
    error: float
    freedom: float
    p: float
    of_seeds: float
    of_texts: float
    by_seeds: tuple[float, float]
    n: tuple[int, int]
    texts: int
    paired: bool

    def interval(self, alpha: float = ALPHA) -> tuple[float, float]:
        """The confidence interval of the difference that misses it in a share `alpha` of cases."""
        reach = max(half_width(alpha, self.error, self.freedom), half_width(alpha, *self.by_seeds))
        return self.difference - reach, self.difference + reach

    def on_test_set(self) -> tuple[float, float]:
        """The 95 % interval by the seeds alone, of the difference on these very texts."""
        reach = half_width(ALPHA, *self.by_seeds)
        return self.difference - reach, self.difference + reach

    def detectable(self, alpha: float = ALPHA) -> float:
        """The smallest difference that is found in four cases of five."""
        return self._distance(alpha) * self.error

    def texts_for(self, difference: float, alpha: float = ALPHA) -> float:
        """How many test texts would find a difference in four cases of five; infinite if it takes seeds."""
        left = (difference / self._distance(alpha)) ** 2 - (self.error**2 - self.of_texts**2)
        return self.texts * self.of_texts**2 / left if left > 0 else math.inf

    def runs_for(self, difference: float, alpha: float = ALPHA) -> float:
        """How many runs of each side would find a difference in four cases of five; infinite if it takes texts."""
        left = (difference / self._distance(alpha)) ** 2 - (self.error**2 - self.of_seeds**2)
        return max(self.n) * self.of_seeds**2 / left if left > 0 else math.inf

    def _distance(self, alpha: float) -> float:
        return float(stats.t.ppf(1 - alpha / 2, self.freedom) + stats.t.ppf(POWER, self.freedom))


def variance_of_each(signs: np.ndarray) -> float:
    """Of the mean of all: the part from what neither run nor text explains; 0 of a single run.

    Args:
        signs: of -1, 0 and 1, shape (runs, texts).
    """
    runs, texts = signs.shape
    if min(runs, texts) < 2:
        return 0.0
    by_run, by_text, mean = signs.mean(axis=1), signs.mean(axis=0), signs.mean()
    explained = texts * np.square(by_run).sum() + runs * np.square(by_text).sum() - signs.size * mean**2
    squares = max(float(np.count_nonzero(signs) - explained), 0.0)
    return squares / ((runs - 1) * (texts - 1)) / signs.size


def variance_of_texts(by_text: np.ndarray) -> float:
    """The variance of the mean of the texts' differences, shape (T,), with a text more that is won by either side.

    Else models that are right about all of a few texts would be known to be equal. See Agresti and Min, Statistics in
    Medicine 24, 2005, on matched proportions.
    """
    texts = len(by_text) + 2
    return float((np.square(by_text).sum() + 1 - by_text.sum() ** 2 / texts) / texts**2)


class OfRuns(NamedTuple):
    """What of `Parts` the figures of the runs tell."""

    difference: float
    of_seeds: float
    freedom: float
    spread: float
    each: float
    n: tuple[int, int]
    paired: bool


def compare_paired(new: np.ndarray, old: np.ndarray) -> OfRuns:
    """Runs under the same seeds: a figure of each, both of shape (n,)."""
    n, spread = len(new), float((new - old).var(ddof=1))
    return OfRuns(float((new - old).mean()), spread / n, n - 1, spread, 1 / n, (n, n), paired=True)


def compare_unpaired(new: np.ndarray, old: np.ndarray) -> OfRuns:
    """Runs under other seeds, after Welch; or one run that has no seed, as of a baseline: shapes (n,) and (m,)."""
    sides = new, old
    varying = [side for side in sides if len(side) > 1]
    spreads = [float(side.var(ddof=1)) for side in varying]
    parts = [spread / len(side) for spread, side in zip(spreads, varying, strict=True)]
    squares = sum(part**2 / (len(side) - 1) for part, side in zip(parts, varying, strict=True))
    return OfRuns(
        difference=float(new.mean() - old.mean()),
        of_seeds=sum(parts),
        freedom=sum(parts) ** 2 / squares if squares else max(sum(len(side) - 1 for side in varying), 1),
        spread=sum(spreads),
        each=float(np.mean([1 / len(side) for side in varying])) if varying else 0.0,
        n=(len(new), len(old)),
        paired=False,
    )


def match_runs(new: Answers, old: Answers) -> tuple[Answers, Answers, bool]:
    """The runs to compare, and whether in pairs: by seed if they have ten in common."""
    common = [run for run in new.runs if run in old.runs]
    if len(common) >= PAIRED_FROM:
        return new.choose(common), old.choose(common), True
    return new, old, False


def measure_accuracy(new: Answers, old: Answers) -> Parts:
    """The parts of a difference of accuracies on one test set."""
    new, old, paired = match_runs(new, old)
    accuracies = (1 - side.wrong.mean(axis=1) for side in (new, old))
    runs = (compare_paired if paired else compare_unpaired)(*accuracies)
    by_text = old.wrong.mean(axis=0) - new.wrong.mean(axis=0)
    alone = [old.wrong.astype(np.int8) - new.wrong] if paired else [new.wrong, old.wrong]
    return Parts(
        **runs._asdict(),
        of_texts=variance_of_texts(by_text),
        shared=sum(map(variance_of_each, alone)),
        texts=len(by_text),
    )


def measure_macro_f1(new: Answers, old: Answers) -> Parts:
    """The parts of a difference of macro F1, that of the texts by their influence; what is shared is left in both."""
    new, old, paired = match_runs(new, old)
    runs = (compare_paired if paired else compare_unpaired)(new.macro_f1, old.macro_f1)
    by_text = new.f1_influence.astype(np.float64) - old.f1_influence
    texts = len(by_text)
    return Parts(**runs._asdict(), of_texts=float(np.square(by_text).sum()) / texts**2, shared=0.0, texts=texts)


MEASURES = {"accuracy": measure_accuracy, "macro_f1": measure_macro_f1}


def conclude(parts: Parts, least_spread: float = 0.0) -> Comparison:
    """The comparison that parts come to; least_spread: single runs' differences are not taken to vary less.

    Degrees of freedom after Satterthwaite, Biometrics Bulletin 2, 1946.
    """
    of_seeds = max(parts.of_seeds, least_spread * parts.each)
    variance = max(of_seeds + parts.of_texts - parts.shared, of_seeds, parts.of_texts)
    freedom = variance**2 / (of_seeds**2 / parts.freedom + parts.of_texts**2 / (parts.texts + 1)) if variance else 1
    error = max(math.sqrt(variance), SMALLEST)
    by_seeds = max(math.sqrt(parts.of_seeds), SMALLEST), parts.freedom
    return Comparison(
        difference=parts.difference,
        error=error,
        freedom=freedom,
        p=max(two_sided_p(parts.difference, error, freedom), two_sided_p(parts.difference, *by_seeds)),
        of_seeds=math.sqrt(of_seeds),
        of_texts=math.sqrt(parts.of_texts),
        by_seeds=by_seeds,
        n=parts.n,
        texts=parts.texts,
        paired=parts.paired,
    )


def compare_family(pairs: Iterable[tuple[Answers, Answers]], figure: str = "accuracy") -> list[Comparison]:
    """Compare pairs of models, new and old, on one test set, by one of MEASURES.

    Few runs may by chance not stray, as networks do now and then; so none is taken to vary less than the median of
    them all does.
    """
    measured = [MEASURES[figure](new, old) for new, old in pairs]
    least = float(np.median([parts.spread for parts in measured])) if measured else 0.0
    return [conclude(parts, least) for parts in measured]
