"""What reports/ says, as the page gets it: plain numbers and sentences, to be shown and sorted there."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stages.common.basics.artifacts import Table, read_csv
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import models_on, ordered_models, settings_of, texts_of
from stages.common.basics.params.sections import Model
from stages.common.basics.paths import HERE
from stages.common.judging.published import OF_A_DATASET, Notebooks, Published, published_accuracies
from stages.common.judging.reproduction import Judgement, Results, metric_by_seed
from stages.common.judging.verdicts import Judged
from stages.report.comparisons import compare_variations, highest_baseline
from stages.report.curves import applicable_curves, read_curves
from stages.report.datasets import UNSEEN, describe_repetitions, describe_texts, explain_repetitions, has_unseen
from stages.report.summary import compose_summary
from stages.report.tables import ACCURACY, MACRO_F1

SETTINGS = [name for name in Model.model_fields if name != "dataset"]


@dataclass(frozen=True, kw_only=True)
class DatasetContent:
    """What is said of a dataset, its highest baseline, and the count of texts of each class."""

    name: str
    models: list[str]
    baseline: tuple[str, float]
    findings: list[str]
    classes: list[dict[str, str | int]]


@dataclass(frozen=True, kw_only=True)
class ModelContent:
    """A model: its params, its metrics, and its test accuracy and macro F1 over seeds.

    unseen: mean accuracy on test texts that training has not, where the dataset has such.
    published, best_possible: accuracies, where there are such.
    verdict, difference: of accuracy, against the reference, the first model of the dataset; empty and None of itself.
    macro_f1, macro_f1_sd, macro_f1_verdict: the same of macro F1.
    """

    name: str
    dataset: str
    settings: dict[str, Any]
    figures: dict[str, Any]
    seeds: list[tuple[int, float]]
    mean: float
    sd: float
    unseen: float | None
    published: float | None
    best_possible: float | None
    verdict: str
    difference: float | None
    macro_f1: float
    macro_f1_sd: float
    macro_f1_verdict: str


@dataclass(frozen=True, kw_only=True)
class PublishedContent:
    """A published figure, and the interval of ours in which it agrees with them."""

    of: str
    figure: str
    axis: str
    source: str
    published: float
    mean: float
    low: float
    high: float
    p: float | None
    p_adjusted: float | None
    verdict: str
    known: str | None


@dataclass(frozen=True)
class ClassContent:
    """What a model reaches on one class; support: its test texts."""

    name: str
    precision: float
    recall: float
    f1: float
    support: float


@dataclass(frozen=True, kw_only=True)
class ResultsContent:
    """All of reports/.

    histories, curves: columns of numbers by model. classes, confusion: by model; see `confusion_cells`.
    """

    findings: list[str]
    datasets: list[DatasetContent]
    models: list[ModelContent]
    published: list[PublishedContent]
    histories: dict[str, dict[str, list[float]]]
    curves: dict[str, dict[str, list[float]]]
    classes: dict[str, list[ClassContent]]
    confusion: dict[str, list[list[int]]]


def list_findings(
    params: Params,
    notebooks: Notebooks,
    results: Results,
    judgements: list[Judgement],
    compared: Mapping[str, Judged],
) -> list[str]:
    """What came out, as reports/README.md begins: a question and its answer each, in Markdown."""
    curves, _ = applicable_curves(read_curves(params), notebooks, params)
    said = compose_summary(params, notebooks, results, judgements, compared, curves).partition("\n\n")[0]
    return [line.removeprefix("- ") for line in said.splitlines()]


def dataset_content(name: str, params: Params, notebooks: Notebooks, results: Results) -> DatasetContent:
    """What `describe` has found in a dataset, and its highest baseline."""
    data = results.data[name]
    texts = describe_texts(name, data).removeprefix(f"**{name}**: ")
    return DatasetContent(
        name=name,
        models=models_on(params, name),
        baseline=highest_baseline(results, name),
        findings=[texts, describe_repetitions(data), explain_repetitions(name, data, params, notebooks, results)],
        classes=[
            {column: value if column == "class" else int(value) for column, value in line.items()}
            for line in read_csv(HERE.dataset_report(name) / "classes.csv")
        ],
    )


def model_settings(name: str, params: Params) -> dict[str, Any]:
    """A model's params, those of its dataset's defaults included."""
    found = settings_of(params, name)
    return {key: getattr(found, key) for key in SETTINGS}


def model_contents(
    params: Params, notebooks: Notebooks, results: Results, compared: Mapping[str, Judged]
) -> list[ModelContent]:
    """Each model with its params and its figures: published, over seeds, and against the reference's."""
    by_macro_f1 = compare_variations(params, results, "macro_f1")
    accuracies = published_accuracies(notebooks, params)
    published, best = ({of: entry.number for of, entry in entries.items()} for entries in accuracies)

    def content_of(name: str) -> ModelContent:
        runs, dataset = metric_by_seed(results, name, ACCURACY), texts_of(params, name)
        unseen = list(metric_by_seed(results, name, UNSEEN).values()) if has_unseen(results, name) else []
        against, f1 = compared.get(name), list(metric_by_seed(results, name, MACRO_F1).values())
        return ModelContent(
            name=name,
            dataset=dataset,
            settings=model_settings(name, params),
            figures=results.figures[name],
            seeds=list(runs.items()),
            mean=statistics.fmean(runs.values()),
            sd=statistics.stdev(runs.values()),
            unseen=statistics.fmean(unseen) if unseen else None,
            published=published.get(name),
            best_possible=best.get(dataset),
            verdict=against.verdict if against else "",
            difference=against.found.difference if against else None,
            macro_f1=statistics.fmean(f1),
            macro_f1_sd=statistics.stdev(f1),
            macro_f1_verdict=by_macro_f1[name].verdict if against else "",
        )

    return [content_of(name) for name in ordered_models(params)]


