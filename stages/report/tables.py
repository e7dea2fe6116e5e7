"""The tables of the page of results, in Markdown."""

import itertools
import statistics
from collections.abc import Iterable, Sequence

from stages.common.basics.markdown import format_table
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import ordered_models
from stages.common.judging.comparison import Runs
from stages.common.judging.reproduction import Judgement, Results, metric_by_seed

BASELINES = {
    "expected_of_shuffling": "shuffled labels, expected",
    "shuffled_labels": "shuffled labels, one shuffle",
    "most_frequent_class": "most frequent class",
    "naive_bayes": "Bernoulli naive Bayes",
    "logistic_regression": "logistic regression",
    "tf_idf_linear_svm": "linear SVM on TF-IDF of words and pairs",
    "tf_idf_logistic_regression": "logistic regression on TF-IDF of words and pairs",
}
ACCURACY, MACRO_F1 = "test.accuracy", "test.macro_f1"
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


def format_difference(difference: float, low: float, high: float) -> str:
    """`+0.76 (+0.39 to +1.12)`, of accuracies in percentage points."""
    return f"{format_signed(100 * difference, 2)} ({format_bounds(low, high)})"


def format_bounds(low: float, high: float) -> str:
    """`+0.39 to +1.12`, of differences of accuracies in percentage points."""
    return f"{format_signed(100 * low, 2)} to {format_signed(100 * high, 2)}"


def format_interval(low: float, high: float) -> str:
    """`0.4 to 1.1`."""
    return f"{100 * low:.1f} to {100 * high:.1f}"


def link_model(model: str) -> str:
    """A model's name, leading to its section of the page."""
    return f"[`{model}`](#model-{model})"


def results_table(params: Params, results: Results) -> str:
    """Test loss, accuracy and macro F1 of every model, over seeds and under `seed`."""

    def line(name: str) -> list[str]:
        kinds = ("test.loss", ACCURACY, MACRO_F1)
        over_seeds = [format_mean_and_sd(metric_by_seed(results, name, kind)) for kind in kinds]
        once = [f"{results.figures[name][kind]:.4f}" for kind in kinds]
        return [link_model(name), str(len(results.replicates[name])), *over_seeds, *once]

    kinds = ["loss", "accuracy", "macro F1"]
    header = ["model", "seeds", *(f"test {kind}" for kind in kinds), *(f"{kind}, one run" for kind in kinds)]
    return page_table("lrrrrrrr", header, map(line, ordered_models(params)))


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


def baselines_table(results: Results) -> str:
    """The baselines of each dataset: accuracy and macro F1."""
    datasets = list(results.baselines)

    def line(key: str) -> list[str]:
        found = [results.baselines[name][key] for name in datasets]
        values = (figures.get(kind) for figures in found for kind in ("accuracy", "macro_f1"))
        return [BASELINES[key], *("" if value is None else f"{value:.4f}" for value in values)]

    header = ["", *(f"{name}, {kind}" for name in datasets for kind in ("accuracy", "macro F1"))]
    known = [key for key in BASELINES if all(key in results.baselines[name] for name in datasets)]
    return page_table("l" + "r" * 2 * len(datasets), header, map(line, known))
