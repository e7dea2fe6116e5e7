"""What the report says of models against a reference and against baselines, from made-up answers."""

import numpy as np
import pytest
from made_up_answers import answers_of
from made_up_results import case, together
from scipy import stats

from stages.common.basics.answers import Answers
from stages.common.judging.published import Published
from stages.common.judging.reproduction import Agreement, Judgement, Ours
from stages.common.judging.verdicts import Judged, explain_small_test_set, judge_family
from stages.report.comparisons import (
    against_baseline,
    compare_variations,
    disagreements,
    experiments_table,
    highest_network,
)
from stages.report.page import experiments_section, explain_terms
from stages.report.tables import NO_BREAK, baselines_table, results_table

LINK = "[`mine_b`](#model-mine_b)"


def raise_macro_f1(answers: Answers, by: float) -> Answers:
    """The same answers, as if they had another macro F1."""
    return answers._replace(macro_f1=answers.macro_f1 + by)


# Accuracy and macro F1


@pytest.mark.parametrize(
    ("accuracy", "by", "said"),
    [
        (0.85, 0.0, ""),
        (0.85, -0.1, f"{LINK} is better by accuracy and worse by macro F1"),
        (0.8, 0.05, f"{LINK} is equivalent by accuracy and better by macro F1"),
        (0.85, -0.0485, f"{LINK} is better by accuracy and negligibly different by macro F1"),
    ],
)
def test_a_model_that_does_better_by_one_figure_only_is_named(accuracy: float, by: float, said: str) -> None:
    params, results = case(0.8, accuracy)
    results.answers["mine_b"] = raise_macro_f1(results.answers["mine_b"], by)
    compared = compare_variations(params, results)
    found = disagreements(compared, compare_variations(params, results, "macro_f1"))
    assert found == (f"Accuracy and macro F1 give different verdicts: {said}." if said else "")
    assert found in experiments_section(params, results, compared)


def test_the_interval_by_the_seeds_alone_stands_beside_the_other() -> None:
    params, results = case(0.8, 0.801)
    both = [compare_variations(params, results, figure) for figure in ("accuracy", "macro_f1")]
    header, _, line = experiments_table(params, ["mine_a", "mine_b"], *both).splitlines()[-3:]
    place = [cell.strip() for cell in header.split("|")].index("on this test set")
    new, old = (1 - results.answers[name].wrong.mean(axis=1) for name in ("mine_b", "mine_a"))
    expected = stats.ttest_rel(new, old).confidence_interval()
    shown = line.split("|")[place].strip().replace(NO_BREAK, " ")
    assert shown == f"{100 * expected.low:+.2f} to {100 * expected.high:+.2f}"


def test_every_model_that_disagrees_is_named() -> None:
    params, results = case(0.8, 0.85, 0.7, 0.9)
    for name in ("mine_b", "mine_c"):
        results.answers[name] = raise_macro_f1(results.answers[name], 0.8 - results.answers[name].macro_f1.mean())
    found = disagreements(compare_variations(params, results), compare_variations(params, results, "macro_f1"))
    assert found.count("by macro F1") == 2
    assert "; [`mine_c`](#model-mine_c) is worse by accuracy and equivalent by macro F1." in found
    assert "mine_d" not in found


def test_a_variation_has_a_verdict_on_either_figure() -> None:
    params, results = case(0.8, 0.85)
    results.answers["mine_b"] = raise_macro_f1(results.answers["mine_b"], -0.1)
    both = [compare_variations(params, results, figure) for figure in ("accuracy", "macro_f1")]
    line = experiments_table(params, ["mine_a", "mine_b"], *both).splitlines()[-1].replace(NO_BREAK, " ")
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:2] == [LINK, "2 units"]
    assert cells[2].startswith("+5.00 (+4.8")
    assert cells[4:6] == ["<0.001", "better"]
    assert cells[6].startswith("-5.00 (-5.")
    assert cells[7] == "worse"


