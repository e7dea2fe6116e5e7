"""What `describe` has found in each dataset, in words, and what it means for the figures."""

from typing import Any

from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import models_on, ordered_models, texts_of
from stages.common.judging.published import Notebooks
from stages.common.judging.reproduction import Results, metric_by_seed
from stages.report.tables import ACCURACY, format_mean_and_sd, format_signed, link_model, mean_of_runs, page_table
from stages.report.words import count_with_verb, format_points, join_names, one_in_n

UNSEEN = "test_unseen.accuracy"


def describe_texts(name: str, data: dict[str, Any]) -> str:
    """How many texts, how long, of which classes."""
    train, test, classes, words = data["train"], data["test"], data["classes"], data["train"]["words"]
    said = (
        f"**{name}**: {train['texts']:,} training and {test['texts']:,} test texts of {classes['number']} classes. "
        f"The most frequent class has {train['most_frequent_class']:.1%} of the training texts. "
    )
    rare = [
        f"{count_with_verb(classes[key], 'has', 'have')} {text}"
        for key, text in (
            ("missing_in_train", "no training text"),
            ("missing_in_test", "no test text"),
            ("fewer_than_ten_in_train", "fewer than ten training texts"),
        )
        if classes[key]
    ]
    if rare:
        said += f"Of the classes, {join_names(rare)}. "
    said += (
        f"Half of the training texts have at most {words['decile_5']:,} words, one in ten at most "
        f"{words['decile_1']:,} and nine in ten at most {words['decile_9']:,}; {test['words_beyond']:.1%} of the "
        "words of the test texts are not in the vocabulary."
    )
    empty = count_with_verb(data["empty_texts"], "text has", "texts have")
    return said + (f" {empty} no word." if data["empty_texts"] else "")


def describe_repetitions(data: dict[str, Any]) -> str:
    """Which texts occur more than once."""
    train, overlap = data["train"], data["overlap"]
    count, never = overlap["test_texts_in_train"], overlap["none_with_its_label"]
    said = f"{one_in_n(count, data['test']['texts'])} in the training set word for word"
    if count:
        them = "" if count == 1 else f"{never:,} of them " if never else "each "
        said += f", {them}{'never under the label that the test expects' if never else 'under its label'}"
    near = count_with_verb(overlap["near_duplicates"], "more has", "more have", zero="no")
    repeating = count_with_verb(train["duplicates"], "text repeats", "texts repeat", zero="no")
    several = count_with_verb(
        train["texts_of_several_labels"], "distinct text stands", "distinct texts stand", zero="no"
    )
    return (
        f"{said}; {near} a near duplicate there, with at least four in five words in common. In training, "
        f"{repeating} another, and {several} under several labels."
    )


def explain_repetitions(
    name: str, data: dict[str, Any], params: Params, notebooks: Notebooks, results: Results
) -> str:
    """What that means for the figures, the published ones among them."""
    said = ""
    if data["ceiling"] < 1:
        said = (
            "Giving each test text the label that it bears most often in the whole corpus would reach an accuracy of "
            f"{data['ceiling']:.4f}, as the same text cannot be right under two labels. "
        )
    overlap, models = data["overlap"], models_with_unseen(params, results, name)
    if not models:
        return said + ("" if overlap["test_texts_in_train"] else "The test accuracies are of new texts.")
    every, unseen = (mean_of_runs(metric_by_seed(results, models[0], figure)) for figure in (ACCURACY, UNSEEN))
    published = any(entry.of in models and not entry.best_possible for entry in notebooks.published)
    figures = "the published test accuracies and ours" if published else "the test accuracies"
    said += (
        f"The test accuracy of `{models[0]}` is {every:.4f} on all test texts and {unseen:.4f} on those that "
        "training does not have. "
    )
    if abs(unseen - every) < params.verdicts.negligible:
        return said + f"So the texts in both sets hardly affect {figures}."
    side = "low" if unseen > every else "high"
    said += (
        f"So {figures} are about {format_points(unseen - every)} too {side} as estimates for texts that the network "
        "has not seen"
    )
    if unseen > every and 2 * overlap["none_with_its_label"] > overlap["test_texts_in_train"]:
        said += ": most of the test texts that it has seen stood under another label"
    return f"{said}."


def has_unseen(results: Results, model: str) -> bool:
    return UNSEEN.replace(".", "_") in results.replicates[model][0]


def models_with_unseen(params: Params, results: Results, dataset: str) -> list[str]:
    return [model for model in models_on(params, dataset) if has_unseen(results, model)]


def paragraphs(params: Params, notebooks: Notebooks, results: Results) -> str:
    """A paragraph for each dataset."""

    def paragraph(name: str, data: dict[str, Any]) -> str:
        explained = explain_repetitions(name, data, params, notebooks, results)
        return f"{describe_texts(name, data)} {describe_repetitions(data)} {explained}".strip()

    return "\n\n".join(paragraph(name, data) for name, data in results.data.items())


def unseen_table(params: Params, results: Results) -> str:
    """Each model's accuracy on all test texts and on the unseen ones, below the ceiling."""

    def line(name: str) -> list[str]:
        every = metric_by_seed(results, name, ACCURACY)
        ceiling = f"{results.data[texts_of(params, name)]['ceiling']:.4f}"
        if not has_unseen(results, name):
            return [link_model(name), ceiling, format_mean_and_sd(every), "", ""]
        unseen = metric_by_seed(results, name, UNSEEN)
        difference = mean_of_runs(unseen) - mean_of_runs(every)
        return [
            link_model(name),
            ceiling,
            format_mean_and_sd(every),
            format_mean_and_sd(unseen),
            format_signed(difference),
        ]

    header = ["model", "ceiling", "all test texts", "unseen test texts", "difference"]
    return page_table("lrrrr", header, map(line, ordered_models(params)))
