"""Hold the results that show what they come from against params.yaml and each other.

history.csv must have the epochs of params.yaml, replicates.csv and errors.npz its seeds and the same figures, and
what is summed up elsewhere (the best epoch, the means, the accuracy) must follow from these. To fix a finding, run
the stage that is named again.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bagpipe.review.committed import CommittedPipeline, Finding
from stages.common.basics.answers import Answers, read_answers
from stages.common.basics.artifacts import read_csv, read_json
from stages.common.basics.errors import UserError
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import replicate_seeds, settings_of
from stages.common.basics.paths import HERE
from stages.common.network.history import validation_figures
from stages.replicate import standard_error_of_texts, summarize_columns

TITLE = "results agree with their params and each other"


# What a mangled result raises
UNREADABLE = (ArithmeticError, AttributeError, LookupError, TypeError, UserError, ValueError)


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
    answers = read_answers(HERE.errors_of_model(name))
    problem = "errors.npz, of which test texts each run got wrong, does not agree with replicates.csv"
    yield "replicate", problem, agree(answers, replicates)
    summary = summarize_columns(replicates)
    summary["accuracy"]["se_of_texts"] = standard_error_of_texts(answers.wrong)
    problem = "replicates.json does not follow from replicates.csv and errors.npz"
    yield "replicate", problem, read_json(folder / "replicates.json") == {"n": n} | summary
    table = read_csv(folder / "confusion.csv")
    right = sum(int(line["count"]) for line in table if line["actual"] == line["predicted"])
    share = right / sum(int(line["count"]) for line in table)
    accuracy = read_json(folder / "metrics.json")["test"]["accuracy"]
    yield "evaluate", "the accuracy in metrics.json does not follow from confusion.csv", abs(accuracy - share) < 1e-5


def agree(answers: Answers, replicates: dict[str, list[float]]) -> bool:
    """Whether what is recorded of each text comes to the figures that are recorded of each seed."""
    accuracies = 1 - answers.wrong.mean(axis=1)
    return answers.runs == tuple(f"{seed:.0f}" for seed in replicates["seed"]) and all(
        np.allclose(ours, replicates[column], rtol=0, atol=1e-5)
        for ours, column in ((accuracies, "test_accuracy"), (answers.macro_f1, "test_macro_f1"))
    )


def read_columns(path: Path) -> dict[str, list[float]]:
    lines = read_csv(path)
    return {key: [float(line[key]) for line in lines] for key in lines[0]}
