"""How often the rules of the report and of `bagpipe diff` are wrong, and what they find: `make null-study`.

The runs are drawn from those in reports/models/M/replicates.csv: a model's mean plus residuals of its own, drawn with
replacement and widened by sqrt(n / (n - 1)), so that they vary as much as the runs they are drawn from. Two versions
of a model under the same seeds share a part of their noise, which the correlation r says.
"""

import argparse
import math
from collections.abc import Callable, Iterator

import numpy as np
from tabulate import tabulate
from tqdm import tqdm

from stages.common.basics.artifacts import write_text
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import models_of
from stages.common.basics.params.reading import load_params
from stages.common.basics.paths import HERE
from stages.common.judging.comparison import (
    ALPHA,
    benjamini_hochberg,
    compare,
    highest_against_constant,
    judge_difference,
    judge_differences,
)
from stages.common.judging.published import REPLICATED, load_published
from stages.common.judging.reproduction import Results, judge, metric_by_seed, read_results
from stages.report.tables import ACCURACY, variations

LOST = 0.01
FEWER = 5  # times fewer tries where every model is tried by itself
CORRELATIONS = (0.0, 0.4, 0.85)
Random = np.random.Generator
Pairs = dict[str, tuple[np.ndarray, np.ndarray]]


def residuals_of(results: Results, model: str, figure: str = ACCURACY) -> np.ndarray:
    """How far each run is from the mean, widened: shape (runs,)."""
    values = np.array(list(metric_by_seed(results, model, figure).values()))
    return (values - values.mean()) * math.sqrt(len(values) / (len(values) - 1))


def two_versions(random: Random, residuals: np.ndarray, r: float) -> tuple[np.ndarray, np.ndarray]:
    """The noise of two versions of a model under the same seeds, correlated by r: a common part and two of their own.

    Args:
        residuals: shape (runs,), or (runs, figures) for figures that are drawn together.
    """
    common, new, old = random.choice(residuals, (3, len(residuals)))
    return math.sqrt(r) * common + math.sqrt(1 - r) * new, math.sqrt(r) * common + math.sqrt(1 - r) * old


def numbered(values: np.ndarray) -> dict[int, float]:
    return dict(enumerate(values.tolist()))


def judged(pairs: Pairs, params: Params) -> dict[str, str]:
    """The verdict on each model, as in `bagpipe diff` or the table of experiments."""
    found = {name: compare(numbered(new), numbered(old)) for name, (new, old) in pairs.items()}
    judgements = judge_differences(found, params.verdicts.negligible, params.verdicts.equivalent)
    return {name: said for name, (_, said) in judgements.items()}


def nothing_but_noise(random: Random, results: Results, params: Params, r: float) -> bool:
    """Whether any of the models comes out better or worse where none is."""
    pairs = {name: two_versions(random, residuals_of(results, name), r) for name in params.models}
    return bool({"better", "worse"} & set(judged(pairs, params).values()))


def one_model_lost(random: Random, results: Results, params: Params, r: float, loser: str) -> bool:
    """Whether a model that lost a point is found."""
    pairs = {name: two_versions(random, residuals_of(results, name), r) for name in params.models}
    new, old = pairs[loser]
    pairs[loser] = new - LOST, old
    return judged(pairs, params)[loser] == "worse"


def called_equivalent_at_the_margin(random: Random, results: Results, params: Params, r: float) -> bool:
    """Whether a model that differs by just as much as is not equivalent is called so."""
    name = str(random.choice(list(params.models)))
    new, old = two_versions(random, residuals_of(results, name), r)
    return judged({name: (new + params.verdicts.equivalent, old)}, params)[name] == "equivalent"


def marked(random: Random, results: Results, params: Params, r: float) -> bool:
    """Whether any other figure of any model is marked where nothing differs."""
    figures = [figure for figure in REPLICATED if "epoch" not in figure and figure != ACCURACY]
    ps = []
    for name in params.models:
        residuals = np.stack([residuals_of(results, name, figure) for figure in figures], axis=1)
        for new, old in zip(*(version.T for version in two_versions(random, residuals, r)), strict=True):
            ps.append(compare(numbered(new), numbered(old)).p)
    return min(benjamini_hochberg(ps)) < ALPHA


def a_published_figure_differs(random: Random, results: Results, params: Params) -> bool:
    """Whether any figure differs if those published are runs of ours, left out of ours."""
    notebooks = load_published(params)
    drawn = {name: int(random.integers(len(table))) for name, table in results.replicates.items()}
    ours = results._replace(
        replicates={
            name: [
                {**table[place], "seed": seed}
                for seed, place in enumerate(random.integers(len(table), size=len(table)))
            ]
            for name, table in results.replicates.items()
        }
    )

    def run_of_ours(name: str, figure: str) -> float:
        return float(results.replicates[name][drawn[name]][figure.replace(".", "_")])

    entries = []
    for entry in notebooks.published:
        if entry.figure in REPLICATED:
            value = run_of_ours(entry.of, entry.figure)
            if entry.against:
                value -= run_of_ours(entry.against, entry.figure)
            digits = len(entry.value.partition(".")[2])
            entries.append(entry.model_copy(update={"value": f"{value:.{digits}f}"}))
    return any(found.verdict == "differs" for found in judge(entries, ours))


