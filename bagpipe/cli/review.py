"""`bagpipe diff`, `verify` and `resolve-lock`: results held against each other."""

from pathlib import Path

import click

from bagpipe.cli.group import main


@main.command("diff")
@click.argument("revision", required=False)
@click.argument("other", required=False)
@click.option("--json", "form", flag_value="json", help="Everything, as JSON.")
@click.option("--md", "form", flag_value="md", help="Markdown, for a pull request.")
@click.option("--table", "form", flag_value="table", default=True, help="Tables to read (the default).")
@click.option(
    "--metric",
    type=click.Choice(["accuracy", "macro_f1"]),
    default="accuracy",
    help="The test figure that the verdicts are on (accuracy by default).",
)
@click.option(
    "--fail-on",
    type=click.Choice(["worse"]),
    help="Exit with 1 if that figure of a model got worse or cannot be judged, with 4 if only the test texts differ.",
)
def diff_command(revision: str | None, other: str | None, form: str, metric: str, fail_on: str | None) -> None:
    """Show what differs from main, or between two revisions.

    REVISION is compared with OTHER, or else with the workspace: a branch, a tag, a commit or an experiment of
    `dvc exp run`; by default the main branch.
    """
    from bagpipe.review.diff import diff

    diff(revision, other, form, fail_on, metric)


@main.command("resolve-lock")
def resolve_lock_command() -> None:
    """Settle a merge conflict in dvc.lock and reports/.

    Runs whatever neither side has computed.
    """
    from bagpipe.review.resolve import resolve_conflict

    resolve_conflict()


@main.command("retest")
@click.argument("revision", required=False)
@click.argument("models", metavar="[MODEL]...", nargs=-1)
def retest_command(revision: str | None, models: tuple[str, ...]) -> None:
    """Run another revision's models on the texts that are here.

    So `bagpipe diff` can compare the two where the test texts have changed. REVISION is by default the main branch;
    without a MODEL all run whose test texts differ. The results are committed on the branch retest/REVISION.
    """
    from bagpipe.review.retest import retest

    retest(revision, models)


@main.command("verify")
@click.argument("stages", metavar="[STAGE]...", nargs=-1)
@click.option("--rerun", is_flag=True, help="Also run each STAGE again in a scratch copy, and compare bytes.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.option("--tree", type=click.Path(path_type=Path), help="Check another checkout; nothing of it is run.")
@click.option("--only", metavar="ID", multiple=True, help="Make only this check, after the first; may be repeated.")
@click.option("--skip", metavar="ID", multiple=True, help="Leave this check out; may be repeated.")
@click.option(
    "--explain", metavar="ID", help="Say what a check looks at and how to fix what it finds; check nothing."
)
def verify_command(
    stages: tuple[str, ...],
    rerun: bool,
    as_json: bool,
    tree: Path | None,
    only: tuple[str, ...],
    skip: tuple[str, ...],
    explain: str | None,
) -> None:
    """Check that the committed results are those of the pipeline.

    It needs no data, and exits with status 1 if they are not. STAGE is a name of dvc.yaml, as in train@imdb, or train
    for all models.
    """
    if rerun != bool(stages):
        raise click.UsageError("--rerun and STAGE go together, as in: bagpipe verify --rerun train@imdb")
    if rerun and tree:
        raise click.UsageError("--rerun runs what --tree is not to run")
    from bagpipe.review.verify import explain_check, verify

    if explain is not None:
        print(explain_check(explain))
    else:
        verify(as_json, stages, tree, only, skip)
