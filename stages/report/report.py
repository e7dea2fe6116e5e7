"""Gather every model's figures on one page, and say which published ones are reproduced.

Reads   reports/models, reports/datasets, published.yaml
Params  datasets, defaults, learning_curves, models, plots, verdicts
Writes  reports/README.md; reports/reproduction.json, a verdict for each published figure; reproduction.png
        reports/learning_curves.png: what the notebooks print after each epoch, and the range of our runs
        reports/overview.png: what one gets, at a glance: accuracy by epoch and over seeds, beside published figures
        reports/texts_of_classes.png: how many texts of each class each dataset has
        reports/experiments.csv, experiments.png: every model's test accuracy over the seeds
        reports/histories.csv, curves.csv, classes.csv: those tables of all models in one, for plots of all together
"""

if __name__ == "__main__":
    raise SystemExit("error: start a stage as dvc.yaml does: python -m stages report")


import math
from collections.abc import Iterator

from stages.common.basics.artifacts import Table, read_csv, round_metric, write_csv, write_json, write_text
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import models_on, ordered_models, texts_of
from stages.common.basics.paths import HERE
from stages.common.drawing.figures import figure
from stages.common.judging.published import Notebooks, applicable, load_published
from stages.common.judging.reproduction import Judgement, Results, judge, metric_by_seed, read_results
from stages.report.comparisons import variations
from stages.report.curve_pictures import draw_curves
from stages.report.curves import applicable_curves, read_curves
from stages.report.page import compose_page
from stages.report.pictures import (
    MOST_CLASSES,
    add_common_legend,
    draw_classes,
    draw_experiments,
    draw_learning,
    draw_reproduction,
    draw_test_accuracies,
)
from stages.report.words import count_with_verb


def reproduction_json(judgements: list[Judgement]) -> dict:
    """reports/reproduction.json: by model or dataset, by figure."""

    def shown(value: float | None) -> float | None:
        return None if value is None else round_metric(value)

    content: dict[str, dict] = {}
    for published, ours, low, high, p, p_adjusted, verdict in judgements:
        content.setdefault(published.of, {})[published.key] = {
            "source": published.source,
            "published": published.number,
            "mean": round_metric(ours.mean),
            "sd": shown(ours.sd),
            "n": None if ours.n == math.inf else ours.n,
            "low": round_metric(low),
            "high": round_metric(high),
            "p": shown(p),
            "p_adjusted": shown(p_adjusted),
            "verdict": verdict,
        }
    return content


def class_figures(confusion: Table) -> Iterator[tuple[int, str, float, float, float, int]]:
    """Label, name, precision, recall, F1 and support of each class, from its confusion table."""
    counts = {(line["actual"], line["predicted"]): int(line["count"]) for line in confusion}
    for label, name in enumerate(dict.fromkeys(actual for actual, _ in counts)):
        right = counts[name, name]
        support = sum(count for (actual, _), count in counts.items() if actual == name)
        predicted = sum(count for (_, guess), count in counts.items() if guess == name)
        precision, recall = (right / total if total else 0.0 for total in (predicted, support))
        f1 = 2 * right / (predicted + support) if predicted + support else 0.0
        yield label, name, round_metric(precision), round_metric(recall), round_metric(f1), support


def write_long_tables(params: Params, results: Results) -> None:
    """Write tables of all models, with the dataset and the model as columns."""
    histories, curves, classes, experiments = [], [], [], []
    for name in ordered_models(params):
        of = (texts_of(params, name), name)
        histories += [(*of, *line.values()) for line in results.histories[name]]
        curves += [(*of, *line.values()) for line in read_csv(HERE.model_report(name) / "curves.csv")]
        classes += [(*of, *line) for line in class_figures(read_csv(HERE.model_report(name) / "confusion.csv"))]
        experiments += [(*of, line["seed"], line["test_accuracy"]) for line in results.replicates[name]]
    columns = ("dataset", "model")
    write_csv(
        HERE.reports / "histories.csv", (*columns, "epoch", "loss", "accuracy", "val_loss", "val_accuracy"), histories
    )
    write_csv(
        HERE.reports / "curves.csv", (*columns, "false_positive_rate", "true_positive_rate", "precision"), curves
    )
    write_csv(
        HERE.reports / "classes.csv", (*columns, "label", "name", "precision", "recall", "f1", "support"), classes
    )
    write_csv(HERE.reports / "experiments.csv", (*columns, "seed", "test_accuracy"), experiments)


