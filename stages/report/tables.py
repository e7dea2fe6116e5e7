"""The tables of the page of results, in Markdown."""

import itertools
import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from stages.common.basics.markdown import format_table
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import models_of, ordered_models, settings_of
from stages.common.basics.params.sections import Settings
from stages.common.judging.comparison import (
    Comparison,
    Runs,
    Verdict,
    compare,
    highest_against_constant,
    judge_difference,
    judge_differences,
    same_runs,
)
from stages.common.judging.reproduction import Judgement, Results, metric_by_seed

BASELINES = {
    "expected_of_shuffling": "shuffled labels, expected",
    "shuffled_labels": "shuffled labels, one shuffle",
    "most_frequent_class": "most frequent class",
    "naive_bayes": "Bernoulli naive Bayes",
    "logistic_regression": "logistic regression",
}
ACCURACY = "test.accuracy"
NO_BREAK = "\N{NO-BREAK SPACE}"


def page_table(align: str, header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table, without the columns that are empty; what is aligned to the right is not broken over lines.

    Args:
        align: `l` or `r` for each column.
    """
    lines = list(lines)
    shown = [place for place in range(len(header)) if any(line[place] for line in lines)]

    def unbroken(line: Sequence[str]) -> list[str]:
        return [line[place].replace(" ", NO_BREAK) if align[place] == "r" else line[place] for place in shown]

    return format_table(
        "".join(align[place] for place in shown), [header[place] for place in shown], map(unbroken, lines)
    )


def mean_of_runs(runs: Runs) -> float:
    return statistics.fmean(runs.values())


def format_mean_and_sd(runs: Runs) -> str:
    return f"{mean_of_runs(runs):.4f} ± {statistics.stdev(runs.values()):.4f}"


def format_signed(value: float, digits: int = 4) -> str:
    """`+0.0364`; never `-0.0000`."""
    return f"{round(value, digits) + 0.0:+.{digits}f}"


def format_comparison(found: Comparison) -> str:
    """`+0.76 (+0.39 to +1.12)`, of accuracies in percentage points."""
    difference, low, high = (format_signed(100 * value, 2) for value in (found.difference, found.low, found.high))
    return f"{difference} ({low} to {high})"


def format_interval(found: Comparison) -> str:
    """`0.4 to 1.1`."""
    return f"{100 * found.low:.1f} to {100 * found.high:.1f}"


def format_p(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def link_model(model: str) -> str:
    """A model's name, leading to its section of the page."""
    return f"[`{model}`](#model-{model})"


def results_table(params: Params, results: Results) -> str:
    """Test loss and accuracy of every model, over seeds and under `seed`."""

    def line(name: str) -> list[str]:
        kinds = ("test.loss", ACCURACY)
        over_seeds = [format_mean_and_sd(metric_by_seed(results, name, kind)) for kind in kinds]
        once = [f"{results.figures[name][kind]:.4f}" for kind in kinds]
        return [link_model(name), str(len(results.replicates[name])), *over_seeds, *once]

    header = ["model", "seeds", "test loss", "test accuracy", "loss, one run", "accuracy, one run"]
    return page_table("lrrrrr", header, map(line, ordered_models(params)))


def name_figure(judgement: Judgement) -> str:
    """The name of a published figure, as in `reuters test accuracy`."""
    return f"`{judgement.published.of}` {judgement.published.words}"


def format_figure(judgement: Judgement, number: float) -> str:
    """A figure of ours with the digits that tell it from the published one."""
    return f"{number:.{1 if 'epoch' in judgement.published.figure else 4}f}"


def format_ours(found: Judgement) -> str:
    """`0.8829 ± 0.0069`, or without a deviation if the figure does not vary."""
    spread = "" if found.ours.sd is None else f" ± {format_figure(found, found.ours.sd)}"
    return format_figure(found, found.ours.mean) + spread


def reproduction_table(judgements: Iterable[Judgement]) -> str:
    """Each published figure with the interval in which it is consistent, by model or dataset."""

    def line(found: Judgement) -> list[str]:
        return [
            found.published.words,
            found.published.value,
            format_ours(found),
            f"{format_figure(found, found.low)} to {format_figure(found, found.high)}",
            found.verdict if found.verdict == "consistent" else f"**{found.verdict}**",
        ]

    groups: dict[str, list[list[str]]] = {}
    for found in judgements:
        title = f"**`{found.published.of}`**, notebook {found.published.source}"
        groups.setdefault(title, [[title, *[""] * 4]]).append(line(found))
    lines = itertools.chain.from_iterable(groups.values())
    return page_table("lrrrl", ["figure", "published", "ours", "consistent from", "verdict"], lines)


def variations(params: Params, dataset: str) -> list[str]:
    """The models of a dataset that differ from its reference in the network only, the reference first."""

    def runs(name: str) -> tuple:
        settings = settings_of(params, name)
        return settings.holdout, settings.validation_epochs, settings.epochs, settings.leave_out, settings.batch_size

    names = models_of(params, dataset)
    return [name for name in names if runs(name) == runs(names[0])]


class Variation(NamedTuple):
    """A model compared with its reference; p is after Holm's correction over all."""

    found: Comparison
    p: float
    verdict: Verdict


def compare_variations(params: Params, results: Results) -> dict[str, Variation]:
    """Each model that differs from its dataset's reference in the network only, compared with that."""
    found, same = {}, {}
    for dataset in results.baselines:
        names = variations(params, dataset)
        for name in names[1:]:
            new, old = (metric_by_seed(results, model, ACCURACY) for model in (name, names[0]))
            if same_runs(new, {seed: old[seed] for seed in old if seed in new}):
                same[name] = Variation(Comparison(0.0, 0.0, 0.0, 1.0, (len(new),) * 2, True), 1.0, "the same runs")
            else:
                found[name] = compare(new, old)
    margins = params.verdicts
    judged = judge_differences(found, margins.negligible, margins.equivalent)
    return {name: Variation(found[name], *judged[name]) for name in found} | same


def describe_network(settings: Settings) -> dict[str, str]:
    """What two models may differ in that learn from the same texts for as long."""
    return {
        "hidden": f"{' + '.join(map(str, settings.hidden))} units".replace(" ", NO_BREAK),
        "activation": settings.activation,
        "loss": settings.loss.replace("_", " "),
        "optimizer": settings.optimizer,
        "learning_rate": f"learning rate {settings.learning_rate:g}",
    }


def experiments_table(params: Params, names: list[str], compared: dict[str, Variation]) -> str:
    """How far each variation's test accuracy is from that of the reference, which is the first of `names`."""
    reference = describe_network(settings_of(params, names[0]))

    def line(name: str) -> list[str]:
        own, (found, p, said) = describe_network(settings_of(params, name)), compared[name]
        return [
            link_model(name),
            ", ".join(text for key, text in own.items() if text != reference[key]),
            format_comparison(found),
            format_p(p),
            said.replace(" ", NO_BREAK),
        ]

    header = ["model", "what is different", "difference in points", "p", "verdict"]
    said = f"Reference: {link_model(names[0])}, {', '.join(reference.values())}.\n\n"
    return said + page_table("llrrl", header, map(line, names[1:]))


def baselines_table(results: Results) -> str:
    """The baselines of each dataset."""
    datasets = list(results.baselines)

    def line(key: str) -> list[str]:
        return [BASELINES[key], *(f"{results.baselines[name][key]['accuracy']:.4f}" for name in datasets)]

    return page_table("l" + "r" * len(datasets), ["test accuracy of", *datasets], map(line, BASELINES))


class Highest(NamedTuple):
    """The network with the highest mean test accuracy of a dataset, against the highest baseline.

    relation: to that baseline, as in `not distinguished from logistic regression`.
    """

    model: str
    mean: float
    baseline: float
    found: Comparison
    relation: str


def highest_baseline(results: Results, dataset: str) -> tuple[str, float]:
    """Its name in words, and its test accuracy."""
    accuracies = {BASELINES[key]: found["accuracy"] for key, found in results.baselines[dataset].items()}
    return max(accuracies.items(), key=lambda item: item[1])


def highest_network(params: Params, results: Results, dataset: str) -> Highest:
    """Compare the highest network of a dataset that has models with the highest baseline."""
    runs = {name: metric_by_seed(results, name, ACCURACY) for name in models_of(params, dataset)}
    baseline, accuracy = highest_baseline(results, dataset)
    model, found = highest_against_constant(runs, accuracy)
    side = "above" if found.difference > 0 else "below"
    relation = {
        "better": side,
        "worse": side,
        "negligible": f"negligibly {side}",
        "equivalent": "equivalent to",
        "not distinguished": "not distinguished from",
    }[judge_difference(found, found.p, params.verdicts.negligible, params.verdicts.equivalent)]
    return Highest(model, accuracy + found.difference, accuracy, found, f"{relation} {baseline}")


def against_baseline(params: Params, results: Results, dataset: str) -> str:
    """The network with the highest mean, and whether it is distinguished from the highest baseline."""
    models = models_of(params, dataset)
    if not models:
        return f"`{dataset}` has no model."
    highest = highest_network(params, results, dataset)
    among = f"the highest mean of {len(models)} networks" if len(models) > 1 else "the mean of the only network"
    p = format_p(highest.found.p)
    return (
        f"`{dataset}`: {among} is {highest.mean:.4f} (`{highest.model}`), {highest.relation} "
        f"({format_signed(highest.found.difference)}, p {'' if p.startswith('<') else '= '}{p})."
    )
