"""Gather every model's figures on one page, and say which published ones are reproduced.

Reads   reports/M/ of every model, reports/D/baselines.json
Params  datasets, models, plots, published, reproduced_within, sources
Writes  reports/README.md; reports/reproduction.json, a verdict for each published figure; reports/reproduction.png
        reports/experiments.csv, experiments.png: every model's test accuracy over the seeds
"""

from collections.abc import Iterable, Sequence

import numpy as np
from matplotlib.axes import Axes
from tabulate import tabulate

from stages.common.artifacts import REPORTS, read_csv, read_json, rounded, write_csv, write_json, write_text
from stages.common.comparison import ALPHA, compare
from stages.common.errors import run
from stages.common.figures import BASELINE, PUBLISHED, REFERENCE, TEST, figure
from stages.common.params import Dataset, Model, Params, load_params
from stages.common.reproduction import Results, Verdict, judge, our_figure, samples

DIAGRAM = """\
```mermaid
flowchart LR
    download --> vectorize
    vectorize --> baseline --> report
    vectorize --> validate --> render --> report
    vectorize --> train --> evaluate --> render
    vectorize --> evaluate
    vectorize --> replicate --> report
    validate --> report
    evaluate --> report
```
"""
BASELINES = {
    "expected_of_shuffling": "shuffled labels, expected",
    "shuffled_labels": "shuffled labels, one shuffle",
    "most_frequent_class": "most frequent class",
    "naive_bayes": "Bernoulli naive Bayes",
    "logistic_regression": "logistic regression",
}


def read_results(params: Params) -> Results:
    return Results(
        replicates={name: read_csv(REPORTS / name / "replicates.csv") for name in params.models},
        histories={name: read_csv(REPORTS / name / "history.csv") for name in params.models},
        baselines={name: read_json(REPORTS / name / "baselines.json") for name in params.datasets},
    )


def figures_of(name: str) -> dict[str, float]:
    """A model's figures under `seed`, by the names that `published` uses, as in `test.accuracy`."""
    found = {f"test.{k}": v for k, v in read_json(REPORTS / name / "metrics.json")["test"].items()}
    validation = read_json(REPORTS / name / "validation.json")
    return found | {f"validation.{key}": value for key, value in validation.items()}


def table(header: Sequence[str], lines: Iterable[Sequence[str]], text: int = 1) -> str:
    """A Markdown table whose first `text` columns are text and the others figures."""
    align = ["left"] * text + ["right"] * (len(header) - text)
    return tabulate(list(lines), header, tablefmt="github", disable_numparse=True, colalign=align) + "\n"


def mean_and_spread(values: list[float]) -> str:
    return f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}"


def results_table(params: Params, figures: dict[str, dict[str, float]], results: Results) -> str:
    """Test loss and accuracy of every model beside the published ones."""
    published = {(p.of, p.figure): p for p in params.published if not p.against}

    def line(name: str) -> list[str]:
        cells, source = [f"[`{name}`](#{name})"], ""
        for kind in ("test.loss", "test.accuracy"):
            ours = figures[name][kind]
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
    return table([*header, "source"], map(line, params.models))


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


def reproduction_json(verdicts: list[Verdict]) -> dict:
    """reports/reproduction.json: by model or dataset, by figure."""
    content: dict[str, dict] = {}
    for published, ours, distance, reproduced in verdicts:
        against = f"_less_{published.against}" if published.against else ""
        content.setdefault(published.of, {})[published.figure + against] = {
            "source": published.source,
            "published": published.value,
            "mean": rounded(ours.mean),
            "sd": None if ours.sd is None else rounded(ours.sd),
            "n": ours.n,
            "distance": None if distance is None else rounded(distance),
            "verdict": "reproduced" if reproduced else "not reproduced",
        }
    return content


def draw_reproduction(axes: Axes, verdicts: list[Verdict], within: float) -> None:
    """Draw each published figure's distance from our mean."""
    drawn = [verdict for verdict in verdicts if verdict.distance is not None]
    places = np.arange(len(drawn))
    axes.axvspan(-within, within, color=REFERENCE, alpha=0.2, label=f"reproduced: within {within:g}")
    axes.axvline(0, color=TEST, label="our mean")
    axes.plot([v.distance for v in drawn], places, "D", color=PUBLISHED, label="published")
    axes.set_yticks(places, [what(verdict).replace("`", "") for verdict in drawn])
    axes.set(
        title="Published figures beside ours",
        xlabel="Distance from our mean, in standard deviations",
        ylim=(len(drawn) - 0.5, -0.5),
    )
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))


