"""The page of results, reports/README.md."""

from stages.common.basics.params import Params, Settings, ordered_models, settings_of
from stages.judging.comparison import ALPHA
from stages.judging.published import Notebooks
from stages.judging.reproduction import Results, Verdict
from stages.reporting.tables import baselines_table, experiments_table, reproduction_table, results_table, variations


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


def page(params: Params, notebooks: Notebooks, results: Results, verdicts: list[Verdict]) -> str:
    """reports/README.md."""
    sources = "\n".join(f"- {key}: {text}" for key, text in notebooks.sources.items())
    reproduced = sum(verdict.reproduced for verdict in verdicts)
    runs = len(next(iter(results.replicates.values())))
    experiments = "\n".join(
        experiments_table(params, names, results)
        for dataset in results.baselines
        if (names := variations(params, dataset))
    )
    sections = "\n".join(
        section(name, settings_of(params, name), results.figures[name]) for name in ordered_models(params)
    )
    return f"""# Results

Written by the pipeline's last stage, `stages/report.py`; every number comes from the files beside this page.

Test loss and accuracy of each model: the published figure, one run of ours (under `seed`), and the mean and \
standard deviation over {runs} further seeds.

{results_table(params, notebooks, results)}
Sources:

{sources}

## Which published figures are reproduced

{reproduced} of {len(verdicts)}. A figure counts as reproduced if it lies within \
{notebooks.reproduced_within:g} standard deviations of a single run from the mean of our runs under further seeds; \
a notebook's figure is one such run. With this many figures, and the deviations themselves known from {runs} runs \
only, a few may lie outside by chance. Figures that do not vary have a tolerance in published.yaml instead.

{reproduction_table(verdicts)}
![Published figures beside ours](reproduction.png)

## Against baselines

Without a network, on the same multi-hot rows:

{baselines_table(params, results)}
## Do more units, more or fewer layers, another loss or activation help?

Test accuracy over {runs} seeds, each variation against the dataset's reference model by Welch's t-test: "better" or \
"worse" where a difference of that size would be chance in less than {ALPHA:.0%} of cases (each comparison taken by \
itself).

{experiments}
![Test accuracy of the variations](experiments.png)

Precision, recall and F1 of each class: [classes.csv](classes.csv).

## The models

{sections}"""