def axis_of(entry: Published) -> str:
    """Which figures share an axis."""
    if entry.against:
        return "difference"
    if entry.figure in OF_A_DATASET:
        return "baseline"
    return next(kind for kind in ("epoch", "accuracy", "loss") if kind in entry.figure)


def published_contents(notebooks: Notebooks, judgements: list[Judgement]) -> list[PublishedContent]:
    """Each published figure with the interval in which it is consistent."""
    return [
        PublishedContent(
            of=found.published.of,
            figure=found.published.words.replace("`", ""),
            axis=axis_of(found.published),
            source=notebooks.sources[found.published.source.partition(" ")[0]],
            published=found.published.number,
            mean=found.ours.mean,
            low=found.low,
            high=found.high,
            p=found.p,
            p_adjusted=found.p_adjusted,
            verdict=found.verdict,
            known=found.published.known,
        )
        for found in judgements
    ]


def columns_of(table: Table) -> dict[str, list[float]]:
    """The columns of a table of numbers."""
    return {column: [float(line[column]) for line in table] for column in table[0]} if table else {}


def confusion_cells(model: str, labels: list[str]) -> list[list[int]]:
    """Expected label, predicted label and count of each pair of labels that occurs."""
    number = {label: place for place, label in enumerate(labels)}
    lines = read_csv(HERE.model_report(model) / "confusion.csv")
    return [[number[line["actual"]], number[line["predicted"]], int(line["count"])] for line in lines]


def class_contents() -> dict[str, list[ClassContent]]:
    """Precision, recall, F1 and number of test texts of each class, by model, in the order of the labels."""
    found: dict[str, list[ClassContent]] = {}
    for line in read_csv(HERE.reports / "classes.csv"):
        content = ClassContent(line["name"], *(float(line[key]) for key in ("precision", "recall", "f1", "support")))
        found.setdefault(line["model"], []).append(content)
    return found


def read_contents(
    params: Params, notebooks: Notebooks, results: Results, judgements: list[Judgement]
) -> ResultsContent:
    """All of it.

    Raises:
        FileNotFoundError: a table is not there.
    """
    of_notebooks = [found for found in judgements if not found.published.best_possible]
    classes, models = class_contents(), ordered_models(params)
    if missing := [name for name in models if name not in classes]:
        raise FileNotFoundError(2, f"without {missing[0]}", str(HERE.reports / "classes.csv"))
    labels = {name: [line.name for line in classes[name]] for name in models}
    compared = compare_variations(params, results)
    return ResultsContent(
        findings=list_findings(params, notebooks, results, of_notebooks, compared),
        datasets=[dataset_content(name, params, notebooks, results) for name in results.baselines],
        models=model_contents(params, notebooks, results, compared),
        published=published_contents(notebooks, of_notebooks),
        histories={name: columns_of(results.histories[name]) for name in models},
        curves={name: columns_of(read_csv(HERE.model_report(name) / "curves.csv")) for name in models},
        classes=classes,
        confusion={name: confusion_cells(name, labels[name]) for name in models},
    )
