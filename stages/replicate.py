"""Repeat a model's runs under other seeds: a single run of a small network says little.

Reads   data/vectorized/D
Params  seed, replicates.n, models.M, datasets.D: num_words, classes
Writes  reports/M/replicates.csv, one line a seed: the final run's test figures, the validation run's figures
        reports/M/replicates.json, their means and standard deviations

The seeds are those that follow `seed`. One process runs them all, on one compiled model for each kind of run.
"""

import statistics
from collections.abc import Iterator
from contextlib import redirect_stdout
from os import devnull

from stages.common.artifacts import REPORTS, rounded, write_csv, write_json
from stages.common.history import validation_figures
from stages.common.params import Dataset, Model, Params
from stages.common.rows import Rows, hold_out, load_rows
from stages.common.stage import run_stage

# The figures that replicates.json summarizes, and their names there; a column has no dot, which Vega takes for a path
SUMMARIZED = {
    "test_accuracy": "accuracy",
    "test_loss": "loss",
    "validation_best_val_accuracy": "best_val_accuracy",
    "validation_val_loss": "val_loss",
}


def replicate_runs(
    name: str, model: Model, dataset: Dataset, train: Rows, test: Rows, seeds: range
) -> Iterator[dict[str, float]]:
    """Yield the figures of a final and a validation run under each seed."""
    from stages.common.network import Feed, Runs

    held_out, remaining = hold_out(train, model.validation.holdout, f"models.{name}.validation.holdout")
    _, final_rows = hold_out(train, model.final.leave_out, f"models.{name}.final.leave_out")
    final = Runs(model, dataset, final_rows, model.final.epochs)
    validation = Runs(model, dataset, remaining, model.validation.epochs, held_out)
    test_batches = Feed(test, model.loss, dataset.num_words, dataset.classes).ordered_batches()
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
    model = params.models[name]
    seeds = range(params.seed + 1, params.seed + 1 + params.replicates.n)
    print(f"{name}: final and validation run under {len(seeds)} further seeds")
    runs = replicate_runs(
        name,
        model,
        params.datasets[model.dataset],
        load_rows(model.dataset, "train"),
        load_rows(model.dataset, "test"),
        seeds,
    )
    lines = []
    for seed, figures in zip(seeds, runs, strict=True):
        lines.append({"seed": seed, **figures})
        print(
            f"seed {seed}: test accuracy {figures['test_accuracy']:.4f}, "
            f"best validation accuracy {figures['validation_best_val_accuracy']:.4f}",
            flush=True,
        )
    write_csv(REPORTS / name / "replicates.csv", list(lines[0]), (line.values() for line in lines))
    summary = {short: spread([line[figure] for line in lines]) for figure, short in SUMMARIZED.items()}
    write_json(REPORTS / name / "replicates.json", {"n": len(lines), **summary})
    accuracy = summary["accuracy"]
    print(f"{name}: test accuracy {accuracy['mean']:.4f}, standard deviation {accuracy['sd']:.4f}")


if __name__ == "__main__":
    run_stage(__doc__, replicate, over="models")
