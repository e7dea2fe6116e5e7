"""Jobs on the workers of a Dask scheduler, on machines that share the workspace. Only `--scheduler` needs this.

Workers cannot disagree on what is stale nor, when one is killed, leave a lock of DVC behind: they know nothing of it.
"""

import logging
import socket
import time
from concurrent.futures import CancelledError, wait
from contextlib import suppress

from bagpipe.repro.jobs import POLL_S, Job, JobPool, Outcome, Tls, run_job
from stages.common.basics.errors import UserError

try:
    from distributed import Client, Event, KilledWorker, Security, secede
except ModuleNotFoundError:
    raise UserError("a Dask scheduler needs the extra `cluster`: pip install -e '.[cluster]'") from None

LOST = "the Dask scheduler is lost"
CLOSED = ("closing", "closed")  # what a client is then
PATIENCE_S = 30  # until a scheduler must have answered, and a worker have come
# All that workers get of the caller's environment: where programs and folders are, the language, the way to the data,
# and what DVC tells a stage. The rest may be secret, and other machines need none of it.
PROXIES = {"http_proxy", "https_proxy", "all_proxy", "no_proxy"}
SENT = {"PATH", "HOME", "TMPDIR", "LANG", "DATASETS_MIRROR", "KERAS_HOME", "DVC_ROOT", "DVC_STAGE"}
SENT |= {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", *PROXIES, *map(str.upper, PROXIES)}
# Where a stage finds the cluster, too: Dask's names for what its configuration says of TLS
TLS_VARIABLES = [f"DASK_DISTRIBUTED__COMM__TLS__{name}" for name in ("CA_FILE", "CLIENT__CERT", "CLIENT__KEY")]


def run_on_worker(job: Job, stop: Event) -> Outcome:
    """Run a job on a worker, if this one sees the workspace."""
    if job.lock.parent.is_dir():
        if job.name.startswith("vectorize@"):  # which waits for work that it gives to the cluster itself
            secede()
        return run_job(job, stop)
    problem = f"the Dask worker on {socket.gethostname()} does not see {job.folder}"
    raise UserError(f"{problem}: workers need the workspace on a file system that all share, under the same path")


class DaskPool(JobPool):
    run = staticmethod(run_on_worker)
    reasons = {KilledWorker: "each worker that took it died", CancelledError: LOST}  # noqa: RUF012

    def __init__(self, scheduler: str, tls: Tls = None, most: int | None = None) -> None:
        """Reach the workers of a scheduler, to take `most` of their threads, by default all.

        Without `tls` it is as Dask's own configuration has it. If there are none, that is a UserError.
        """
        for name in ("distributed", "distributed.client", "tornado.application"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what fails is told with the stage that fails by it
        files = zip(("tls_ca_file", "tls_client_cert", "tls_client_key"), tls or (), strict=bool(tls))
        security = Security(require_encryption=True if tls else None, **dict(files))
        if scheduler.startswith("tls://") and not security.tls_client_cert:  # type: ignore[attr-defined] # of __slots__
            raise UserError(
                f"Dask scheduler {scheduler}: expected --tls-ca-file, --tls-cert and --tls-key, found none"
            )
        try:
            self._client = Client(scheduler, timeout=PATIENCE_S, security=security)
            self._client.wait_for_workers(1, timeout=PATIENCE_S)
        except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: it does not encrypt, and has to
            raise UserError(f"Dask scheduler {scheduler}: expected one with workers, found: {error}") from None
        self._address = {"DASK_SCHEDULER_ADDRESS": scheduler, **dict(zip(TLS_VARIABLES, tls or (), strict=bool(tls)))}
        super().__init__(self._client.get_executor(pure=False), Event(client=self._client), most)

    def free(self) -> int:
        """How many jobs more could run at once: one a thread of each worker, and no more than asked for."""
        threads = self._threads() or 0
        return min(threads, self._most or threads) - len(self._running)

    def _threads(self) -> int | None:
        """Those of all workers; None if the scheduler does not answer."""
        if self._client.status == "running":
            with suppress(OSError):
                return sum(self._client.nthreads().values())
        return None

    def submit(self, job: Job) -> None:
        if self._client.status in CLOSED:
            raise UserError(LOST)
        sent = {name: value for name, value in job.environment.items() if name in SENT or name.startswith("LC_")}
        super().submit(job._replace(environment=sent | self._address))

    def wait(self) -> list[tuple[Job, Outcome]]:
        """Wait until jobs end, or raise a UserError if no worker is left."""
        last_seen = time.monotonic()
        while not wait(self._running, timeout=POLL_S, return_when="FIRST_COMPLETED").done:
            # without an answer the client tries for a while, then cancels its futures
            if self._client.status in CLOSED:  # some of them never hear of it
                lost = [(job, Outcome(error=LOST)) for job in self._running.values()]
                self._running.clear()
                return lost
            if self._threads() != 0:
                last_seen = time.monotonic()
            elif time.monotonic() > last_seen + PATIENCE_S:
                raise UserError(f"no Dask worker is left, and none came within {PATIENCE_S} s")
        return super().wait()

    def stop(self) -> None:
        super().stop()
        self._client.close()
