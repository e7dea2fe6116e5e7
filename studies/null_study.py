"""How often the rules of the report and of `bagpipe diff` are wrong, and what they find: `make studies`.

Reads   reports/models/M/{replicates.csv,errors.npz}, reports/datasets/D/errors.npz, published.yaml
Params  datasets, defaults, models, verdicts
Writes  reports/null_study.md

Runs and test sets are drawn from the real ones, see worlds.py; rules.py has what is tried.
"""

import itertools
import math
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from stages.common.basics.answers import Answers, read_answers
from stages.common.basics.artifacts import read_csv, write_text
from stages.common.basics.markdown import format_table
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import models_on, ordered_models, sources_of
from stages.common.basics.paths import HERE
from stages.common.basics.workers import start_workers
from stages.common.judging.comparison import ALPHA
from stages.common.judging.published import REPLICATED, applicable, load_published
from stages.common.judging.verdicts import are_same
from stages.report.comparisons import highest_run, variations
from studies import rules
from studies.rules import Cell, Given, Rule, make_family
from studies.worlds import names_of_pairs

TRIES = 1_000  # of each cell: a share of 5 % is then known to 1.4 points
BLOCKS = 4  # that they are made in, each with a seed of its own: the same tries on however many cores
SEED = 1
MOST = 8  # models of a dataset, its reference among them: with more it takes as much longer
TEXTS, RUNS = (200, 1_000, 5_000, 25_000), (10, 20)
KEPT = (0.0, 0.85)  # share of runs that a change leaves as they were
LOSSES = {1_000: 0.03, 25_000: 0.01}  # by texts of the test set: what is to be found
GATE = "test.accuracy"


class Trial(NamedTuple):
    """A rule on a cell; truth: what is true, and what would be wrong or is to be found."""

    rule: Rule
    name: str
    truth: str
    cell: Cell


def read_given(params: Params) -> Given:
    """Read the runs and what is published, and make the worlds."""
    names = ordered_models(params)
    answers = {name: read_answers(HERE.errors_of_model(name)) for name in names}
    families = {}
    for dataset in sources_of(params):
        models = models_on(params, dataset)[:MOST]
        if len(varied := distinct([name for name in variations(params, dataset) if name in models], answers)) > 1:
            _, highest = highest_run(read_answers(HERE.errors_of_baselines(dataset)))
            of_dataset = {name: answers[name] for name in models}
            lost = tuple(LOSSES.values())
            families[dataset] = make_family(of_dataset, varied, highest, params.verdicts.equivalent, lost)
    figures = [figure for figure in REPLICATED if "epoch" not in figure and figure != GATE]
    return Given(
        families,
        {name: read_csv(HERE.model_report(name) / "replicates.csv") for name in names},
        [figure.replace(".", "_") for figure in figures],
        [entry for entry in applicable(load_published(params), params).published if entry.figure in REPLICATED],
        params.verdicts.negligible,
        params.verdicts.equivalent,
    )


def distinct(names: list[str], answers: Mapping[str, Answers]) -> list[str]:
    """Those of some models that do not give the same answers as one before them, as by another interface."""
    found: list[str] = []
    for name in names:
        if not any(are_same(answers[name], answers[other]) for other in found):
            found.append(name)
    return found


def list_trials(given: Given) -> list[Trial]:
    """All that is tried, in the order of the page."""
    trials = []
    for dataset, texts, runs in itertools.product(given.families, TEXTS, RUNS):
        cell = Cell(dataset, texts, runs)
        trials.append(Trial(rules.try_pairs, "experiments", "all are equal; one better or worse", cell))
        trials.append(Trial(rules.try_baseline, "baselines", "all are equal; the highest above or below", cell))
        for kept in KEPT:
            truth = f"none differs, {kept:.0%} of runs are kept; one better or worse"
            trials.append(Trial(rules.try_diff, "`diff`", truth, cell._replace(more=kept)))
        trials.append(Trial(rules.try_margin, "equivalence", "better by the margin; equivalent", cell))
        if texts in LOSSES:
            trials.append(Trial(rules.try_loss, "power", "", cell._replace(more=LOSSES[texts])))
    for kept in KEPT:
        truth = f"no other figure differs, {kept:.0%} of runs are kept; one marked"
        trials.append(Trial(rules.try_marks, "`diff`", truth, Cell(more=kept)))
    trials.append(Trial(rules.try_published, "published", "the notebooks ran our models; a figure differs", Cell()))
    return trials


