"""The page of results, reports/README.md: first what came out, then all that it rests on."""

from collections.abc import Mapping

from stages.common.basics.markdown import format_p
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import models_on, ordered_models, settings_of
from stages.common.judging.comparison import ALPHA, CONFIDENCE
from stages.common.judging.published import Notebooks, not_judged
from stages.common.judging.reproduction import Judgement, Results
from stages.common.judging.verdicts import Judged, explain_small_test_set
from stages.report.comparisons import (
    against_baseline,
    compare_variations,
    disagreements,
    experiments_table,
    variations,
)
from stages.report.curves import PublishedCurves, applicable_curves, curves_section
from stages.report.datasets import paragraphs, unseen_table
from stages.report.networks import describe_network
from stages.report.summary import compose_summary
from stages.report.tables import (
    baselines_table,
    format_ours,
    name_figure,
    reproduction_table,
    results_table,
)
from stages.report.words import count_with_verb


def describe_model(params: Params, name: str, figures: dict[str, float]) -> str:
    """What a model is and what it reached, in one paragraph."""
    settings = settings_of(params, name)
    network = ", ".join(filter(None, describe_network(params, name).values()))
    return (
        f"Dataset `{settings.dataset}`; {network}. "
        f"Validation on {count_with_verb(settings.holdout, 'held-out row', 'held-out rows')}: lowest loss "
        f"{figures['validation.val_loss']:.4f} after epoch {figures['validation.best_epoch']} of "
        f"{settings.validation_epochs}; accuracy there {figures['validation.val_accuracy']:.4f}, at best "
        f"{figures['validation.best_val_accuracy']:.4f} (epoch {figures['validation.best_accuracy_epoch']}), "
        f"at the end {figures['validation.last_val_accuracy']:.4f}. "
        f"Test: accuracy {figures['test.accuracy']:.4f}, "
        f"macro F1 {figures['test.macro_f1']:.4f}."
    )


def model_section(params: Params, name: str, figures: dict[str, float]) -> str:
    """What a model is, what it reached, and its pictures."""
    folder = f"models/{name}"
    pictures = "\n".join(
        f"![{kind} of {name}]({folder}/plots/{kind}.png)" for kind in ("loss", "accuracy", "roc", "confusion")
    )
    return (
        f"### Model {name}\n\n{describe_model(params, name, figures)}\n\n"
        f"<details><summary>Plots and tables</summary>\n\n{pictures}\n\n"
        f"Other seeds: [replicates.csv]({folder}/replicates.csv).\n\n</details>\n"
    )


def explain_terms(found: Judgement) -> str:
    """What speaks against a published figure that is not consistent, and what is known of it."""
    said = f"- {name_figure(found)}: published {found.published.value}, ours {format_ours(found)}"
    if found.p is not None and found.p_adjusted is not None:
        said += f"; p is {format_p(found.p)}, after Holm's correction {format_p(found.p_adjusted)}"
    if found.published.known:
        return f"{said}. Known: {found.published.known}."
    if found.verdict == "differs":
        return f"{said}. No reason is known."
    return f"{said}. By chance alone, at least one figure is that far out in up to {found.p_adjusted:.0%} of reports."


def reproduction_section(notebooks: Notebooks, judgements: list[Judgement], apart: str) -> str:
    """The section about what the notebooks print; apart: a sentence about what is not judged."""
    keys = dict.fromkeys(found.published.source.partition(" ")[0] for found in judgements)
    sources = "\n".join(f"- {key}: {notebooks.sources[key]}" for key in keys)
    others = [found for found in judgements if found.verdict != "consistent"]
    explained = "\n".join(["Of the table below, not consistent:\n", *map(explain_terms, others)]) if others else ""
    runs = {(found.published.of, found.published.figure.partition(".")[0]) for found in others}
    if len(runs) == 1 < len(others):
        explained += "\n\nThese are figures of one and the same run, so they do not stray independently."
    parts = [
        "## Which published figures hold up",
        f"The notebooks:\n\n{sources}",
        f"""\
A published figure is of one run of a notebook; ours are means over further seeds ± the standard deviation of a \
single run. A published figure is "consistent" with ours if it lies where one more run of ours would with a \
probability of {CONFIDENCE:.0%}: in the prediction interval in the table, which allows for the rounding of what is \
printed. Outside it is "doubtful": of that many figures one in twenty would be by chance. p is the probability that \
a further run of ours lies as far from our mean, or farther. It "differs" if chance would put any of the figures \
that far out in less than {ALPHA:.0%} of reports, by Holm's correction and allowing for runs that stray farther \
than normally distributed ones. A wide interval says little: then "consistent" means that we cannot tell. What does \
not vary with the seed is held against a tolerance. [reproduction.json](reproduction.json) has p of each.""",
        apart,
        explained,
        reproduction_table(judgements).rstrip(),
        "![Published figures beside ours](reproduction.png)",
    ]
    return "\n\n".join(filter(None, parts)) + "\n\n"