def variations(params: Params, dataset: str) -> list[str]:
    """The models of a dataset that differ from its first one in the network only, that one first."""
    names = [name for name, model in params.models.items() if model.dataset == dataset]
    if not names:
        return []
    first = params.models[names[0]]
    return [
        name
        for name in names
        if (params.models[name].validation, params.models[name].final, params.models[name].batch_size)
        == (first.validation, first.final, first.batch_size)
    ]


def experiments_table(params: Params, names: list[str], results: Results) -> str:
    """Each variation's test accuracy over the seeds, compared with the first model's."""
    base = samples(results, names[0], "test.accuracy")

    def line(name: str) -> list[str]:
        model, values = params.models[name], samples(results, name, "test.accuracy")
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


def draw_experiments(
    axes: Axes, dataset: str, names: list[str], accuracies: dict[str, list[float]], regression: float
) -> None:
    """Draw each model's test accuracy: a dot a seed, mean and standard deviation across."""
    places = np.arange(len(names))
    values = [accuracies[name] for name in names]
    for place, seeds in zip(places, values, strict=True):
        axes.plot(seeds, [place] * len(seeds), "o", color=TEST, alpha=0.5, label=None if place else "one seed")
    axes.errorbar(
        [np.mean(seeds) for seeds in values],
        places,
        xerr=[np.std(seeds, ddof=1) for seeds in values],
        fmt="|",
        color="black",
        capsize=4,
        markersize=14,
        label="mean ± standard deviation",
    )
    axes.axvline(regression, ls="--", color=BASELINE, label="logistic regression")
    axes.set_yticks(places, names)
    axes.set(
        title=f"{dataset}: test accuracy of the variations",
        xlabel="Test accuracy",
        ylim=(len(names) - 0.5, -0.5),
    )
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3)


def baselines_table(params: Params, results: Results) -> str:
    def line(key: str) -> list[str]:
        return [
            BASELINES[key],
            *(f"{results.baselines[name][key]['accuracy']:.4f}" for name in params.datasets),
        ]

    def best(dataset: str) -> str:
        names = [name for name, model in params.models.items() if model.dataset == dataset]
        means = {name: np.mean(samples(results, name, "test.accuracy")) for name in names}
        winner = max(means, key=means.__getitem__, default=None)
        return f"{means[winner]:.4f} (`{winner}`)" if winner else ""

    lines = [line(key) for key in BASELINES]
    lines.append(["best network, mean over seeds", *map(best, params.datasets)])
    return table(["test accuracy of", *params.datasets], lines)


def describe(model: Model, figures: dict[str, float]) -> str:
    """What a model is and what it reached, in one paragraph."""
    units = ", ".join(map(str, model.hidden))
    return (
        f"Dataset `{model.dataset}`; hidden layers of {units} units, {model.activation}; "
        f"loss {model.loss}; {model.optimizer} with learning rate {model.learning_rate:g}; "
        f"batches of {model.batch_size}. "
        f"Validation on {model.validation.holdout:,} held-out rows: lowest loss "
        f"{figures['validation.val_loss']:.4f} after epoch {figures['validation.best_epoch']} of "
        f"{model.validation.epochs}; accuracy there {figures['validation.val_accuracy']:.4f}, at best "
        f"{figures['validation.best_val_accuracy']:.4f} (epoch {figures['validation.best_accuracy_epoch']}), "
        f"at the end {figures['validation.last_val_accuracy']:.4f}. "
        f"Test after {model.final.epochs} epochs: accuracy {figures['test.accuracy']:.4f}, "
        f"macro F1 {figures['test.macro_f1']:.4f}."
    )


def section(name: str, model: Model, figures: dict[str, float]) -> str:
    pictures = "\n".join(f"![{kind} of {name}]({name}/{kind}.png)" for kind in ("loss", "accuracy", "roc"))
    return (
        f"### {name}\n\n{describe(model, figures)}\n\n"
        f"<details><summary>Plots and tables</summary>\n\n{pictures}\n"
        f"![confusion of {name}]({name}/confusion.png)\n\n"
        f"Per class: [classes.csv]({name}/classes.csv). "
        f"Other seeds: [replicates.csv]({name}/replicates.csv).\n\n</details>\n"
    )


