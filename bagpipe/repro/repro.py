"""`bagpipe repro`: what `dvc repro` does, with independent stages at once.

DVC decides, in this thread alone, what is stale, and keeps its cache, run cache and lock (dvc_pipeline.py); threads
of this process (jobs.py) or Dask's workers (cluster.py) run the stages' commands.
"""

import logging
import time
from collections.abc import Collection
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from dvc.dvcfile import LOCK_FILE
from dvc.exceptions import DvcException
from dvc.repo import Repo

from bagpipe.project.dvc_project import only_run, open_project, remove_leftovers
from bagpipe.repro.dvc_pipeline import LOGS, StalePipeline
from bagpipe.repro.jobs import JobPool, LocalPool, Tls
from bagpipe.repro.schedule import Schedule
from bagpipe.repro.states import State
from bagpipe.repro.stopping import noticing_signals
from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import load_params
from stages.common.basics.terminal import wrap_text
from stages.common.judging.published import load_published

TORN = (
    "expected what DVC writes, found something else: `bagpipe resolve-lock` settles a merge; if `dvc repro` "
    "was killed, delete it, or restore it from Git: what is finished comes from the cache"
)


class StagesFailedError(UserError):
    """Stages failed; `statuses` has the exit status of each whose commands ran."""

    statuses: dict[str, int]


def show_waves(pipeline: StalePipeline) -> None:
    """Print what is stale, and what depends on it: a line for all that can run at once."""
    waves: dict[str, int] = {}
    for name, needed in pipeline.stale.items():
        waves[name] = 1 + max((waves[other] for other in needed), default=0)
    for number in sorted(set(waves.values())):
        names = " ".join(name for name, wave in waves.items() if wave == number)
        print(wrap_text(f"wave {number}: {names}", hanging="  "))
    count = f"\n{len(waves)} of {len(pipeline.stages)} stages"
    print(f"{count}; those whose inputs come out the same will be skipped." if waves else "Everything is up to date.")


def make_pool(stale: int, jobs: int | None, scheduler: str | None, tls: Tls) -> JobPool:
    if not (scheduler and stale):
        return LocalPool(stale, jobs)
    from bagpipe.repro.cluster import DaskPool  # nothing else needs Dask

    return DaskPool(scheduler, tls, jobs)


def repro(
    targets: Collection[str], jobs: int | None, scheduler: str | None, keep_going: bool, dry: bool, tls: Tls = None
) -> None:
    """Bring targets, by default everything, up to date; the arguments are those of the command line.

    Raises:
        StagesFailedError: stages failed.
        UserError: params.yaml or published.yaml has a mistake; DVC or the cluster refuses.
    """
    started = time.monotonic()
    load_published(load_params())  # a mistake is told before anything runs; from params DVC makes the stages
    try:
        with noticing_signals() as stop, ExitStack() as project:
            with stop.heeded():
                root = Path(Repo.find_root())
                if not dry:
                    project.enter_context(only_run(root))
                repo = project.enter_context(open_project(root, partial(print, flush=True)))
            # now that it need no longer tell what it waits for, keep DVC from saying what is said here
            logging.getLogger("dvc").setLevel(logging.WARNING)
            logging.getLogger("dvc.progress").setLevel(logging.CRITICAL)  # above which its bars stay away
            if dry:
                show_waves(StalePipeline(repo, targets, stop))
                return
            remove_leftovers(repo)
            pipeline = StalePipeline(repo, targets, stop)
            with stop.heeded():
                workers = make_pool(len(pipeline.stale), jobs, scheduler, tls)
            run = Schedule(pipeline, workers, stop, keep_going)
            run.run_all()
    except DvcException as error:
        if Path(getattr(error, "path", None) or "").name == LOCK_FILE:
            raise UserError(f"{LOCK_FILE}: {TORN}") from None
        raise UserError(str(error)) from None
    print(run.summarize(time.monotonic() - started), flush=True)
    failed = ", ".join(run.stages_in(State.FAILED))
    if failed:
        failure = StagesFailedError(f"failed: {failed}; see above, or the logs in {LOGS}; what is finished is kept")
        failure.statuses = run.statuses
        raise failure
