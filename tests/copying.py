"""Little DVC projects whose stages copy files, for tests of `bagpipe repro`, and Dask processes to run them on."""

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from commands import dvc, run_module
from dvc.utils.serialize import load_yaml

from bagpipe.scratch.copies import ROOT, environment
from stages.common.basics.params.reading import PARAMS_FILE
from stages.common.judging.published import PUBLISHED_FILE

BAGPIPE = (sys.executable, "-m", "bagpipe.cli.main")
PATIENCE_S = 60  # for things that take a second or two on a machine with nothing else to do
DIAMOND = {"top": ["in.txt"], "left": ["out/top"], "right": ["out/top"], "end": ["out/left", "out/right"]}
BRANCHES = {"bad": ["bad.txt"], "good": ["good.txt"], "after_bad": ["out/bad"], "after_good": ["out/good"]}

# What a stage of the little pipelines does: take its lock, as all stages do; say so, do as steps/NAME says, copy its
# inputs to its output.
WORK = """
import fcntl, os, pathlib, sys, time
name, *needed = sys.argv[1:]
os.makedirs(".dvc/tmp/bagpipe", exist_ok=True)
lock = open(f".dvc/tmp/bagpipe/{name}.stage.lock", "wb")
fcntl.flock(lock, fcntl.LOCK_EX)
steps = pathlib.Path("steps", name)
with open("calls.txt", "a") as calls:
    calls.write(f"{name} {os.getpid()}\\n")
print("this is", name, flush=True)
exec(steps.read_text() if steps.exists() else "")
text = "".join(pathlib.Path(path).read_text() for path in needed)
partial = pathlib.Path(f"out/.{name}.partial")
partial.parent.mkdir(exist_ok=True)
partial.write_text(text)
partial.rename(f"out/{name}")
"""
# The steps `wait` for a file with a given name, so that a test, not a clock, decides when a stage goes on.
WAIT = """
import pathlib, time
def wait(path):
    while not pathlib.Path(path).exists():
        time.sleep(0.01)
"""


class CopyingProject:
    """A DVC project of stages that copy files."""

    def __init__(self, folder: Path, stages: dict[str, list[str]], *options: str) -> None:
        """Make one in a new folder.

        Args:
            stages: the inputs of each.
            options: for each call of `bagpipe repro`.
        """
        self.folder = folder
        self._options = options
        (folder / ".dvc").mkdir(parents=True)
        (folder / ".dvc" / "config").write_text(
            "[core]\n    no_scm = true\n    analytics = false\n", encoding="utf-8"
        )
        lines = ["stages:"]
        for name, needed in stages.items():
            lines += [f"  {name}:", f"    cmd: python work.py {name} {' '.join(needed)}", f"    deps: {needed}"]
            lines += [f"    outs: [out/{name}]"]
            for path in needed:
                if not path.startswith("out/"):
                    (folder / path).write_text(f"{path}\n", encoding="utf-8")
        (folder / "dvc.yaml").write_text("\n".join(lines), encoding="utf-8")
        (folder / "work.py").write_text(WORK, encoding="utf-8")
        for file in (PARAMS_FILE, PUBLISHED_FILE):
            shutil.copy(ROOT / file, folder)
        (folder / "steps").mkdir()
        self._read = 0

    def on(self, stage: str, steps: str) -> None:
        (self.folder / "steps" / stage).write_text(WAIT + steps, encoding="utf-8")

    def write(self, path: str, text: str = "") -> None:
        (self.folder / path).write_text(text, encoding="utf-8")

    def output(self, stage: str) -> str | None:
        path = self.folder / "out" / stage
        return path.read_text(encoding="utf-8") if path.exists() else None

    def start(self, *arguments: str, **options: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*BAGPIPE, "repro", *self._options, *arguments],
            cwd=self.folder,
            env=environment(self.folder),
            text=True,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "preexec_fn": heed_ctrl_c, **options},
        )

    def repro(self, *arguments: str, status: int = 0) -> str:
        """Run `bagpipe repro`; return what it prints."""
        done = run_module(self.folder, "bagpipe.cli.main", "repro", *self._options, *arguments, merged=True)
        assert done.returncode == status, done.stdout
        assert "Traceback" not in done.stdout
        return done.stdout

    def calls(self) -> list[str]:
        """The stages whose commands have started since the last call of this."""
        path = self.folder / "calls.txt"
        lines = path.read_text(encoding="utf-8").splitlines()[self._read :] if path.exists() else []
        self._read += len(lines)
        return [line.split()[0] for line in lines]

    def pid(self, stage: str) -> int:
        """The process that runs a stage's command, the last one of several."""
        lines = (self.folder / "calls.txt").read_text(encoding="utf-8").splitlines()
        return [int(pid) for name, pid in map(str.split, lines) if name == stage][-1]

    def supervisor(self, stage: str) -> psutil.Process:
        """The process that watches over a stage's command."""
        process = psutil.Process(self.pid(stage))
        while not any(word.endswith("supervise.py") for word in process.cmdline()):
            process = process.parent()
        return process

    def until_called(self, stage: str, times: int = 1) -> None:
        path = self.folder / "calls.txt"
        until(lambda: path.exists() and path.read_text(encoding="utf-8").split().count(stage) >= times)

    def locked(self) -> set[str]:
        """The stages in dvc.lock."""
        path = self.folder / "dvc.lock"
        return set(load_yaml(path)["stages"]) if path.exists() else set()

    def processes(self) -> list[psutil.Process]:
        """All that run in the project's folder."""
        return [p for p in psutil.process_iter(["cwd", "cmdline"]) if p.info["cwd"] == str(self.folder)]

    def assert_no_trace(self) -> None:
        """No process is left, no half-written file, and nothing that is in the way of another DVC command."""
        assert not self.processes()
        assert not list((self.folder / "out").glob("*.partial"))
        # DVC says so where a lock is held or its holder was killed
        status = dvc(self.folder, "status", capture_output=True)
        assert status.returncode == 0, status.stderr
        assert "busy" not in status.stdout + status.stderr
        assert "killed" not in status.stderr

    def assert_up_to_date(self) -> None:
        status = dvc(self.folder, "status", capture_output=True)
        assert "Data and pipelines are up to date." in status.stdout, status.stdout


def heed_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # which a background job would ignore


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@contextmanager
def dask_process(*arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of Dask's own command line."""
    command = [sys.executable, "-m", "dask", *arguments, "--no-dashboard"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE_S)


@contextmanager
def dask_cluster(folder: Path, *options: str, protocol: str = "tcp", workers: int = 2) -> Iterator[str]:
    """The address of a scheduler that has workers of one thread, each a process with one more to watch it."""
    address = f"{protocol}://127.0.0.1:{free_port()}"
    worker = ("worker", address, "--nworkers", str(workers), "--nthreads", "1", "--local-directory", str(folder))
    with dask_process("scheduler", "--host", address, *options) as scheduler, dask_process(*worker, *options):
        # those that watch have a connection, too
        connections = psutil.Process(scheduler.pid).net_connections
        until(lambda: [found.status for found in connections()].count("ESTABLISHED") >= 2 * workers)
        yield address


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
