"""Which published figures are reproduced: each held against the spread of our own runs."""

import statistics
from collections.abc import Mapping
from typing import NamedTuple

from stages.common.basics.artifacts import DATASET_REPORTS, MODEL_REPORTS, Table, read_csv, read_json
from stages.common.basics.params import Params, ordered_models
from stages.judging.published import Published


class Results(NamedTuple):
    """What reports/ holds, by model or dataset.

    figures: under `seed`, by the names that published.yaml uses, as in `test.accuracy`.
    """

    figures: Mapping[str, dict[str, float]]
    replicates: Mapping[str, Table]
    histories: Mapping[str, Table]
    baselines: Mapping[str, dict[str, dict[str, float]]]


def figures_of(model: str) -> dict[str, float]:
    """A model's figures under `seed`."""
    test = read_json(MODEL_REPORTS / model / "metrics.json")["test"]
    validation = read_json(MODEL_REPORTS / model / "validation.json")
    return {f"test.{key}": value for key, value in test.items()} | {
        f"validation.{key}": value for key, value in validation.items()
    }


def read_results(params: Params) -> Results:
    """Read the results of all models and datasets."""
    models = ordered_models(params)
    return Results(
        figures={name: figures_of(name) for name in models},
        replicates={name: read_csv(MODEL_REPORTS / name / "replicates.csv") for name in models},
        histories={name: read_csv(MODEL_REPORTS / name / "history.csv") for name in models},
        baselines={name: read_json(DATASET_REPORTS / name / "baselines.json") for name in sorted(params.defaults)},
    )


class Ours(NamedTuple):
    """A figure of ours: mean and standard deviation of a single run, over n runs.

    Without a standard deviation the figure does not vary; n is then 1, or 0 if no run was needed.
    """

    mean: float
    sd: float | None
    n: int


class Verdict(NamedTuple):
    """A published figure, ours, and whether they agree.

    distance: of the published figure from our mean, in standard deviations of a single run.
    """

    published: Published
    ours: Ours
    distance: float | None
    reproduced: bool


def samples(results: Results, model: str, figure: str) -> list[float]:
    """A figure, as in `test.accuracy`, under each further seed."""
    return [float(line[figure.replace(".", "_")]) for line in results.replicates[model]]


def largest_difference(one: Table, other: Table) -> float:
    """The largest difference between two histories, over all curves and epochs."""
    return max(
        abs(float(line[curve]) - float(other_line[curve]))
        for line, other_line in zip(one, other, strict=True)
        for curve in line
    )


def our_figure(published: Published, results: Results) -> Ours:
    """What we have for a published figure."""
    kind, _, name = published.figure.partition(".")
    if kind == "curves":
        histories = (results.histories[model] for model in (published.of, published.against))
        return Ours(largest_difference(*histories), None, 1)
    if kind == "baselines":
        found = results.baselines[published.of]
        if name == "shuffled_labels":  # one draw of a distribution that is known
            expected = found["expected_of_shuffling"]
            return Ours(expected["accuracy"], expected["sd"], 0)
        return Ours(found[name]["accuracy"], None, 0)
    values = samples(results, published.of, published.figure)
    if published.against:
        others = samples(results, published.against, published.figure)
        values = [value - other for value, other in zip(values, others, strict=True)]
    return Ours(statistics.fmean(values), statistics.stdev(values), len(values))


def judge(published: Published, ours: Ours, within: float) -> Verdict:
    """Hold a published figure against ours.

    Args:
        within: how many standard deviations of a single run count as reproduced. A figure that does not vary is
            reproduced within the published entry's `tolerance`.
    """
    difference = published.value - ours.mean
    if not ours.sd:
        return Verdict(published, ours, None, abs(difference) <= (published.tolerance or 0.0))
    distance = difference / ours.sd
    return Verdict(published, ours, distance, abs(distance) <= within)
