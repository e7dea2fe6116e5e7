"""Made-up runs of a few models, for tests of what the report says of them."""

from typing import Any

from made_up_answers import TEXTS, answers_of

from bagpipe.scratch.copies import ROOT
from stages.common.basics.params.params import Params
from stages.common.basics.params.reading import PARAMS_FILE, load_params
from stages.common.basics.params.sections import Model
from stages.common.judging.reproduction import Results

COMMITTED = load_params(ROOT / PARAMS_FILE)
SPREAD = (-0.001, 0.0, 0.001, -0.002, 0.002, 0.0, 0.001, -0.001, 0.0, 0.0)  # of ten seeds; their mean is 0
TWIN = "the same runs as the first"


def params_of(models: dict[str, Model]) -> Params:
    """Params of models whose datasets have the defaults of reuters, and their first model as the reference."""
    defaults = {}
    for name, model in models.items():
        defaults.setdefault(model.dataset, COMMITTED.defaults["reuters"].model_copy(update={"reference": name}))
    datasets = {name: COMMITTED.datasets["reuters"].model_copy(update={"texts": name}) for name in defaults}
    return COMMITTED.model_copy(update={"models": models, "defaults": defaults, "datasets": datasets})


def case(
    *accuracies: float | str, baseline: float = 0.6, dataset: str = "mine", texts: int = TEXTS, **changes: Any
) -> tuple[Params, Results]:
    """Models a, b, c ... of one dataset, and runs with these means; changes: settings of the last model."""
    names = [f"{dataset}_{letter}" for letter in "abcdefgh"[: len(accuracies)]]
    models = {name: Model(dataset=dataset, hidden=[place + 1]) for place, name in enumerate(names)}
    models[names[-1]] = models[names[-1]].model_copy(update=changes)
    runs, answers = {}, {}
    for place, (name, mean) in enumerate(zip(names, accuracies, strict=True)):
        spread = SPREAD[place:] + SPREAD[:place]
        values = [mean + part for part in spread] if mean != TWIN else [accuracies[0] + part for part in SPREAD]
        by_seed = {str(1001 + seed): value for seed, value in enumerate(values)}
        runs[name] = [{"seed": seed, "test_accuracy": f"{value:.6f}"} for seed, value in by_seed.items()]
        answers[name] = answers_of(by_seed, texts=texts)
    without = {"naive_bayes": 0.5, "logistic_regression": baseline}
    baselines = {dataset: {name: {"accuracy": value} for name, value in without.items()}}
    data = {dataset: {"overlap": {"test_texts_in_train": 0}, "test": {"texts": 100}, "ceiling": 1.0}}
    spreads = {name: {"accuracy": {"se_of_texts": 0.01}} for name in names}
    results = Results({}, runs, spreads, {}, baselines, data, answers, {dataset: answers_of(without, texts=texts)})
    return params_of(models), results


def together(one: tuple[Params, Results], other: tuple[Params, Results]) -> tuple[Params, Results]:
    (params, results), (more_params, more_results) = one, other
    return params_of(params.models | more_params.models), Results(
        *(mine | theirs for mine, theirs in zip(results, more_results, strict=True))
    )
