"""Draw a model's curves and tables.

Reads   reports/models/M/history.csv, confusion.csv, curves.csv
Params  plots
Writes  reports/models/M/plots/loss.png, accuracy.png: training as dots, validation as a line, as in the notebooks
        reports/models/M/plots/confusion.png: of each class, the share that got each label
        reports/models/M/plots/roc.png
"""

if __name__ == "__main__":
    raise SystemExit("error: start a stage as dvc.yaml does: python -m stages render@MODEL")


import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import PowerNorm
from matplotlib.ticker import MaxNLocator

from stages.common.basics.artifacts import Table, new_directory, read_csv
from stages.common.basics.params.params import Params
from stages.common.basics.paths import HERE
from stages.common.drawing.figures import REFERENCE, TEST, TRAINING, VALIDATION, figure, plain

FEW = 10  # classes up to which a confusion matrix has room for its counts


def read_column(table: Table, name: str) -> np.ndarray:
    return np.array([float(line[name]) for line in table])


def draw_history(axes: Axes, history: Table, curve: str, model: str) -> None:
    """Draw `loss` or `accuracy` of the validation run, epoch by epoch."""
    epochs = read_column(history, "epoch")
    axes.plot(epochs, read_column(history, curve), "o", color=TRAINING, label=f"Training {curve}")
    axes.plot(epochs, read_column(history, f"val_{curve}"), color=VALIDATION, label=f"Validation {curve}")
    axes.set(title=f"{model}: training and validation {curve}", xlabel="Epochs")
    axes.set_ylabel(curve.capitalize())
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()


def confusion_matrix(table: Table) -> tuple[list[str], np.ndarray]:
    """The labels in their order, and counts, int64, shape (classes, classes): actual class by predicted class."""
    place = {name: index for index, name in enumerate(dict.fromkeys(line["actual"] for line in table))}
    counts = np.zeros((len(place), len(place)), np.int64)
    for line in table:
        counts[place[line["actual"]], place[line["predicted"]]] = int(line["count"])
    return list(place), counts


def draw_confusion(axes: Axes, counts: np.ndarray, names: list[str], model: str) -> None:
    """Draw each class' row as shares of that class; with few classes write the counts, too."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    # the square root lets small shares show beside a strong diagonal
    image = axes.imshow(shares, cmap="Blues", norm=PowerNorm(0.5, vmin=0, vmax=1))
    axes.figure.colorbar(image, ax=axes, label="Share of the actual class", shrink=0.8)
    few = len(names) <= FEW
    names = list(map(plain, names))
    axes.set_xticks(range(len(names)), names, rotation=0 if few else 90)
    axes.set_yticks(range(len(names)), names)
    if few:
        for (actual, predicted), count in np.ndenumerate(counts):
            color = "white" if shares[actual, predicted] > 0.4 else "black"
            axes.text(predicted, actual, f"{count:,}", ha="center", va="center", color=color)
    else:
        axes.tick_params(labelsize=7)
    axes.grid(False)
    axes.set(title=f"{model}: confusion on the test set", xlabel="Predicted", ylabel="Actual")


def draw_roc(axes: Axes, table: Table, classes: int, model: str) -> None:
    axes.plot([0, 1], [0, 1], "--", color=REFERENCE, label="Chance")
    axes.plot(
        read_column(table, "false_positive_rate"),
        read_column(table, "true_positive_rate"),
        color=TEST,
        label="Model" if classes == 2 else "Model, all classes against the rest",
    )
    axes.set(
        title=f"{model}: ROC curve on the test set",
        xlabel="False positive rate",
        ylabel="True positive rate",
        aspect="equal",
    )
    axes.legend(loc="lower right")


def render(params: Params, name: str) -> None:
    tables, plots = HERE.model_report(name), params.plots
    history = read_csv(tables / "history.csv")
    names, counts = confusion_matrix(read_csv(tables / "confusion.csv"))
    scale = (1, 1) if len(names) <= FEW else (1.9, 2.4)
    with new_directory(tables / "plots") as folder:
        for curve in ("loss", "accuracy"):
            with figure(folder / f"{curve}.png", plots) as [axes]:
                draw_history(axes, history, curve, name)
        with figure(folder / "confusion.png", plots, *scale) as [axes]:
            draw_confusion(axes, counts, names, name)
        with figure(folder / "roc.png", plots) as [axes]:
            draw_roc(axes, read_csv(tables / "curves.csv"), len(names), name)
    print(f"{name}: drew loss, accuracy, confusion and ROC in {tables / 'plots'}")
