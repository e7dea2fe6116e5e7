"""The same work by this project's stages, in one process: what each step takes without its process' start."""

import contextlib
import io
import tempfile
from pathlib import Path

from stages.common.corpus import verify
from stages.common.network import Feed, Runs
from stages.common.params import load_params
from stages.common.rows import hold_out
from stages.vectorize import write_rows
from tests.benchmarks.steps import SETTINGS, Clock, read_rows


def work(name: str, mirror: Path, clock: Clock) -> None:
    """One dataset, from the archive to the test accuracy."""
    params = load_params()
    dataset, model = params.datasets[name], params.models[name]
    with tempfile.TemporaryDirectory() as folder:
        with clock.step(name, "load"):
            for file, expected in dataset.files.items():
                verify(mirror / file, expected)
        with clock.step(name, "vectorize"):
            rows = Path(folder) / "rows"
            rows.mkdir()
            write_rows(dataset, mirror / dataset.archive, rows)
            train, test = read_rows(rows / "train"), read_rows(rows / "test")
        with clock.step(name, "fit"):
            held_out, remaining = hold_out(train, model.validation.holdout, "holdout")
            Runs(model, dataset, remaining, model.validation.epochs, held_out).run(params.seed)
        with clock.step(name, "final fit"):
            trained, _ = Runs(model, dataset, train, model.final.epochs).run(params.seed)
        with clock.step(name, "evaluate"):
            batches = Feed(test, model.loss, dataset.num_words, dataset.classes).ordered_batches()
            _, clock.accuracy[name] = trained.evaluate(batches, verbose=0)
            trained.predict(batches, verbose=0)
        runs = Runs(model, dataset, remaining, model.validation.epochs)
        runs.run(params.seed)
        with clock.step(name, "steps"):  # the bare training steps: traced before, nothing validated
            runs.run(params.seed + 1)


if __name__ == "__main__":
    import os

    clock = Clock()
    with contextlib.redirect_stdout(io.StringIO()):
        for dataset in SETTINGS:
            work(dataset, Path(os.environ["DATASETS_MIRROR"]), clock)
    clock.report()
