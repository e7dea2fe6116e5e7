"""Hold the figures that a notebook prints after each epoch against runs of ours under further seeds.

Reads   data/vectorized/D, published_curves.csv
Params  seed, learning_curves.M, models.M, defaults.D, libraries.networks
Writes  reports/models/M/learning_curves.csv: of each run, variant, epoch and column what is published, and the mean
        and the lowest and highest figure of ours
        reports/models/M/learning_curves.json: of each run and variant p, and the point where the published run strays
        most

A run is judged as a whole, see stages/common/judging/learning_curves.py. The variants are runs as they are today and,
if params.yaml says so, with the optimizer or the progress bar of TensorFlow 2.4, or both. The seeds are those of
`replicate`: 1000 * seed + 1, + 2, ... The final run has its figures of validation from the rows that it leaves out.
"""

if __name__ == "__main__":
    raise SystemExit("error: start a stage as dvc.yaml does: python -m stages learning_curves@MODEL")


from contextlib import redirect_stdout
from os import devnull
from typing import Any, NamedTuple

import numpy as np

from stages.common.basics.artifacts import round_metric, write_csv, write_json
from stages.common.basics.errors import UserError
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import replicate_seeds, settings_of
from stages.common.basics.params.sections import LearningCurves, Settings
from stages.common.basics.paths import HERE
from stages.common.basics.rows import hold_out, load_features, load_labels, open_rows
from stages.common.judging.learning_curves import (
    PUBLISHED_CURVES,
    VARIANTS,
    Likeness,
    PublishedRun,
    Run,
    Variant,
    judge_run,
    read_published_curves,
)

COLUMNS = ("run", "variant", "epoch", "column", "published", "mean", "lowest", "highest")

History = dict[str, list[float]]  # by column, a figure an epoch


def tried_variants(curves: LearningCurves, optimizer: str) -> list[Variant]:
    """The variants that params.yaml asks for; of the optimizers, only RMSprop has changed."""
    old_optimizer = curves.old_optimizer and optimizer == "rmsprop"
    return [
        variant
        for variant, (optimizer_then, bar_then) in VARIANTS.items()
        if optimizer_then <= old_optimizer and bar_then <= curves.old_progress_bar
    ]


def train_runs(name: str, settings: Settings, run: Run, seeds: range, batch_by_batch: bool) -> list[list[History]]:
    """Train a run under each seed; of each its history, batch by batch also that by TensorFlow 2.4's progress bar."""
    key, epochs = ("holdout", "validation_epochs") if run == "validation" else ("leave_out", "epochs")
    count = getattr(settings, key)
    held_out, rows = hold_out(open_rows(settings.dataset, "train"), count, settings.where(name, key))

    from stages.common.network.progress_bar import OldProgressBar
    from stages.common.network.training import Runs  # TensorFlow: after the checks that need none

    classes = len(load_labels(settings.dataset))
    weighting = load_features(settings.dataset).weighting
    looked_at = held_out if count else None
    runs = Runs(settings, rows, classes, getattr(settings, epochs), looked_at, batch_by_batch, weighting)
    found = []
    for seed in seeds:
        bars = [OldProgressBar()] if batch_by_batch else []
        with open(devnull, "w") as nowhere, redirect_stdout(nowhere):
            _, history = runs.run(seed, *bars)
        found.append([history, *(history | bar.history for bar in bars)])
    return found


def train_variants(
    name: str, settings: Settings, run: Run, seeds: range, variants: list[Variant]
) -> dict[Variant, list[History]]:
    """The histories of a run under each seed, by variant; a progress bar only looks on, so it trains nothing anew."""
    from stages.common.network.exact import OLD_RMSPROP

    then = Settings(settings.own.model_copy(update={"optimizer": OLD_RMSPROP}), settings.defaults)
    optimizers, bars = (set(changes) for changes in zip(*(VARIANTS[variant] for variant in variants), strict=True))
    trained = {
        optimizer: train_runs(name, then if optimizer else settings, run, seeds, batch_by_batch=True in bars)
        for optimizer in sorted(optimizers)
    }
    return {
        variant: [histories[bar] for histories in trained[optimizer]]
        for variant in variants
        for optimizer, bar in [VARIANTS[variant]]
    }


class Comparison(NamedTuple):
    """A published run beside ours: ours, float64, shape (n, points), with the digits of the published ones."""

    points: PublishedRun
    ours: np.ndarray
    likeness: Likeness


def compare(points: PublishedRun, histories: list[History]) -> Comparison:
    """Hold a published run against ours, at points that they have.

    Raises:
        UserError: they have none.
    """
    shared = [point for point in points if point.epoch <= len(histories[0].get(point.column, []))]
    if not shared:
        run = f"{points[0].run} run of {points[0].model}"
        expected = (
            f"expected a figure of the {run} that ours has, of its epochs and of validation if it leaves out rows"
        )
        raise UserError(f"{PUBLISHED_CURVES}: {expected}; found none")
    ours = np.array(
        [[point.as_printed(history[point.column][point.epoch - 1]) for point in shared] for history in histories]
    )
    published = np.array([point.number for point in shared])
    half_units = np.array([10.0**-point.digits / 2 for point in shared])
    return Comparison(shared, ours, judge_run(published, ours, half_units))


def summarize(comparisons: dict[Variant, Comparison]) -> dict[str, Any]:
    """What learning_curves.json says of a run."""
    points, ours, _ = next(iter(comparisons.values()))
    variants = {}
    for variant, (_, found, likeness) in comparisons.items():
        farthest = points[likeness.farthest]
        variants[variant] = {
            "p": round_metric(likeness.p),
            "farthest": {
                "epoch": farthest.epoch,
                "column": farthest.column,
                "published": farthest.number,
                "mean": round_metric(found[:, likeness.farthest].mean()),
                "deviations": round_metric(likeness.distance),
            },
        }
    return {"notebook": points[0].notebook, "n": len(ours), "points": len(points), "variants": variants}


def learning_curves(params: Params, name: str) -> None:
    settings, curves = settings_of(params, name), params.learning_curves[name]
    published, seeds = read_published_curves(name), replicate_seeds(params.seed, curves.n)
    variants = tried_variants(curves, settings.optimizer)
    lines: list[tuple[Any, ...]] = []
    content: dict[str, Any] = {}
    for run, points in published.items():
        print(f"{name}: {run} run under {len(seeds)} further seeds, {', '.join(variants)}", flush=True)
        histories = train_variants(name, settings, run, seeds, variants)
        found = {variant: compare(points, of_seeds) for variant, of_seeds in histories.items()}
        for variant, (shared, ours, likeness) in found.items():
            figures = zip(shared, ours.mean(axis=0), ours.min(axis=0), ours.max(axis=0), strict=True)
            lines += [
                (run, variant, point.epoch, point.column, point.value, *map(round_metric, of_ours))
                for point, *of_ours in figures
            ]
            print(f"{name}: {run} run, {variant}: p {likeness.p:.3f}", flush=True)
        content[run] = summarize(found)
    folder = HERE.model_report(name)
    write_csv(folder / "learning_curves.csv", COLUMNS, lines)
    write_json(folder / "learning_curves.json", content)