def experiments_section(params: Params, results: Results, compared: Mapping[str, Judged]) -> str:
    """The section about the variations of each dataset's reference."""
    families = {dataset: names for dataset in results.baselines if len(names := variations(params, dataset)) > 1}
    if not families:
        return ""
    margins, by_macro_f1 = params.verdicts, compare_variations(params, results, "macro_f1")
    tables = "\n".join(experiments_table(params, names, compared, by_macro_f1) for names in families.values())
    small = (
        explain_small_test_set(dataset, [compared[name] for name in names[1:]]) for dataset, names in families.items()
    )
    notes = "\n\n".join(filter(None, [disagreements(compared, by_macro_f1), *small]))
    return f"""## What helps: units, layers, another loss, dropout, class weights, other features?

Each variation against the dataset's reference model, in percentage points, and as far as it holds for new texts of \
the same kind: an interval allows for other seeds and for other test texts. The {CONFIDENCE:.0%} interval beside it, \
"on this test set", allows for other seeds alone; no verdict rests on it. Models are compared text by text, and seed \
by seed where they share ten seeds or more. p is the probability of a difference at least this large if there were \
none. Holm's method corrects p and the intervals over all variations of a dataset, accuracy and macro F1 apart, so \
that in at most {ALPHA:.0%} of reports chance makes any of them exclude 0. Where the interval excludes 0, a \
variation is "better" or "worse", or "negligible" if the difference is less than {100 * margins.negligible:g} \
points. Otherwise it is "equivalent" if the interval lies within {100 * margins.equivalent:g} points on both sides, \
and "not distinguished" if not: that does not say that there is no difference. The first verdict is on accuracy, the \
second on macro F1, the mean F1 of the classes, to which a rare class counts as much as a frequent one.

Whoever chooses a model by these figures makes the test set a development set, and its accuracy there is then too \
high an estimate. To choose, look at the validation figures; the test set is for the one that was chosen.

{tables}
{notes + chr(10) + chr(10) if notes else ""}\
![Test accuracy of the variations](experiments.png)

"""


def test_set_errors(results: Results, params: Params) -> str:
    """The standard error that comes from the size of each test set, by dataset's reference."""
    shown = (
        f"`{dataset}` {results.spreads[names[0]]['accuracy']['se_of_texts']:.4f}"
        for dataset in results.baselines
        if (names := models_on(params, dataset))
    )
    return ", ".join(shown)


def compose_page(
    params: Params,
    notebooks: Notebooks,
    results: Results,
    judgements: list[Judgement],
    all_curves: list[PublishedCurves],
) -> str:
    """reports/README.md."""
    compared, apart = compare_variations(params, results), not_judged(notebooks, params)
    curves, curves_apart = applicable_curves(all_curves, notebooks, params)
    of_notebooks = [found for found in judgements if not found.published.best_possible]
    limits = "".join(
        f"Best possible: {text}. "
        for key, text in notebooks.sources.items()
        if any(entry.best_possible and entry.source.partition(" ")[0] == key for entry in notebooks.published)
    )
    highest = "\n".join(f"- {against_baseline(params, results, dataset)}" for dataset in results.baselines)
    sections = "\n".join(model_section(params, name, results.figures[name]) for name in ordered_models(params))
    return f"""# Results

{compose_summary(params, notebooks, results, of_notebooks, compared, curves)}
Means over seeds ± the standard deviation of a single run, on these test sets. A difference is that from the \
reference, in percentage points. Its interval is for new texts of the same kind: it allows for other seeds and for \
other test texts. {limits}The standard error of an accuracy that comes from the size of the test set alone is \
{test_set_errors(results, params)}.

![Accuracy by epoch and over seeds, beside the published figures](overview.png)

{reproduction_section(notebooks, of_notebooks, apart) if of_notebooks else ""}\
{curves_section(curves, curves_apart)}\
## All models

Test loss, accuracy and macro F1: means over further seeds ± the standard deviation of a single run, and the one run \
under `seed` of params.yaml. Macro F1 is the mean F1 of the classes.

{results_table(params, results)}
Precision, recall and F1 of each class: [classes.csv](classes.csv).

{experiments_section(params, results, compared)}\
## Against baselines

Without a network; those by TF-IDF know all words of the texts and their pairs, the others the words that have a \
column:

{baselines_table(results)}
{highest}

(p is about new texts, too. It is multiplied by the number of networks, as the highest is picked among them, and the \
spread over seeds is taken to be at least that of all of them together.)

## What is in the data

{paragraphs(params, notebooks, results)}

Texts are the same here if all their words are, in their order. Test accuracy over seeds, on all test texts and on \
the unseen ones, those that training does not have word for word; the ceiling is the accuracy, on all test texts, of \
giving each the label that it bears most often in the whole corpus:

{unseen_table(params, results)}
![Texts of each class](texts_of_classes.png)

## The models

{sections}
Written by the pipeline's last stage, `stages/report/report.py`; every number comes from the files beside this page.
"""
