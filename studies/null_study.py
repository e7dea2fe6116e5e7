"""How often the rules of the report and of `bagpipe diff` are wrong, and what they find: `make studies`.

Reads   reports/models/M/replicates.csv, published.yaml
Params  datasets, defaults, models, verdicts
Writes  reports/null_study.md

The runs are drawn from those in replicates.csv: a model's mean plus residuals of its own, drawn with replacement and
widened by sqrt(n / (n - 1)), so that they vary as much as the runs they are drawn from. Two versions of a model under
the same seeds share a part of their noise, which the correlation r says.
"""

import itertools
import math
import signal
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

import joblib
import numpy as np
from tqdm import tqdm

from stages.common.basics.artifacts import Table, read_csv, write_text
from stages.common.basics.markdown import format_table
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import models_of, ordered_models
from stages.common.basics.paths import HERE
from stages.common.judging.comparison import (
    ALPHA,
    Comparison,
    benjamini_hochberg,
    compare,
    highest_against_constant,
    judge_difference,
    judge_differences,
)
from stages.common.judging.published import REPLICATED, Published, applicable, load_published
from stages.common.judging.reproduction import Results, judge, metric_by_seed
from stages.report.tables import ACCURACY, variations

TRIES = 1_000  # of each rule: a share of 5 % is then known to 1.4 points
BLOCKS = 20  # that they are made in, each with a seed of its own: the same tries on however many cores
SEED = 1
LOST = 0.01
CORRELATIONS = (0.0, 0.4, 0.85)
MARKED = [figure for figure in REPLICATED if "epoch" not in figure and figure != ACCURACY]
DIFFERS = {"better", "worse"}

Random = np.random.Generator
Noise = tuple[np.ndarray, np.ndarray]  # of the new and the old version, shape (runs,)


class Given(NamedTuple):
    """What the rules are tried on.

    results: the replicates, and nothing else.
    residuals: of each model, by figure, how far each run is from the mean, widened; shape (runs,).
    models: of each dataset; variations: those of them that differ from the first in the network only.
    """

    results: Results
    residuals: Mapping[str, Mapping[str, np.ndarray]]
    models: Mapping[str, list[str]]
    variations: Mapping[str, list[str]]
    published: list[Published]
    negligible: float
    equivalent: float


class Rule(NamedTuple):
    """What is tried: its name, what is true, and whether the rule says otherwise in one try, or of each model."""

    name: str
    situation: str
    says: Callable[..., bool | list[bool]]
    arguments: tuple[float, ...] = ()


def read_given(params: Params) -> Given:
    """Read the replicates and what is published."""
    names = ordered_models(params)
    replicates = {name: read_csv(HERE.model_report(name) / "replicates.csv") for name in names}
    results = Results({}, replicates, {}, {}, {}, {})
    models = {dataset: found for dataset in sorted(params.defaults) if (found := models_of(params, dataset))}
    return Given(
        results,
        {name: {figure: residuals_of(results, name, figure) for figure in (ACCURACY, *MARKED)} for name in names},
        models,
        {dataset: variations(params, dataset) for dataset in models},
        [entry for entry in applicable(load_published(params), params).published if entry.figure in REPLICATED],
        params.verdicts.negligible,
        params.verdicts.equivalent,
    )


def residuals_of(results: Results, model: str, figure: str) -> np.ndarray:
    values = np.array(list(metric_by_seed(results, model, figure).values()))
    return (values - values.mean()) * math.sqrt(len(values) / (len(values) - 1))


def two_versions(random: Random, residuals: np.ndarray, r: float) -> Noise:
    """The noise of two versions of a model under the same seeds, correlated by r: a common part and two of their own.

    Args:
        residuals: shape (runs,), or (runs, figures) for figures that are drawn together.
    """
    common, new, old = random.choice(residuals, (3, len(residuals)))
    return math.sqrt(r) * common + math.sqrt(1 - r) * new, math.sqrt(r) * common + math.sqrt(1 - r) * old


def noise_of_all(random: Random, given: Given, r: float) -> dict[str, Noise]:
    """Two versions of every model that differ by nothing but noise."""
    return {name: two_versions(random, found[ACCURACY], r) for name, found in given.residuals.items()}


