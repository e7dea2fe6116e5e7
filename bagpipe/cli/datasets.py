"""`bagpipe add` and `remove`: datasets of your own texts."""

from pathlib import Path
from typing import Any

import click

from bagpipe.cli.group import main


@main.command("add")
@click.argument("name")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--text", default="text", show_default=True, help="The column of the texts.")
@click.option("--label", default="label", show_default=True, help="The column of their labels.")
@click.option("--group", help="A column, as of authors: texts of one group stay on one side of the split.")
@click.option(
    "--num-words",
    type=click.IntRange(min=5),
    default=10_000,
    show_default=True,
    help="How many columns: the most frequent words.",
)
@click.option(
    "--test-split",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.2,
    show_default=True,
    help="The share of texts to test on, where they have no test part.",
)
@click.option("--move", is_flag=True, help="Move the files; then only DVC has them.")
def add_command(name: str, path: Path, num_words: int, test_split: float, move: bool, **columns: Any) -> None:
    """Make your own labelled texts a dataset, with a first model.

    NAME: of both, in params.yaml. PATH: a file or a folder of CSV, TSV, JSON Lines, Parquet or fastText's format,
    compressed or not; or one folder per label with one file per text. Parts are told by names: train, validation
    (valid, dev), test (eval).
    """
    from bagpipe.datasets.add import add
    from stages.common.corpora.formats import Columns

    add(name, path, Columns(**columns), num_words, test_split, move)


@main.command("remove")
@click.argument("name")
def remove_command(name: str) -> None:
    """Take back a dataset that was added.

    NAME: the dataset; its models and their results go, too.
    """
    from bagpipe.datasets.remove import remove

    remove(name)