def test_macro_f1_stands_beside_accuracy_in_the_tables() -> None:
    params, results = case(0.8)
    for line in results.replicates["mine_a"]:
        line |= {"test_loss": "0.5", "test_macro_f1": "0.7"}
    results = results._replace(
        figures={"mine_a": {"test.loss": 0.51, "test.accuracy": 0.81, "test.macro_f1": 0.71}},
        baselines={
            "mine": {
                "expected_of_shuffling": {"accuracy": 0.4, "sd": 0.01},
                "shuffled_labels": {"accuracy": 0.41, "macro_f1": 0.31},
                "most_frequent_class": {"accuracy": 0.42, "macro_f1": 0.32},
                "naive_bayes": {"accuracy": 0.43, "macro_f1": 0.33},
                "logistic_regression": {"accuracy": 0.44, "macro_f1": 0.34},
            }
        },
    )
    header, _, line = results_table(params, results).replace(NO_BREAK, " ").splitlines()
    assert header == (
        "| model | seeds | test loss | test accuracy | test macro F1 | loss, one run | accuracy, one run | "
        "macro F1, one run |"
    )
    assert line == (
        "| [`mine_a`](#model-mine_a) | 10 | 0.5000 ± 0.0000 | 0.8000 ± 0.0012 | 0.7000 ± 0.0000 | 0.5100 | 0.8100 | "
        "0.7100 |"
    )
    header, _, shuffled, *_, regression = baselines_table(results).splitlines()
    assert header == "|  | mine, accuracy | mine, macro F1 |"
    assert shuffled == "| shuffled labels, expected | 0.4000 |  |"
    assert regression == "| logistic regression | 0.4400 | 0.3400 |"


# Families


def test_a_model_of_one_dataset_moves_no_p_of_another() -> None:
    mine = case(0.8, 0.8006, 0.801)
    before = compare_variations(*mine)
    for others in (case(0.6, 0.7, dataset="other"), case(0.6, 0.7, 0.6004, 0.5, dataset="other")):
        after = compare_variations(*together(mine, others))
        assert {name: after[name] for name in before} == before
    more = compare_variations(*case(0.8, 0.8006, 0.801, 0.8003))
    assert more["mine_c"].p_adjusted > before["mine_c"].p_adjusted


# Small test sets


def judged_on(texts: int, accuracy: float, spread: float) -> list[Judged]:
    """A model against one of accuracy 0.8, both by ten seeds whose accuracies are so far apart."""
    strays = np.linspace(-spread / 2, spread / 2, 10)
    new = answers_of((accuracy + np.roll(strays, 1)).tolist(), texts=texts)
    old = answers_of((0.8 + strays).tolist(), texts=texts)
    return list(judge_family({"new": (new, old)}, 0.002, 0.005).values())


@pytest.mark.parametrize(
    ("texts", "accuracy", "spread", "said"),
    [
        (200, 0.805, 0.0, "2.0 points is found in 80% of cases; one of a point takes about 776 test texts."),
        (999, 0.81, 0.04, "1.4 points is found in 80% of cases; one of a point takes about 24 seeds."),
        (
            400,
            0.8,
            0.03,
            "1.2 points is found in 80% of cases; one of a point takes about 1,411 test texts or about 17 seeds.",
        ),
        (200, 0.81, 0.04, "2.0 points is found in 80% of cases; one of a point takes more texts and more seeds."),
    ],
)
def test_of_a_small_test_set_it_is_said_what_can_be_found(
    texts: int, accuracy: float, spread: float, said: str
) -> None:
    found = explain_small_test_set("mine", judged_on(texts, accuracy, spread))
    assert found == f"The test set of mine has {texts} texts. A difference of {said}"


def test_a_large_test_set_needs_no_excuse() -> None:
    assert explain_small_test_set("mine", judged_on(1_000, 0.81, 0.04)) == ""
    assert explain_small_test_set("mine", judged_on(999, 0.81, 0.04)) != ""


