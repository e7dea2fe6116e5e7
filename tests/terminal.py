"""A terminal of 80 columns, for tests of what a person sees."""

import os
import pty
import subprocess
import sys
from pathlib import Path

from bagpipe.scratch.copies import ROOT


def on_a_terminal(arguments: list[str], folder: Path, **environment: str) -> str:
    """What a command writes to a terminal of 80 columns, to standard output and error alike."""
    ours, its = pty.openpty()
    variables = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", "TERM": "xterm", **environment}
    command = [sys.executable, "-m", "bagpipe.cli.main", *arguments]
    with subprocess.Popen(command, cwd=folder, env=variables, stdin=its, stdout=its, stderr=its):
        os.close(its)
        written = b""
        try:
            while block := os.read(ours, 65_536):
                written += block
        except OSError:  # Linux's way to say that nobody has the other end open any more
            pass
    os.close(ours)
    return written.decode().replace("\r\n", "\n")
