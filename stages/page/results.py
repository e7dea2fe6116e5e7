"""What reports/ says, as the page gets it: plain numbers and sentences, to be shown and sorted there."""

import statistics
from typing import Any

from stages.common.basics.artifacts import DATASET_REPORTS, MODEL_REPORTS, REPORTS, Table, read_csv
from stages.common.basics.params import Model, Params, models_of, ordered_models, settings_of
from stages.judging.published import CURVES, Notebooks
from stages.judging.reproduction import Judgement, Results, samples
from stages.reporting.datasets import UNSEEN, has_unseen, meaning, of_repetitions, of_texts
from stages.reporting.tables import ACCURACY, BASELINES, against_baseline, compare_variations

Content = dict[str, Any]  # of JSON

SETTINGS = [name for name in Model.model_fields if name != "dataset"]
VERDICTS = ("consistent", "doubtful", "differs")

# In words, and which figures share an axis.
FIGURES = {
    "test.accuracy": ("test accuracy", "accuracy"),
    "test.loss": ("test loss", "loss"),
    "validation.best_epoch": ("epoch of the lowest validation loss", "epoch"),
    "validation.val_loss": ("lowest validation loss", "loss"),
    "validation.val_accuracy": ("validation accuracy at the lowest loss", "accuracy"),
    "validation.last_val_loss": ("last validation loss", "loss"),
    "validation.last_val_accuracy": ("last validation accuracy", "accuracy"),
    "validation.best_val_accuracy": ("highest validation accuracy", "accuracy"),
    "validation.best_accuracy_epoch": ("epoch of the highest validation accuracy", "epoch"),
    CURVES: ("largest difference between the curves", "difference"),
    **{f"baselines.{key}": (said, "baseline") for key, said in BASELINES.items()},
}


def findings(params: Params, results: Results, judgements: list[Judgement]) -> list[str]:
    """What came out: of the published figures in a sentence, and in one of each dataset."""
    counts = {verdict: sum(found.verdict == verdict for found in judgements) for verdict in VERDICTS}
    said = [against_baseline(params, results, dataset) for dataset in results.baselines]
    if not judgements:
        return said
    differing = f"{counts['differs'] or 'none'} {'differ' if counts['differs'] > 1 else 'differs'}"
    doubtful = f"{counts['doubtful'] or 'none'} {'are' if counts['doubtful'] > 1 else 'is'} doubtful"
    judged = f"{counts['consistent']} are consistent with our runs, {doubtful} and {differing}"
    return [f"Of {len(judgements)} published figures {judged}.", *said]


def of_dataset(name: str, params: Params, notebooks: Notebooks, results: Results) -> Content:
    """What `inspect` and `baseline` have found in a dataset."""
    data = results.data[name]
    texts = of_texts(name, data).removeprefix(f"**{name}**: ")
    return {
        "name": name,
        "models": models_of(params, name),
        "baselines": [[BASELINES[key], found["accuracy"]] for key, found in results.baselines[name].items()],
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
    published = {entry.of: entry for entry in notebooks.published if entry.figure == ACCURACY and not entry.against}

    def of_model(name: str) -> Content:
        runs, entry = samples(results, name, ACCURACY), published.get(name)
        unseen = list(samples(results, name, UNSEEN).values()) if has_unseen(results, name) else []
        content = {
            "name": name,
            "dataset": params.models[name].dataset,
            "settings": settings(name, params),
            "figures": results.figures[name],
            "seeds": list(runs.items()),
            "mean": statistics.fmean(runs.values()),
            "sd": statistics.stdev(runs.values()),
            "unseen": statistics.fmean(unseen) if unseen else None,
            "published": None if entry is None else entry.number,
        }
        if name in compared:
            comparison, p, verdict = compared[name]
            content |= {"verdict": verdict, "difference": comparison.difference, "p": p}
        return content

    return [of_model(name) for name in ordered_models(params)]


def of_published(notebooks: Notebooks, judgements: list[Judgement]) -> list[Content]:
    """Each published figure with the interval in which it is consistent."""
    found = []
    for entry, ours, low, high, p, p_adjusted, verdict in judgements:
        said, axis = FIGURES[entry.figure]
        found.append(
            {
                "of": entry.of,
                "against": entry.against,
                "figure": said,
                "axis": "difference" if entry.against else axis,
                "source": notebooks.sources[entry.source.partition(" ")[0]],
                "published": entry.number,
                "mean": ours.mean,
                "low": low,
                "high": high,
                "p": p,
                "p_adjusted": p_adjusted,
                "verdict": verdict,
                "known": entry.known,
            }
        )
    return found


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
    """All of it. Raises FileNotFoundError if a table is not there."""
    classes, models = of_classes(), ordered_models(params)
    if missing := [name for name in models if name not in classes]:
        raise FileNotFoundError(2, f"without {missing[0]}", str(REPORTS / "classes.csv"))
    labels = {name: [line["name"] for line in classes[name]] for name in models}
    return {
        "findings": findings(params, results, judgements),
        "datasets": [of_dataset(name, params, notebooks, results) for name in results.baselines],
        "models": of_models(params, notebooks, results),
        "published": of_published(notebooks, judgements),
        "histories": {name: numbers(results.histories[name]) for name in models},
        "curves": {name: numbers(read_csv(MODEL_REPORTS / name / "curves.csv")) for name in models},
        "classes": classes,
        "confusion": {name: confusion(name, labels[name]) for name in models},
    }