def compare_versions(new: np.ndarray, old: np.ndarray) -> Comparison:
    return compare(dict(enumerate(new.tolist())), dict(enumerate(old.tolist())))


def judged(found: Mapping[str, Comparison], given: Given) -> dict[str, str]:
    """The verdict on each model, as in `bagpipe diff` or the table of experiments."""
    judgements = judge_differences(found, given.negligible, given.equivalent)
    return {name: said for name, (_, said) in judgements.items()}


def any_differs(random: Random, given: Given, r: float) -> bool:
    """Whether any of the models comes out better or worse where none is."""
    found = {name: compare_versions(*noise) for name, noise in noise_of_all(random, given, r).items()}
    return bool(DIFFERS & set(judged(found, given).values()))


def loss_is_found(random: Random, given: Given, r: float) -> list[bool]:
    """Of each model, whether it is called worse if it alone has lost a point."""
    noise = noise_of_all(random, given, r)
    found = {name: compare_versions(*versions) for name, versions in noise.items()}
    lost = {name: compare_versions(new - LOST, old) for name, (new, old) in noise.items()}
    return [judged({**found, name: lost[name]}, given)[name] == "worse" for name in noise]


def is_equivalent_at_the_margin(random: Random, given: Given, r: float) -> bool:
    """Whether a model that differs by just as much as is not equivalent is called so."""
    name = str(random.choice(list(given.residuals)))
    new, old = two_versions(random, given.residuals[name][ACCURACY], r)
    return judged({name: compare_versions(new + given.equivalent, old)}, given)[name] == "equivalent"


def any_is_marked(random: Random, given: Given, r: float) -> bool:
    """Whether any other figure of any model is marked where nothing differs."""
    ps = []
    for found in given.residuals.values():
        versions = two_versions(random, np.stack([found[figure] for figure in MARKED], axis=1), r)
        ps += [compare_versions(new, old).p for new, old in zip(*(noise.T for noise in versions), strict=True)]
    return min(benjamini_hochberg(ps)) < ALPHA


def any_published_differs(random: Random, given: Given) -> bool:
    """Whether any figure differs if those published are runs of ours, left out of ours."""
    left_out, ours = {}, {}
    for name, table in given.results.replicates.items():
        left_out[name] = table[random.integers(len(table))]
        ours[name] = drawn_anew(random, table)

    def run_of_ours(name: str, figure: str) -> float:
        return float(left_out[name][figure.replace(".", "_")])

    entries = []
    for entry in given.published:
        value = run_of_ours(entry.of, entry.figure)
        if entry.against:
            value -= run_of_ours(entry.against, entry.figure)
        digits = len(entry.value.partition(".")[2])
        entries.append(entry.model_copy(update={"value": f"{value:.{digits}f}"}))
    return any(found.verdict == "differs" for found in judge(entries, given.results._replace(replicates=ours)))


def drawn_anew(random: Random, table: Table) -> Table:
    """As many runs, drawn with replacement and numbered."""
    places = random.integers(len(table), size=len(table))
    return [{**table[place], "seed": str(seed)} for seed, place in enumerate(places)]


def any_variation_differs(random: Random, given: Given) -> bool:
    """Whether any variation comes out better or worse if all are the reference by another name."""
    found = {}
    for reference, *others in given.variations.values():
        residuals = given.residuals[reference][ACCURACY]
        old = random.choice(residuals, len(residuals))
        for name in others:
            found[name] = compare_versions(random.choice(residuals, len(given.residuals[name][ACCURACY])), old)
    return bool(DIFFERS & set(judged(found, given).values()))


def highest_is_above(random: Random, given: Given) -> bool:
    """Whether the highest of a dataset's networks is distinguished from a baseline that is as good as all of them."""
    dataset = str(random.choice(list(given.models)))
    runs = {}
    for name in given.models[dataset]:
        residuals = given.residuals[name][ACCURACY]
        runs[name] = dict(enumerate(random.choice(residuals, len(residuals)).tolist()))
    _, found = highest_against_constant(runs, 0.0)
    return judge_difference(found, found.p, given.negligible, given.equivalent) in DIFFERS