def draw_overview(params: Params, notebooks: Notebooks, results: Results) -> None:
    """Draw overview.png: a row for each dataset that has models."""
    published: dict[str, dict[str, float]] = {}
    for entry in notebooks.published:
        if not entry.against and not entry.best_possible:
            published.setdefault(entry.of, {})[entry.figure] = entry.number
    tested = {name: figures["test.accuracy"] for name, figures in published.items() if "test.accuracy" in figures}
    compared = {dataset: names for dataset in results.baselines if (names := models_on(params, dataset))}
    heights = [max(0.7, len(names) / 12 + 0.15) for names in compared.values()]
    with figure(HERE.reports / "overview.png", params.plots, 0.9, panels=2, heights=heights) as panels:
        for left, right, (dataset, names) in zip(panels[::2], panels[1::2], compared.items(), strict=True):
            reference = names[0]
            seeds = results.replicates[reference]
            draw_learning(left, reference, results.histories[reference], seeds, published.get(reference, {}))
            accuracies = {name: metric_by_seed(results, name, "test.accuracy") for name in names}
            draw_test_accuracies(right, dataset, accuracies, tested)
        add_common_legend(panels)


def draw_pictures(params: Params, notebooks: Notebooks, results: Results, judgements: list[Judgement]) -> None:
    """Draw overview.png, texts_of_classes.png, reproduction.png and experiments.png."""
    draw_overview(params, notebooks, results)
    classes = {name: read_csv(HERE.dataset_report(name) / "classes.csv") for name in results.data}
    heights = [min(MOST_CLASSES, len(lines)) / 20 + 0.2 for lines in classes.values()]
    with figure(HERE.reports / "texts_of_classes.png", params.plots, 1.4, heights=heights) as panels:
        for axes, (dataset, lines) in zip(panels, classes.items(), strict=True):
            draw_classes(axes, dataset, lines)
    with figure(HERE.reports / "reproduction.png", params.plots, 1.8, len(judgements) / 18 + 0.4) as [axes]:
        draw_reproduction(axes, judgements)
    accuracies = {name: metric_by_seed(results, name, "test.accuracy") for name in results.replicates}
    compared = {dataset: names for dataset in results.baselines if (names := variations(params, dataset))}
    with figure(HERE.reports / "experiments.png", params.plots, 1.2, 1, len(compared)) as panels:
        for axes, (dataset, names) in zip(panels, compared.items(), strict=True):
            regression = results.baselines[dataset]["logistic_regression"]["accuracy"]
            draw_experiments(axes, dataset, names, accuracies, regression)


def report(params: Params) -> None:
    notebooks = load_published(params)
    ours = applicable(notebooks, params)
    results = read_results(params)
    judgements = judge(ours.published, results)
    write_json(HERE.reports / "reproduction.json", reproduction_json(judgements))
    write_long_tables(params, results)
    draw_pictures(params, ours, results, judgements)
    curves = read_curves(params)
    draw_curves(HERE.reports / "learning_curves.png", params.plots, applicable_curves(curves, notebooks, params)[0])
    write_text(HERE.reports / "README.md", compose_page(params, notebooks, results, judgements, curves))
    verdicts = [found.verdict for found in judgements if not found.published.best_possible]
    differing = count_with_verb(verdicts.count("differs"), "differs", "differ")
    said = f"; of {len(verdicts)} published figures {differing} from ours" if verdicts else ""
    print(f"{len(results.figures)} models{said}; see {HERE.reports / 'README.md'}")
