"""Verdicts on new texts, where the truth is known."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import f1_score

from stages.common.basics.answers import Answers, measure_f1
from stages.common.judging.new_texts import Comparison, compare_family, conclude, measure_accuracy, measure_macro_f1
from stages.common.judging.verdicts import explain_small_test_set, judge_family, judge_highest, name_verdict

EQUAL = {"negligible": 0.002, "equivalent": 0.005}


def answers(wrong: np.ndarray, first: int = 1) -> Answers:
    runs = tuple(str(seed) for seed, _ in enumerate(wrong, first))
    f1 = 1 - wrong.mean(axis=1)
    return Answers(runs, wrong, f1, np.zeros(wrong.shape[1], np.float32), "one")


def draw(random: np.random.Generator, n: int, texts: int, hard: np.ndarray, good: float = 0.0) -> np.ndarray:
    """Runs of a model that vary by seed, text and both; `hard`: how hard each text is, for all models."""
    seeds = random.normal(0, 0.15, (n, 1))
    chance = 1 / (1 + np.exp(1.5 - hard - seeds - random.normal(0, 0.5, (1, texts)) + good))
    return random.random((n, texts)) < chance


def two_models(random: np.random.Generator, n: int, texts: int) -> tuple[Answers, Answers]:
    hard = random.normal(0, 1.5, texts)
    return answers(draw(random, n, texts, hard)), answers(draw(random, n, texts, hard))


@pytest.mark.parametrize(("n", "texts"), [(4, 200), (10, 200), (10, 1_000), (20, 1_000)])
def test_equal_models_differ_in_one_case_of_twenty(n: int, texts: int) -> None:
    """Of models drawn anew each time, texts and seeds with them; by 3 standard errors."""
    random = np.random.default_rng(n + texts)
    alarms = [conclude(measure_accuracy(*two_models(random, n, texts))).p < 0.05 for _ in range(400)]
    assert 0.01 < np.mean(alarms) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_the_variance_is_that_of_differences_drawn_again_and_again() -> None:
    random = np.random.default_rng(7)
    found = [conclude(measure_accuracy(*two_models(random, 10, 500))) for _ in range(1_500)]
    expected = np.var([each.difference for each in found])
    assert np.mean([each.error**2 for each in found]) == pytest.approx(expected, rel=0.12)
    by_seeds_alone = np.mean([each.of_seeds**2 for each in found])
    assert by_seeds_alone < 0.95 * expected


def test_runs_of_one_seed_are_compared_text_by_text() -> None:
    """Agresti and Min's interval for matched proportions: a text more in each of the discordant cells."""
    new, old = np.zeros((2, 1, 100), bool)
    new[0, :4] = True  # 4 texts lost, 10 won
    old[0, 10:20] = True
    found = conclude(measure_accuracy(answers(new), answers(old)))
    b, c, n = 10.5, 4.5, 102
    assert found.difference == pytest.approx(0.06)
    assert found.error**2 == pytest.approx((b + c - (10 - 4) ** 2 / n) / n**2)


def test_with_texts_without_end_it_is_the_t_test_of_the_seeds() -> None:
    random = np.random.default_rng(2)
    texts = 400_000
    levels = np.sort(random.random(texts))
    accuracies = random.normal(0.8, 0.01, (2, 12))
    new, old = (answers(levels > side[:, np.newaxis]) for side in accuracies)
    found = conclude(measure_accuracy(new, old))
    exact = [1 - side.wrong.mean(axis=1) for side in (new, old)]
    expected = stats.ttest_rel(*exact)
    assert found.on_test_set() == pytest.approx(tuple(expected.confidence_interval()))
    assert found.p == pytest.approx(expected.pvalue, rel=0.1)
    few = [side.choose([*side.runs[:9]]) for side in (new, old)]
    welch = stats.ttest_ind(exact[0][:9], exact[1][:9], equal_var=False)
    assert conclude(measure_accuracy(*few)).on_test_set() == pytest.approx(tuple(welch.confidence_interval()))


def test_seeds_that_both_sides_have_are_compared_in_pairs_from_ten_on() -> None:
    random = np.random.default_rng(3)
    new, old = two_models(random, 14, 100)
    found = measure_accuracy(new, answers(old.wrong, first=4))
    assert (found.paired, found.n) == (True, (11, 11))
    found = measure_accuracy(new, answers(old.wrong, first=6))
    assert (found.paired, found.n) == (False, (14, 14))


def test_no_model_of_a_family_is_taken_to_vary_less_than_the_median() -> None:
    random = np.random.default_rng(4)
    pairs = [two_models(random, 10, 300) for _ in range(5)]
    alone = [conclude(measure_accuracy(*pair)) for pair in pairs]
    together = compare_family(pairs)
    median = np.median([each.of_seeds for each in alone])
    assert [each.of_seeds for each in together] == pytest.approx([max(each.of_seeds, median) for each in alone])


def test_all_texts_right_is_not_all_known() -> None:
    nothing = answers(np.zeros((10, 66), bool))
    found = conclude(measure_accuracy(nothing, nothing._replace(runs=tuple("abcdefghij"))))
    assert found.difference == 0
    assert found.error > 0.01


def test_what_is_shared_by_seeds_and_texts_counts_once() -> None:
    """Of noise alone, V_s and V_t are each the whole variance."""
    random = np.random.default_rng(5)
    new, old = (answers(random.random((20, 20_000)) < 0.3) for _ in range(2))
    found = conclude(measure_accuracy(new, old))
    whole = 2 * 0.3 * 0.7 / 20 / 20_000
    assert found.of_texts**2 == pytest.approx(whole, rel=0.05)
    assert found.error**2 < 1.6 * whole


