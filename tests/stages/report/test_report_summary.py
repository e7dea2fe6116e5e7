"""What the page of results begins with, word for word, from made-up runs; and how its tables look."""

import re
from collections.abc import Sequence
from typing import Any

import pytest
from made_up_results import TWIN, case, together

from stages.common.basics.params.params import Params
from stages.common.judging.published import Notebooks, Published
from stages.common.judging.reproduction import Judgement, Ours, Results
from stages.report.comparisons import Highest, compare_variations, highest_network
from stages.report.page import experiments_section, reproduction_section
from stages.report.summary import (
    answer_baselines,
    answer_models,
    answer_notebooks,
    answer_repeated_texts,
    answer_what_helps,
    compose_summary,
)
from stages.report.tables import NO_BREAK, page_table, reproduction_table
from stages.report.words import count_with_verb, format_points, join_first_names, join_names

# Which model is best


@pytest.mark.parametrize(
    ("accuracies", "changes", "said"),
    [
        ((0.8,), {}, "`a` (0.8000) is the only model."),
        ((0.8, 0.85), {}, "`b` (0.8500) is better than `a` (0.8000), by 4.8 to 5.2 points."),
        ((0.8, 0.7), {}, "`a` (0.8000) is the best; 1 model is worse."),
        ((0.8, 0.7, 0.6), {}, "`a` (0.8000) is the best; 2 models are worse."),
        ((0.8, TWIN), {}, "no model is shown to be better than `a` (0.8000)."),
        ((0.8, 0.7, TWIN), {}, "no model is shown to be better than `a` (0.8000); 1 model is worse."),
        ((0.8, 0.8003), {}, "no model is shown to be better than `a` (0.8000), not even `b` (0.8003)."),
        ((0.8, 0.7997), {}, "no model is shown to be better than `a` (0.8000)."),
        (
            (0.8, 0.85, 0.7),
            {},
            "`b` (0.8500) is the best, better than `a` (0.8000), by 4.8 to 5.2 points; 1 model is worse.",
        ),
        ((0.8, 0.85, 0.8003), {}, "`b` (0.8500) is better than `a` (0.8000), by 4.8 to 5.2 points."),
        (
            (0.8, 0.85, 0.9),
            {},
            "`c` (0.9000) and `b` (0.8500) are better than `a` (0.8000), by 9.8 to 10.2 and 4.8 to 5.2 points.",
        ),
        (
            (0.8, 0.85, 0.86, 0.87, 0.88, 0.89),
            {},
            "`f` (0.8900), `e` (0.8800), `d` (0.8700) and 2 more are better than `a` (0.8000).",
        ),
        (
            (0.8, 0.9),
            {"leave_out": 500},
            (
                "no model is shown to be better than `a` (0.8000); `b` (0.9000), trained on other texts, is not "
                "compared."
            ),
        ),
        ((0.8, 0.9), {"epochs": 99}, "`b` (0.9000) is better than `a` (0.8000), by 9.8 to 10.2 points."),
        ((0.8, 0.7), {"leave_out": 500}, "no model is shown to be better than `a` (0.8000)."),
    ],
)
def test_which_model_is_best(accuracies: Sequence[float], changes: dict[str, Any], said: str) -> None:
    params, results = case(*accuracies, **changes)
    found = answer_models(params, results, compare_variations(params, results), "mine")
    assert found.replace("`mine_", "`") == f"On mine, {said}"


@pytest.mark.parametrize(
    ("accuracies", "changes", "said"),
    [
        ((0.8, 0.85), {}, ""),
        ((0.8, 0.85), {"dropout": 0.5}, ""),
        (
            (0.8, 0.81, 0.85),
            {"dropout": 0.5, "hidden": [1]},
            "dropout 0.5 of units (`c`, +5.0 points); other layers and units bring +1.0 at best (`b`).",
        ),
        (
            (0.8, 0.81, 0.85),
            {"class_weight": "sqrt", "epochs": 99, "hidden": []},
            (
                "no hidden layer, texts of a class weighted by 1 / √n (`c`, +5.0 points); other layers and units "
                "bring +1.0 at best (`b`)."
            ),
        ),
        (
            (0.8, 0.85, 0.81),
            {"l2": 0.1},
            "nothing that was tried; other layers and units bring +5.0 at best (`b`).",
        ),
        (
            (0.8, 0.79, 0.78),
            {"l2": 0.1, "hidden": [1]},
            "nothing that was tried; other layers and units bring -1.0 at best (`b`).",
        ),
    ],
)
def test_what_helps_more_than_units(accuracies: Sequence[float], changes: dict[str, Any], said: str) -> None:
    params, results = case(*accuracies, **changes)
    found = answer_what_helps(params, compare_variations(params, results), "mine").replace("`mine_", "`")
    assert found == (f"On mine, {said}" if said else "")


