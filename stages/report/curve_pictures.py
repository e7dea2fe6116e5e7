"""The picture of what the notebooks print after each epoch, and the range of our runs."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from stages.common.basics.params.sections import Plots
from stages.common.drawing.figures import TRAINING, VALIDATION, figure
from stages.common.judging.learning_curves import Curve, Variant
from stages.report.curves import PublishedCurves
from stages.report.pictures import add_common_legend

TITLES: dict[Curve, str] = {
    "loss": "Training loss",
    "val_loss": "Validation loss",
    "accuracy": "Training accuracy",
    "val_accuracy": "Validation accuracy",
}
# Ticks of a logarithmic axis: in each power of ten if it has one or less, and if it has more
MANY_TICKS, FEW_TICKS = (1, 1.5, 2, 3, 5, 7), (1, 2, 5)
# What is drawn of the variants: today's, and what takes over all that is tried of TensorFlow 2.4.
LABELS: dict[Variant, str] = {
    "today": "our runs, lowest to highest",
    "optimizer": "with TensorFlow 2.4's optimizer",
    "progress_bar": "with TensorFlow 2.4's progress bar",
    "both": "with TensorFlow 2.4's optimizer and progress bar",
}


def draw_curve(axes: Axes, curves: PublishedCurves, column: Curve) -> None:
    """Draw the range of ours over seeds as a band for today and for all that is tried, and the published points."""
    lines = [line for line in curves.table if line["column"] == column]
    if not lines:
        axes.set_axis_off()
        return
    all_tried = list(curves.p)[-1]
    for variant, color in {"today": TRAINING, all_tried: VALIDATION if len(curves.p) > 1 else TRAINING}.items():
        band = [line for line in lines if line["variant"] == variant]
        epochs, low, high = (np.array([float(line[key]) for line in band]) for key in ("epoch", "lowest", "highest"))
        axes.fill_between(epochs, low, high, color=color, alpha=0.35, lw=0.8, label=LABELS[variant])
    axes.plot(epochs, [float(line["published"]) for line in band], ".", color="black", ms=4, label="published")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if "loss" in column:
        axes.set_yscale("log")
        bottom, top = axes.get_ylim()
        axes.yaxis.set_major_locator(LogLocator(subs=MANY_TICKS if top <= 10 * bottom else FEW_TICKS))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())


def draw_curves(path: Path, plots: Plots, curves: list[PublishedCurves]) -> None:
    """Draw a row for each published run, and a panel for each curve; a line of text if there are none."""
    with figure(path, plots, 0.6, panels=len(TITLES), heights=[0.55] * len(curves) or [0.2]) as panels:
        for axes in panels[len(curves) * len(TITLES) :]:
            axes.set_axis_off()
        for row, found in enumerate(curves):
            of_run = panels[row * len(TITLES) :][: len(TITLES)]
            of_run[0].set_ylabel(f"{found.model}\n{found.run} run")
            for axes, column in zip(of_run, TITLES, strict=True):
                draw_curve(axes, found, column)
        for axes, title in zip(panels, TITLES.values(), strict=False):
            axes.set_title(title if curves else "")
        for axes in panels[-len(TITLES) :]:
            axes.set_xlabel("Epoch")
        if curves:
            add_common_legend(panels)
        else:
            panels[0].text(0, 0, "No learning curves are published.")
