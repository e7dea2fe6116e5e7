"""Train with a held-out part of the training set, to see how many epochs are enough.

Reads   data/vectorized/D/train
Params  seed, models.M, datasets.D: num_words, classes
Writes  reports/M/history.csv, one line an epoch; reports/M/validation.json, its best and last figures

As in the notebooks the first `validation.holdout` rows are held out and the others trained on.
"""

from stages.common.artifacts import REPORTS, rounded, write_csv, write_json
from stages.common.history import validation_figures
from stages.common.params import Params
from stages.common.rows import hold_out, load_rows
from stages.common.stage import run_stage

CURVES = ("loss", "accuracy", "val_loss", "val_accuracy")


def validate(params: Params, name: str) -> None:
    from stages.common.network import Runs  # TensorFlow: after the checks that need none

    model = params.models[name]
    dataset = params.datasets[model.dataset]
    held_out, remaining = hold_out(
        load_rows(model.dataset, "train"),
        model.validation.holdout,
        f"models.{name}.validation.holdout",
    )
    print(
        f"{name}: training on {len(remaining.labels):,} rows of {model.dataset}, "
        f"validating on {len(held_out.labels):,}, {model.validation.epochs} epochs"
    )
    runs = Runs(model, dataset, remaining, model.validation.epochs, held_out)
    _, history = runs.run(params.seed)
    lines = zip(*(history[curve] for curve in CURVES), strict=True)
    write_csv(
        REPORTS / name / "history.csv",
        ("epoch", *CURVES),
        ((epoch, *map(rounded, line)) for epoch, line in enumerate(lines, start=1)),
    )
    figures = validation_figures(history)
    write_json(REPORTS / name / "validation.json", figures)
    print(
        f"{name}: lowest val_loss {figures['val_loss']:.4f} after epoch {figures['best_epoch']}, "
        f"val_accuracy {figures['val_accuracy']:.4f} there"
    )


if __name__ == "__main__":
    run_stage(__doc__, validate, over="models")
