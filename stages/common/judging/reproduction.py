"""Which published figures are consistent with our own runs, each of which might as well have been published."""

import math
import statistics
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from scipy import stats

from stages.common.basics.answers import Answers, read_answers
from stages.common.basics.artifacts import Table, read_csv, read_json
from stages.common.basics.errors import UserError
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import ordered_models, sources_of, texts_of
from stages.common.basics.paths import HERE
from stages.common.judging.comparison import ALPHA, CONFIDENCE, Runs, holm
from stages.common.judging.published import CURVES, Published

STRAYING = 3  # degrees of freedom

Agreement = Literal["consistent", "doubtful", "differs"]


class Results(NamedTuple):
    """What reports/ holds, by model or dataset.

    figures: under `seed`, by the names that published.yaml uses, as in `test.accuracy`.
    spreads: replicates.json; data: data.json.
    answers: of each model's replicates and each dataset's baselines.
    """

    figures: Mapping[str, dict[str, float]]
    replicates: Mapping[str, Table]
    spreads: Mapping[str, dict[str, dict[str, float]]]
    histories: Mapping[str, Table]
    baselines: Mapping[str, dict[str, dict[str, float]]]
    data: Mapping[str, dict[str, Any]]
    answers: Mapping[str, Answers]
    baseline_answers: Mapping[str, Answers]


def read_metrics(model: str) -> dict[str, float]:
    """A model's figures under `seed`."""
    parts = read_json(HERE.model_report(model) / "metrics.json")
    parts["validation"] = read_json(HERE.model_report(model) / "validation.json")
    return {f"{part}.{key}": value for part, figures in parts.items() for key, value in figures.items()}


def read_description(dataset: str) -> dict[str, Any]:
    """What `describe` has found in a dataset."""
    return read_json(HERE.dataset_report(dataset) / "data.json")


def check_test_set(stage: str, answers: Answers, of_baselines: Answers) -> None:
    """Check that a model was asked the texts that the baselines were.

    Raises:
        UserError: it was not.
    """
    if (answers.test_set, answers.wrong.shape[1]) != (of_baselines.test_set, of_baselines.wrong.shape[1]):
        raise UserError(f"{stage}: expected answers on the test set that the baselines have; `dvc repro {stage}`")


def read_results(params: Params) -> Results:
    """Read the results of all models and datasets."""
    models, datasets = ordered_models(params), sources_of(params)
    answers = {name: read_answers(HERE.errors_of_model(name)) for name in models}
    of_baselines = {name: read_answers(HERE.errors_of_baselines(name)) for name in datasets}
    for name in models:
        check_test_set(f"replicate@{name}", answers[name], of_baselines[texts_of(params, name)])
    return Results(
        figures={name: read_metrics(name) for name in models},
        replicates={name: read_csv(HERE.model_report(name) / "replicates.csv") for name in models},
        spreads={name: read_json(HERE.model_report(name) / "replicates.json") for name in models},
        histories={name: read_csv(HERE.model_report(name) / "history.csv") for name in models},
        baselines={name: read_json(HERE.dataset_report(name) / "baselines.json") for name in datasets},
        data={name: read_description(name) for name in datasets},
        answers=answers,
        baseline_answers=of_baselines,
    )


class Ours(NamedTuple):
    """A figure of ours: mean and standard deviation of a single run, over n runs.

    Without a standard deviation the figure does not vary. n is infinite where the distribution is known exactly.
    """

    mean: float
    sd: float | None
    n: float


class Judgement(NamedTuple):
    """A published figure, ours, and whether they agree.

    low, high: between which a published figure is consistent; p, p_adjusted: before and after Holm's correction over
    all figures that vary, and None for one that does not.
    """

    published: Published
    ours: Ours
    low: float
    high: float
    p: float | None
    p_adjusted: float | None
    verdict: Agreement


def metric_by_seed(results: Results, model: str, figure: str) -> Runs:
    """A figure, as in `test.accuracy`, under each further seed."""
    return {int(line["seed"]): float(line[figure.replace(".", "_")]) for line in results.replicates[model]}