def count_block(numbers: tuple[int, int], given: Given) -> Counter[str]:
    """How often a rule says so of each name, in one block of tries."""
    place, block = numbers
    trial, random = list_trials(given)[place], np.random.default_rng([SEED, place, block])
    counts: Counter[str] = Counter()
    for _ in range(TRIES // BLOCKS):
        counts.update({name: int(said) for name, said in trial.rule(random, given, trial.cell).items()})
    return counts


def measure_shares(given: Given) -> list[dict[str, float]]:
    """Of each trial, how often its rule says so of each name."""
    jobs = list(itertools.product(range(len(list_trials(given))), range(BLOCKS)))
    with start_workers() as workers:
        counts = list(tqdm(workers.map(count_block, jobs, given), total=len(jobs), unit=" blocks", disable=None))
    of_trials = [counts[start : start + BLOCKS] for start in range(0, len(counts), BLOCKS)]
    return [{name: sum(block[name] for block in blocks) / TRIES for name in blocks[0]} for blocks in of_trials]


Found = list[tuple[Trial, dict[str, float]]]


def alarms_table(found: Found) -> str:
    """How often each rule errs, by dataset; of several models the worst."""
    lines: dict[tuple[str, ...], list[str]] = {}
    for trial, shares in found:
        if trial.cell.dataset and trial.name != "power":
            share = shares[""] if "" in shares else max(shares.values())
            lines.setdefault((trial.name, trial.cell.dataset, trial.truth), []).append(f"{100 * share:.1f}")
    columns = [f"{texts:,} / {runs}" for texts in TEXTS for runs in RUNS]
    header = ["rule", "dataset", "what is true; what would be wrong", *columns]
    return format_table("lll" + "r" * len(columns), header, ([*key, *cells] for key, cells in lines.items()))


def others_table(found: Found) -> str:
    """How often rules err that know of no texts."""
    lines = [
        [trial.name, trial.truth, f"{100 * shares['']:.1f}"] for trial, shares in found if not trial.cell.dataset
    ]
    return format_table("llr", ["rule", "what is true; what would be wrong", "%"], lines)


def pairs_table(found: Found, given: Given, runs: int) -> str:
    """Of each pair of models, and of each reference with itself, how often it is called different."""
    shares_of = {
        (trial.rule, trial.cell): shares for trial, shares in found if trial.rule in (rules.try_pairs, rules.try_diff)
    }
    kinds = ("seeds", "sum", "texts")
    lines = []
    for dataset, family in given.families.items():
        for new, old in names_of_pairs(family.names):
            cells = [shares_of[rules.try_pairs, Cell(dataset, texts, runs)] for texts in TEXTS]
            shown = [" / ".join(f"{100 * cell[f'{new} {old} {kind}']:.1f}" for kind in kinds) for cell in cells]
            lines.append([f"`{new}`, `{old}`", *shown])
        cells = [shares_of[rules.try_diff, Cell(dataset, texts, runs)] for texts in TEXTS]
        name = family.names[0]
        itself = [f"{100 * cell[f'{name} seeds']:.1f} / / {100 * cell[f'{name} texts']:.1f}" for cell in cells]
        lines.append([f"`{name}`, itself", *itself])
    return format_table("l" + "r" * len(TEXTS), ["truly equal", *(f"{texts:,} texts" for texts in TEXTS)], lines)


def power_table(found: Found) -> str:
    """Of each variation that has lost, how often that is found."""
    lines = []
    for trial, shares in found:
        if trial.name == "power":
            for name in dict.fromkeys(key.partition(" ")[0] for key in shares):
                texts, seeds = shares[f"{name} texts"], shares[f"{name} seeds"]
                ratio = f"{texts / seeds:.0%}" if seeds else ""
                lost, sizes = f"{100 * trial.cell.more:g}", [f"{trial.cell.texts:,}", str(trial.cell.runs)]
                lines.append([f"`{name}`", lost, *sizes, f"{seeds:.0%}", f"{texts:.0%}", ratio])
    header = ["model", "points lost", "texts", "seeds", "found by the seeds alone", "found on new texts", "ratio"]
    return format_table("lrrrrrr", header, lines)


def page(found: Found, given: Given) -> str:
    """reports/null_study.md."""
    erring = [
        (max(shares.values()) if "" not in shares else shares[""], trial)
        for trial, shares in found
        if trial.name != "power"
    ]
    highest, worst = max(erring, key=lambda item: item[0])
    error = math.sqrt(ALPHA * (1 - ALPHA) / TRIES)
    where = (
        f" on {worst.cell.dataset}, {worst.cell.texts:,} texts, {worst.cell.runs} seeds" if worst.cell.dataset else ""
    )
    pairs = "\n".join(f"{runs} seeds:\n\n{pairs_table(found, given, runs)}" for runs in RUNS)
    return f"""# How often the verdicts are wrong, and what they find

Each rule of the [report](README.md) and of `bagpipe diff` is tried on runs and test sets drawn from the real ones, \
where the truth is known: texts are drawn with chances under which models are equally good, or differ by what is \
said. `make studies` writes this page; `dvc status` names `null_study` where it is older than the rules, the runs or \
the params.

## False alarms

In percent of {TRIES:,} tries, by the number of test texts and of seeds. Each rule is to be wrong in at most \
{ALPHA:.0%} of cases; with so many tries that share is known to ± {100 * error:.1f} points (a standard error). Wrong \
most often: {worst.name} ({worst.truth}){where}, in {highest:.1%}.

{alarms_table(found)}
{others_table(found)}
## Two models

One pair of models by itself, truly equal: how often it is called different, by the seeds alone / by the sum of the \
variances of seeds and texts / by the sum less what both of them hold, which is the rule. A pair alone has no other \
models whose spread it could be held to: where one run of ten strays far, draws without it vary too little.

{pairs}
## What is found

A variation that is worse than the reference: how often that is found, and in how many of the cases that the seeds \
alone would find.

{power_table(found)}"""


def null_study(params: Params) -> None:
    """Try all rules and write the page."""
    given = read_given(params)
    found = list(zip(list_trials(given), measure_shares(given), strict=True))
    write_text(HERE.reports / "null_study.md", page(found, given))
