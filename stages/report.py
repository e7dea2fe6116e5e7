"""Gather every model's figures and plots on one page.

Reads   reports/M/ of every model
Params  datasets, models, published, sources
Writes  reports/README.md
"""

from collections.abc import Iterable

from stages.common.artifacts import REPORTS, read_json, write_text
from stages.common.errors import run
from stages.common.params import Model, Params, load_params

DIAGRAM = """\
```mermaid
flowchart LR
    download --> vectorize
    vectorize --> validate --> render
    vectorize --> train --> evaluate --> render
    vectorize --> evaluate
    validate --> report
    evaluate --> report
    render --> report
```
"""


def table(header: list[str], lines: Iterable[list[str]]) -> str:
    """A Markdown table; the first column is text, the others are figures."""
    rules = ["---"] + ["---:"] * (len(header) - 1)
    return "".join(f"| {' | '.join(line)} |\n" for line in (header, rules, *lines))


def figures_of(name: str) -> dict[str, float]:
    """A model's figures by the names that `published` uses, as in `test.accuracy`."""
    found = {f"test.{k}": v for k, v in read_json(REPORTS / name / "metrics.json")["test"].items()}
    validation = read_json(REPORTS / name / "validation.json")
    return found | {f"validation.{key}": value for key, value in validation.items()}


def published_of(params: Params, model: str, figure: str) -> tuple[float, str] | None:
    """A published figure and its source, if there is one."""
    for entry in params.published:
        if (entry.model, entry.figure) == (model, figure):
            return entry.value, entry.source
    return None


def results_table(params: Params, figures: dict[str, dict[str, float]]) -> str:
    """Test loss and accuracy of every model beside the published ones."""

    def line(name: str) -> list[str]:
        cells = [f"[`{name}`](#{name})"]
        source = ""
        for figure in ("test.loss", "test.accuracy"):
            ours = figures[name][figure]
            published = published_of(params, name, figure)
            if published:
                source = published[1]
                cells += [f"{published[0]:.4f}", f"{ours:.4f}", f"{ours - published[0]:+.4f}"]
            else:
                cells += ["", f"{ours:.4f}", ""]
        return [*cells, source]

    header = ["model"]
    for figure in ("loss", "accuracy"):
        header += [f"{figure}, published", "ours", "difference"]
    return table([*header, "source"], map(line, params.models))


def describe(name: str, model: Model, figures: dict[str, float]) -> str:
    """What a model is and what it reached, in one paragraph."""
    units = ", ".join(map(str, model.hidden))
    best = figures["validation.best_epoch"]
    return (
        f"Dataset `{model.dataset}`; hidden layers of {units} units, {model.activation}; "
        f"loss {model.loss}; {model.optimizer} with learning rate {model.learning_rate:g}; "
        f"batches of {model.batch_size}. "
        f"Validation on {model.validation.holdout:,} held-out rows: lowest loss "
        f"{figures['validation.val_loss']:.4f} after epoch {best} of {model.validation.epochs}; "
        f"accuracy there {figures['validation.val_accuracy']:.4f}, at best "
        f"{figures['validation.best_val_accuracy']:.4f}, "
        f"at the end {figures['validation.last_val_accuracy']:.4f}. "
        f"Test after {model.final.epochs} epochs: accuracy {figures['test.accuracy']:.4f}."
    )


def section(name: str, model: Model, figures: dict[str, float]) -> str:
    pictures = "\n".join(f"![{kind} of {name}]({name}/{kind}.png)" for kind in ("loss", "accuracy", "roc"))
    return (
        f"### {name}\n\n{describe(name, model, figures)}\n\n{pictures}\n\n"
        f"<details><summary>Confusion on the test set</summary>\n\n"
        f"![confusion of {name}]({name}/confusion.png)\n\n"
        f"Per class: [classes.csv]({name}/classes.csv)\n\n</details>\n"
    )


def ceilings(params: Params, figures: dict[str, dict[str, float]]) -> str:
    """For generated corpora, whose best possible accuracy is known: how close the models came."""
    lines = [
        [f"`{name}`", f"{best:.4f}", f"{figures[name]['test.accuracy']:.4f}"]
        for name, model in params.models.items()
        if (best := params.datasets[model.dataset].best_accuracy)
    ]
    if not lines:
        return ""
    return (
        "## Generated corpora\n\n"
        "These are demo figures: the texts were generated, so the best test accuracy that any classifier "
        "can be expected to reach is known.\n\n" + table(["model", "best possible", "reached"], lines) + "\n"
    )


def page(params: Params, figures: dict[str, dict[str, float]]) -> str:
    """reports/README.md."""
    sources = "\n".join(f"- {key}: {text}" for key, text in params.sources.items())
    sections = "\n".join(section(name, model, figures[name]) for name, model in params.models.items())
    return (
        "# Results\n\n"
        "Written by the pipeline's last stage, `stages/report.py`; every number comes from the files beside "
        "this page. Test loss and accuracy of one run each, beside what the notebooks print:\n\n"
        f"{results_table(params, figures)}\n"
        f"Sources:\n\n{sources}\n\n"
        f"{ceilings(params, figures)}"
        f"## The pipeline\n\n{DIAGRAM}\n"
        "`download` and `vectorize` run once a dataset, the others once a model, `report` once.\n\n"
        f"## The models\n\n{sections}"
    )


def report() -> None:
    params = load_params()
    figures = {name: figures_of(name) for name in params.models}
    write_text(REPORTS / "README.md", page(params, figures))
    print(f"results of {len(figures)} models in {REPORTS / 'README.md'}")


if __name__ == "__main__":
    run(report)