def largest_difference(one: Table, other: Table) -> float:
    """The largest difference between two histories, over all curves and epochs."""
    return max(
        abs(float(line[curve]) - float(other_line[curve]))
        for line, other_line in zip(one, other, strict=True)
        for curve in line
    )


def find_ours(published: Published, results: Results) -> Ours:
    """What we have for a published figure."""
    if published.figure == CURVES and published.against:
        histories = (results.histories[model] for model in (published.of, published.against))
        return Ours(largest_difference(*histories), None, 1)
    kind, _, name = published.figure.partition(".")
    if kind == "baselines":
        found = results.baselines[published.of]
        if name == "shuffled_labels":  # one draw of a distribution that is known
            expected = found["expected_of_shuffling"]
            return Ours(expected["accuracy"], expected["sd"], math.inf)
        return Ours(found[name]["accuracy"], None, 1)
    values = metric_by_seed(results, published.of, published.figure)
    if published.against:
        others = metric_by_seed(results, published.against, published.figure)
        values = {seed: values[seed] - others[seed] for seed in values.keys() & others.keys()}
    return Ours(statistics.fmean(values.values()), statistics.stdev(values.values()), len(values))


class PredictionInterval(NamedTuple):
    """low, high: where one more run would lie with a probability of 95 %, as it would be printed.

    p: of a run as far from ours as the published figure, or farther; p_of_strays: the same if single runs stray.
    """

    low: float
    high: float
    p: float
    p_of_strays: float


def predict_run(published: Published, ours: Ours) -> PredictionInterval:
    """Hold a published figure against the prediction interval of a normal distribution (Geisser, 1993).

    The figure printed may be half a unit of its last digit off, and the deviation is not taken to be less than that
    rounding alone would cause: a figure can be the same in all our runs by chance.

    Real runs stray farther than normal ones: of `imdb` one in twenty lies five standard deviations of the others from
    their mean. So p far out is taken from a t distribution of three degrees of freedom of the same deviation; with it
    reports/null_study.md has few enough false alarms.
    """
    rounding = published.half_unit
    scale = max(ours.sd or 0, rounding / math.sqrt(3)) * math.sqrt(1 + 1 / ours.n)
    distribution = stats.norm if ours.n == math.inf else stats.t(ours.n - 1)
    reach = float(distribution.ppf((1 + CONFIDENCE) / 2)) * scale + rounding
    distance = max(abs(published.number - ours.mean) - rounding, 0) / scale
    p = float(2 * distribution.sf(distance))
    known = ours.n == math.inf
    strays = p if known else max(p, float(2 * stats.t(STRAYING).sf(distance * math.sqrt(STRAYING / (STRAYING - 2)))))
    return PredictionInterval(ours.mean - reach, ours.mean + reach, p, strays)


def judge(published: Iterable[Published], results: Results) -> list[Judgement]:
    """Hold each published figure against ours.

    One that varies "differs" if its p, should runs stray and after Holm's correction over all of them, is below 5 %;
    it is "doubtful" if only the p by itself is. One that does not vary is "consistent" within its tolerance.
    """
    both = [(entry, find_ours(entry, results)) for entry in published]
    predicted = [predict_run(entry, ours) for entry, ours in both if entry.varies]
    adjusted = iter(zip(predicted, holm([found.p_of_strays for found in predicted]), strict=True))
    found = []
    verdict: Agreement
    for entry, ours in both:
        if entry.varies:
            (low, high, p, _), p_adjusted = next(adjusted)
            verdict = "differs" if p_adjusted < ALPHA else "doubtful" if p < ALPHA else "consistent"
            found.append(Judgement(entry, ours, low, high, p, p_adjusted, verdict))
        else:
            tolerance = entry.tolerance or 0
            low, high = ours.mean - tolerance, ours.mean + tolerance
            verdict = "consistent" if low <= entry.number <= high else "differs"
            found.append(Judgement(entry, ours, low, high, None, None, verdict))
    return found
