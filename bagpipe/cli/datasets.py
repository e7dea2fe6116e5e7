"""`bagpipe add` and `remove`: datasets of your own texts."""

from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from bagpipe.cli.group import main

OF_DATASET = ("text", "label", "group", "num_words", "test_split")  # options of `add` that params.yaml keeps


@main.command("add")
@click.argument("name")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--text", default="text", show_default=True, help="The column that holds the texts.")
@click.option("--label", default="label", show_default=True, help="The column that holds their labels.")
@click.option("--group", help="A column, such as the author: texts of one group stay on the same side of the split.")
@click.option(
    "--num-words",
    type=click.IntRange(min=5),
    default=30_000,
    show_default=True,
    help="How many columns: words and pairs of words, the most frequent ones, three marks included.",
)
@click.option(
    "--test-split",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.2,
    show_default=True,
    help="The share of the texts to test on, if they come without a test set.",
)
@click.option(
    "--parts",
    type=click.Choice(["names", "none"]),
    default="names",
    show_default=True,
    help="Whether names of files and folders may mark the splits.",
)
@click.option("--encoding", help="Of text files that are not in UTF-8, such as cp1252 or utf-16.")
@click.option("--no-header", "header", metavar="COLUMNS", help="The columns of a table without a header: label,text")
@click.option("--skip-unlabelled", is_flag=True, help="Leave out texts that have no label.")
@click.option("--drop-rare", is_flag=True, help="Leave out the texts of rare labels.")
@click.option("--other", metavar="LABEL", help="Give the texts of rare labels this label instead.")
@click.option(
    "--min-texts",
    type=click.IntRange(min=2),
    default=10,
    show_default=True,
    help="A label that has fewer texts is rare.",
)
@click.option("--joined-labels", is_flag=True, help="Take a label such as good#staff for one of its own.")
@click.option("--move", is_flag=True, help="Move the files instead of copying them; then only DVC has them.")
@click.option("--append", "appended", is_flag=True, help="Add texts to the dataset NAME, which keeps its settings.")
@click.option("--dry-run", is_flag=True, help="Say all of it and change nothing.")
@click.pass_context
def add_command(
    context: click.Context,
    /,
    name: str,
    path: Path,
    num_words: int,
    test_split: float,
    parts: str,
    joined_labels: bool,
    move: bool,
    text: str,
    label: str,
    group: str | None,
    drop_rare: bool,
    min_texts: int,
    appended: bool,
    dry_run: bool,
    **told: Any,
) -> None:
    """Make your own labelled texts a dataset, with a first model.

    NAME: what params.yaml will call both. PATH: a file or a folder of CSV, TSV, JSON, Parquet or fastText's format,
    compressed or not; or a folder or a text file for each label. The names of folders, or of all files, mark the
    splits: train, validation (valid, dev), test (eval).
    """
    from bagpipe.datasets.add import Taken, add
    from bagpipe.datasets.append import append
    from bagpipe.datasets.preparing import Told
    from stages.common.corpora.entries import Columns

    if drop_rare and told["other"] is not None:
        raise click.UsageError("--drop-rare, --other: expected one of them.")
    told["min_texts"] = min_texts if drop_rare or told["other"] is not None else 0
    taken = Taken(parts == "names", joined_labels, Told(**told))
    if appended:
        given = [key for key in OF_DATASET if context.get_parameter_source(key) != ParameterSource.DEFAULT]
        if given:
            names = ", ".join("--" + key.replace("_", "-") for key in given)
            raise click.UsageError(
                f"{names}: expected none with --append: {name} has its own in params.yaml, and so have its columns."
            )
        append(name, path, move, taken, dry_run)
    else:
        add(name, path, Columns(text, label, group), num_words, test_split, move, taken, dry_run)


@main.command("remove")
@click.argument("name")
def remove_command(name: str) -> None:
    """Remove an added dataset with its models and results.

    NAME: the dataset, as params.yaml has it.
    """
    from bagpipe.datasets.remove import remove_dataset

    remove_dataset(name)
