"""The tables of the page of results, in Markdown."""

from collections.abc import Iterable, Sequence

import numpy as np
from tabulate import tabulate

from stages.common.basics.params import Params, models_of, ordered_models, settings_of
from stages.judging.comparison import compare
from stages.judging.published import Notebooks
from stages.judging.reproduction import Results, Verdict, samples

BASELINES = {
    "expected_of_shuffling": "shuffled labels, expected",
    "shuffled_labels": "shuffled labels, one shuffle",
    "most_frequent_class": "most frequent class",
    "naive_bayes": "Bernoulli naive Bayes",
    "logistic_regression": "logistic regression",
}


def table(header: Sequence[str], lines: Iterable[Sequence[str]], text: int = 1) -> str:
    """A Markdown table whose first `text` columns are text and the others figures."""
    align = ["left"] * text + ["right"] * (len(header) - text)
    return tabulate(list(lines), header, tablefmt="github", disable_numparse=True, colalign=align) + "\n"


def mean_and_spread(values: list[float]) -> str:
    return f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}"


def results_table(params: Params, notebooks: Notebooks, results: Results) -> str:
    """Test loss and accuracy of every model beside the published ones."""
    published = {(entry.of, entry.figure): entry for entry in notebooks.published if not entry.against}

    def line(name: str) -> list[str]:
        cells, source = [f"[`{name}`](#{name})"], ""
        for kind in ("test.loss", "test.accuracy"):
            ours = results.figures[name][kind]
            entry = published.get((name, kind))
            source = entry.source if entry else source
            cells += [
                f"{entry.value:.4f}" if entry else "",
                f"{ours:.4f}",
                f"{ours - entry.value:+.4f}" if entry else "",
                mean_and_spread(samples(results, name, kind)),
            ]
        return [*cells, source]

    header = ["model"]
    for kind in ("loss", "accuracy"):
        header += [f"{kind}, published", "ours", "difference", "over seeds"]
    return table([*header, "source"], map(line, ordered_models(params)))


def what(verdict: Verdict) -> str:
    """The name of a published figure, as in `reuters test.accuracy`."""
    published = verdict.published
    against = f" less `{published.against}`" if published.against else ""
    return f"`{published.of}`{against} {published.figure}"


def reproduction_table(verdicts: list[Verdict]) -> str:
    def line(verdict: Verdict) -> list[str]:
        published, ours, distance, reproduced = verdict
        digits = 1 if "epoch" in published.figure else 4
        return [
            what(verdict),
            published.source,
            "yes" if reproduced else "**no**",
            f"{published.value:.{digits}f}",
            f"{ours.mean:.{digits}f}",
            "" if ours.sd is None else f"{ours.sd:.{digits}f}",
            str(ours.n) if ours.n else "exact",
            "" if distance is None else f"{distance:+.1f}",
        ]

    header = ["figure", "source", "reproduced", "published", "our mean", "sd", "n", "distance in sd"]
    return table(header, map(line, verdicts), text=3)


def variations(params: Params, dataset: str) -> list[str]:
    """The models of a dataset that differ from its reference in the network only, the reference first."""

    def runs(name: str) -> tuple:
        settings = settings_of(params, name)
        return settings.holdout, settings.validation_epochs, settings.epochs, settings.leave_out, settings.batch_size

    names = models_of(params, dataset)
    return [name for name in names if runs(name) == runs(names[0])]


def experiments_table(params: Params, names: list[str], results: Results) -> str:
    """Each variation's test accuracy over the seeds, compared with the reference's."""
    base = samples(results, names[0], "test.accuracy")

    def line(name: str) -> list[str]:
        model, values = settings_of(params, name), samples(results, name, "test.accuracy")
        cells = [
            f"`{name}`",
            " + ".join(map(str, model.hidden)),
            model.activation,
            model.loss,
            mean_and_spread(values),
        ]
        if name == names[0]:
            return [*cells, "", "", ""]
        difference, p, verdict = compare(values, base)
        return [*cells, f"{difference:+.4f}", f"{p:.3f}", verdict]

    header = ["model", "hidden units", "activation", "loss", "test accuracy", "difference", "p", "verdict"]
    return table(header, map(line, names), text=4)


def baselines_table(params: Params, results: Results) -> str:
    """The baselines of each dataset, and the best network."""
    datasets = list(results.baselines)

    def line(key: str) -> list[str]:
        return [BASELINES[key], *(f"{results.baselines[name][key]['accuracy']:.4f}" for name in datasets)]

    def best(dataset: str) -> str:
        means = {name: np.mean(samples(results, name, "test.accuracy")) for name in models_of(params, dataset)}
        winner = max(means, key=means.__getitem__, default=None)
        return f"{means[winner]:.4f} (`{winner}`)" if winner else ""

    lines = [*map(line, BASELINES), ["best network, mean over seeds", *map(best, datasets)]]
    return table(["test accuracy of", *datasets], lines)
