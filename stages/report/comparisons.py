"""Models of a dataset against its reference, and the highest of them against the highest baseline."""

from collections.abc import Mapping
from typing import NamedTuple

from stages.common.basics.answers import Answers
from stages.common.basics.markdown import format_p
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import models_on, settings_of
from stages.common.judging.reproduction import Results
from stages.common.judging.verdicts import Judged, explain_small_test_set, judge_family, judge_highest
from stages.report.networks import describe_network, differences
from stages.report.tables import (
    BASELINES,
    NO_BREAK,
    format_bounds,
    format_difference,
    format_signed,
    link_model,
    page_table,
)


def variations(params: Params, dataset: str) -> list[str]:
    """The models of a dataset that learn from the texts that its reference learns from, the reference first."""
    names = models_on(params, dataset)
    left_out = [settings_of(params, name).leave_out for name in names]
    return [name for name, count in zip(names, left_out, strict=True) if count == left_out[0]]


def compare_variations(params: Params, results: Results, figure: str = "accuracy") -> dict[str, Judged]:
    """Each model that learns from the same texts as its dataset's reference, compared with that.

    figure: `accuracy` or `macro_f1`.
    """
    margins, answers = params.verdicts, results.answers
    found: dict[str, Judged] = {}
    for dataset in results.baselines:
        reference, *others = variations(params, dataset) or [""]
        pairs = {name: (answers[name], answers[reference]) for name in others}
        found |= judge_family(pairs, margins.negligible, margins.equivalent, figure)
    return found


def disagreements(by_accuracy: Mapping[str, Judged], by_macro_f1: Mapping[str, Judged]) -> str:
    """Where macro F1, to which each class counts the same, says something else than accuracy; empty if nowhere."""

    def word(judged: Judged) -> str:
        return "negligibly different" if judged.verdict == "negligible" else judged.verdict

    said = [
        f"{link_model(name)} is {word(found)} by accuracy and {word(by_macro_f1[name])} by macro F1"
        for name, found in by_accuracy.items()
        if found.verdict != by_macro_f1[name].verdict
    ]
    return f"Accuracy and macro F1 give different verdicts: {'; '.join(said)}." if said else ""


def difference_cells(judged: Judged) -> list[str]:
    """A difference with its interval, the one by the seeds alone, p and the verdict."""
    interval = format_difference(judged.found.difference, judged.low, judged.high)
    here = format_bounds(*judged.found.on_test_set())
    return [interval, here, format_p(judged.p_adjusted), judged.verdict.replace(" ", NO_BREAK)]


def experiments_table(
    params: Params, names: list[str], by_accuracy: Mapping[str, Judged], by_macro_f1: Mapping[str, Judged]
) -> str:
    """How far each variation is from the reference, which is the first of `names`."""
    reference = names[0]

    def line(name: str) -> list[str]:
        different = ", ".join(filter(None, differences(params, name, reference).values()))
        f1, _, _, said = difference_cells(by_macro_f1[name])
        return [link_model(name), different, *difference_cells(by_accuracy[name]), f1, said]

    of_accuracy = ["accuracy, points", "on this test set", "p", "verdict"]
    header = ["model", "what is different", *of_accuracy, "macro F1, points", "verdict"]
    of_reference = ", ".join(filter(None, describe_network(params, reference).values()))
    said = f"Reference: {link_model(reference)}, {of_reference}.\n\n"
    return said + page_table("llrrrlrl", header, map(line, names[1:]))


class Highest(NamedTuple):
    """The network with the highest mean test accuracy of a dataset, against the highest baseline.

    relation: to that baseline, as in `not distinguished from logistic regression`.
    """

    model: str
    mean: float
    baseline: float
    judged: Judged
    relation: str


def highest_baseline(results: Results, dataset: str) -> tuple[str, float]:
    """Its name in words, and its test accuracy."""
    run, answers = highest_run(results.baseline_answers[dataset])
    return BASELINES[run], float(1 - answers.wrong.mean())


def highest_run(answers: Answers) -> tuple[str, Answers]:
    """The baseline that got most test texts right, and its answers alone."""
    run = answers.runs[int(answers.wrong.mean(axis=1).argmin())]
    return run, answers.choose([run])


def highest_network(params: Params, results: Results, dataset: str) -> Highest:
    """Compare the highest network of a dataset that has models with the highest baseline."""
    run, answers = highest_run(results.baseline_answers[dataset])
    networks = {name: results.answers[name] for name in models_on(params, dataset)}
    model, judged = judge_highest(networks, answers, params.verdicts.negligible, params.verdicts.equivalent)
    side = "above" if judged.found.difference > 0 else "below"
    relation = {
        "better": side,
        "worse": side,
        "negligible": f"negligibly {side}",
        "equivalent": "equivalent to",
        "not distinguished": "not distinguished from",
    }[judged.verdict]
    accuracy = float(1 - answers.wrong.mean())
    mean = accuracy + judged.found.difference
    return Highest(model, mean, accuracy, judged, f"{relation} {BASELINES[run]}")


def against_baseline(params: Params, results: Results, dataset: str) -> str:
    """The network with the highest mean, and whether it is distinguished from the highest baseline.

    Of a small test set it is said here what it can find, if there are no variations of which to say it.
    """
    models = models_on(params, dataset)
    if not models:
        return f"`{dataset}` has no model."
    highest = highest_network(params, results, dataset)
    among = f"the highest mean of {len(models)} networks" if len(models) > 1 else "the mean of the only network"
    p = format_p(highest.judged.p_adjusted)
    small = "" if len(variations(params, dataset)) > 1 else explain_small_test_set(dataset, [highest.judged])
    return (
        f"`{dataset}`: {among} is {highest.mean:.4f} (`{highest.model}`), {highest.relation} "
        f"({format_signed(highest.judged.found.difference)}, p {'' if p.startswith('<') else '= '}{p}). {small}"
    ).rstrip()
