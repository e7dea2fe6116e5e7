"""`bagpipe run`, `repro`, `demo` and `results`. Each command imports what it needs when it is called."""

from pathlib import Path
from typing import Any

import click

from bagpipe.cli.group import main

CERTIFICATE = click.Path(exists=True, dir_okay=False)


@main.command("run")
@click.option(
    "--no-demo", is_flag=True, help="If the data cannot be had, exit with status 3 instead of running the demo."
)
def run_command(no_demo: bool) -> None:
    """Bring every result up to date and show them.

    If no source of the official data can be reached, the demo runs instead.
    """
    from bagpipe.repro.everything import run_all

    run_all(or_demo=not no_demo)


@main.command("repro")
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(min=1),
    help="How many stages to run at once, as memory allows; by default one per core.",
)
@click.option(
    "--scheduler",
    metavar="ADDRESS",
    envvar="DASK_SCHEDULER_ADDRESS",
    show_envvar=True,
    help="Run on the workers of this Dask scheduler, by default one stage per thread.",
)
@click.option("--tls-ca-file", type=CERTIFICATE, help="For a scheduler at tls://: the CA's certificate, PEM.")
@click.option("--tls-cert", type=CERTIFICATE, help="For a scheduler at tls://: your certificate, PEM.")
@click.option("--tls-key", type=CERTIFICATE, help="For a scheduler at tls://: the key of your certificate, PEM.")
@click.option("--keep-going", "-k", is_flag=True, help="After a failure, run what does not depend on it.")
@click.option("--dry", is_flag=True, help="Only list what would run, in waves.")
def repro_command(targets: tuple[str, ...], keep_going: bool, dry: bool, **options: Any) -> None:
    """Do what `dvc repro` does, with independent stages at once.

    TARGET: a stage as in train@imdb, or train for all models; by default everything.
    """
    jobs, scheduler, *tls = (options[name] for name in ("jobs", "scheduler", "tls_ca_file", "tls_cert", "tls_key"))
    if any(tls) and not (all(tls) and scheduler):
        raise click.UsageError("--tls-ca-file, --tls-cert, --tls-key and --scheduler go together")
    from bagpipe.repro.repro import repro

    repro(targets, jobs, scheduler, keep_going, dry, tuple(tls) if all(tls) else None)


@main.command("demo")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
def demo_command(folder: Path | None) -> None:
    """Run the pipeline on small generated texts, with no network.

    FOLDER: an empty or new folder to run in; by default a temporary one.
    """
    from bagpipe.scratch.demo import demo

    demo(folder)


@main.command("results")
def results_command() -> None:
    """Print a short table of the results."""
    from bagpipe.project.results import format_results

    print(format_results())
