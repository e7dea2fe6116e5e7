"""Train the final model, from scratch, for the number of epochs that validation found to be enough.

Reads   data/vectorized/D/train
Params  seed, models.M, datasets.D: num_words, classes
Writes  data/models/M/: model.weights.h5, and network.json with what rebuilds the model around them

The first `final.leave_out` training rows are left out: none, or those that validation held out.
"""

from stages.common.artifacts import MODELS
from stages.common.params import Params
from stages.common.rows import hold_out, load_rows
from stages.common.stage import run_stage


def train(params: Params, name: str) -> None:
    from stages.common.network import Runs, save

    model = params.models[name]
    _, rows = hold_out(load_rows(model.dataset, "train"), model.final.leave_out, f"models.{name}.final.leave_out")
    print(f"{name}: training on {len(rows.labels):,} rows of {model.dataset}, {model.final.epochs} epochs")
    dataset = params.datasets[model.dataset]
    trained, _ = Runs(model, dataset, rows, model.final.epochs).run(params.seed)
    save(trained, model, dataset, MODELS / name)
    print(f"{name}: {trained.count_params():,} weights in {MODELS / name}")


if __name__ == "__main__":
    run_stage(__doc__, train, over="models")
