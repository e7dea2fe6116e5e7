"""The tables of the page of results, in Markdown."""

import statistics
from collections.abc import Iterable, Mapping, Sequence

from tabulate import tabulate

from stages.common.basics.params import Params, Settings, models_of, ordered_models, settings_of
from stages.judging.comparison import (
    Comparison,
    Runs,
    compare,
    highest_against_constant,
    same_runs,
    verdict,
    verdicts,
)
from stages.judging.published import Notebooks
from stages.judging.reproduction import Judgement, Results, samples

BASELINES = {
    "expected_of_shuffling": "shuffled labels, expected",
    "shuffled_labels": "shuffled labels, one shuffle",
    "most_frequent_class": "most frequent class",
    "naive_bayes": "Bernoulli naive Bayes",
    "logistic_regression": "logistic regression",
}
ACCURACY = "test.accuracy"


def table(header: Sequence[str], lines: Iterable[Sequence[str]], text: int = 1) -> str:
    """A Markdown table whose first `text` columns are text and the others figures."""
    align = ["left"] * text + ["right"] * (len(header) - text)
    return tabulate(list(lines), header, tablefmt="github", disable_numparse=True, colalign=align) + "\n"


def mean_and_spread(runs: Runs) -> str:
    return f"{statistics.fmean(runs.values()):.4f} ± {statistics.stdev(runs.values()):.4f}"


def probability(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def results_table(params: Params, notebooks: Notebooks, results: Results) -> str:
    """Test loss and accuracy of every model beside the published ones."""
    published = {(entry.of, entry.figure): entry for entry in notebooks.published if not entry.against}

    def line(name: str) -> list[str]:
        cells, source = [f"[`{name}`](#{name})"], ""
        for kind in ("test.loss", ACCURACY):
            runs, entry = samples(results, name, kind), published.get((name, kind))
            source = entry.source if entry else source
            cells += [
                entry.value if entry else "",
                mean_and_spread(runs),
                f"{statistics.fmean(runs.values()) - entry.number:+.4f}" if entry else "",
                f"{results.figures[name][kind]:.4f}",
            ]
        return [*cells, str(len(results.replicates[name])), source]

    header = ["model"]
    for kind in ("loss", "accuracy"):
        header += [f"{kind}, published", "mean ± sd over seeds", "difference", "under `seed`"]
    return table([*header, "seeds", "source"], map(line, ordered_models(params)))


def what(judgement: Judgement) -> str:
    """The name of a published figure, as in `reuters test.accuracy`."""
    published = judgement.published
    against = f" less `{published.against}`" if published.against else ""
    return f"`{published.of}`{against} {published.figure}"


def reproduction_table(judgements: list[Judgement]) -> str:
    """Each published figure with the interval in which it is consistent."""

    def line(found: Judgement) -> list[str]:
        digits = 1 if "epoch" in found.published.figure else 4
        p = ["" if value is None else probability(value) for value in (found.p, found.p_adjusted)]
        return [
            what(found),
            found.published.source,
            found.verdict if found.verdict == "consistent" else f"**{found.verdict}**",
            found.published.value,
            f"{found.ours.mean:.{digits}f}",
            "" if found.ours.sd is None else f"{found.ours.sd:.{digits}f}",
            "" if found.ours.sd is None else "known" if found.ours.n > 1_000 else str(found.ours.n),
            f"{found.low:.{digits}f} to {found.high:.{digits}f}",
            *p,
        ]

    header = ["figure", "source", "verdict", "published", "our mean", "sd", "n", "consistent from", "p", "p, Holm"]
    return table(header, map(line, judgements), text=3)


def variations(params: Params, dataset: str) -> list[str]:
    """The models of a dataset that differ from its reference in the network only, the reference first."""

    def runs(name: str) -> tuple:
        settings = settings_of(params, name)
        return settings.holdout, settings.validation_epochs, settings.epochs, settings.leave_out, settings.batch_size

    names = models_of(params, dataset)
    return [name for name in names if runs(name) == runs(names[0])]


def compare_variations(params: Params, results: Results) -> dict[str, tuple[Comparison, float, str]]:
    """Of each variation the comparison with its reference, p after Holm's correction over all, and the verdict."""
    found = {}
    for dataset in results.baselines:
        names = variations(params, dataset)
        for name in names[1:]:
            new, old = (samples(results, model, ACCURACY) for model in (name, names[0]))
            if not same_runs(new, {seed: old[seed] for seed in old if seed in new}):
                found[name] = compare(new, old)
    margins = params.verdicts
    judged = verdicts(found, margins.negligible, margins.equivalent)
    return {name: (found[name], *judged[name]) for name in found}


def experiments_table(
    params: Params, names: list[str], results: Results, compared: Mapping[str, tuple[Comparison, float, str]]
) -> str:
    """Each variation's test accuracy over the seeds, compared with the reference's."""

    def cells(settings: Settings) -> list[str]:
        return [" + ".join(map(str, settings.hidden)), settings.activation, settings.loss]

    def line(name: str) -> list[str]:
        runs = samples(results, name, ACCURACY)
        first = [f"`{name}`", *cells(settings_of(params, name))]
        if name == names[0]:
            return [*first, "reference", mean_and_spread(runs), str(len(runs)), "", "", ""]
        if name not in compared:
            return [*first, "the same runs", mean_and_spread(runs), str(len(runs)), "", "", ""]
        found, p, said = compared[name]
        interval = f"{found.low:+.4f} to {found.high:+.4f}"
        return [
            *first,
            said,
            mean_and_spread(runs),
            str(len(runs)),
            f"{found.difference:+.4f}",
            interval,
            probability(p),
        ]

    header = ["model", "hidden units", "activation", "loss", "verdict", "test accuracy", "n"]
    return table([*header, "difference", "95 % interval", "p, Holm"], map(line, names), text=5)


def baselines_table(results: Results) -> str:
    """The baselines of each dataset."""
    datasets = list(results.baselines)

    def line(key: str) -> list[str]:
        return [BASELINES[key], *(f"{results.baselines[name][key]['accuracy']:.4f}" for name in datasets)]

    return table(["test accuracy of", *datasets], map(line, BASELINES))


def against_baseline(params: Params, results: Results, dataset: str) -> str:
    """The network with the highest mean, and whether it is distinguished from logistic regression."""
    models = models_of(params, dataset)
    if not models:
        return f"`{dataset}` has no model."
    runs = {name: samples(results, name, ACCURACY) for name in models}
    baseline = results.baselines[dataset]["logistic_regression"]["accuracy"]
    highest, found = highest_against_constant(runs, baseline)
    side = "above" if found.difference > 0 else "below"
    said = {
        "better": side,
        "worse": side,
        "negligible": f"{side}, but by a negligible difference,",
        "equivalent": "equivalent to",
        "not distinguished": "not distinguished from",
    }[verdict(found, found.p, params.verdicts.negligible, params.verdicts.equivalent)]
    among = f"the highest mean of {len(models)} networks" if len(models) > 1 else "the mean of the only network"
    p = probability(found.p)
    return (
        f"`{dataset}`: {among} is {baseline + found.difference:.4f} (`{highest}`), {said} logistic regression "
        f"({found.difference:+.4f}, p {'' if p.startswith('<') else '= '}{p})."
    )
