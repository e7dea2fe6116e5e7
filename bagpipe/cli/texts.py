"""`bagpipe decode`, `predict`, `errors` and `page`: texts and what models say of them."""

from pathlib import Path
from typing import Literal

import click

from bagpipe.cli.group import main


@main.command("decode")
@click.argument("dataset")
@click.option(
    "--split", type=click.Choice(["train", "test"]), default="train", show_default=True, help="Which split."
)
@click.option("--index", type=int, default=0, show_default=True, help="The first sample.")
@click.option("--label", help="Only samples of this label, by number or name.")
@click.option("--count", type=click.IntRange(min=1), help="How many; by default 1, or 5 with --label.")
def decode_command(
    dataset: str, split: Literal["train", "test"], index: int, label: str | None, count: int | None
) -> None:
    """Show samples of a dataset as text, with their labels.

    DATASET: one of params.yaml.
    """
    from bagpipe.texts.decode import decode_samples

    decode_samples(dataset, split, index, label, count or (1 if label is None else 5))


@main.command("predict")
@click.argument("model")
@click.argument("text", nargs=-1)
@click.option("--file", help="A file with one text per line, or for --out a table; - is standard input.")
@click.option(
    "-o",
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the table of --file here (CSV, TSV, JSON Lines, Parquet), with the labels in columns of their own.",
)
@click.option("--text", "column", help="The column of the texts in that table; by default as in the model's dataset.")
@click.option("--json", "form", flag_value="json", help="One JSON object per line.")
@click.option("--tsv", "form", flag_value="tsv", help="Tab-separated, with a header.")
@click.option("--table", "form", flag_value="table", default=True, help="A table to read (the default).")
@click.option("--explain", is_flag=True, help="Name the words without which the output changes most.")
def predict_command(
    model: str,
    text: tuple[str, ...],
    file: str | None,
    out: Path | None,
    column: str | None,
    form: str,
    explain: bool,
) -> None:
    """Classify texts with a trained model.

    MODEL: one of params.yaml. The texts are the arguments, or the lines of a file or of standard input; or they
    stand in a table, which --out writes again with a label and its probability for each.
    """
    from bagpipe.texts.predict import predict_all, read_texts

    if out is not None:
        from bagpipe.texts.tables import text_column, write_predictions

        if file is None or file == "-" or text or explain or form != "table":
            raise click.UsageError("--out: expected --file and MODEL, and of the other options --text alone.")
        write_predictions(model, Path(file), out, column or text_column(model))
        return
    if column is not None:
        raise click.UsageError("--text: expected with --out, which makes a table of --file.")
    predict_all(model, read_texts(list(text), file), form, explain)


@main.command("errors")
@click.argument("model")
@click.option("--count", type=click.IntRange(min=0), default=10, show_default=True, help="How many to show.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def errors_command(model: str, count: int, as_json: bool) -> None:
    """Show what a model gets wrong, most confident errors first.

    MODEL: one of params.yaml. With each: the words without which the output would change most, and the labels
    under which training has the same text. At the end: how many of all errors, and of the most confident ones,
    training has under another label.
    """
    from bagpipe.texts.errors import show_errors

    show_errors(model, count, as_json)


@main.command("page")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default="data/page.html",
    show_default=True,
    help="Where to write it; Git must ignore the place.",
)
@click.option("--against", metavar="REVISION", help="Also show what changed since a branch, commit or experiment.")
@click.option("--no-open", is_flag=True, help="Do not open it in a browser.")
def page_command(out: Path, against: str | None, no_open: bool) -> None:
    """Write one HTML page of all results and texts, and open it.

    The page works without a network. It holds texts of the data, so it stays out of Git.
    """
    from bagpipe.page.write import write_page

    write_page(out, against, not no_open)
