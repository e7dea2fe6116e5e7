"""A stage's command as a process of this machine, several stages at once.

DVC is no business of a job: it is a command, and comes to an exit status. What is stale, the cache and dvc.lock stay
with who submits it. Threads start the processes and wait for them: no port is open through which others could.
"""

import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

from bagpipe.repro import supervise

POLL_S = 0.5  # between two looks whether somebody asked to stop
STAGE_GB = 0.9  # of memory, which a stage needs at most; it computes on one core
KILLED = " (killed, as happens where memory runs out; fewer --jobs need less)"
CGROUPS = Path("/sys/fs/cgroup")
Tls = tuple[str, str, str] | None  # for Dask, files: the certificate of the authority, that of the caller, its key


class Job(NamedTuple):
    """The command of a stage and what it takes to run it; all paths absolute."""

    name: str
    command: list[str]
    folder: Path  # to run it in
    environment: dict[str, str]
    log: Path  # for all that it prints
    lock: Path  # held by each of its processes


class Outcome(NamedTuple):
    status: int = 0  # exit status
    seconds: float = 0
    error: str = ""  # what went wrong, if anything


def run_job(job: Job, stop: Any) -> Outcome:
    """Run a job's command until it ends or `stop`, an event of threading or of Dask, is set."""
    path = os.pathsep.join([str(Path(sys.executable).parent), job.environment.get("PATH", os.defpath)])
    # -P: the folder of supervise.py holds modules that are no business of it
    command = [sys.executable, "-P", supervise.__file__, str(job.lock), *job.command]
    own = {name: os.environ[name] for name in supervise.OPTIONS if name in os.environ}  # of a worker, say
    environment = {**job.environment, **own, "PATH": path}
    options: dict[str, Any] = {"cwd": job.folder, "env": environment, "stdin": subprocess.PIPE}
    options |= {"stderr": subprocess.STDOUT, "start_new_session": True}
    started = time.monotonic()
    with open(job.log, "wb") as log, subprocess.Popen(command, stdout=log, **options) as supervisor:
        while supervisor.returncode is None:
            with suppress(subprocess.TimeoutExpired):
                supervisor.wait(POLL_S)
            if stop.is_set() and supervisor.stdin:
                supervisor.stdin.close()
    status = supervisor.returncode
    if status < 0:  # somebody killed the supervisor: then what it watched over goes, too
        status = 128 - status
        with suppress(ProcessLookupError):
            os.killpg(supervisor.pid, signal.SIGKILL)
    printed = job.log.read_text(encoding="utf-8", errors="replace").rstrip() if status else ""
    why = KILLED if status == 128 + signal.SIGKILL else ""
    error = f"exit status {status}{why}; all that it printed:\n{printed}" if status else ""
    return Outcome(status, time.monotonic() - started, error)


class JobPool:
    """What runs jobs at once: an executor of `concurrent.futures`, and an event that stops them."""

    run = staticmethod(run_job)
    reasons: ClassVar[dict[type[Exception], str]] = {}  # what errors mean that do not say it themselves

    def __init__(self, executor: Executor, stop: Any, most: int | None) -> None:
        self._executor, self._stop, self._most = executor, stop, most
        self._running: dict[Future[Outcome], Job] = {}

    def free(self) -> int:
        """How many jobs more could run at once."""
        return self._most - len(self._running)  # type: ignore[operator] # None only with Dask, which overrides this

    def submit(self, job: Job) -> None:
        self._running[self._executor.submit(self.run, job, self._stop)] = job

    def wait(self) -> list[tuple[Job, Outcome]]:
        """Wait until jobs end; return these and how."""
        ended, _ = wait(self._running, return_when=FIRST_COMPLETED)
        return [(self._running.pop(future), self._outcome(future)) for future in ended]

    def _outcome(self, future: Future[Outcome]) -> Outcome:
        try:
            return future.result()
        except Exception as error:  # no memory for another process, no space for its log; with Dask anything
            return Outcome(error=self.reasons.get(type(error), str(error) or repr(error)))

    def stop(self) -> None:
        """Stop what runs, and wait until none of its processes is left."""
        if self._running:
            with suppress(OSError):  # a scheduler that does not answer: then its workers end, and what they run
                self._stop.set()
            wait(self._running, timeout=supervise.GRACE_S + POLL_S)
        deadline = time.monotonic() + supervise.GRACE_S
        for job in self._running.values():
            with open(job.lock, "ab") as lock:
                while time.monotonic() < deadline:
                    with suppress(BlockingIOError):
                        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                        break
                    time.sleep(POLL_S / 10)


class LocalPool(JobPool):
    def __init__(self, stale: int, jobs: int | None) -> None:
        """Run at once what is stale, on `jobs` cores or all, but no more than fits in memory; if so, say that."""
        super().__init__(ThreadPoolExecutor(max(1, stale)), threading.Event(), stale)
        if stale > 1:
            import joblib  # takes a quarter of a second

            wanted, free = min(stale, jobs or joblib.cpu_count()), free_memory() / 1e9
            self._most = most = max(1, min(wanted, int(free / STAGE_GB)))
            if most < wanted:
                noun = "stage" if most == 1 else "stages"
                print(f"{most} {noun} at once: {free:.1f} GB of memory free, {STAGE_GB} GB each", flush=True)


def free_memory(own: Path = Path("/proc/self/cgroup")) -> int:
    """Bytes that new processes can have, of the machine and of each cgroup with a limit that this one is in."""
    import psutil

    free = psutil.virtual_memory().available
    with suppress(OSError):  # no Linux
        group = CGROUPS / own.read_text(encoding="utf-8").rpartition("0::/")[2].strip()
        for folder in (group, *group.parents):
            with suppress(OSError, ValueError):  # no limit ("max"), none seen from a container, no cgroups v2
                limit, used = (int((folder / name).read_text()) for name in ("memory.max", "memory.current"))
                cached = (folder / "memory.stat").read_text().split("\ninactive_file ")[1].split()[0]
                free = min(free, limit - used + int(cached))  # cached files give way
    return free
