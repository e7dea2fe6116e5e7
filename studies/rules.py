"""The rules of the report and of `bagpipe diff`, each tried once where the truth is known.

A rule takes a random generator, what is given and its settings; it returns whether it errs, or finds what is there,
for each name that it is tried on.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from stages.common.basics.answers import Answers
from stages.common.basics.artifacts import Table
from stages.common.judging.comparison import ALPHA, Runs, benjamini_hochberg, compare
from stages.common.judging.new_texts import Comparison, conclude, measure_accuracy
from stages.common.judging.published import Published
from stages.common.judging.reproduction import Results, judge
from stages.common.judging.verdicts import Judged, judge_family, judge_highest
from stages.common.judging.verdicts import judge as judge_one
from studies.worlds import World, draw, draw_texts, draw_versions, make_world, names_of_pairs

DIFFERS = {"better", "worse"}
Random = np.random.Generator
Said = dict[str, bool]


class Family(NamedTuple):
    """The models of a dataset that differ in the network only, the reference first, and what they are tried in.

    answers: of all models of the dataset. equal: a world where all variations are as good as the reference; worse: by
    so much worse, better: better by what is not equivalent; no_better: where none is better than the baseline.
    """

    answers: Mapping[str, Answers]
    names: list[str]
    equal: World
    worse: Mapping[float, World]
    better: World
    no_better: World


class Given(NamedTuple):
    """families: by dataset; replicates: of each model; marked: the columns of other figures that `diff` marks."""

    families: Mapping[str, Family]
    replicates: Mapping[str, Table]
    marked: list[str]
    published: list[Published]
    negligible: float
    equivalent: float


class Cell(NamedTuple):
    """What a rule is tried on: a dataset, the sizes of test sets and the number of runs, and one number more."""

    dataset: str = ""
    texts: int = 0
    runs: int = 0
    more: float = 0.0


def make_family(
    answers: Mapping[str, Answers], names: list[str], baseline: Answers, equivalent: float, lost: tuple[float, ...]
) -> Family:
    """Make the worlds of a dataset; answers: of all its models; names: those that differ in the network only."""
    models = {name: answers[name] for name in names}

    def differing(by: float) -> World:
        return make_world(models, dict.fromkeys(names[1:], by))

    with_baseline = {names[0]: models[names[0]], **models, "": baseline}
    return Family(
        answers,
        names,
        equal=differing(0.0),
        worse={loss: differing(-loss) for loss in lost},
        better=differing(equivalent),
        no_better=make_world(with_baseline, dict.fromkeys([*names[1:], ""], 0.0)),
    )


def accuracies(answers: Answers) -> Runs:
    return dict(enumerate((1 - answers.wrong.mean(axis=1)).tolist()))


def is_called_different(found: Comparison, given: Given) -> bool:
    return judge_one(found, 1, given.negligible, given.equivalent).verdict in DIFFERS


def differs_by_seeds(new: Answers, old: Answers, given: Given) -> bool:
    """What a rule says that knows no other texts."""
    found = compare(accuracies(new), accuracies(old))
    return found.p < ALPHA and abs(found.difference) >= given.negligible


def any_differs(judged: Mapping[str, Judged]) -> bool:
    return any(found.verdict in DIFFERS for found in judged.values())


def try_pairs(random: Random, given: Given, cell: Cell) -> Said:
    """Models that are equally good: which pairs are called different by the seeds alone, and by two rules on texts.

    Also whether the report's table of experiments has a "better" or "worse" among them.
    """
    family = given.families[cell.dataset]
    drawn = draw(random, family.equal, cell.runs, cell.texts)
    said = {"": any_differs(judge_variations(drawn, family.names, given))}
    for new, old in names_of_pairs(family.names):
        parts = measure_accuracy(drawn[new], drawn[old])
        said[f"{new} {old} seeds"] = differs_by_seeds(drawn[new], drawn[old], given)
        said[f"{new} {old} sum"] = is_called_different(conclude(parts._replace(shared=0.0)), given)
        said[f"{new} {old} texts"] = is_called_different(conclude(parts), given)
    return said


def judge_variations(drawn: Mapping[str, Answers], names: list[str], given: Given) -> dict[str, Judged]:
    pairs = {name: (drawn[name], drawn[names[0]]) for name in names[1:]}
    return judge_family(pairs, given.negligible, given.equivalent)


def try_baseline(random: Random, given: Given, cell: Cell) -> Said:
    """Whether the highest network is called better or worse than a baseline that is as good as all of them."""
    drawn = draw(random, given.families[cell.dataset].no_better, cell.runs, cell.texts)
    baseline = drawn.pop("")
    _, judged = judge_highest(drawn, baseline, given.negligible, given.equivalent)
    return {"": judged.verdict in DIFFERS}


def try_diff(random: Random, given: Given, cell: Cell) -> Said:
    """Whether `diff` calls any model better or worse where only the seeds are others, of a share of the runs."""
    family = given.families[cell.dataset]
    places = draw_texts(random, family.equal, cell.texts)
    pairs = {
        name: draw_versions(random, answers.wrong, cell.runs, places, cell.more)
        for name, answers in family.answers.items()
    }
    reference = family.names[0]
    return {
        "": any_differs(judge_family(pairs, given.negligible, given.equivalent)),
        f"{reference} seeds": differs_by_seeds(*pairs[reference], given),
        f"{reference} texts": is_called_different(conclude(measure_accuracy(*pairs[reference])), given),
    }


def try_margin(random: Random, given: Given, cell: Cell) -> Said:
    """Of each variation that is better by the margin, whether it is called equivalent."""
    family = given.families[cell.dataset]
    drawn = draw(random, family.better, cell.runs, cell.texts)
    said = {}
    for name in family.names[1:]:
        pair = {name: (drawn[name], drawn[family.names[0]])}
        said[name] = judge_family(pair, given.negligible, given.equivalent)[name].verdict == "equivalent"
    return said


def try_loss(random: Random, given: Given, cell: Cell) -> Said:
    """Of each variation that is so much worse, whether it is called so, by the seeds alone and on new texts."""
    family = given.families[cell.dataset]
    drawn = draw(random, family.worse[cell.more], cell.runs, cell.texts)
    said = {}
    for name in family.names[1:]:
        new, old = drawn[name], drawn[family.names[0]]
        found = judge_one(conclude(measure_accuracy(new, old)), 1, given.negligible, given.equivalent)
        said[f"{name} texts"] = found.verdict == "worse"
        said[f"{name} seeds"] = new.wrong.mean() > old.wrong.mean() and differs_by_seeds(new, old, given)
    return said


def try_marks(random: Random, given: Given, cell: Cell) -> Said:
    """Whether any other figure of any model is marked where nothing differs."""
    ps = []
    for table in given.replicates.values():
        new, old = (random.integers(len(table), size=len(table)) for _ in range(2))
        new = np.where(random.random(len(table)) < cell.more, old, new)
        for figure in given.marked:
            values = np.array([float(line[figure]) for line in table])
            ps.append(compare(dict(enumerate(values[new].tolist())), dict(enumerate(values[old].tolist()))).p)
    return {"": min(benjamini_hochberg(ps)) < ALPHA}


def try_published(random: Random, given: Given, cell: Cell) -> Said:
    """Whether any figure differs if those published are runs of ours, left out of ours."""
    left_out, ours = {}, {}
    for name, table in given.replicates.items():
        left_out[name] = table[random.integers(len(table))]
        places = random.integers(len(table), size=len(table))
        ours[name] = [{**table[place], "seed": str(seed)} for seed, place in enumerate(places)]

    def run_of_ours(name: str, figure: str) -> float:
        return float(left_out[name][figure.replace(".", "_")])

    entries = []
    for entry in given.published:
        value = run_of_ours(entry.of, entry.figure)
        if entry.against:
            value -= run_of_ours(entry.against, entry.figure)
        digits = len(entry.value.partition(".")[2])
        entries.append(entry.model_copy(update={"value": f"{value:.{digits}f}"}))
    results = Results({}, ours, {}, {}, {}, {}, {}, {})
    return {"": any(found.verdict == "differs" for found in judge(entries, results))}


Rule = Callable[[Random, Given, Cell], Said]
