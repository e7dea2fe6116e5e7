"""Train the final model, from scratch, for the number of epochs that validation found to be enough.

Reads   data/vectorized/D
Params  seed; models.M, and of defaults.D all but holdout and validation_epochs
Writes  data/models/M/: model.weights.h5, and network.json with what rebuilds the model around them

The first `leave_out` training rows are left out: none, or those that validation held out.
"""

if __name__ == "__main__":
    raise SystemExit("error: start a stage as dvc.yaml does: python -m stages train@MODEL")


from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import settings_of
from stages.common.basics.paths import HERE
from stages.common.basics.rows import hold_out, load_features, load_labels, open_rows


def train(params: Params, name: str) -> None:
    settings = settings_of(params, name)
    rows = open_rows(settings.dataset, "train")
    _, rows = hold_out(rows, settings.leave_out, settings.where(name, "leave_out"))
    print(f"{name}: training on {len(rows.labels):,} rows of {settings.dataset}, {settings.epochs} epochs")

    from stages.common.network.saved import save  # TensorFlow: after the checks that need none
    from stages.common.network.training import Runs

    weighting = load_features(settings.dataset).weighting
    runs = Runs(settings, rows, len(load_labels(settings.dataset)), settings.epochs, weighting=weighting)
    model, _ = runs.run(params.seed)
    save(model, runs.network, HERE.model(name))
    print(f"{name}: {model.count_params():,} weights in {HERE.model(name)}")
