"""The command line of `bagpipe`. Each command imports what it needs when it is called."""

import sqlite3
from pathlib import Path
from typing import Any, Literal

import click

from stages.common.basics.errors import UserError, run

CERTIFICATE = click.Path(exists=True, dir_okay=False)


class CommandLine(click.Group):
    """Click's, and whatever goes wrong gets one sentence, whoever prints."""

    def main(self, *arguments: Any, **settings: Any) -> None:  # type: ignore[override] # has no overloads
        run(lambda: super(CommandLine, self).main(*arguments, **settings))

    def invoke(self, context: click.Context) -> None:
        run(lambda: self._invoke(context))  # inside, for Click has an answer of its own to Ctrl-C

    def _invoke(self, context: click.Context) -> None:
        try:
            super().invoke(context)
        except sqlite3.DatabaseError as error:
            from dvc.config import Config
            from dvc.dirs import site_cache_dir

            folder = site_cache_dir(Config.from_cwd()["core"].get("site_cache_dir"))
            mend = "if it is damaged, delete that folder: DVC makes it anew"
            raise UserError(f"{folder}: DVC's database of what it has hashed: {error}; {mend}") from None


@click.group(cls=CommandLine, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """What a person does around the pipeline."""


@main.command("run")
def run_command() -> None:
    """Bring every result up to date and show them."""
    from stages.commands.run import run_all

    run_all()


@main.command("repro")
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@click.option(
    "--jobs", "-j", type=click.IntRange(min=1), help="Stages at once, as far as memory allows; by default one a core."
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    envvar="DASK_SCHEDULER_ADDRESS",
    show_envvar=True,
    help="Run on the workers of this Dask scheduler, by default one a thread.",
)
@click.option("--tls-ca-file", type=CERTIFICATE, help="For a scheduler at tls://, who vouches for it; PEM.")
@click.option("--tls-cert", type=CERTIFICATE, help="For the same, your certificate; PEM.")
@click.option("--tls-key", type=CERTIFICATE, help="For the same, the key of your certificate; PEM.")
@click.option("--keep-going", "-k", is_flag=True, help="After a failure, run all that does not depend on it.")
@click.option("--dry", is_flag=True, help="Only list what would run, in waves.")
def repro_command(targets: tuple[str, ...], keep_going: bool, dry: bool, **options: Any) -> None:
    """As `dvc repro`, with independent stages at once.

    TARGET: a stage as in train@imdb, or train for all models; by default everything.
    """
    jobs, scheduler, *tls = (options[name] for name in ("jobs", "scheduler", "tls_ca_file", "tls_cert", "tls_key"))
    if any(tls) and not (all(tls) and scheduler):
        raise click.UsageError("--tls-ca-file, --tls-cert, --tls-key and --scheduler go together")
    from stages.running.repro import repro

    repro(targets, jobs, scheduler, keep_going, dry, tuple(tls) if all(tls) else None)


@main.command("demo")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
def demo_command(folder: Path | None) -> None:
    """Run the pipeline on small generated texts, with no network.

    FOLDER: where, an empty folder; by default a temporary one.
    """
    from stages.commands.run import demo

    demo(folder)


@main.command("results")
def results_command() -> None:
    """Show the results in short."""
    from stages.commands.run import results

    print(results(Path()))


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
    from stages.datasets.add import add
    from stages.labelled.formats import Columns

    add(name, path, Columns(**columns), num_words, test_split, move)


@main.command("remove")
@click.argument("name")
def remove_command(name: str) -> None:
    """Take back a dataset that was added.

    NAME: the dataset; its models and their results go, too.
    """
    from stages.datasets.remove import remove

    remove(name)


@main.command("decode")
@click.argument("dataset")
@click.option("--split", type=click.Choice(["train", "test"]), default="train", show_default=True, help="Which part.")
@click.option("--index", type=int, default=0, show_default=True, help="The first sample.")
@click.option("--label", help="Only samples of this label, by number or name.")
@click.option("--count", type=click.IntRange(min=1), help="How many; by default 1, with --label 5.")
def decode_command(
    dataset: str, split: Literal["train", "test"], index: int, label: str | None, count: int | None
) -> None:
    """Show samples of a dataset as text, with their labels.

    DATASET: one of params.yaml.
    """
    from stages.texts.decode import decode_samples

    decode_samples(dataset, split, index, label, count or (1 if label is None else 5))


@main.command("predict")
@click.argument("model")
@click.argument("text", nargs=-1)
@click.option("--file", help="A file with one text a line; - is standard input.")
@click.option("--json", "form", flag_value="json", help="One JSON object a line.")
@click.option("--tsv", "form", flag_value="tsv", help="Tab-separated, with a header.")
@click.option("--table", "form", flag_value="table", default=True, help="To be read; the default.")
@click.option("--explain", is_flag=True, help="Name the words without which the output changes most.")
def predict_command(model: str, text: tuple[str, ...], file: str | None, form: str, explain: bool) -> None:
    """Classify texts with a trained model.

    MODEL: one of params.yaml. The texts are the arguments, or the lines of a file or of standard input.
    """
    from stages.texts.predict import predict_all, texts_from

    predict_all(model, texts_from(list(text), file), form, explain)


@main.command("errors")
@click.argument("model")
@click.option("--count", type=click.IntRange(min=0), default=10, show_default=True, help="How many to show.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def errors_command(model: str, count: int, as_json: bool) -> None:
    """Show the test texts that a model gets wrong, surest first.

    MODEL: one of params.yaml. With each: the words without which the output would change most, and the labels
    under which training has the same text. At the end: how many of all errors, and of the most confident ones,
    training has under another label.
    """
    from stages.texts.errors import show_errors

    show_errors(model, count, as_json)


@main.command("page")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    default="data/page.html",
    show_default=True,
    help="Where, a place that Git ignores.",
)
@click.option("--against", metavar="REVISION", help="Show what changed since, too: a branch, commit or experiment.")
@click.option("--no-open", is_flag=True, help="Only write it, open no browser.")
def page_command(out: Path, against: str | None, no_open: bool) -> None:
    """Write one HTML page of all results and texts, and open it.

    It works without a network. It holds texts of the data, so it stays out of Git.
    """
    from stages.page.write import write_page

    write_page(out, against, not no_open)


@main.command("export")
@click.argument("model")
@click.argument("folder", type=click.Path(path_type=Path))
def export_command(model: str, folder: Path) -> None:
    """Write a trained model as a TensorFlow SavedModel.

    MODEL: one of params.yaml. FOLDER: a new or empty one. Text goes in, labels come out. Whoever calls the model
    needs TensorFlow and nothing of this project.
    """
    from stages.serving.export import export

    export(model, folder)


@main.command("serve")
@click.argument("model")
@click.option("--host", default="127.0.0.1", show_default=True, help="An address of this machine; 0.0.0.0 is all.")
@click.option("--port", type=click.IntRange(0, 65_535), default=8000, show_default=True, help="0 takes a free one.")
@click.option("--max-texts", type=click.IntRange(min=1), default=1_000, show_default=True, help="In one request.")
@click.option(
    "--max-bytes", type=click.IntRange(min=1), default=10_000_000, show_default=True, help="Of one request."
)
def serve_command(model: str, host: str, port: int, max_texts: int, max_bytes: int) -> None:
    """Answer HTTP requests with a trained model, and show a page.

    MODEL: one of params.yaml. The page is for trying it; programs POST /predict {"text": ["..."]}, or the open
    inference protocol at /v2/models/MODEL/infer. Nobody is asked for a password: whoever reaches the address can
    use it.
    """
    from stages.serving.serve import serve

    serve(model, host, port, max_texts, max_bytes)


@main.command("diff")
@click.argument("revision", required=False)
@click.argument("other", required=False)
@click.option("--json", "form", flag_value="json", help="All of it, for machines.")
@click.option("--md", "form", flag_value="md", help="Markdown, for a pull request.")
@click.option("--table", "form", flag_value="table", default=True, help="To be read; the default.")
@click.option(
    "--fail-on", type=click.Choice(["worse"]), help="Exit with 1 if a test accuracy got worse or cannot be judged."
)
def diff_command(revision: str | None, other: str | None, form: str, fail_on: str | None) -> None:
    """Show what differs from main, or between two revisions.

    REVISION is compared with OTHER, or else with the workspace: a branch, a tag, a commit or an experiment of
    `dvc exp run`; by default the main branch.
    """
    from stages.review.diff import diff

    diff(revision, other, form, fail_on)


@main.command("resolve-lock")
def resolve_lock_command() -> None:
    """Settle a merge conflict in dvc.lock and reports/.

    What neither side has computed is run.
    """
    from stages.review.resolve import resolve_conflict

    resolve_conflict()


@main.command("verify")
@click.argument("stages", metavar="[STAGE]...", nargs=-1)
@click.option("--rerun", is_flag=True, help="Run each STAGE again in a scratch copy, too, and compare bytes.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--tree", type=click.Path(path_type=Path), help="Another checkout to look at, of which nothing is run.")
def verify_command(stages: tuple[str, ...], rerun: bool, as_json: bool, tree: Path | None) -> None:
    """Check that the committed results are those of the pipeline.

    It needs no data. Exit status 1: they are not. STAGE is a name of dvc.yaml, as in train@imdb, or train for all
    models.
    """
    if rerun != bool(stages):
        raise click.UsageError("--rerun and STAGE go together, as in: bagpipe verify --rerun train@imdb")
    if rerun and tree:
        raise click.UsageError("--rerun runs what --tree is not to run")
    from stages.review.verify import verify

    verify(as_json, stages, tree)


if __name__ == "__main__":
    main()
