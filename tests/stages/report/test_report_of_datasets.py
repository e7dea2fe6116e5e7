"""What the report says of a dataset, word for word, from made-up numbers."""

from typing import Any

import pytest

from bagpipe.scratch.copies import ROOT
from stages.common.basics.params.reading import PARAMS_FILE, load_params
from stages.common.judging.published import load_published
from stages.common.judging.reproduction import Results
from stages.report.datasets import describe_repetitions, describe_texts, explain_repetitions, unseen_table
from stages.report.tables import NO_BREAK
from stages.report.words import one_in_n

PARAMS = load_params(ROOT / PARAMS_FILE)
NOTEBOOKS = load_published(PARAMS, ROOT / "published.yaml")


def data(**changes: Any) -> dict[str, Any]:
    part = {
        "texts": 1_000,
        "duplicates": 7,
        "texts_of_several_labels": 3,
        "most_frequent_class": 0.25,
        "words": {"decile_1": 5, "decile_5": 50, "decile_9": 1_500},
        "words_beyond": 0.0312,
    }
    overlap = {"test_texts_in_train": 100, "none_with_its_label": 60, "near_duplicates": 4}
    classes = {"number": 5, "missing_in_train": 0, "missing_in_test": 0, "fewer_than_ten_in_train": 0}
    return {
        "train": part,
        "test": part,
        "overlap": overlap | changes.pop("overlap", {}),
        "classes": classes | changes.pop("classes", {}),
        "empty_texts": 0,
        "ceiling": 0.9,
        **changes,
    }


def results(every: float, unseen: float | None, **changes: Any) -> Results:
    line = {"test_accuracy": every} | ({} if unseen is None else {"test_unseen_accuracy": unseen})
    runs = [{"seed": str(seed)} | {key: str(value) for key, value in line.items()} for seed in (1001, 1002)]
    found = {"imdb": data(**changes), "reuters": data(**changes)}
    return Results({}, dict.fromkeys(PARAMS.models, runs), {}, {}, {}, found, {}, {})


@pytest.mark.parametrize(
    ("count", "total", "said"),
    [
        (0, 10, "No test text is"),
        (237, 2_246, "One in nine test texts (237 of 2,246) is"),
        (100, 1_000, "One in ten test texts (100 of 1,000) is"),
        (123, 25_000, "One in 203 test texts (123 of 25,000) is"),
        (1, 2_000, "One in 2,000 test texts (1 of 2,000) is"),
        (50, 100, "One in two test texts (50 of 100) is"),
        (80, 100, "80% of the test texts (80 of 100) are"),
        (100, 100, "100% of the test texts (100 of 100) are"),
    ],
)
def test_a_share_in_words(count: int, total: int, said: str) -> None:
    assert one_in_n(count, total) == said


def test_texts_are_described() -> None:
    assert describe_texts("d", data(classes={"missing_in_test": 2, "fewer_than_ten_in_train": 1}, empty_texts=3)) == (
        "**d**: 1,000 training and 1,000 test texts of 5 classes. The most frequent class has 25.0% of the training "
        "texts. Of the classes, 2 have no test text and 1 has fewer than ten training texts. Half of the "
        "training texts have at most 50 words, one in ten at most 5 and nine in ten at most 1,500; 3.1% of the words "
        "of the test texts are not in the vocabulary. 3 texts have no word."
    )


def test_repetitions_are_described() -> None:
    said = describe_repetitions(data())
    assert said.startswith(
        "One in ten test texts (100 of 1,000) is in the training set word for word, 60 of them never"
    )
    assert "; 4 more have a near duplicate there" in said
    assert said.endswith("7 texts repeat another, and 3 distinct texts stand under several labels.")
    assert "each under its label" in describe_repetitions(data(overlap={"none_with_its_label": 0}))


def test_one_and_none_are_described_as_such() -> None:
    one = {"test_texts_in_train": 1, "none_with_its_label": 1, "near_duplicates": 1}
    part = data()["train"] | {"duplicates": 1, "texts_of_several_labels": 1}
    assert describe_repetitions(data(overlap=one, train=part)) == (
        "One in 1,000 test texts (1 of 1,000) is in the training set word for word, never under the label that the "
        "test expects; 1 more has a near duplicate there, with at least four in five words in common. In training, 1 "
        "text repeats another, and 1 distinct text stands under several labels."
    )
    part = part | {"duplicates": 0, "texts_of_several_labels": 0}
    assert describe_repetitions(data(overlap=dict.fromkeys(one, 0), train=part)) == (
        "No test text is in the training set word for word; no more has a near duplicate there, with at least four "
        "in five words in common. In training, no text repeats another, and no distinct text stands under several "
        "labels."
    )
    assert describe_texts("d", data(empty_texts=1)).endswith("1 text has no word.")


@pytest.mark.parametrize(
    ("every", "unseen", "overlap", "end"),
    [
        (0.8, 0.801, {}, "So the texts in both sets hardly affect the published test accuracies and ours."),
        (0.8, 0.84, {}, "not seen: most of the test texts that it has seen stood under another label."),
        (0.8, 0.84, {"none_with_its_label": 50}, "low as estimates for texts that the network has not seen."),
        (0.8, 0.75, {}, "5.0 points too high as estimates for texts that the network has not seen."),
        (0.8, None, {}, "as the same text cannot be right under two labels."),
    ],
)
def test_what_it_means(every: float, unseen: float | None, overlap: dict[str, int], end: str) -> None:
    found = results(every, unseen, overlap=overlap)
    said = explain_repetitions("reuters", found.data["reuters"], PARAMS, NOTEBOOKS, found).strip()
    assert said.startswith("Giving each test text the label that it bears most often in the whole corpus would reach")
    assert said.endswith(end)


def test_every_model_is_in_the_table() -> None:
    lines = unseen_table(PARAMS, results(0.8, 0.84)).splitlines()[2:]
    assert len(lines) == len(PARAMS.models)
    assert all("0.9000" in line and line.endswith("+0.0400 |") for line in lines)
    assert all(
        f"0.8000{NO_BREAK}±{NO_BREAK}0.0000" in line
        for line in unseen_table(PARAMS, results(0.8, None)).splitlines()[2:]
    )
