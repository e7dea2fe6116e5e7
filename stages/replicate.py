"""Repeat a model's runs under other seeds: a single run of a small network says little.

Reads   data/vectorized/D
Params  seed, replicates, models.M, defaults.D, libraries.networks
Writes  reports/models/M/replicates.csv, one line a seed: the final run's test figures, the validation run's figures
        reports/models/M/replicates.json, their means and standard deviations, and the standard error of the accuracy
        that comes from the size of the test set; `unseen_accuracy` is that of the test texts that training does not
        have word for word, and missing if there are none
        reports/models/M/errors.npz, which test texts each run got wrong, see stages/common/basics/answers.py

The seeds are 1000 * seed + 1, + 2, ... One process runs them all, on one compiled model for each kind of run. The
runs are kept in .dvc/tmp/replicates, as DVC's run cache keeps those of whole stages: for a hash of the code, params,
rows and versions of libraries that they depend on. So more seeds cost only what they add, and an interrupted stage
goes on where it was.
"""

if __name__ == "__main__":
    raise SystemExit("error: start a stage as dvc.yaml does: python -m stages replicate@MODEL")


import hashlib
import json
import math
import statistics
from collections.abc import Iterator, Mapping
from contextlib import redirect_stdout
from os import devnull
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.common.basics.answers import collect_answers, fingerprint, keys_of, measure_f1, write_answers
from stages.common.basics.artifacts import new_directory, read_csv, read_json, round_metric, write_csv, write_json
from stages.common.basics.npy import write_npy
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import replicate_seeds, settings_of
from stages.common.basics.params.sections import Model, Settings
from stages.common.basics.paths import HERE
from stages.common.basics.rows import hold_out, load_features, load_hashes, load_labels, open_rows, seen_in_training
from stages.common.network.history import validation_figures
from stages.common.network.predictions import predicted_labels

# The figures that replicates.json summarizes, and their names there; a column has no dot, which Vega takes for a path
SUMMARIZED = {
    "test_accuracy": "accuracy",
    "test_macro_f1": "macro_f1",
    "test_unseen_accuracy": "unseen_accuracy",
    "test_loss": "loss",
    "validation_best_val_accuracy": "best_val_accuracy",
    "validation_val_loss": "val_loss",
}
HASHES, RUNS, PREDICTED = "hashes.json", "runs.csv", "predicted.npy"  # of runs that are kept
CODE = (Path("stages/common/basics"), Path("stages/common/network"), Path("stages/replicate.py"))
OF_TRAINING = [name for name in Model.model_fields if name != "dataset"]


class Replicate(NamedTuple):
    """A run under another seed: its figures, and the label that it gave each test text, int64, shape (texts,)."""

    figures: dict[str, float]
    predicted: np.ndarray


def hash_inputs(params: Params, name: str, settings: Settings) -> str:
    """A hash of all that a run depends on besides its seed."""
    values = {field: getattr(settings, field) for field in OF_TRAINING}
    values["libraries"] = params.libraries["networks"]
    found = hashlib.sha256(json.dumps(values).encode())
    for source in (*CODE, HERE.vectorized(settings.dataset)):
        files = [source] if source.is_file() else [path for path in source.rglob("*") if path.is_file()]
        for path in sorted(file for file in files if "__pycache__" not in file.parts and file.name[0] != "."):
            with open(path, "rb") as file:
                found.update(f"{path.as_posix()} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return found.hexdigest()


def read_kept(folder: Path, inputs: str) -> dict[int, Replicate]:
    """The runs that a folder keeps, by seed; none if they rest on something else or are damaged."""
    there = all((folder / name).exists() for name in (HASHES, RUNS, PREDICTED))
    if not there or read_json(folder / HASHES) != hash_files(folder, inputs):
        return {}
    lines = [{key: json.loads(value) for key, value in line.items()} for line in read_csv(folder / RUNS)]
    predicted = np.load(folder / PREDICTED)
    return {line.pop("seed"): Replicate(line, row) for line, row in zip(lines, predicted, strict=True)}


def keep_runs(folder: Path, inputs: str, runs: dict[int, Replicate]) -> None:
    """Write what `read_kept` reads."""
    with new_directory(folder) as partial:
        write_runs(partial / RUNS, runs)
        write_npy(partial / PREDICTED, np.stack([run.predicted for run in runs.values()]))
        write_json(partial / HASHES, hash_files(partial, inputs))


def hash_files(folder: Path, inputs: str) -> dict[str, str]:
    """The hash of what the runs in a folder rest on, and those of their files."""
    found = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (RUNS, PREDICTED)}
    return {"inputs": inputs, **found}


def write_runs(path: Path, runs: dict[int, Replicate]) -> None:
    """Write the figures, a line a seed."""
    columns = list(next(iter(runs.values())).figures)
    write_csv(path, ["seed", *columns], ([seed, *run.figures.values()] for seed, run in runs.items()))


