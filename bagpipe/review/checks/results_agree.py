"""Hold the results that show what they come from against params.yaml and each other.

history.csv must have the epochs of params.yaml, replicates.csv its seeds, and what is summed up elsewhere (the best
epoch, the means, the accuracy) must follow from the tables. To fix a finding, run the stage that is named again.
"""

from collections.abc import Iterator
from pathlib import Path

from bagpipe.review.committed import CommittedPipeline, Finding
from stages.common.basics.artifacts import read_csv, read_json
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import replicate_seeds, settings_of
from stages.common.basics.paths import HERE
from stages.common.network.history import validation_figures
from stages.replicate import summarize_columns

TITLE = "results agree with their params and each other"


UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)  # what a mangled result raises


def find(pipeline: CommittedPipeline) -> Iterator[Finding]:
    """Hold the results that show what they come from against params.yaml and each other."""
    for name in pipeline.params.models:
        try:
            for stage, problem, holds in agreements(name, pipeline.params):
                if not holds:
                    yield Finding(f"{stage}@{name}", problem, f"`dvc repro -f -s {stage}@{name}`, then commit")
        except FileNotFoundError:
            pass  # see `lock_is_consistent`
        except UNREADABLE as error:
            yield Finding(
                name, f"its results in {HERE.model_report(name)} cannot be read ({error!r})", "`dvc repro -f`"
            )


def agreements(name: str, params: Params) -> Iterator[tuple[str, str, bool]]:
    """Stage, what would be wrong, and whether it is right."""
    folder = HERE.model_report(name)
    history, replicates = read_columns(folder / "history.csv"), read_columns(folder / "replicates.csv")
    epochs, n = settings_of(params, name).validation_epochs, params.replicates.of(name)
    problem = f"history.csv has {len(history['epoch'])} epochs, not 1 to {epochs} as params.yaml"
    yield "validate", problem, history["epoch"] == list(range(1, epochs + 1))
    figures = read_json(folder / "validation.json")
    yield "validate", "validation.json does not follow from history.csv", figures == validation_figures(history)
    seeds = replicate_seeds(params.seed, n)
    problem = f"replicates.csv does not have the seeds {seeds[0]} to {seeds[-1]}, as params.yaml"
    yield "replicate", problem, replicates["seed"] == list(seeds)
    summary = {"n": n} | summarize_columns(replicates)
    written = read_json(folder / "replicates.json")
    written["accuracy"].pop("se_of_texts")  # which needs the test texts
    yield "replicate", "replicates.json does not follow from replicates.csv", written == summary
    table = read_csv(folder / "confusion.csv")
    right = sum(int(line["count"]) for line in table if line["actual"] == line["predicted"])
    share = right / sum(int(line["count"]) for line in table)
    accuracy = read_json(folder / "metrics.json")["test"]["accuracy"]
    yield "evaluate", "the accuracy in metrics.json does not follow from confusion.csv", abs(accuracy - share) < 1e-5


def read_columns(path: Path) -> dict[str, list[float]]:
    lines = read_csv(path)
    return {key: [float(line[key]) for line in lines] for key in lines[0]}