# Macro F1


def test_macro_f1_is_that_of_scikit_learn() -> None:
    random = np.random.default_rng(6)
    labels, predicted = random.integers(0, 5, (2, 300))
    predicted = np.where(random.random(300) < 0.6, labels, predicted)
    predicted[predicted == 4] = 0  # never given
    f1, _ = measure_f1(labels, predicted, classes=7)  # two that never occur
    assert f1 == pytest.approx(f1_score(labels, predicted, average="macro"))


def test_the_influence_is_the_slope_by_a_texts_weight() -> None:
    random = np.random.default_rng(6)
    labels, predicted = random.integers(0, 4, (2, 50))
    predicted = np.where(random.random(50) < 0.6, labels, predicted)
    f1, influence = measure_f1(labels, predicted, classes=4)
    for text in range(50):
        weights = np.ones(50)
        weights[text] += 1e-5
        more = f1_score(labels, predicted, average="macro", sample_weight=weights)
        assert influence[text] == pytest.approx((more - f1) / 1e-5 * 50, abs=1e-3)
    assert influence.mean() == pytest.approx(0, abs=1e-12)


def test_the_error_of_macro_f1_is_that_of_texts_drawn_again_and_again() -> None:
    random = np.random.default_rng(8)
    texts, classes = 4_000, 4
    population = random.integers(0, classes, 100_000)
    new, old = (
        np.where(random.random(100_000) < share, population, random.integers(0, classes, 100_000))
        for share in (0.8, 0.7)
    )
    differences, errors = [], []
    for _ in range(300):
        places = random.integers(0, len(population), texts)
        sides = []
        for predicted in (new, old):
            f1, influence = measure_f1(population[places], predicted[places], classes)
            wrong = (predicted != population)[places][np.newaxis]
            sides.append(Answers(("1",), wrong, np.array([f1]), influence.astype(np.float32), "one"))
        found = conclude(measure_macro_f1(*sides))
        differences.append(found.difference)
        errors.append(found.error)
    assert np.mean(errors) == pytest.approx(np.std(differences), rel=0.15)


# Words


@pytest.mark.parametrize(
    ("difference", "low", "high", "expected"),
    [
        (0.01, 0.001, 0.019, "better"),
        (-0.01, -0.019, -0.001, "worse"),
        (0.001, 0.0005, 0.0015, "negligible"),
        (-0.001, -0.0015, -0.0005, "negligible"),
        (0.001, -0.002, 0.004, "equivalent"),
        (0.001, -0.004, 0.006, "not distinguished"),
        (-0.001, -0.006, 0.004, "not distinguished"),
        (0.0, -0.005, 0.005, "not distinguished"),
        (0.0, 0.0, 0.0, "equivalent"),
    ],
)
def test_the_word_follows_from_the_interval(difference: float, low: float, high: float, expected: str) -> None:
    assert name_verdict(difference, low, high, **EQUAL) == expected


def test_the_interval_excludes_zero_if_and_only_if_p_is_small() -> None:
    random = np.random.default_rng(9)
    seen = set()
    for _ in range(60):
        hard = random.normal(0, 1.5, 2_000)
        reference = answers(draw(random, 10, 2_000, hard))
        pairs = {f"{k}": (answers(draw(random, 10, 2_000, hard, good=0.03 * k)), reference) for k in range(4)}
        for judged in judge_family(pairs, negligible=0.0, equivalent=0.005).values():
            excludes = judged.low > 0 or judged.high < 0
            assert excludes == (judged.p_adjusted < 0.05)
            assert excludes == (judged.verdict in {"better", "worse"})
            assert judged.p_adjusted >= judged.found.p
            seen.add(judged.verdict)
    assert {"better", "not distinguished"} <= seen


def test_the_same_answers_are_the_same_runs() -> None:
    new, old = two_models(np.random.default_rng(1), 10, 100)
    judged = judge_family({"a": (old, old), "b": (new, old), "c": (old.choose([*old.runs[:4]]), old)}, **EQUAL)
    assert [found.verdict == "the same runs" for found in judged.values()] == [True, False, True]
    alone = judge_family({"b": (new, old)}, **EQUAL)
    assert judged["b"] == alone["b"]


def test_the_highest_is_judged_against_one_run_and_for_having_been_picked() -> None:
    random = np.random.default_rng(10)
    hard = random.normal(0, 1.5, 3_000)
    baseline = answers(draw(random, 1, 3_000, hard))._replace(runs=("baseline",))
    networks = {str(k): answers(draw(random, 5, 3_000, hard, good=0.5 * k)) for k in range(3)}
    name, judged = judge_highest(networks, baseline, **EQUAL)
    assert (name, judged.verdict, judged.found.n) == ("2", "better", (5, 1))
    assert judged.p_adjusted == pytest.approx(min(1, 3 * judged.found.p))


def test_what_few_texts_let_be_found() -> None:
    random = np.random.default_rng(11)
    few, many = (judge_family({"a": two_models(random, 10, texts)}, **EQUAL) for texts in (400, 1_000))
    said = explain_small_test_set("mine", few.values())
    assert said.startswith("The test set of mine has 400 texts. A difference of ")
    assert explain_small_test_set("mine", many.values()) == ""
    found: Comparison = few["a"].found
    texts = found.texts_for(0.05)
    wider = found._replace(of_texts=found.of_texts * np.sqrt(found.texts / texts))
    error = np.sqrt(found.error**2 - found.of_texts**2 + wider.of_texts**2)
    assert found._replace(error=error).detectable() == pytest.approx(0.05)
