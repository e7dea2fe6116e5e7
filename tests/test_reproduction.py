"""Verdicts on published figures, and what counts as a difference, against known answers and scipy."""

import numpy as np
import pytest
from scipy import stats

from stages.common.history import validation_figures
from stages.judging.comparison import ALPHA, compare
from stages.judging.published import Published
from stages.judging.reproduction import Ours, Results, judge, largest_difference, our_figure


def published(value: float, figure: str = "test.accuracy", **more) -> Published:
    return Published(of="imdb", figure=figure, value=value, source="A", **more)


RESULTS = Results(
    figures={},
    replicates={
        "imdb": [{"seed": "2", "test_accuracy": "0.8"}, {"seed": "3", "test_accuracy": "0.9"}],
        "other": [{"seed": "2", "test_accuracy": "0.7"}, {"seed": "3", "test_accuracy": "0.7"}],
    },
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
)


def test_a_figure_is_the_mean_of_the_seeds_with_the_spread_of_a_single_run():
    ours = our_figure(published(0.8), RESULTS)
    assert ours.mean == pytest.approx(0.85)
    assert ours.sd == pytest.approx(np.std([0.8, 0.9], ddof=1))
    assert ours.n == 2


def test_a_difference_is_taken_seed_by_seed():
    ours = our_figure(published(0.1, against="other"), RESULTS)
    assert ours.mean == pytest.approx(0.15)
    assert ours.sd == pytest.approx(np.std([0.1, 0.2], ddof=1))


def test_curves_are_compared_at_their_largest_difference():
    assert largest_difference(RESULTS.histories["imdb"], RESULTS.histories["other"]) == 0.125
    assert our_figure(published(0, "curves", against="other"), RESULTS) == Ours(0.125, None, 1)


def test_a_shuffle_is_held_against_the_distribution_of_shuffles():
    assert our_figure(published(0.49, "baselines.shuffled_labels"), RESULTS) == Ours(0.5, 0.01, 0)


@pytest.mark.parametrize(
    ("value", "distance", "reproduced"), [(0.53, 3.0, True), (0.469, -3.1, False), (0.5, 0.0, True)]
)
def test_reproduced_is_within_three_standard_deviations(value, distance, reproduced):
    verdict = judge(published(value), Ours(0.5, 0.01, 5), within=3.0 + 1e-9)
    assert verdict.distance == pytest.approx(distance)
    assert verdict.reproduced is reproduced


@pytest.mark.parametrize(("tolerance", "reproduced"), [(None, False), (1e-4, False), (1e-2, True)])
def test_what_does_not_vary_has_a_tolerance(tolerance, reproduced):
    verdict = judge(published(0.5, tolerance=tolerance), Ours(0.501, None, 1), within=3.0)
    assert verdict.distance is None
    assert verdict.reproduced is reproduced


def test_comparison_is_welchs_test():
    ours, theirs = [0.80, 0.81, 0.79, 0.80], [0.85, 0.88, 0.83, 0.86, 0.84]
    expected = stats.ttest_ind(ours, theirs, equal_var=False)
    found = compare(ours, theirs)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.difference == pytest.approx(np.mean(ours) - np.mean(theirs))
    assert found.verdict == "worse"
    assert compare(ours, theirs, higher_is_better=False).verdict == "better"


def test_noise_is_called_a_difference_in_about_alpha_of_cases():
    random = np.random.default_rng(0)
    verdicts = [
        compare(list(random.normal(0.8, 0.01, 5)), list(random.normal(0.8, 0.01, 5))).verdict for _ in range(400)
    ]
    share = 1 - verdicts.count("within noise") / 400
    assert share < ALPHA + 3 * np.sqrt(ALPHA * (1 - ALPHA) / 400)


@pytest.mark.parametrize(("theirs", "verdict"), [(0.8, "within noise"), (0.7, "better"), (0.9, "worse")])
def test_runs_without_any_spread_are_compared_as_they_are(theirs, verdict):
    assert compare([0.8] * 3, [theirs] * 3).verdict == verdict


def test_best_epochs_count_from_one():
    history = {"val_loss": [0.9, 0.4, 0.5, 0.6], "val_accuracy": [0.5, 0.7, 0.8, 0.75]}
    assert validation_figures(history) == {
        "best_epoch": 2,
        "val_loss": 0.4,
        "val_accuracy": 0.7,
        "last_val_loss": 0.6,
        "last_val_accuracy": 0.75,
        "best_val_accuracy": 0.8,
        "best_accuracy_epoch": 3,
    }
