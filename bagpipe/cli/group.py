"""The command `bagpipe` itself, and how it says that something is wrong."""

import sqlite3
from typing import Any

import click

from stages.common.basics.errors import UserError, run

SECTIONS = {  # of `bagpipe --help`, and the modules whose commands stand there
    "Run the pipeline": ("pipeline",),
    "Bring your own texts": ("datasets",),
    "Review results": ("review",),
    "Look at texts and classify them": ("texts",),
    "Give a model to others": ("serving",),
}


class CommandLine(click.Group):
    """Click's, with the commands in sections; whatever goes wrong gets one sentence, whoever prints."""

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, self.commands))
        for title, modules in SECTIONS.items():
            names = [name for name, found in self.commands.items() if module_name(found) in modules]
            with formatter.section(title):
                formatter.write_dl(
                    [(f"{name:<{width}}", self.commands[name].get_short_help_str(60)) for name in names]
                )

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
            fix = "if it is damaged, delete that folder: DVC makes it anew"
            raise UserError(f"{folder}: DVC's database of what it has hashed: {error}; {fix}") from None


def module_name(command: click.Command) -> str:
    """The module that declares a command, without its package."""
    return command.callback.__module__.rpartition(".")[2] if command.callback else ""


def _print_version(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not context.resilient_parsing:
        from bagpipe import __version__  # takes a while to read, so not before it is asked for

        click.echo(f"bagpipe {__version__}")
        context.exit()


@click.group(cls=CommandLine, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show the version."
)
def main() -> None:
    """Run the pipeline, review its results and use its models."""
