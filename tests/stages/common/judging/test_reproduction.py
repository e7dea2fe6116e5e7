"""Verdicts on published figures, and on differences between models, against known answers, scipy and simulation."""

import math
import re
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from scipy import stats

from bagpipe.scratch.copies import ROOT
from stages.common.basics.params.params import Params
from stages.common.basics.params.reading import PARAMS_FILE, load_params
from stages.common.basics.params.sections import Model
from stages.common.judging.comparison import (
    benjamini_hochberg,
    compare,
    holm,
    same_runs,
)
from stages.common.judging.published import (
    CURVES,
    OF_A_DATASET,
    REPLICATED,
    NotebookSettings,
    Published,
    applicable,
    departures,
    load_published,
    not_judged,
)
from stages.common.judging.reproduction import Ours, Results, find_ours, judge, largest_difference, predict_run
from stages.common.network.history import validation_figures

PARAMS = load_params(ROOT / PARAMS_FILE)
NOTEBOOKS = load_published(PARAMS, ROOT / "published.yaml")


def published(value: str, figure: str = "test.accuracy", **more) -> Published:
    return Published(of="imdb", figure=figure, value=value, source="A", **more)


def runs(values: list[float], first: int = 1) -> dict[int, float]:
    return dict(enumerate(values, first))


RESULTS = Results(
    figures={},
    replicates={
        "imdb": [{"seed": "2", "test_accuracy": "0.8"}, {"seed": "3", "test_accuracy": "0.9"}],
        "other": [{"seed": "2", "test_accuracy": "0.7"}, {"seed": "3", "test_accuracy": "0.7"}],
    },
    spreads={},
    histories={
        "imdb": [{"epoch": "1", "loss": "0.5"}, {"epoch": "2", "loss": "0.25"}],
        "other": [{"epoch": "1", "loss": "0.5"}, {"epoch": "2", "loss": "0.375"}],
    },
    baselines={
        "imdb": {
            "expected_of_shuffling": {"accuracy": 0.5, "sd": 0.01},
            "shuffled_labels": {"accuracy": 0.52},
        }
    },
    data={},
    answers={},
    baseline_answers={},
)


def test_a_figure_is_the_mean_of_the_seeds_with_the_spread_of_a_single_run() -> None:
    ours = find_ours(published("0.8"), RESULTS)
    assert ours.mean == pytest.approx(0.85)
    assert ours.sd == pytest.approx(np.std([0.8, 0.9], ddof=1))
    assert ours.n == 2


def test_a_difference_is_taken_seed_by_seed() -> None:
    ours = find_ours(published("0.1", against="other"), RESULTS)
    assert ours.mean == pytest.approx(0.15)
    assert ours.sd == pytest.approx(np.std([0.1, 0.2], ddof=1))


def test_curves_are_compared_at_their_largest_difference() -> None:
    assert largest_difference(RESULTS.histories["imdb"], RESULTS.histories["other"]) == 0.125
    curves = published("0", "curves", against="other", tolerance=0.1)
    assert find_ours(curves, RESULTS) == Ours(0.125, None, 1)
    assert [found.verdict for found in judge([curves], RESULTS)] == ["differs"]
    assert judge([curves.model_copy(update={"tolerance": 0.2})], RESULTS)[0].verdict == "consistent"


def test_a_shuffle_is_held_against_the_distribution_of_shuffles() -> None:
    shuffled = published("0.5196", "baselines.shuffled_labels")
    [found] = judge([shuffled], RESULTS)
    assert found.ours == Ours(0.5, 0.01, math.inf)
    assert found.p == pytest.approx(2 * stats.norm.sf((0.0196 - 0.00005) / 0.01))
    assert found.high == pytest.approx(0.5 + stats.norm.ppf(0.975) * 0.01 + 0.00005)


@pytest.mark.parametrize(
    ("value", "half"), [("0.8824", 0.00005), ("0.8280", 0.00005), ("5", 0.5), ("-0.08", 0.005), ("0.5", 0.05)]
)
def test_a_value_is_known_to_half_a_unit_of_its_last_digit(value: str, half: float) -> None:
    assert published(value).half_unit == pytest.approx(half)


@pytest.mark.slow
def test_an_interval_holds_one_more_run_as_often_as_it_says() -> None:
    """Of honest figures 95 % are within, and p is spread evenly: simulated, unrounded, 5 runs each."""
    random = np.random.default_rng(1)
    entry = published("0.000000000")
    inside, ps = 0, []
    for ours in random.normal(size=(4_000, 6)):
        low, high, p, _ = predict_run(
            entry.model_copy(update={"value": f"{ours[0]:.9f}"}), Ours(ours[1:].mean(), ours[1:].std(ddof=1), 5)
        )
        inside += low <= ours[0] <= high
        ps.append(p)
    assert inside / 4_000 == pytest.approx(0.95, abs=0.015)
    assert stats.kstest(ps, "uniform").pvalue > 0.001


