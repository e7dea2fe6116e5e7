"""`bagpipe` as a person calls it, in a folder of its own."""

from pathlib import Path

from commands import bagpipe


def run(folder: Path, *arguments: str) -> str:
    """What a command prints that ends well."""
    done = bagpipe(folder, *arguments, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def refused(folder: Path, *arguments: str) -> str:
    """The one line that a command ends with."""
    done = bagpipe(folder, *arguments, capture_output=True)
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    return line
