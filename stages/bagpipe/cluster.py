"""Where stages run at once: worker processes of Dask, of this machine or of a cluster that shares its files.

DVC is no business of the workers. They get a command and give back its exit status; what is stale, the cache and
dvc.lock stay with the process that called them, see stages/bagpipe/repro.py. So workers can neither disagree on
these nor, when one is killed, leave a lock behind.
"""

import fcntl
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

import dask
from distributed import CancelledError, Client, Event, Future, KilledWorker, LocalCluster, Worker, wait

from stages.bagpipe import supervise
from stages.common.errors import UserError

POLL_S = 0.5  # between two looks whether somebody asked to stop, or whether a worker is left
PATIENCE_S = 30  # until a scheduler must have answered, and a worker have come


@dataclass(frozen=True)
class Job:
    """The commands of a stage, as a worker needs them; all paths absolute and the same on all machines."""

    name: str
    commands: tuple[tuple[str, ...], ...]
    folder: Path  # to run them in
    environment: dict[str, str]  # not the worker's own, in which Dask sets threads and memory for its purposes
    log: Path  # for all that they print
    lock: Path  # held by each of their processes


class Outcome(NamedTuple):
    status: int  # exit status
    seconds: float


def run_job(job: Job, stop: str) -> Outcome:
    """Run a job's commands on a worker, until one fails or the Dask event named `stop` is set.

    Raises:
        UserError: this worker does not see the workspace.
    """
    if not job.lock.parent.is_dir():
        raise UserError(
            f"the Dask worker on {socket.gethostname()} does not see {job.folder}: workers need the workspace on a "
            "file system that all share, under the same path"
        )
    path = os.pathsep.join([str(Path(sys.executable).parent), job.environment.get("PATH", os.defpath)])
    environment = {**job.environment, "PATH": path}
    started = time.monotonic()
    with open(job.log, "wb") as log:
        status = next(filter(None, (_run_command(job, c, environment, log, Event(stop)) for c in job.commands)), 0)
    return Outcome(status, time.monotonic() - started)


def _run_command(job: Job, command: tuple[str, ...], environment: dict[str, str], log: IO[bytes], stop: Event) -> int:
    if stop.is_set():
        return 128 + signal.SIGINT
    # -P: the folder of supervise.py holds modules that are no business of it
    supervised = [sys.executable, "-P", supervise.__file__, str(job.lock), *command]
    with subprocess.Popen(
        supervised, cwd=job.folder, env=environment, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT
    ) as process:
        while True:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(POLL_S)
            if stop.is_set():
                process.stdin.close()


class Cluster:
    """Workers, reached through a Dask client."""

    def __init__(self, client: Client, most: int | None) -> None:
        self._client = client
        self._most = most
        self._stop = Event(f"bagpipe-stop-{uuid.uuid4().hex}", client=client)
        self._running: dict[Future, Job] = {}

    def free(self) -> int:
        """How many jobs more could run at once: one a thread of each worker, and no more than asked for."""
        threads = self._threads() or 0
        return (threads if self._most is None else min(threads, self._most)) - len(self._running)

    def _threads(self) -> int | None:
        """Those of all workers; None if the scheduler does not answer."""
        if self._client.status == "running":
            with suppress(OSError):
                return sum(self._client.nthreads().values())
        return None

    def submit(self, job: Job) -> None:
        if self._client.status in ("closing", "closed"):
            raise UserError("the Dask scheduler is lost")
        key = f"{job.name}-{uuid.uuid4().hex}"  # Dask takes what has the same key for the same
        self._running[self._client.submit(run_job, job, self._stop.name, key=key, pure=False)] = job

    def wait(self) -> list[tuple[Job, Outcome | UserError]]:
        """Wait until jobs end; return these and how.

        Raises:
            UserError: no worker is left.
        """
        last_seen = time.monotonic()
        while True:
            with suppress(OSError, CancelledError):
                wait(list(self._running), timeout=POLL_S, return_when="FIRST_COMPLETED")
            ended = [future for future in self._running if future.done()]
            if ended:
                return [(self._running.pop(future), _outcome(future)) for future in ended]
            # without an answer the client tries for a while, then cancels its futures
            if self._threads() != 0:
                last_seen = time.monotonic()
            elif time.monotonic() > last_seen + PATIENCE_S:
                raise UserError(f"no Dask worker is left, and none came within {PATIENCE_S} s")

    def stop(self) -> None:
        """Stop what runs, and wait until none of its processes is left."""
        if not self._running:
            return
        patience_s = supervise.GRACE_S + POLL_S
        with suppress(OSError, CancelledError):  # no answer: then its workers end, and what they run with them
            self._stop.set()
            wait(list(self._running), timeout=patience_s)
        deadline = time.monotonic() + patience_s
        while any(_is_held(job.lock) for job in self._running.values()) and time.monotonic() < deadline:
            time.sleep(POLL_S)


def _outcome(future: Future) -> Outcome | UserError:
    if future.status == "finished":
        return future.result()
    error = future.exception() if future.status == "error" else None
    if isinstance(error, UserError):
        return error
    if isinstance(error, KilledWorker):
        return UserError("each worker that took it died")
    return UserError(f"Dask failed: {error}" if error else "the Dask scheduler is lost")


def _is_held(lock: Path) -> bool:
    """Whether a process of a job is alive."""
    with suppress(FileNotFoundError), open(lock, "rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def dask_setup(worker: Worker) -> None:
    """Make a worker of this machine, in which Dask calls this, leave Ctrl-C to the process that waits for results."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def connect(jobs: int | None, scheduler: str | None) -> Iterator[Cluster]:
    """Yield a cluster: of `jobs` processes on this machine, gone afterwards, or the one of a scheduler's address.

    Of the latter it takes `jobs` threads at most, all by default. Jobs that still run in the end are stopped.

    Raises:
        UserError: no scheduler answers, or it has no workers.
    """
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what fails is told with the stage that fails by it
    if scheduler is None:
        with (
            # profiling takes a part of the core that a stage needs
            dask.config.set({"distributed.worker.profile.enabled": False}),
            LocalCluster(
                n_workers=jobs,
                threads_per_worker=1,
                memory_limit=None,  # a stage is a process of its own, with memory of its own
                dashboard_address="127.0.0.1:0",
                scheduler_kwargs={"dashboard": False},
                silence_logs=logging.CRITICAL,
                preload=__name__,
            ) as cluster,
            Client(cluster) as client,
        ):
            yield from _until_stopped(Cluster(client, jobs))
        return
    try:
        client = Client(scheduler, timeout=PATIENCE_S)
        client.wait_for_workers(1, timeout=PATIENCE_S)
    except (OSError, ValueError) as error:
        raise UserError(f"Dask scheduler {scheduler}: expected one with workers, found: {error}") from None
    with client:
        yield from _until_stopped(Cluster(client, jobs))


def _until_stopped(cluster: Cluster) -> Iterator[Cluster]:
    try:
        yield cluster
    finally:
        cluster.stop()
