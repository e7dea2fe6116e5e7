"""What the null study tries: worlds where the truth is known, and rules in them."""

import numpy as np
import pytest

from stages.common.basics.answers import Answers
from studies import rules
from studies.rules import Cell, Family, Given, make_family
from studies.worlds import answers_of, draw, draw_versions, make_world, tilt

LOST = 0.1


def some_answers(rate: float, seed: int, n: int = 12, texts: int = 500) -> Answers:
    """Runs that get this share wrong, some texts more often than others."""
    random = np.random.default_rng(seed)
    hard = np.random.default_rng(1).normal(0, 1, texts)
    chance = 1 / (1 + np.exp(-np.log(rate / (1 - rate)) - hard - random.normal(0, 0.1, (n, 1))))
    return answers_of(random.random((n, texts)) < chance)


@pytest.fixture(scope="module")
def models() -> dict[str, Answers]:
    return {"a": some_answers(0.2, 2), "b": some_answers(0.25, 3), "c": some_answers(0.15, 4)}


@pytest.fixture(scope="module")
def family(models: dict[str, Answers]) -> Family:
    baseline = some_answers(0.22, 5, n=1)
    return make_family(models, list(models), baseline, equivalent=0.05, lost=(LOST,))


@pytest.fixture(scope="module")
def given(family: Family) -> Given:
    return Given({"films": family}, {}, [], [], negligible=0.002, equivalent=0.05)


def test_chances_give_the_means_that_are_asked_for() -> None:
    random = np.random.default_rng(1)
    values = random.normal(0, 1, (3, 400))
    targets = np.array([0.1, -0.2, 0.0])
    chances = tilt(values, targets)
    assert chances.sum() == pytest.approx(1)
    assert chances.min() > 0
    assert values @ chances == pytest.approx(targets, abs=1e-9)
    assert tilt(values, values.mean(axis=1)) == pytest.approx(np.full(400, 1 / 400))


@pytest.mark.parametrize("differences", [{"b": 0.0, "c": 0.0}, {"b": -0.1, "c": 0.02}])
def test_models_of_a_world_differ_by_what_is_said(models: dict[str, Answers], differences: dict[str, float]) -> None:
    world = make_world(models, differences)
    accuracy = {name: 1 - wrong.mean(axis=0) @ world.chances for name, wrong in world.wrong.items()}
    assert {name: accuracy[name] - accuracy["a"] for name in differences} == pytest.approx(differences, abs=1e-9)
    drawn = draw(np.random.default_rng(2), world, 500, 20_000)
    for name, answers in drawn.items():
        assert answers.wrong.shape == (500, 20_000)
        assert 1 - answers.wrong.mean() == pytest.approx(accuracy[name], abs=0.01)


def test_models_are_drawn_under_the_same_seeds(models: dict[str, Answers]) -> None:
    same = {"a": models["a"], "b": models["a"], "": some_answers(0.2, 9, n=1)}
    drawn = draw(np.random.default_rng(3), make_world(same, {"b": 0.0}), 10, 50)
    assert (drawn["a"].wrong == drawn["b"].wrong).all()
    assert drawn[""].wrong.shape == (1, 50)


def test_a_share_of_the_runs_is_kept() -> None:
    wrong = np.eye(400, dtype=bool)
    new, old = draw_versions(np.random.default_rng(4), wrong, 4_000, np.arange(400), 0.85)
    assert (new.wrong == old.wrong).all(axis=1).mean() == pytest.approx(0.85, abs=0.03)


@pytest.mark.slow
def test_rules_that_know_of_texts_seldom_err_and_the_other_often(given: Given) -> None:
    random, cell, tries = np.random.default_rng(5), Cell("films", 200, 10), 300
    said = [rules.try_pairs(random, given, cell) for _ in range(tries)]
    shares = {name: np.mean([each[name] for each in said]) for name in said[0]}
    limit = 0.05 + 3 * np.sqrt(0.05 * 0.95 / tries)
    assert shares[""] < limit
    assert max(share for name, share in shares.items() if name.endswith(("texts", "sum"))) < limit
    of_seeds, of_texts = (
        [share for name, share in shares.items() if name.endswith(kind)] for kind in ("seeds", "texts")
    )
    assert np.mean(of_seeds) > 2 * np.mean(of_texts)


@pytest.mark.slow
def test_a_loss_is_found_and_what_is_no_better_than_the_margin_is_seldom_called_equivalent(given: Given) -> None:
    random, tries = np.random.default_rng(6), 100
    lost = [rules.try_loss(random, given, Cell("films", 2_000, 10, LOST)) for _ in range(tries)]
    assert all(np.mean([each[name] for each in lost]) > 0.9 for name in lost[0])
    equal = [rules.try_margin(random, given, Cell("films", 2_000, 10)) for _ in range(tries)]
    assert all(np.mean([each[name] for each in equal]) < 0.12 for name in equal[0])


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "more"), [(rules.try_baseline, 0.0), (rules.try_diff, 0.0), (rules.try_diff, 0.85)])
def test_other_rules_seldom_err(given: Given, rule: rules.Rule, more: float) -> None:
    random, tries = np.random.default_rng(7), 200
    alarms = [rule(random, given, Cell("films", 300, 10, more))[""] for _ in range(tries)]
    assert np.mean(alarms) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / tries)
