"""The page of results, reports/README.md."""

from collections.abc import Collection

from stages.common.basics.params import Params, Settings, models_of, ordered_models, settings_of
from stages.judging.comparison import ALPHA, CONFIDENCE
from stages.judging.published import Notebooks
from stages.judging.reproduction import Judgement, Results
from stages.reporting.datasets import paragraphs, unseen_table
from stages.reporting.tables import (
    against_baseline,
    baselines_table,
    compare_variations,
    experiments_table,
    reproduction_table,
    results_table,
    variations,
    what,
)


def describe(settings: Settings, figures: dict[str, float]) -> str:
    """What a model is and what it reached, in one paragraph."""
    units = ", ".join(map(str, settings.hidden))
    return (
        f"Dataset `{settings.dataset}`; hidden layers of {units} units, {settings.activation}; "
        f"loss {settings.loss}; {settings.optimizer} with learning rate {settings.learning_rate:g}; "
        f"batches of {settings.batch_size}. "
        f"Validation on {settings.holdout:,} held-out rows: lowest loss "
        f"{figures['validation.val_loss']:.4f} after epoch {figures['validation.best_epoch']} of "
        f"{settings.validation_epochs}; accuracy there {figures['validation.val_accuracy']:.4f}, at best "
        f"{figures['validation.best_val_accuracy']:.4f} (epoch {figures['validation.best_accuracy_epoch']}), "
        f"at the end {figures['validation.last_val_accuracy']:.4f}. "
        f"Test after {settings.epochs} epochs: accuracy {figures['test.accuracy']:.4f}, "
        f"macro F1 {figures['test.macro_f1']:.4f}."
    )


def section(name: str, settings: Settings, figures: dict[str, float]) -> str:
    """What a model is, what it reached, and its pictures."""
    folder = f"models/{name}"
    pictures = "\n".join(
        f"![{kind} of {name}]({folder}/plots/{kind}.png)" for kind in ("loss", "accuracy", "roc", "confusion")
    )
    return (
        f"### {name}\n\n{describe(settings, figures)}\n\n"
        f"<details><summary>Plots and tables</summary>\n\n{pictures}\n\n"
        f"Other seeds: [replicates.csv]({folder}/replicates.csv).\n\n</details>\n"
    )


def counted(verdicts: Collection[str]) -> str:
    """`22 consistent, 2 doubtful and 1 differs`, or `all consistent`."""
    counts = {verdict: list(verdicts).count(verdict) for verdict in ("consistent", "doubtful", "differs")}
    if counts["consistent"] == len(verdicts):
        return "all consistent"
    return " and ".join(", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count).rsplit(", ", 1))


def of_published_figures(judgements: list[Judgement]) -> str:
    """How many figures are consistent, and which are known to differ."""
    varying = [found.verdict for found in judgements if found.published.varies]
    exact = [found.verdict for found in judgements if not found.published.varies]
    text = (
        f"{len(varying)} of the published figures vary with the seed; judged by ours, they are: {counted(varying)}."
    )
    if exact:
        text += f" The other {len(exact)} do not vary and are checked exactly: {counted(exact)}."
    known = [found for found in judgements if found.verdict != "consistent" and found.published.known]
    return "\n\n".join([text, *(f"What is known of {what(found)}: {found.published.known}." for found in known)])


def test_set_errors(results: Results, params: Params) -> str:
    """The standard error that comes from the size of each test set, by dataset's reference."""
    shown = (
        f"`{dataset}` {results.spreads[names[0]]['accuracy']['se_of_texts']:.4f}"
        for dataset in results.baselines
        if (names := models_of(params, dataset))
    )
    return ", ".join(shown)


def page(params: Params, notebooks: Notebooks, results: Results, judgements: list[Judgement]) -> str:
    """reports/README.md."""
    sources = "\n".join(f"- {key}: {text}" for key, text in notebooks.sources.items())
    margins, compared = params.verdicts, compare_variations(params, results)
    experiments = "\n".join(
        experiments_table(params, names, results, compared)
        for dataset in results.baselines
        if len(names := variations(params, dataset)) > 1
    )
    highest = "\n".join(f"- {against_baseline(params, results, dataset)}" for dataset in results.baselines)
    sections = "\n".join(
        section(name, settings_of(params, name), results.figures[name]) for name in ordered_models(params)
    )
    return f"""# Results

Written by the pipeline's last stage, `stages/report.py`; every number comes from the files beside this page.

All that is said here about models is about these test sets, averaged over seeds. How sure it is depends on the \
spread over seeds. New texts are another matter: there the size of the test set limits what is known, too. The \
standard error of an accuracy that comes from it alone is {test_set_errors(results, params)}; it enters no verdict \
below.

Test loss and accuracy of each model: the published figure, the mean and standard deviation of our runs under \
further seeds, how far their mean is from the published figure, and the one run under `seed`.

{results_table(params, notebooks, results)}
Sources:

{sources}

## What is in the data

{paragraphs(params, notebooks, results)}

Texts are the same here if all their words are, in their order. Test accuracy over seeds, on all test texts and on \
the unseen ones, those that training does not have word for word; the ceiling is the accuracy, on all test texts, of \
giving each the label that it bears most often in the whole corpus:

{unseen_table(params, results)}
![Texts of each class](texts_of_classes.png)

## Which published figures are reproduced

{of_published_figures(judgements)}

A published figure is one run of a notebook. It is "consistent" with ours if it lies where one more run of ours \
would with a probability of {CONFIDENCE:.0%}: in the prediction interval below, which allows for the rounding of \
what is printed. Outside it is "doubtful": of that many figures one in twenty would be by chance. p is the \
probability that a further run of ours lies as far from our mean, or farther. It "differs" if chance would put any \
of the figures that far out in less than {ALPHA:.0%} of reports, by Holm's correction and allowing for runs that \
stray farther than normally distributed ones. A wide interval says little: then "consistent" means that we cannot \
tell.

{reproduction_table(judgements)}
![Published figures beside ours](reproduction.png)

## Against baselines

Without a network, on the same multi-hot rows:

{baselines_table(results)}
{highest}

(p is that of a t-test against the baseline's figure, times the number of networks, as the highest is picked \
among them. The spread is taken to be at least that of all of them together.)

## Do more units, more or fewer layers, another loss or activation help?

Test accuracy of each variation against that of the dataset's reference model, seed by seed where they share ten \
seeds or more (paired t-test), by Welch's t-test otherwise. p is the probability of a difference at least that \
large if there were none, after Holm's correction over all variations. With p below {ALPHA:.0%} a variation is \
"better" or "worse", or "negligible" if the difference is less than {100 * margins.negligible:g} points. Otherwise \
it is "equivalent" if the interval lies within {100 * margins.equivalent:g} points on both sides, and "not \
distinguished" if not: that does not say that there is no difference.

Whoever chooses a model by these figures makes the test set a development set, and its accuracy there is then too \
high an estimate. To choose, look at the validation figures; the test set is for the one that was chosen.

{experiments}
![Test accuracy of the variations](experiments.png)

Precision, recall and F1 of each class: [classes.csv](classes.csv).

## The models

{sections}"""