def ceilings(models: dict[str, Model], datasets: dict[str, Dataset], figures: dict[str, dict[str, float]]) -> str:
    """For generated corpora, whose best possible accuracy is known: how close the models came."""
    lines = [
        [f"`{name}`", f"{best:.4f}", f"{figures[name]['test.accuracy']:.4f}"]
        for name, model in models.items()
        if (best := datasets[model.dataset].best_accuracy)
    ]
    if not lines:
        return ""
    return (
        "## Generated corpora\n\n"
        "These are demo figures: the texts were generated, so the best test accuracy that any classifier can be "
        "expected to reach is known. Verdicts on published figures mean nothing here.\n\n"
        + table(["model", "best possible", "reached"], lines)
        + "\n"
    )


def page(params: Params, figures: dict[str, dict[str, float]], results: Results, verdicts: list[Verdict]) -> str:
    """reports/README.md."""
    sources = "\n".join(f"- {key}: {text}" for key, text in params.sources.items())
    reproduced = sum(verdict.reproduced for verdict in verdicts)
    runs = len(next(iter(results.replicates.values())))
    experiments = "\n".join(
        experiments_table(params, names, results)
        for dataset in params.datasets
        if (names := variations(params, dataset))
    )
    sections = "\n".join(section(name, model, figures[name]) for name, model in params.models.items())
    return f"""# Results

Written by the pipeline's last stage, `stages/report.py`; every number comes from the files beside this page.

{ceilings(params.models, params.datasets, figures)}\
Test loss and accuracy of each model: what the notebooks print, one run of ours (under `seed`), and mean and \
standard deviation over {runs} further seeds.

{results_table(params, figures, results)}
Sources:

{sources}

## Which published figures are reproduced

{reproduced} of {len(verdicts)}. A figure counts as reproduced if it lies within {params.reproduced_within:g} \
standard deviations of a single run from the mean of our runs under further seeds; a notebook's figure is one such \
run. With this many figures, and the deviations themselves known from {runs} runs only, a few may lie outside by \
chance. Figures that do not vary have a tolerance in params.yaml instead.

{reproduction_table(verdicts)}
![Published figures beside ours](reproduction.png)

## Against baselines

Without a network, on the same multi-hot rows:

{baselines_table(params, results)}
## Do more units, more or fewer layers, another loss or activation help?

Test accuracy over {runs} seeds, each variation against the first model by Welch's t-test: "better" or "worse" \
where a difference of that size would be chance in less than {ALPHA:.0%} of cases (each comparison taken by itself).

{experiments}
![Test accuracy of the variations](experiments.png)

## The pipeline

{DIAGRAM}
`download`, `vectorize` and `baseline` run once a dataset, `report` once, the others once a model.

## The models

{sections}"""


def report() -> None:
    params = load_params()
    results = read_results(params)
    figures = {name: figures_of(name) for name in params.models}
    verdicts = [
        judge(published, our_figure(published, results), params.reproduced_within) for published in params.published
    ]
    accuracies = {name: samples(results, name, "test.accuracy") for name in params.models}

    write_json(REPORTS / "reproduction.json", reproduction_json(verdicts))
    with figure(REPORTS / "reproduction.png", params.plots, 1.8, len(verdicts) / 18 + 0.4) as [axes]:
        draw_reproduction(axes, verdicts, params.reproduced_within)
    compared = {dataset: names for dataset in params.datasets if (names := variations(params, dataset))}
    with figure(REPORTS / "experiments.png", params.plots, 1.2, 1, len(compared)) as panels:
        for axes, (dataset, names) in zip(panels, compared.items(), strict=True):
            regression = results.baselines[dataset]["logistic_regression"]["accuracy"]
            draw_experiments(axes, dataset, names, accuracies, regression)
    write_csv(
        REPORTS / "experiments.csv",
        ("dataset", "model", "seed", "test_accuracy"),
        (
            (params.models[name].dataset, name, line["seed"], line["test_accuracy"])
            for name in params.models
            for line in results.replicates[name]
        ),
    )
    write_text(REPORTS / "README.md", page(params, figures, results, verdicts))
    print(
        f"{len(figures)} models, {sum(v.reproduced for v in verdicts)} of {len(verdicts)} published figures "
        f"reproduced; see {REPORTS / 'README.md'}"
    )


if __name__ == "__main__":
    run(report)
