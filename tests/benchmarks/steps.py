"""What the contestants share: the work's steps, and how a process reports their times."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stages.common.basics.rows import Rows

DATASETS = ("imdb", "reuters")
NUM_WORDS, BATCH = 10_000, 512
# As in the notebooks: units, classes, held-out rows, epochs of the validation run and of the final run
SETTINGS = {"imdb": (16, 2, 10_000, 20, 4), "reuters": (64, 46, 1_000, 20, 9)}


class Clock:
    """Collects seconds by dataset and step, and prints them with the test accuracies as one line of JSON."""

    def __init__(self) -> None:
        self.seconds: dict[str, dict[str, float]] = {name: {} for name in DATASETS}
        self.accuracy: dict[str, float] = {}

    @contextmanager
    def step(self, dataset: str, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[dataset][name] = time.perf_counter() - start

    def report(self) -> None:
        print(json.dumps({"seconds": self.seconds, "accuracy": self.accuracy}))


def read_rows(folder: Path) -> Rows:
    """A split as vectorize wrote it, mapped into memory."""
    return Rows(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in Rows._fields))


class Run(NamedTuple):
    """One run of a process: the JSON of its last line, if any; wall seconds; peak memory in MB."""

    report: dict
    wall: float
    peak: float


# Linux counts the memory of the process that starts another as the other's, too. So a small one does it.
LAUNCHER = """
import os, sys
report, *command = sys.argv[1:]
_, status, usage = os.wait4(os.posix_spawnp(command[0], command, os.environ), 0)
with open(report, "w") as file:
    file.write(str(usage.ru_maxrss))
sys.exit(os.waitstatus_to_exitcode(status))
"""


def run(command: list[str], folder: Path, env: dict[str, str]) -> Run:
    """Run a process to its end.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    with tempfile.NamedTemporaryFile() as peak:
        launched = [sys.executable, "-S", "-c", LAUNCHER, peak.name, *command]
        start = time.perf_counter()
        quiet = {**env, "TF_CPP_MIN_LOG_LEVEL": "3"}
        process = subprocess.Popen(launched, cwd=folder, env=quiet, stdout=subprocess.PIPE, text=True)
        last = ""
        for line in process.stdout:  # read as it comes, kept no further than the last
            last = line
        if process.wait():
            raise subprocess.CalledProcessError(process.returncode, command)
        wall = time.perf_counter() - start
        megabytes = int(Path(peak.name).read_text()) / 1024
    return Run(json.loads(last) if last.startswith('{"seconds"') else {}, wall, megabytes)