ALARMS = [
    *(
        Rule(f"`diff`, r = {r:g}", situation, says, (r,))
        for r in CORRELATIONS
        for situation, says in (
            ("no model differs; one better or worse", any_differs),
            ("a model differs by the margin; equivalent", is_equivalent_at_the_margin),
            ("no other figure differs; one marked", any_is_marked),
        )
    ),
    Rule("published", "the notebooks ran our models; a figure differs", any_published_differs),
    Rule("experiments", "no variation matters; one better or worse", any_variation_differs),
    Rule("baselines", "no network is above the baseline; the highest is", highest_is_above),
]
POWER = [Rule(f"r = {r:g}", "a model has lost a point; worse", loss_is_found, (r,)) for r in CORRELATIONS]


def count_block(given: Given, number: int, block: int) -> Any:
    """How often a rule says so in one block of tries; shape () or (models,)."""
    rule, random = [*ALARMS, *POWER][number], np.random.default_rng([SEED, number, block])
    return np.sum([rule.says(random, given, *rule.arguments) for _ in range(TRIES // BLOCKS)], axis=0)


def shares(given: Given) -> list[Any]:
    """Of each rule, how often it says so: shape () or (models,)."""
    jobs = list(itertools.product(range(len(ALARMS) + len(POWER)), range(BLOCKS)))
    ignore_ctrl_c = (signal.SIGINT, signal.SIG_IGN)  # which is for the process that waits for them
    with ProcessPoolExecutor(joblib.cpu_count(), initializer=signal.signal, initargs=ignore_ctrl_c) as pool:
        counted = pool.map(count_block, itertools.repeat(given), *zip(*jobs, strict=True))
        counts = list(tqdm(counted, total=len(jobs), unit=" blocks", disable=None))
    per_rule = (counts[start : start + BLOCKS] for start in range(0, len(counts), BLOCKS))
    return [np.sum(blocks, axis=0) / TRIES for blocks in per_rule]


def page(alarms: Sequence[float], found: Sequence[np.ndarray], given: Given) -> str:
    """reports/null_study.md."""
    of_rules = [[rule.name, rule.situation, f"{often:.1%}"] for rule, often in zip(ALARMS, alarms, strict=True)]
    of_models = []
    for place, (name, residuals) in enumerate(given.residuals.items()):
        values = list(metric_by_seed(given.results, name, ACCURACY).values())
        often = [f"{of_all[place]:.0%}" for of_all in found]
        of_models.append([name, str(len(residuals[ACCURACY])), f"{np.std(values, ddof=1):.4f}", *often])
    worst = max(range(len(ALARMS)), key=alarms.__getitem__)
    return f"""# How often the verdicts are wrong, and what they find

Each rule of the [report](README.md) and of `bagpipe diff` is tried on runs drawn from the real ones, where the \
truth is known. r is the correlation of two versions of a model under the same seeds. `make studies` writes this \
page; `dvc status` names `null_study` where it is older than the rules, the runs or the params.

## False alarms

Each rule is to be wrong in at most {ALPHA:.0%} of cases. Wrong most often: {ALARMS[worst].name} \
({ALARMS[worst].situation}), in {alarms[worst]:.1%}. Of {TRIES:,} tries each, a share of {ALPHA:.0%} is known to \
± {1.96 * math.sqrt(ALPHA * (1 - ALPHA) / TRIES):.1%}.

{format_table("llr", ["rule", "what is true; what would be wrong", "how often"], of_rules)}
## What is found

One model of {len(of_models)} loses {100 * LOST:g} point of test accuracy: how often `bagpipe diff` calls it worse.

{format_table("lrr" + "r" * len(POWER), ["model", "seeds", "sd", *(rule.name for rule in POWER)], of_models)}"""


def null_study(params: Params) -> None:
    """Try all rules and write the page."""
    given = read_given(params)
    found = shares(given)
    write_text(HERE.reports / "null_study.md", page(found[: len(ALARMS)], found[len(ALARMS) :], given))
