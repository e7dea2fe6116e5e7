"""Train with rows of the training set held out, to see how many epochs are enough.

Reads   data/vectorized/D
Params  seed; models.M, and of defaults.D all but epochs and leave_out
Writes  reports/models/M/history.csv, one line an epoch; validation.json, its best and last figures

As in the notebooks the first `holdout` rows are held out and the others trained on.
"""

if __name__ == "__main__":
    raise SystemExit("error: start a stage as dvc.yaml does: python -m stages validate@MODEL")


from stages.common.basics.artifacts import round_metric, write_csv, write_json
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import settings_of
from stages.common.basics.paths import HERE
from stages.common.basics.rows import hold_out, load_features, load_labels, open_rows
from stages.common.network.history import CURVES, validation_figures


def validate(params: Params, name: str) -> None:
    settings = settings_of(params, name)
    rows = open_rows(settings.dataset, "train")
    held_out, remaining = hold_out(rows, settings.holdout, settings.where(name, "holdout"))
    print(
        f"{name}: training on {len(remaining.labels):,} rows of {settings.dataset}, "
        f"validating on {len(held_out.labels):,}, {settings.validation_epochs} epochs"
    )

    from stages.common.network.training import Runs  # TensorFlow: after the checks that need none

    classes = len(load_labels(settings.dataset))
    weighting = load_features(settings.dataset).weighting
    runs = Runs(settings, remaining, classes, settings.validation_epochs, held_out, weighting=weighting)
    _, history = runs.run(params.seed)
    folder = HERE.model_report(name)
    lines = zip(*(history[curve] for curve in CURVES), strict=True)
    numbered = ((epoch, *map(round_metric, line)) for epoch, line in enumerate(lines, start=1))
    write_csv(folder / "history.csv", ("epoch", *CURVES), numbered)
    figures = validation_figures(history)
    write_json(folder / "validation.json", figures)
    print(
        f"{name}: lowest val_loss {figures['val_loss']:.4f} after epoch {figures['best_epoch']}, "
        f"val_accuracy {figures['val_accuracy']:.4f} there"
    )