def test_runs_that_happen_to_be_equal_leave_room_for_rounding() -> None:
    low, high, p, _ = predict_run(published("4", "validation.best_epoch"), Ours(4.0, 0.0, 5))
    assert (p, low < 4 < high) == (1.0, True)
    _, _, p, _ = predict_run(published("5", "validation.best_epoch"), Ours(4.0, 0.0, 5))
    assert p > 0.05


def test_one_figure_of_many_outside_its_interval_is_doubtful_and_far_outside_differs() -> None:
    results = RESULTS._replace(
        replicates={"imdb": [{"seed": str(i), "test_accuracy": str(0.8 + 0.001 * (i % 5))} for i in range(20)]}
    )
    honest = [published("0.8020")] * 20
    outside, far = published("0.8060"), published("0.9000")
    assert [found.verdict for found in judge([outside], results)] == ["differs"]
    verdicts = [found.verdict for found in judge([*honest, outside, far], results)]
    assert verdicts == ["consistent"] * 20 + ["doubtful", "differs"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"figure": "test.los"}, "figure"),
        ({"figure": "curves", "tolerance": 0.1}, "against: expected a model"),
        ({"figure": "curves", "against": "other"}, "tolerance: expected a value"),
        ({"figure": "test.loss", "tolerance": 0.1}, "tolerance: expected none"),
        ({"figure": "baselines.naive_bayes", "tolerance": 0.1, "against": "other"}, "against: expected none"),
        ({"figure": "test.loss", "value": 0.5}, "value"),
        ({"figure": "test.loss", "value": "about 1"}, "value"),
        ({"figure": "test.loss", "best_possible": True}, "figure: expected test.accuracy"),
    ],
)
def test_what_makes_no_sense_in_published_yaml_is_refused(entry: dict, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Published.model_validate({"of": "imdb", "value": "0.5", "source": "A", **entry})


# To which settings a published figure belongs


def with_settings(section: str, name: str, **changes: Any) -> Params:
    """The committed params, with other settings of one model, of the defaults or of a dataset."""
    entries = getattr(PARAMS, section)
    return PARAMS.model_copy(update={section: {**entries, name: entries[name].model_copy(update=changes)}})


def set_aside(params: Params) -> dict[str, set[str]]:
    """The figures and bounds that are not judged under these params, by model or dataset."""
    kept, found = applicable(NOTEBOOKS, params), {}
    for section in ("published", "bounds"):
        for entry in getattr(NOTEBOOKS, section):
            if entry not in getattr(kept, section):
                found.setdefault(entry.of, set()).add(getattr(entry, "key", f"bounds of {entry.figure}"))
    return found


def test_the_committed_params_are_those_that_all_published_figures_belong_to() -> None:
    assert set_aside(PARAMS) == {}
    assert not_judged(NOTEBOOKS, PARAMS) == ""


def test_every_committed_figure_says_what_it_belongs_to() -> None:
    """All that its runs depend on: another value of any setting sets it aside."""
    settings = NOTEBOOKS.settings
    models = {entry.of for entry in NOTEBOOKS.published if entry.figure in (*REPLICATED, CURVES)}
    assert settings.models.keys() == models
    for own in settings.models.values():
        assert own.model_fields_set == set(Model.model_fields)
        assert settings.datasets[own.dataset].num_words


AT_REUTERS = {"test.loss", "test.accuracy"} | {
    f"validation.{key}"
    for key in ("val_loss", "best_epoch", "best_val_accuracy", "best_accuracy_epoch", "last_val_accuracy")
}


def test_figures_of_another_architecture_are_not_judged() -> None:
    """Differences from the changed model, too, and its bounds; figures of the dataset stay."""
    wider = with_settings("models", "reuters", hidden=[96, 96])
    assert set_aside(wider) == {
        "reuters": AT_REUTERS | {"bounds of test.accuracy"},
        "reuters_bottleneck": {"validation.best_val_accuracy_less_reuters"},
        "reuters_integer_labels": {"curves_less_reuters"},
    }
    assert not_judged(NOTEBOOKS, wider) == (
        "9 published figures belong to other settings and are not judged: `models.reuters.hidden` is [96, 96] here "
        "and [64, 64] there."
    )


@pytest.mark.parametrize(
    ("section", "name", "changes", "expected", "said"),
    [
        (
            "defaults",
            "imdb",
            {"epochs": 5},
            {"imdb": {"test.loss", "test.accuracy", "bounds of test.accuracy"}},
            "2 published figures belong `defaults.imdb.epochs` is 5 here and 4 there.",
        ),
        (
            "models",
            "reuters_bottleneck",
            {"epochs": 5, "leave_out": 0},
            {},
            "",
        ),
        (
            "models",
            "reuters_integer_labels",
            {"validation_epochs": 5},
            {"reuters_integer_labels": {"curves_less_reuters"}},
            "1 published figure belongs `models.reuters_integer_labels.validation_epochs` is 5 here and 20 there.",
        ),
        (
            "datasets",
            "imdb",
            {"num_words": 500},
            {
                "imdb": {entry.key for entry in NOTEBOOKS.published if entry.of == "imdb"}
                | {"bounds of test.accuracy", "bounds of data.overlap.test_texts_in_train"},
                "imdb_4_units": {"test.loss", "test.accuracy"},
                "imdb_l2": {"test.accuracy"},
                "imdb_dropout_of_units": {"test.loss", "test.accuracy"},
            },
            "14 published figures belong `datasets.imdb.num_words` is 500 here and 10000 there.",
        ),
        ("defaults", "imdb", {"reference": "imdb_tanh"}, {}, ""),
        ("models", "imdb_tanh", {"hidden": [1]}, {}, ""),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_only_what_a_figure_depends_on_counts(
    section: str, name: str, changes: dict[str, Any], expected: dict[str, set[str]], said: str
) -> None:
    params = with_settings(section, name, **changes)
    assert set_aside(params) == expected
    shortened = re.sub(" to other settings and (is|are) not judged:", "", not_judged(NOTEBOOKS, params))
    assert shortened == said


def test_a_default_that_the_model_has_of_its_own_does_not_count() -> None:
    """reuters_bottleneck has its own batch size, so the figure that is its alone stays."""
    params = with_settings("defaults", "reuters", batch_size=64)
    assert set_aside(params)["reuters_bottleneck"] == {"validation.best_val_accuracy_less_reuters"}
    assert not_judged(NOTEBOOKS, params).endswith("`defaults.reuters.batch_size` is 64 here and 512 there.")


def test_a_figure_without_settings_belongs_to_all() -> None:
    for figure in ("test.accuracy", "validation.val_loss"):
        entry = published("0.5", figure)
        assert list(departures(entry, NotebookSettings(), with_settings("models", "imdb", hidden=[1]))) == []


def test_every_kind_of_figure_has_words() -> None:
    """None of a key of the code."""
    words = [published("0.5", figure).words for figure in REPLICATED]
    assert len(set(words)) == len(REPLICATED)
    assert not any("_" in said or "." in said for said in [*words, *OF_A_DATASET.values()])
    difference = published("0.5", "validation.best_val_accuracy", against="other")
    assert difference.words == "highest validation accuracy less that of `other`"
    curves = published("0", CURVES, against="other", tolerance=0.1)
    assert curves.words == "largest difference from the curves of `other`"


def test_few_runs_are_compared_by_welchs_test() -> None:
    ours, theirs = [0.80, 0.81, 0.79, 0.80], [0.85, 0.88, 0.83, 0.86, 0.84]
    expected = stats.ttest_ind(ours, theirs, equal_var=False)
    found = compare(runs(ours), runs(theirs))
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()))
    assert found.difference == pytest.approx(np.mean(ours) - np.mean(theirs))
    assert (found.n, found.paired) == ((4, 5), False)


def test_ten_common_seeds_are_compared_in_pairs() -> None:
    random = np.random.default_rng(3)
    theirs = random.normal(0.8, 0.01, 12)
    ours = theirs + random.normal(0.001, 0.002, 12)
    new, old = runs(list(ours)), runs([*theirs, 0.1])
    expected = stats.ttest_rel(ours, theirs)
    found = compare(new, old)
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == pytest.approx(tuple(expected.confidence_interval()))
    assert (found.n, found.paired) == ((12, 12), True)
    assert not compare(new, runs(list(theirs), first=4)).paired


@pytest.mark.parametrize(
    ("ours", "theirs", "p"),
    [
        ([0.8] * 3, [0.8] * 3, 1.0),
        ([0.8] * 2, [0.9] * 2, 2 / 6),
        ([0.8] * 10, [0.8] * 10, 1.0),
        ([0.8] * 10, [0.9] * 10, 2 / 2**10),
    ],
)
def test_runs_without_spread_are_judged_by_how_rare_their_order_is(ours: list, theirs: list, p: float) -> None:
    assert compare(runs(ours), runs(theirs)).p == pytest.approx(p)


def test_same_runs_are_those_of_the_same_seeds() -> None:
    assert same_runs(runs([0.1, 0.2]), runs([0.1, 0.2]))
    assert not same_runs(runs([0.1, 0.2]), runs([0.1, 0.2], first=2))
    assert not same_runs(runs([0.1, 0.2]), runs([0.1, 0.3]))


def test_corrections_for_many_tests() -> None:
    """Holm's own procedure, step by step, and scipy's Benjamini-Hochberg."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == benjamini_hochberg([]) == []
    assert benjamini_hochberg([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.04, 0.04])


def test_holm_keeps_the_chance_of_any_false_alarm() -> None:
    random = np.random.default_rng(5)
    alarms = sum(min(holm(list(random.uniform(size=15)))) < 0.05 for _ in range(4_000))
    assert alarms / 4_000 == pytest.approx(0.05, abs=0.012)


def test_validation_figures_are_of_the_epoch_of_the_lowest_loss() -> None:
    found = validation_figures({"val_loss": [0.5, 0.3, 0.4], "val_accuracy": [0.7, 0.8, 0.9]})
    assert found == {
        "best_epoch": 2,
        "val_loss": 0.3,
        "val_accuracy": 0.8,
        "last_val_loss": 0.4,
        "last_val_accuracy": 0.9,
        "best_val_accuracy": 0.9,
        "best_accuracy_epoch": 3,
    }
