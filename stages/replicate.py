"""Repeat a model's runs under other seeds: a single run of a small network says little.

Reads   data/vectorized/D
Params  seed, replicates.n, models.M, defaults.D
Writes  reports/models/M/replicates.csv, one line a seed: the final run's test figures, the validation run's figures
        reports/models/M/replicates.json, their means and standard deviations

The seeds are those that follow `seed`. One process runs them all, on one compiled model for each kind of run.
"""

import statistics
from collections.abc import Iterator
from contextlib import redirect_stdout
from os import devnull

from stages.common.basics.artifacts import MODEL_REPORTS, rounded, write_csv, write_json
from stages.common.basics.params import Params, Settings, settings_of
from stages.common.basics.rows import hold_out, load_labels, open_rows
from stages.common.history import validation_figures

# The figures that replicates.json summarizes, and their names there; a column has no dot, which Vega takes for a path
SUMMARIZED = {
    "test_accuracy": "accuracy",
    "test_loss": "loss",
    "validation_best_val_accuracy": "best_val_accuracy",
    "validation_val_loss": "val_loss",
}


def replicate_runs(name: str, settings: Settings, seeds: range) -> Iterator[dict[str, float]]:
    """Yield the figures of a final and a validation run under each seed."""
    train, test = open_rows(settings.dataset, "train"), open_rows(settings.dataset, "test")
    held_out, remaining = hold_out(train, settings.holdout, settings.where(name, "holdout"))
    _, final_rows = hold_out(train, settings.leave_out, settings.where(name, "leave_out"))
    classes = len(load_labels(settings.dataset))

    from stages.common.network import Feed, Runs  # TensorFlow: after the checks that need none

    final = Runs(settings, final_rows, classes, settings.epochs)
    validation = Runs(settings, remaining, classes, settings.validation_epochs, held_out)
    test_batches = Feed(test, settings.loss, classes).ordered_batches()
    for seed in seeds:
        with open(devnull, "w") as nowhere, redirect_stdout(nowhere):  # one line a seed will do
            trained, _ = final.run(seed)
            loss, accuracy = trained.evaluate(test_batches, verbose=0)
            _, history = validation.run(seed)
        figures = {"test_loss": rounded(loss), "test_accuracy": rounded(accuracy)}
        found = validation_figures(history)
        yield figures | {f"validation_{key}": value for key, value in found.items()}


def spread(values: list[float]) -> dict[str, float]:
    """Mean and sample standard deviation."""
    return {"mean": rounded(statistics.fmean(values)), "sd": rounded(statistics.stdev(values))}


def replicate(params: Params, name: str) -> None:
    seeds = range(params.seed + 1, params.seed + 1 + params.replicates.n)
    print(f"{name}: final and validation run under {len(seeds)} further seeds")
    lines = []
    for seed, figures in zip(seeds, replicate_runs(name, settings_of(params, name), seeds), strict=True):
        lines.append({"seed": seed, **figures})
        print(
            f"seed {seed}: test accuracy {figures['test_accuracy']:.4f}, "
            f"best validation accuracy {figures['validation_best_val_accuracy']:.4f}",
            flush=True,
        )
    folder = MODEL_REPORTS / name
    write_csv(folder / "replicates.csv", list(lines[0]), (line.values() for line in lines))
    summary = {short: spread([line[figure] for line in lines]) for figure, short in SUMMARIZED.items()}
    write_json(folder / "replicates.json", {"n": len(lines), **summary})
    accuracy = summary["accuracy"]
    print(f"{name}: test accuracy {accuracy['mean']:.4f}, standard deviation {accuracy['sd']:.4f}")
