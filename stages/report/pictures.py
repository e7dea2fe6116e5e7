"""The pictures of the page of results."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from stages.common.basics.artifacts import Table
from stages.common.drawing.figures import BASELINE, PUBLISHED, REFERENCE, TEST, TRAINING, VALIDATION, plain
from stages.common.judging.comparison import Runs
from stages.common.judging.reproduction import Judgement
from stages.report.tables import name_figure

MOST_CLASSES = 50  # drawn
FAINT_DOTS: dict[str, Any] = {"marker": "o", "ls": "", "alpha": 0.35, "markeredgewidth": 0}
DIAMONDS: dict[str, Any] = {
    "marker": "D",
    "ls": "",
    "markersize": 7,
    "color": PUBLISHED,
    "markeredgecolor": "black",
    "zorder": 3,
}


def draw_learning(axes: Axes, name: str, history: Table, seeds: Table, published: Mapping[str, float]) -> None:
    """Draw a model's accuracy by epoch, and how high and when it was at best and at the end under other seeds.

    Args:
        history, seeds: history.csv and replicates.csv.
        published: by the names of published.yaml.
    """
    epochs = [int(line["epoch"]) for line in history]
    axes.plot(epochs, [float(line["accuracy"]) for line in history], ":", color=TRAINING, lw=2, label="training")
    axes.plot(epochs, [float(line["val_accuracy"]) for line in history], color=VALIDATION, lw=2, label="validation")
    best = [
        (int(line["validation_best_accuracy_epoch"]), float(line["validation_best_val_accuracy"])) for line in seeds
    ]
    last = [(epochs[-1], float(line["validation_last_val_accuracy"])) for line in seeds]
    label = "validation of other seeds, best and last"
    axes.plot(*zip(*best, *last, strict=True), **FAINT_DOTS, color=VALIDATION, label=label)
    marks = {
        published.get("validation.best_accuracy_epoch"): published.get("validation.best_val_accuracy"),
        epochs[-1]: published.get("validation.last_val_accuracy"),
    }
    known = [(epoch, value) for epoch, value in marks.items() if epoch is not None and value is not None]
    if known:
        axes.plot(*zip(*known, strict=True), **DIAMONDS, label="published")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(title=f"{name}: accuracy by epoch", xlabel="Epoch")


def draw_test_accuracies(
    axes: Axes, dataset: str, accuracies: Mapping[str, Runs], published: Mapping[str, float]
) -> None:
    """Draw the test accuracy of all models of a dataset: a dot a seed, their mean, and what is published."""
    for place, (name, runs) in enumerate(accuracies.items()):
        values = list(runs.values())
        axes.plot(values, [place] * len(values), **FAINT_DOTS, color=TEST, label="test, a dot a seed")
        axes.plot(np.mean(values), place, "|", color="black", markersize=13, markeredgewidth=2, label="their mean")
        if name in published:
            axes.plot(published[name], place, **DIAMONDS, label="published")
    axes.set_yticks(range(len(accuracies)), list(accuracies))
    axes.set(title=f"{dataset}: test accuracy", ylim=(len(accuracies) - 0.5, -0.5))


def add_common_legend(panels: list[Axes]) -> None:
    """Put one legend under all panels, with each label once."""
    pairs = [pair for axes in panels for pair in zip(*axes.get_legend_handles_labels(), strict=True)]
    handles = {label: handle for handle, label in pairs}
    panels[0].figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3)


def draw_reproduction(axes: Axes, judgements: list[Judgement]) -> None:
    """Draw where in, or out of, its interval each published figure that varies lies."""
    drawn = [found for found in judgements if found.published.varies]
    places = np.arange(len(drawn))
    reaches = [(found.high - found.low) / 2 for found in drawn]
    distances = [
        (found.published.number - found.ours.mean) / reach for found, reach in zip(drawn, reaches, strict=True)
    ]
    axes.axvspan(-1, 1, color=REFERENCE, alpha=0.2, label="consistent")
    axes.axvline(0, color=TEST, label="our mean")
    axes.plot(distances, places, "D", color=PUBLISHED, label="published")
    axes.set_yticks(places, [name_figure(found).replace("`", "") for found in drawn])
    axes.set(
        title="Published figures beside ours",
        xlabel="Distance from our mean; 1 is the end of the 95 % prediction interval",
        ylim=(max(len(drawn), 1) - 0.5, -0.5),
    )
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))


def draw_classes(axes: Axes, dataset: str, classes: Table) -> None:
    """Draw how many texts of each class there are, the most frequent first; classes: classes.csv."""
    shown = sorted(classes, key=lambda line: -int(line["train"]))[:MOST_CLASSES]
    places = np.arange(len(shown))
    for shift, part, color in ((-0.2, "train", TRAINING), (0.2, "test", TEST)):
        counts = [int(line[part]) for line in shown]
        axes.barh(places + shift, counts, 0.4, color=color, label={"train": "training"}.get(part, part))
    axes.set_yticks(places, [plain(line["class"]) for line in shown])
    title = "each class" if len(classes) == len(shown) else f"the {MOST_CLASSES} most frequent classes"
    axes.set(
        title=f"{dataset}: texts of {title}",
        xlabel="Texts",
        xscale="log",
        xlim=(0.8, None),
        ylim=(len(shown) - 0.5, -0.5),
    )
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))


def draw_experiments(
    axes: Axes, dataset: str, names: list[str], accuracies: Mapping[str, Runs], regression: float
) -> None:
    """Draw each model's test accuracy: a dot a seed, mean and standard deviation across."""
    places = np.arange(len(names))
    values = [list(accuracies[name].values()) for name in names]
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
