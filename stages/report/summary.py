"""What came out, in a few sentences and one table: the beginning of the page of results."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import models_on, texts_of
from stages.common.judging.comparison import ALPHA
from stages.common.judging.published import Notebooks, not_judged, published_accuracies
from stages.common.judging.reproduction import Judgement, Results, metric_by_seed
from stages.common.judging.verdicts import Judged
from stages.report.comparisons import Highest, highest_baseline, highest_network, variations
from stages.report.curves import PublishedCurves, answer_curves
from stages.report.datasets import UNSEEN, models_with_unseen
from stages.report.networks import differences
from stages.report.tables import (
    ACCURACY,
    format_difference,
    format_interval,
    format_mean_and_sd,
    format_signed,
    link_model,
    mean_of_runs,
    page_table,
)
from stages.report.words import MOST_NAMED, count_with_verb, format_points, join_first_names, join_names, one_in_n


def answer_notebooks(judgements: list[Judgement]) -> str:
    """Whether the published figures hold up."""
    counts = Counter(found.verdict for found in judgements)
    total, consistent = len(judgements), counts["consistent"]
    doubtful, differing = counts["doubtful"], counts["differs"]
    if consistent == total:
        figures = f"All {total} published figures agree" if total > 1 else "The only published figure agrees"
        return f"Yes. {figures} with ours."
    if differing:
        answer = "No" if 2 * differing > total else "Not entirely"
    else:
        answer = "That is doubtful" if 2 * doubtful > total else "Mostly"
    by_chance = round(ALPHA * sum(found.published.varies for found in judgements))
    expected = f" (about {by_chance} {'is' if by_chance == 1 else 'are'} expected by chance)" if by_chance else ""
    said = [
        f"{count_with_verb(consistent, 'agrees', 'agree')} with ours",
        f"{count_with_verb(doubtful, 'is', 'are')} doubtful{expected}",
        f"{count_with_verb(differing, 'contradicts', 'contradict')} {'them' if total > 1 else 'it'}",
    ]
    models = dict.fromkeys(f"`{found.published.of}`" for found in judgements if found.verdict != "consistent")
    figures = f"{total} published figures" if total > 1 else "1 published figure"
    return (
        f"{answer}. Of {figures}, {join_names(said)}. More about {join_first_names(models)} is "
        "[below](#which-published-figures-hold-up)."
    )


def answer_models(params: Params, results: Results, compared: Mapping[str, Judged], dataset: str) -> str:
    """Which model of a dataset is better than its reference, or the best, as far as the verdicts say so."""
    models, (reference, *others) = models_on(params, dataset), variations(params, dataset)
    accuracy = {name: mean_of_runs(metric_by_seed(results, name, ACCURACY)) for name in models}

    def shown(name: str) -> str:
        return f"`{name}` ({accuracy[name]:.4f})"

    if len(models) == 1:
        return f"On {dataset}, {shown(reference)} is the only model."
    others.sort(key=lambda name: -accuracy[name])
    better = [name for name in others if compared[name].verdict == "better"]
    worse = [name for name in others if compared[name].verdict == "worse"]
    all_worse = 0 < len(others) == len(better) + len(worse)
    if better:
        relation = "the best, better than" if len(better) == 1 < len(others) and all_worse else "better than"
        verb = "is" if len(better) == 1 else "are"
        said = f"{join_first_names(map(shown, better))} {verb} {relation} {shown(reference)}"
        if len(better) <= MOST_NAMED:
            found = (compared[name] for name in better)
            said += f", by {join_names(format_interval(judged.low, judged.high) for judged in found)} points"
    elif all_worse:
        said = f"{shown(reference)} is the best"
    else:
        said = f"no model is shown to be better than {shown(reference)}"
        if others and accuracy[others[0]] > accuracy[reference]:
            said += f", not even {shown(others[0])}"
    if worse:
        said += f"; {count_with_verb(len(worse), 'model is', 'models are')} worse"
    uncompared = [name for name in models if name not in (reference, *others)]
    highest = max(uncompared, key=accuracy.__getitem__, default=reference)
    if accuracy[highest] > max(accuracy[name] for name in (reference, *others)):
        said += f"; {shown(highest)}, trained on other texts, is not compared"
    return f"On {dataset}, {said}."


def answer_what_helps(params: Params, compared: Mapping[str, Judged], dataset: str) -> str:
    """What is better than the reference by more than any other number of units is; empty if none is tried."""
    reference, *others = variations(params, dataset)
    changed = {name: differences(params, name, reference) for name in others}
    gain = {name: compared[name].found.difference for name in others}
    units = max((name for name in others if changed[name].keys() == {"hidden"}), key=gain.__getitem__, default=None)
    if units is None or all(kind.keys() == {"hidden"} for kind in changed.values()):
        return ""
    least = max(0.0, gain[units])
    better = [name for name in others if compared[name].verdict == "better" and gain[name] > least]
    better.sort(key=lambda name: -gain[name])
    of_units = f"other layers and units bring {points(gain[units])} at best (`{units}`)"
    if not better:
        return f"On {dataset}, nothing that was tried; {of_units}."
    said = join_first_names(
        f"{', '.join(filter(None, without_time(changed[name])))} (`{name}`, {points(gain[name])} points)"
        for name in better
    )
    return f"On {dataset}, {said}; {of_units}."


def without_time(changed: Mapping[str, str]) -> Iterable[str]:
    """What a model has otherwise, but for how long it learns."""
    return (said for key, said in changed.items() if key not in ("epochs", "batch_size"))


def points(difference: float) -> str:
    """A difference of accuracies in percentage points, with its sign."""
    return format_signed(100 * difference, 1)


def answer_baselines(highest: Mapping[str, Highest]) -> str:
    """Whether the highest networks, by dataset, are distinguished from the highest baselines."""
    by_relation: dict[str, list[str]] = {}
    for dataset, found in highest.items():
        shown = f"on {dataset} ({found.mean:.4f} and {found.baseline:.4f})"
        by_relation.setdefault(found.relation, []).append(shown)
    said = join_names(f"{relation} {join_names(shown)}" for relation, shown in by_relation.items())
    return f"The network with the highest mean is {said}."


def answer_best_possible(highest: Mapping[str, Highest], best: dict[str, str]) -> str:
    """How near the highest networks come to the best accuracy that is possible, which is `best` of each dataset."""
    reached = (
        f"`{highest[dataset].model}` reaches {highest[dataset].mean:.4f} of {accuracy}"
        for dataset, accuracy in best.items()
    )
    return f"{join_names(reached)}."


def answer_repeated_texts(params: Params, results: Results, dataset: str) -> str:
    """What test texts that training has, too, do to the test accuracy of a dataset's reference; empty if little."""
    models, data = models_with_unseen(params, results, dataset), results.data[dataset]
    if not models:
        return ""
    every, unseen = (mean_of_runs(metric_by_seed(results, models[0], figure)) for figure in (ACCURACY, UNSEEN))
    if abs(unseen - every) < params.verdicts.negligible:
        return ""
    repeated = one_in_n(data["overlap"]["test_texts_in_train"], data["test"]["texts"])
    side = "higher" if unseen > every else "lower"
    return (
        f"{repeated} in the training set of {dataset}, too; on the others the test accuracy of `{models[0]}` is "
        f"{format_points(unseen - every)} {side}."
    )


