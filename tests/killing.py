"""Kill a run at a random moment, and see whether the next one comes to the same contents."""

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from bagpipe.repro import supervise
from bagpipe.scratch.copies import environment
from tests.copying import BAGPIPE, DIAMOND, PATIENCE_S, CopyingProject, heed_ctrl_c

INPUTS = ("a\n", "b\n")
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def of_stages(here: CopyingProject) -> list[psutil.Process]:
    return [process for process in here.processes() if "work.py" in (process.info["cmdline"] or [])]


def of_supervisors(here: CopyingProject) -> list[psutil.Process]:
    return [process for process in here.processes() if supervise.__file__ in (process.info["cmdline"] or [])]


# Who is killed: the run itself, or one of its processes
VICTIMS: dict[str, Callable[[CopyingProject], list[psutil.Process]] | None] = {
    "bagpipe repro": None,
    "a stage": of_stages,
    "a supervisor": of_supervisors,
    "dvc repro": None,
}


class KilledProject:
    """A project of four stages that is brought from one input to another and back, and does not always get there."""

    def __init__(self, folder: Path, *options: str) -> None:
        """Make it, with options for each `bagpipe repro`, and note down what undisturbed runs come to."""
        self.options = options
        self.here = CopyingProject(folder, DIAMOND, *options)
        for stage in DIAMOND:
            self.here.on(stage, "time.sleep(0.05)")
        self._locks: dict[str, bytes] = {}
        self._texts: dict[str, str | None] = {}
        self.torn_locks = 0  # by `dvc repro`
        for self._input in INPUTS:
            self.here.write("in.txt", self._input)
            started = time.monotonic()
            self.here.repro()
            self.seconds = time.monotonic() - started
            self._locks[self._input], self._texts[self._input] = self._lock(), self.here.output("end")

    def _lock(self) -> bytes:
        return (self.here.folder / "dvc.lock").read_bytes()

    def change(self, chance: random.Random) -> None:
        """Have everything to be done again; what DVC has kept of it is forgotten every other time."""
        self._input = next(text for text in INPUTS if text != self._input)
        self.here.write("in.txt", self._input)
        if chance.random() < 0.5:
            shutil.rmtree(self.here.folder / ".dvc" / "cache")

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a run that nobody listens to."""
        options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "preexec_fn": heed_ctrl_c}
        return subprocess.Popen(command, cwd=self.here.folder, env=environment(self.here.folder), **options)

    def kill(self, victim: str, number: signal.Signals, chance: random.Random) -> None:
        """Send a signal to a run, or to one of its processes, at a random moment; return when the run has ended."""
        command = [*BAGPIPE, "repro"] if victim != "dvc repro" else [sys.executable, "-m", "dvc", "repro"]
        run, victims = self.start(*command), VICTIMS[victim]
        time.sleep(chance.uniform(0, self.seconds))
        while run.poll() is None:
            found = victims(self.here) if victims else [psutil.Process(run.pid)]
            if found:
                with suppress(psutil.NoSuchProcess):  # it may just have ended
                    chance.choice(found).send_signal(number)
                break
            time.sleep(0.01)
        run.wait(PATIENCE_S)

    def problem(self) -> str:
        """Run once more; return what is wrong with what it comes to, if anything."""
        run = self.here.start()
        printed, _ = run.communicate(timeout=PATIENCE_S)
        if printed.startswith("error: dvc.lock: expected what DVC writes"):  # nobody but `dvc repro` leaves it so
            (self.here.folder / "dvc.lock").unlink()  # as the sentence goes on
            self.torn_locks += 1
            run = self.here.start()
            printed, _ = run.communicate(timeout=PATIENCE_S)
        if run.returncode or "Traceback" in printed:
            return f"the next run ended with {run.returncode}:\n{printed}"
        if self._lock() != self._locks[self._input] or self.here.output("end") != self._texts[self._input]:
            return f"the next run came to other contents:\n{printed}"
        left = sorted(path.name for path in (self.here.folder / "out").iterdir() if path.name not in DIAMOND)
        return f"the next run left {', '.join(left)}" if left else ""
