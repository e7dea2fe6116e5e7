"""The model card that goes with an exported model: what it is, how good it is, how to call it."""

from pathlib import Path

from bagpipe.project.git import try_git
from stages.common.basics.artifacts import read_json
from stages.common.basics.markdown import format_table
from stages.common.basics.params.params import Params
from stages.common.basics.params.questions import settings_of
from stages.common.basics.paths import HERE
from stages.common.basics.rows import open_rows
from stages.report.networks import describe_network

CARD_FILE = Path("README.md")
FEW = 10  # labels that fit into a sentence

USE = """\
```python
import tensorflow as tf

classify = tf.saved_model.load(".").signatures["serving_default"]
answer = classify(text=tf.constant(["a text", "another"]))
answer["label"], answer["probability"], answer["probabilities"]
```

One text at a time, a session takes little more than half as long:

```python
config = tf.compat.v1.ConfigProto(inter_op_parallelism_threads=-1)  # all in the thread that asks
session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
with session.graph.as_default():
    model = tf.compat.v1.saved_model.load(session, ["serve"], ".").signature_def["serving_default"]
    outputs = [model.outputs[name].name for name in ("label", "probability", "probabilities")]
    classify_quickly = session.make_callable(outputs, [model.inputs["text"].name])
label, probability, probabilities = classify_quickly(["a text"])
```

`text`: strings of shape [n], UTF-8. `label`: strings of shape [n]; `probability`: of that label, float32 of shape
[n]; `probabilities`: of all labels in the order of `assets/labels.json`, float32 of shape [n, {classes}].

A text becomes lowercase words, separated by spaces and ASCII punctuation; only whether a word occurs counts, or words
that follow each other if the columns are of those, too; not where or how often. What is not in the model's vocabulary
counts for nothing, so a text without any of it gets an answer that rests on no word at all. Bytes that are not UTF-8
are taken as U+FFFD.
"""


def describe_commit() -> str:
    """The commit that is checked out, and whether anything differs from it."""
    head = try_git("rev-parse", "HEAD")
    if head.returncode:
        return "not known: the project is not in Git"
    changed = try_git("status", "--porcelain", "--untracked-files=no").stdout.strip()
    return f"commit {head.stdout.decode().strip()}{', with changes that are not committed' if changed else ''}"


def origin_table(params: Params, name: str) -> str:
    """A table of what the model was made of."""
    settings = settings_of(params, name)
    train, test = (len(open_rows(settings.dataset, split).labels) for split in ("train", "test"))
    lines = [
        ["texts", f"`{settings.dataset}`: {train:,} to train on, {test:,} to test on"],
        ["network", ", ".join(filter(None, describe_network(params, name).values()))],
        ["seed", f"{params.seed}"],
        ["code", describe_commit()],
    ]
    return format_table("ll", ["", ""], lines).rstrip("\n")


def test_figures_table(name: str, has_replicates: bool) -> str:
    """A table of the test figures, with their spread over seeds where it is known."""
    folder = HERE.model_report(name)
    spread = read_json(folder / "replicates.json") if has_replicates else {}
    lines = []
    for figure, value in read_json(folder / "metrics.json")["test"].items():
        over_seeds = spread.get(figure)
        shown = f"{over_seeds['mean']:.4f} ± {over_seeds['sd']:.4f}" if over_seeds else ""
        lines.append([figure, f"{value:.4f}", shown])
    header = ["on the test set", "this model", f"mean ± sd of {spread['n']} other seeds" if spread else "other seeds"]
    table = format_table("lrr", header, lines).rstrip("\n")
    unseen = read_json(folder / "metrics.json").get("test_unseen", {}).get("accuracy")
    if unseen is not None:
        table += f"\n\nAccuracy on the test texts that training does not have word for word: {unseen:.4f}"
        over_seeds = spread.get("unseen_accuracy")
        table += f" ({over_seeds['mean']:.4f} ± {over_seeds['sd']:.4f} over seeds)." if over_seeds else "."
    if not spread:
        table += f"\n\nThe spread over seeds is not known: `dvc repro replicate@{name}` measures it."
    return table


def describe_caveats(dataset: str) -> str:
    """What of the texts bears on the figures, from data.json."""
    data = read_json(HERE.dataset_report(dataset) / "data.json")
    count, never, near = (
        data["overlap"][key] for key in ("test_texts_in_train", "none_with_its_label", "near_duplicates")
    )
    said = f"Of {data['test']['texts']:,} test texts {count:,} are in the training set word for word"
    said += f", {never:,} of them never under the label that the test expects" if never else ""
    said += f"; {near:,} more are there nearly."
    if data["ceiling"] < 1:
        said += (
            f" As some texts stand under several labels, no accuracy beyond {data['ceiling']:.4f} is to be expected."
        )
    return said


def compose_card(params: Params, name: str, labels: list[str], has_replicates: bool, has_data: bool) -> str:
    """The card, in Markdown. has_replicates, has_data: whether `replicate` and `describe` are up to date."""
    dataset = params.models[name].dataset
    listed = ", ".join(labels) if len(labels) <= FEW else "listed in `assets/labels.json`"
    terms = params.terms.get(dataset, f"Nothing is stated: params.yaml has no `terms` of {dataset}.")
    return "\n\n".join(
        [
            f"# {name}",
            f"Gives texts one of {len(labels)} labels: {listed}. A TensorFlow SavedModel, made by bagpipe.",
            origin_table(params, name),
            "## How good it is",
            test_figures_table(name, has_replicates),
            describe_caveats(dataset)
            if has_data
            else f"What is in the texts is not known: `dvc repro describe@{dataset}` looks.",
            "## How to call it",
            USE.format(classes=len(labels)),
            f"## The data\n\n{terms}\n",
        ]
    )
