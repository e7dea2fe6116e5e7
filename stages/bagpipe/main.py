"""The command line of `bagpipe`. Each command imports what it needs when it is called."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from stages.common.errors import run


def _run(arguments: argparse.Namespace) -> None:
    from stages.bagpipe.run import run_all

    run_all()


def _demo(arguments: argparse.Namespace) -> None:
    from stages.bagpipe.demo import demo

    demo(arguments.folder)


def _results(arguments: argparse.Namespace) -> None:
    from stages.bagpipe.summary import results

    print(results(Path()))


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser(prog="bagpipe", description="What a person does around the pipeline.")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = commands.add_parser("run", help="bring every result up to date and show them")
    command.set_defaults(action=_run)

    command = commands.add_parser("demo", help="run the pipeline on small generated corpora, with no network")
    command.add_argument("folder", nargs="?", type=Path, help="where, an empty folder (default: a temporary one)")
    command.set_defaults(action=_demo)

    command = commands.add_parser("results", help="show the results in short")
    command.set_defaults(action=_results)
    return top


def main(argv: Sequence[str] | None = None) -> None:
    arguments = parser().parse_args(argv)
    run(lambda: arguments.action(arguments))


if __name__ == "__main__":
    main()