def replicate_runs(name: str, settings: Settings, seeds: list[int]) -> Iterator[Replicate]:
    """Yield a final and a validation run under each seed."""
    train, test = open_rows(settings.dataset, "train"), open_rows(settings.dataset, "test")
    held_out, remaining = hold_out(train, settings.holdout, settings.where(name, "holdout"))
    _, final_rows = hold_out(train, settings.leave_out, settings.where(name, "leave_out"))
    classes = len(load_labels(settings.dataset))

    from stages.common.network.feeding import Feed
    from stages.common.network.training import Runs  # TensorFlow: after the checks that need none

    weighting = load_features(settings.dataset).weighting
    final = Runs(settings, final_rows, classes, settings.epochs, weighting=weighting)
    validation = Runs(settings, remaining, classes, settings.validation_epochs, held_out, weighting=weighting)
    test_batches = Feed(test, settings.loss, classes).ordered_batches()
    labels, unseen = np.asarray(test.labels), ~seen_in_training(settings.dataset)
    for seed in seeds:
        with open(devnull, "w") as nowhere, redirect_stdout(nowhere):  # one line a seed will do
            trained, _ = final.run(seed)
            loss, accuracy = trained.evaluate(test_batches, verbose=0)
            predicted = predicted_labels(trained.predict(test_batches, verbose=0))
            _, history = validation.run(seed)
        figures = {"test_loss": round_metric(loss), "test_accuracy": round_metric(accuracy)}
        figures["test_macro_f1"] = round_metric(measure_f1(labels, predicted, classes)[0])
        if unseen.any():
            figures["test_unseen_accuracy"] = round_metric((predicted == labels)[unseen].mean())
        found = validation_figures(history)
        yield Replicate(figures | {f"validation_{key}": value for key, value in found.items()}, predicted)


def mean_and_sd(values: list[float]) -> dict[str, float]:
    """Mean and sample standard deviation."""
    return {"mean": round_metric(statistics.fmean(values)), "sd": round_metric(statistics.stdev(values))}


def summarize_columns(columns: Mapping[str, list[float]]) -> dict[str, dict[str, float]]:
    """The spread of the columns of replicates.csv that are summarized, by their names in replicates.json."""
    return {short: mean_and_sd(columns[figure]) for figure, short in SUMMARIZED.items() if figure in columns}


def standard_error_of_texts(wrong: np.ndarray) -> float:
    """How far the accuracy would be off because it was measured on these texts and not on all there could be.

    Not 0 where all texts are right: two more right and two more wrong are added (Agresti and Coull, The American
    Statistician 52, 1998).

    Args:
        wrong: bool, shape (runs, texts).
    """
    shares = np.append(wrong.mean(axis=0), [0, 0, 1, 1])
    return round_metric(shares.std() / math.sqrt(len(shares)))


def replicate(params: Params, name: str) -> None:
    settings, folder = settings_of(params, name), HERE.kept_replicates(name)
    seeds = replicate_seeds(params.seed, params.replicates.of(name))
    inputs = hash_inputs(params, name, settings)
    kept = read_kept(folder, inputs)
    missing = [seed for seed in seeds if seed not in kept]
    known = f"; {len(seeds) - len(missing)} are there already" if len(missing) < len(seeds) else ""
    print(f"{name}: final and validation run under {len(seeds)} further seeds{known}")
    for seed, run in zip(missing, replicate_runs(name, settings, missing) if missing else (), strict=True):
        kept[seed] = run
        keep_runs(folder, inputs, dict(sorted(kept.items())))
        figures = run.figures
        print(
            f"seed {seed}: test accuracy {figures['test_accuracy']:.4f}, "
            f"best validation accuracy {figures['validation_best_val_accuracy']:.4f}",
            flush=True,
        )
    runs = {seed: kept[seed] for seed in seeds}
    reports = HERE.model_report(name)
    write_runs(reports / "replicates.csv", runs)
    summary = summarize_columns(
        {figure: [run.figures[figure] for run in runs.values()] for figure in next(iter(runs.values())).figures}
    )
    labels = np.asarray(open_rows(settings.dataset, "test").labels)
    answers = collect_answers(
        {str(seed): run.predicted for seed, run in runs.items()},
        labels,
        len(load_labels(settings.dataset)),
        fingerprint(keys_of(load_hashes(settings.dataset, "test"), labels)),
    )
    write_answers(HERE.errors_of_model(name), answers)
    accuracy = summary["accuracy"]
    accuracy["se_of_texts"] = standard_error_of_texts(answers.wrong)
    write_json(reports / "replicates.json", {"n": len(runs), **summary})
    print(f"{name}: test accuracy {accuracy['mean']:.4f}, standard deviation {accuracy['sd']:.4f}")
