"""What reports/ says, as the page gets it: plain numbers and sentences, to be shown and sorted there."""

import statistics
from typing import Any

from stages.common.basics.artifacts import DATASET_REPORTS, MODEL_REPORTS, REPORTS, Table, read_csv
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import models_of, ordered_models, settings_of
from stages.common.basics.params.sections import Model
from stages.common.judging.published import OF_A_DATASET, Notebooks, Published, published_accuracies
from stages.common.judging.reproduction import Judgement, Results, samples
from stages.report.datasets import UNSEEN, has_unseen, meaning, of_repetitions, of_texts
from stages.report.summary import summary
from stages.report.tables import ACCURACY, compare_variations, highest_baseline

Content = dict[str, Any]  # of JSON

SETTINGS = [name for name in Model.model_fields if name != "dataset"]


def findings(params: Params, notebooks: Notebooks, results: Results, judgements: list[Judgement]) -> list[str]:
    """What came out, as reports/README.md begins: a question and its answer each, in Markdown."""
    compared = compare_variations(params, results)
    said = summary(params, notebooks, results, judgements, compared).partition("\n\n")[0]
    return [line.removeprefix("- ") for line in said.splitlines()]


def of_dataset(name: str, params: Params, notebooks: Notebooks, results: Results) -> Content:
    """What `describe` has found in a dataset, and its highest baseline."""
    data = results.data[name]
    texts = of_texts(name, data).removeprefix(f"**{name}**: ")
    return {
        "name": name,
        "models": models_of(params, name),
        "baseline": highest_baseline(results, name),
        "findings": [texts, of_repetitions(data), meaning(name, data, params, notebooks, results)],
        "classes": [
            {column: value if column == "class" else int(value) for column, value in line.items()}
            for line in read_csv(DATASET_REPORTS / name / "classes.csv")
        ],
    }


def settings(name: str, params: Params) -> Content:
    """A model's params, those of its dataset's defaults included."""
    found = settings_of(params, name)
    return {key: getattr(found, key) for key in SETTINGS}


def of_models(params: Params, notebooks: Notebooks, results: Results) -> list[Content]:
    """Each model with its params and its test accuracy: published, over seeds, and against the reference's."""
    compared = compare_variations(params, results)
    accuracies = published_accuracies(notebooks, params)
    published, best = ({of: entry.number for of, entry in entries.items()} for entries in accuracies)

    def of_model(name: str) -> Content:
        runs, dataset = samples(results, name, ACCURACY), params.models[name].dataset
        unseen = list(samples(results, name, UNSEEN).values()) if has_unseen(results, name) else []
        content = {
            "name": name,
            "dataset": dataset,
            "settings": settings(name, params),
            "figures": results.figures[name],
            "seeds": list(runs.items()),
            "mean": statistics.fmean(runs.values()),
            "sd": statistics.stdev(runs.values()),
            "unseen": statistics.fmean(unseen) if unseen else None,
            "published": published.get(name),
            "best_possible": best.get(dataset),
        }
        if name in compared:
            content |= {"verdict": compared[name].verdict, "difference": compared[name].found.difference}
        return content

    return [of_model(name) for name in ordered_models(params)]


def axis_of(entry: Published) -> str:
    """Which figures share an axis."""
    if entry.against:
        return "difference"
    if entry.figure in OF_A_DATASET:
        return "baseline"
    return next(kind for kind in ("epoch", "accuracy", "loss") if kind in entry.figure)


def of_published(notebooks: Notebooks, judgements: list[Judgement]) -> list[Content]:
    """Each published figure with the interval in which it is consistent."""
    return [
        {
            "of": found.published.of,
            "figure": found.published.words.replace("`", ""),
            "axis": axis_of(found.published),
            "source": notebooks.sources[found.published.source.partition(" ")[0]],
            "published": found.published.number,
            "mean": found.ours.mean,
            "low": found.low,
            "high": found.high,
            "p": found.p,
            "p_adjusted": found.p_adjusted,
            "verdict": found.verdict,
            "known": found.published.known,
        }
        for found in judgements
    ]


def numbers(table: Table) -> dict[str, list[float]]:
    """The columns of a table of numbers."""
    return {column: [float(line[column]) for line in table] for column in table[0]} if table else {}


def confusion(model: str, labels: list[str]) -> list[list[int]]:
    """Expected label, predicted label and count of each pair of labels that occurs."""
    number = {label: place for place, label in enumerate(labels)}
    lines = read_csv(MODEL_REPORTS / model / "confusion.csv")
    return [[number[line["actual"]], number[line["predicted"]], int(line["count"])] for line in lines]


def of_classes() -> dict[str, list[Content]]:
    """Precision, recall, F1 and number of test texts of each class, by model, in the order of the labels."""
    found: dict[str, list[Content]] = {}
    for line in read_csv(REPORTS / "classes.csv"):
        figures = {key: float(line[key]) for key in ("precision", "recall", "f1", "support")}
        found.setdefault(line["model"], []).append({"name": line["name"], **figures})
    return found


def results_content(params: Params, notebooks: Notebooks, results: Results, judgements: list[Judgement]) -> Content:
    """All of it.

    Raises:
        FileNotFoundError: a table is not there.
    """
    of_notebooks = [found for found in judgements if not found.published.best_possible]
    classes, models = of_classes(), ordered_models(params)
    if missing := [name for name in models if name not in classes]:
        raise FileNotFoundError(2, f"without {missing[0]}", str(REPORTS / "classes.csv"))
    labels = {name: [line["name"] for line in classes[name]] for name in models}
    return {
        "findings": findings(params, notebooks, results, of_notebooks),
        "datasets": [of_dataset(name, params, notebooks, results) for name in results.baselines],
        "models": of_models(params, notebooks, results),
        "published": of_published(notebooks, of_notebooks),
        "histories": {name: numbers(results.histories[name]) for name in models},
        "curves": {name: numbers(read_csv(MODEL_REPORTS / name / "curves.csv")) for name in models},
        "classes": classes,
        "confusion": {name: confusion(name, labels[name]) for name in models},
    }