def highest_of(params: Params, results: Results) -> dict[str, Highest]:
    return {dataset: highest_network(params, results, dataset) for dataset in results.baselines}


def test_the_highest_network_is_held_against_the_highest_baseline() -> None:
    assert answer_baselines(highest_of(*case(0.8, 0.7))) == (
        "The network with the highest mean is above logistic regression on mine (0.8000 and 0.6000)."
    )
    assert "below logistic regression on mine" in answer_baselines(highest_of(*case(0.4)))
    both = together(case(0.8, baseline=0.4), case(0.6, dataset="other"))
    assert answer_baselines(highest_of(*both)) == (
        "The network with the highest mean is above Bernoulli naive Bayes on mine (0.8000 and 0.5000) and "
        "equivalent to logistic regression on other (0.6000 and 0.6000)."
    )
    both = together(case(0.8), case(0.9, dataset="other"))
    assert answer_baselines(highest_of(*both)) == (
        "The network with the highest mean is above logistic regression on mine (0.8000 and 0.6000) and on other "
        "(0.9000 and 0.6000)."
    )


@pytest.mark.parametrize(
    ("unseen", "side"), [("0.85", "5.0 points higher"), ("0.79", "1.0 point lower"), ("0.8", "")]
)
def test_test_texts_that_training_has_are_mentioned_if_they_matter(unseen: str, side: str) -> None:
    params, results = case(0.8)
    for line in results.replicates["mine_a"]:
        line["test_unseen_accuracy"] = unseen
    results.data["mine"]["overlap"]["test_texts_in_train"] = 10
    said = answer_repeated_texts(params, results, "mine")
    assert said == (
        "One in ten test texts (10 of 100) is in the training set of mine, too; on the others the test accuracy of "
        f"`mine_a` is {side}."
        if side
        else ""
    )


# Whether the notebooks hold up


def judged(verdict: str, model: str = "imdb", figure: str = "test.loss", **more: Any) -> Judgement:
    entry = Published(of=model, figure=figure, value="0.5", source="A 1.1", **more)
    return Judgement(entry, Ours(0.25, 0.01, 20), 0.2, 0.3, 0.01, 0.02, verdict)


@pytest.mark.parametrize(
    ("verdicts", "said"),
    [
        (["consistent"], "Yes. The only published figure agrees with ours."),
        (["consistent"] * 3, "Yes. All 3 published figures agree with ours."),
        (
            ["consistent"] * 2 + ["doubtful"],
            "Mostly. Of 3 published figures, 2 agree with ours, 1 is doubtful and none contradicts them.",
        ),
        (
            ["consistent"] * 26 + ["doubtful"] * 2,
            (
                "Mostly. Of 28 published figures, 26 agree with ours, 2 are doubtful (about 1 is expected by chance) "
                "and none contradicts them."
            ),
        ),
        (
            ["consistent"] * 2 + ["differs"],
            "Not entirely. Of 3 published figures, 2 agree with ours, none is doubtful and 1 contradicts them.",
        ),
        (
            ["consistent", "differs", "differs"],
            "No. Of 3 published figures, 1 agrees with ours, none is doubtful and 2 contradict them.",
        ),
        (
            ["doubtful"],
            "That is doubtful. Of 1 published figure, none agrees with ours, 1 is doubtful and none contradicts it.",
        ),
    ],
)
def test_whether_the_notebooks_hold_up(verdicts: list[str], said: str) -> None:
    found = answer_notebooks([judged(verdict) for verdict in verdicts])
    assert found.removesuffix(" More about `imdb` is [below](#which-published-figures-hold-up).") == said
    assert (found == said) == (set(verdicts) == {"consistent"})