def a_variation_differs(random: Random, results: Results, params: Params) -> bool:
    """Whether any variation comes out better or worse if all are the reference by another name."""
    pairs = {}
    for dataset in results.baselines:
        reference, *others = variations(params, dataset)
        residuals = residuals_of(results, reference)
        old = random.choice(residuals, len(residuals))
        pairs |= {name: (random.choice(residuals, len(results.replicates[name])), old) for name in others}
    return bool({"better", "worse"} & set(judged(pairs, params).values()))


def the_highest_is_above(random: Random, results: Results, params: Params) -> bool:
    """Whether the highest of a dataset's networks is distinguished from a baseline that is as good as all of them."""
    dataset = str(random.choice(list(results.baselines)))
    runs = {}
    for name in models_of(params, dataset):
        residuals = residuals_of(results, name)
        runs[name] = numbered(random.choice(residuals, len(residuals)))
    _, found = highest_against_constant(runs, 0.0)
    return judge_difference(found, found.p, params.verdicts.negligible, params.verdicts.equivalent) in (
        "better",
        "worse",
    )


def share(rule: Callable[..., bool], random: Random, tries: int, *arguments: object) -> float:
    return sum(rule(random, *arguments) for _ in range(tries)) / tries


def false_alarms(random: Random, results: Results, params: Params, tries: int) -> Iterator[list[str]]:
    """Lines: a rule, what is true, and how often the rule says otherwise."""
    given = (results, params)
    rules: list[tuple[str, str, Callable[..., bool], tuple]] = []
    for r in CORRELATIONS:
        rules += [
            (f"`diff`, r = {r:g}", "no model differs; one better or worse", nothing_but_noise, (r,)),
            (
                f"`diff`, r = {r:g}",
                "a model differs by the margin; equivalent",
                called_equivalent_at_the_margin,
                (r,),
            ),
            (f"`diff`, r = {r:g}", "no other figure differs; one marked", marked, (r,)),
        ]
    rules += [
        ("published", "the notebooks ran our models; a figure differs", a_published_figure_differs, ()),
        ("experiments", "no variation matters; one better or worse", a_variation_differs, ()),
        ("baselines", "no network is above the baseline; the highest is", the_highest_is_above, ()),
    ]
    for name, situation, rule, more in tqdm(rules, unit=" rules", disable=None):
        yield [name, situation, f"{share(rule, random, tries, *given, *more):.1%}"]


def power(random: Random, results: Results, params: Params, tries: int) -> Iterator[list[str]]:
    """Lines: a model, its runs and their spread, and how often the loss of a point is found, for each correlation."""
    for name in tqdm(params.models, unit=" models", disable=None):
        values = list(metric_by_seed(results, name, ACCURACY).values())
        found = [share(one_model_lost, random, tries, results, params, r, name) for r in CORRELATIONS]
        yield [name, str(len(values)), f"{np.std(values, ddof=1):.4f}", *(f"{part:.0%}" for part in found)]


def page(alarms: list[list[str]], found: list[list[str]], tries: int) -> str:
    """reports/null_study.md."""

    def table(lines: list[list[str]], header: list[str], text: int) -> str:
        align = ["left"] * text + ["right"] * (len(header) - text)
        return tabulate(lines, header, tablefmt="github", disable_numparse=True, colalign=align)

    return f"""# How often the verdicts are wrong, and what they find

Written by `make null-study`, which is no stage of the pipeline: each rule of the [report](README.md) and of \
`bagpipe diff` is tried on runs drawn from the real ones, where the truth is known. r is the correlation of two \
versions of a model under the same seeds.

## False alarms

Each rule is to be wrong in at most {ALPHA:.0%} of cases. Of {tries:,} tries each, a share of {ALPHA:.0%} is known \
to ± {1.96 * math.sqrt(ALPHA * (1 - ALPHA) / tries):.1%}.

{table(alarms, ["rule", "what is true; what would be wrong", "how often"], 2)}

## What is found

One model of {len(found)} loses {100 * LOST:g} point of test accuracy: how often `bagpipe diff` calls it worse \
({tries // FEWER:,} tries).

{table(found, ["model", "seeds", "sd", *(f"r = {r:g}" for r in CORRELATIONS)], 1)}
"""


def main() -> None:
    """Try all rules and write the page."""
    parser = argparse.ArgumentParser(prog="make null-study", description=__doc__)
    parser.add_argument("--tries", type=int, default=1_000)
    tries = parser.parse_args().tries
    params = load_params()
    results, random = read_results(params), np.random.default_rng(1)
    alarms = list(false_alarms(random, results, params, tries))
    content = page(alarms, list(power(random, results, params, tries // FEWER)), tries)
    write_text(HERE.reports / "null_study.md", content)
    print(content)


if __name__ == "__main__":
    main()
