"""`bagpipe serve` in a process of its own."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from predicting import TEXTS

from bagpipe.scratch.copies import environment

HOSTILE = [
    *TEXTS,
    "ΟΔΟΣ, Σ ΑΣ. ΑΣ.Β ΑΣ\u0301",  # noqa: RUF001
    "a\x00b nul\x00",
    "\ufeffbyte order mark",
    "emoji 🎻🎶 \u200b zero\u200bwidth \u0085 next \u2028 line",
    "xxxxunheardof",
    "\U0010ffff \ue000",
    "word " * 200_000,
]


@contextmanager
def server(folder: Path, *arguments: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address of a server that runs, and its process."""
    command = [sys.executable, "-m", "bagpipe.cli.main", "serve", *arguments, "--port", "0"]
    env = environment(folder)
    with subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            address = re.search(r"http://\S+/", process.stdout.readline())[0]
            yield address, process
        finally:
            process.kill()