def test_what_is_not_consistent_is_explained_once_and_after_its_source() -> None:
    notebooks = Notebooks(sources={"A": "a book", "B": "another"}, published=[], bounds=[])
    said = reproduction_section(
        notebooks,
        [
            judged("consistent"),
            judged("doubtful", figure="validation.val_loss"),
            judged("differs", figure="validation.last_val_loss", known="the stars"),
        ],
        "",
    )
    assert "- A: a book" in said
    assert "- B" not in said
    assert "- `imdb` lowest validation loss: published 0.5, ours 0.2500 ± 0.0100; p is 0.010" in said
    assert "in up to 2% of reports.\n- `imdb` last validation loss: " in said
    assert "Known: the stars." in said
    assert "one and the same run" in said
    places = [said.index(part) for part in ("- A: a book", "By chance alone", "| figure |", "notebook A 1.1")]
    assert places == sorted(places)
    assert said.count("test loss") == 1
    assert "not consistent" not in reproduction_section(notebooks, [judged("consistent")], "")


def test_figures_of_several_runs_are_not_said_to_be_of_one() -> None:
    notebooks = Notebooks(sources={"A": "a book"}, published=[], bounds=[])
    for others in ([judged("doubtful")], [judged("doubtful"), judged("doubtful", model="reuters")]):
        assert "one and the same run" not in reproduction_section(notebooks, others, "")


# The beginning


def test_nothing_is_said_of_notebooks_where_nothing_is_published() -> None:
    params, results = case(0.8, 0.85)
    notebooks = Notebooks(sources={}, published=[], bounds=[])
    said = compose_summary(params, notebooks, results, [], compare_variations(params, results))
    assert "published" not in said
    assert "notebook" not in said
    assert "possible" not in said
    assert said.replace(NO_BREAK, " ").splitlines()[-3:] == [
        "| [`mine_a`](#model-mine_a) | 0.8000 ± 0.0012 |  | reference |",
        "| [`mine_b`](#model-mine_b) | 0.8500 ± 0.0012 | +5.00 (+4.81 to +5.19) | better |",
        "| logistic regression on mine | 0.6000 |  |  |",
    ]


def test_the_best_possible_accuracy_is_not_called_published() -> None:
    params, results = case(0.8, 0.85)
    best = [Published(of="mine_a", figure="test.accuracy", value="0.9", source="G", best_possible=True)]
    notebooks = Notebooks(sources={"G": "the texts are generated"}, published=best, bounds=[])
    said = compose_summary(params, notebooks, results, [], compare_variations(params, results))
    assert "**How near is the best possible?** `mine_b` reaches 0.8500 of 0.9." in said
    assert len(re.findall(r"^\| \[`mine_.*\| 0\.9 \|", said, re.MULTILINE)) == 2
    assert "| best possible |" in said
    assert "published" not in said


def test_a_model_that_is_neither_published_nor_better_is_left_to_the_table_of_all() -> None:
    params, results = case(0.8, 0.85, 0.7)
    said = compose_summary(
        params, Notebooks(sources={}, published=[], bounds=[]), results, [], compare_variations(params, results)
    )
    assert "[`mine_b`]" in said
    assert "mine_c" not in said


def test_one_model_alone_has_no_experiments() -> None:
    params, results = case(0.8)
    assert experiments_section(params, results, compare_variations(params, results)) == ""


# Tables and words


def test_a_table_is_compact_aligned_and_does_not_break_numbers() -> None:
    said = page_table("lrl", ["a", "b", "c"], [["x y", "1 to 2", ""], ["z", "", ""]])
    assert said == f"| a | b |\n| :-- | --: |\n| x y | 1{NO_BREAK}to{NO_BREAK}2 |\n| z |  |\n"


def test_figures_stand_under_the_model_that_they_are_of() -> None:
    lines = reproduction_table(
        [judged("consistent"), judged("doubtful", "reuters"), judged("consistent", figure="test.accuracy")]
    ).splitlines()[2:]
    assert [re.sub(r" \|.*", "", line) for line in lines] == [
        "| **`imdb`**, notebook A 1.1",
        "| test loss",
        "| test accuracy",
        "| **`reuters`**, notebook A 1.1",
        "| test loss",
    ]


@pytest.mark.parametrize(("items", "said"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")])
def test_a_list_in_a_sentence(items: list[str], said: str) -> None:
    assert join_names(items) == said


def test_words_for_numbers() -> None:
    assert join_first_names("abcd") == "a, b, c and d"
    assert join_first_names("abcde") == "a, b, c and 2 more"
    assert [count_with_verb(count, "is", "are") for count in range(3)] == ["none is", "1 is", "2 are"]
    assert [format_points(value) for value in (0.01, -0.01, 0.0236)] == ["1.0 point", "1.0 point", "2.4 points"]