def headline_table(
    params: Params,
    results: Results,
    compared: Mapping[str, Judged],
    highest: Mapping[str, Highest],
    published: dict[str, str],
    best: dict[str, str],
) -> str:
    """Of each dataset its reference, what is published, the highest network and what is better; and a baseline.

    Args:
        published: test accuracies by model.
        best: the best possible ones by dataset.
    """

    def line(name: str) -> list[str]:
        dataset, judged = texts_of(params, name), compared.get(name)
        reference = name == params.defaults[dataset].reference
        return [
            link_model(name),
            format_mean_and_sd(metric_by_seed(results, name, ACCURACY)),
            published.get(name, ""),
            best.get(dataset, ""),
            format_difference(judged.found.difference, judged.low, judged.high) if judged else "",
            "reference" if reference else judged.verdict if judged else "",
        ]

    lines = []
    for dataset, found in highest.items():
        models = models_on(params, dataset)
        better = {name for name in models if name in compared and compared[name].verdict == "better"}
        lines += [line(name) for name in models if name in {models[0], found.model, *better, *published}]
        baseline, accuracy = highest_baseline(results, dataset)
        lines.append([f"{baseline} on {dataset}", f"{accuracy:.4f}", *[""] * 4])
    header = ["model", "test accuracy", "published", "best possible", "difference in points", "verdict"]
    return page_table("lrrrrl", header, lines)


def compose_summary(
    params: Params,
    notebooks: Notebooks,
    results: Results,
    judgements: list[Judgement],
    compared: Mapping[str, Judged],
    curves: Sequence[PublishedCurves] = (),
) -> str:
    """What came out: a few answers, each a point of a list, and the table of the models that matter.

    Args:
        judgements, curves: of what the notebooks print, at the end and after each epoch.
    """
    datasets = [dataset for dataset in results.baselines if models_on(params, dataset)]
    highest = {dataset: highest_network(params, results, dataset) for dataset in datasets}
    accuracies = published_accuracies(notebooks, params)
    published, best = ({of: entry.value for of, entry in entries.items()} for entries in accuracies)
    answers = {
        "Do the notebooks hold up?": " ".join(
            filter(
                None,
                [
                    answer_notebooks(judgements) if judgements else "",
                    not_judged(notebooks, params),
                    answer_curves(curves),
                ],
            )
        ),
        "Which model is best?": " ".join(answer_models(params, results, compared, dataset) for dataset in datasets),
        "What helps more than the number of units?": " ".join(
            filter(None, (answer_what_helps(params, compared, dataset) for dataset in datasets))
        ),
        "How near is the best possible?": answer_best_possible(highest, best) if best else "",
        "Does it take a network?": answer_baselines(highest),
        "Are the test texts new?": " ".join(
            filter(None, (answer_repeated_texts(params, results, dataset) for dataset in datasets))
        ),
    }
    said = "\n".join(f"- **{question}** {answer}" for question, answer in answers.items() if answer)
    return f"{said}\n\n{headline_table(params, results, compared, highest, published, best)}"