def test_the_same_runs_say_nothing_of_a_test_set() -> None:
    runs = answers_of([0.8, 0.81, 0.79], texts=200)
    same = judge_family({"twin": (runs, runs)}, 0.002, 0.005)
    assert explain_small_test_set("mine", same.values()) == ""
    assert explain_small_test_set("mine", []) == ""


def test_the_page_says_so_below_the_variations() -> None:
    params, results = case(0.8, 0.85, texts=500)
    said = experiments_section(params, results, compare_variations(params, results))
    assert "\n\nThe test set of mine has 500 texts. A difference of " in said
    params, results = case(0.8, 0.85)
    assert "The test set of" not in experiments_section(params, results, compare_variations(params, results))


# Baselines


def test_the_highest_network_is_held_against_the_baseline_text_by_text() -> None:
    """With the same accuracies it is certain where both fail on the same texts, and not where they fail on others."""
    params, results = case(0.8, 0.7, baseline=0.75, texts=400)
    found = highest_network(params, results, "mine")
    assert (found.model, found.relation) == ("mine_a", "above logistic regression")
    assert found.mean == pytest.approx(0.8)
    assert found.baseline == pytest.approx(0.75)
    of_baselines = results.baseline_answers["mine"]
    results.baseline_answers["mine"] = of_baselines._replace(wrong=of_baselines.wrong[:, ::-1])
    other = highest_network(params, results, "mine")
    assert (other.model, other.relation) == ("mine_a", "not distinguished from logistic regression")
    assert other.judged.found.difference == pytest.approx(found.judged.found.difference)
    assert other.judged.p_adjusted > 0.05 > found.judged.p_adjusted
    assert "not distinguished from logistic regression (+0.0500, p = " in against_baseline(params, results, "mine")


def test_of_a_small_test_set_of_a_single_model_it_is_said_beside_the_baseline() -> None:
    said = against_baseline(*case(0.8, baseline=0.79, texts=400), "mine")
    assert "). The test set of mine has 400 texts. A difference of " in said
    assert said.endswith(" test texts.")
    assert against_baseline(*case(0.8, 0.7, baseline=0.79, texts=400), "mine").endswith(").")
    assert against_baseline(*case(0.8, baseline=0.79), "mine").endswith(").")


def test_p_of_the_highest_network_counts_all_networks() -> None:
    alone, among = (highest_network(*case(*of, baseline=0.79, texts=400), "mine") for of in ([0.8], [0.8, 0.7, 0.6]))
    assert among.model == alone.model == "mine_a"
    assert among.judged.p_adjusted > 2 * alone.judged.p_adjusted


# Published figures


@pytest.mark.parametrize(
    ("verdict", "p_adjusted", "known", "end"),
    [
        ("doubtful", 0.343, None, "By chance alone, at least one figure is that far out in up to 34% of reports."),
        ("doubtful", 1.0, None, "By chance alone, at least one figure is that far out in up to 100% of reports."),
        ("doubtful", 0.343, "the stars", "Known: the stars."),
        ("differs", 0.012, None, "No reason is known."),
        ("differs", None, None, "No reason is known."),
    ],
)
def test_what_is_said_of_a_doubtful_figure_follows_from_its_p(
    verdict: Agreement, p_adjusted: float | None, known: str | None, end: str
) -> None:
    entry = Published(of="imdb", figure="test.loss", value="0.5", source="A 1.1", known=known)
    p = None if p_adjusted is None else 0.008
    said = explain_terms(Judgement(entry, Ours(0.25, 0.01, 20), 0.2, 0.3, p, p_adjusted, verdict))
    ps = "" if p_adjusted is None else f"; p is 0.008, after Holm's correction {p_adjusted:.3f}"
    assert said == f"- `imdb` test loss: published 0.5, ours 0.2500 ± 0.0100{ps}. {end}"
