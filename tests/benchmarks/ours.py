"""The same work by this project's stages, in one process: what each step takes without its process' start."""

import contextlib
import io
import tempfile
from pathlib import Path

from stages.common.basics.processor import settle

settle()  # as a stage does
from stages.common.basics.artifacts import check_file  # noqa: E402
from stages.common.basics.params.questions import settings_of  # noqa: E402
from stages.common.basics.params.reading import load_params  # noqa: E402
from stages.common.basics.rows import hold_out  # noqa: E402
from stages.common.network.feeding import Feed  # noqa: E402
from stages.common.network.training import Runs  # noqa: E402
from stages.vectorize.official import vectorize_official  # noqa: E402
from tests.benchmarks.steps import SETTINGS, Clock, read_rows  # noqa: E402


def work(name: str, mirror: Path, clock: Clock) -> None:
    """One dataset, from the archive to the test accuracy."""
    params = load_params()
    dataset, settings = params.datasets[name], settings_of(params, name)
    classes = len(dataset.labels)
    with tempfile.TemporaryDirectory() as folder:
        with clock.step(name, "load"):
            raw = Path(folder) / "raw"
            raw.mkdir()
            for file, expected in params.official[name].items():
                check_file(mirror / file, expected.bytes, expected.sha256)
                (raw / file).symlink_to(mirror.absolute() / file)
        with clock.step(name, "vectorize"):
            rows = Path(folder) / "rows"
            rows.mkdir()
            vectorize_official(dataset, raw, rows)
            train, test = read_rows(rows / "train"), read_rows(rows / "test")
        with clock.step(name, "fit"):
            held_out, remaining = hold_out(train, settings.holdout, "holdout")
            Runs(settings, remaining, classes, settings.validation_epochs, held_out).run(params.seed)
        with clock.step(name, "final fit"):
            trained, _ = Runs(settings, train, classes, settings.epochs).run(params.seed)
        with clock.step(name, "evaluate"):
            batches = Feed(test, settings.loss, classes).ordered_batches()
            _, clock.accuracy[name] = trained.evaluate(batches, verbose=0)
            trained.predict(batches, verbose=0)
        runs = Runs(settings, remaining, classes, settings.validation_epochs)
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
