"""`bagpipe repro`: what `dvc repro` does, with independent stages at once.

DVC decides, in this thread alone, what is stale, and keeps its cache, run cache and lock (dvc_pipeline.py); threads
of this process (jobs.py) or Dask's workers (cluster.py) run the stages' commands.
"""

import logging
import sys
import time
from collections.abc import Collection
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from dvc.dvcfile import LOCK_FILE
from dvc.exceptions import DvcException
from dvc.repo import Repo
from tqdm import tqdm

from bagpipe.project.dvc_project import only_run, open_project, remove_leftovers
from bagpipe.repro.dvc_pipeline import LOGS, StalePipeline
from bagpipe.repro.jobs import Job, LocalWorkers, Outcome, Tls, Workers
from bagpipe.repro.states import COLOURS, READY, SUMMARY, TO_RECORD, State
from bagpipe.repro.stopping import Stop, noticing_signals
from stages.common.basics.errors import UserError
from stages.common.basics.params.reading import load_params
from stages.common.basics.terminal import add_colour, wrap_text
from stages.common.judging.published import load_published

TORN = (
    "expected what DVC writes, found something else: `bagpipe resolve-lock` settles a merge; if `dvc repro` "
    "was killed, delete it, or restore it from Git: what is finished comes from the cache"
)


class StagesFailedError(UserError):
    """Stages failed; `statuses` has the exit status of each whose commands ran."""

    statuses: dict[str, int]


class ReproRun:
    """One call of `bagpipe repro`: which stages come to what end."""

    def __init__(self, pipeline: StalePipeline, workers: Workers, stop: Stop, keep_going: bool) -> None:
        self._pipeline, self._workers, self._stop, self._keep_going = pipeline, workers, stop, keep_going
        self._states = {name: State.WAITS if name in pipeline.stale else State.UNCHANGED for name in pipeline.stages}
        self.statuses: dict[str, int] = {}  # exit statuses of stages that ran
        self._seconds = 0.0  # of all commands, added up
        self._bar = tqdm(total=len(pipeline.stale), unit="stage", leave=False, disable=not sys.stderr.isatty())

    def run_all(self) -> None:
        """Bring all stages up to date that can be, and record them, whatever happens."""
        with ExitStack() as in_the_end:  # each of these, whatever becomes of the others
            in_the_end.callback(self._pipeline.give_back)
            in_the_end.callback(lambda: self._pipeline.record(self.stages_in(*TO_RECORD)))
            in_the_end.callback(self._bar.close)
            in_the_end.callback(self._workers.stop)
            try:
                self._start()
                while self.stages_in(State.RUNS):
                    ended = self._pipeline.wait(self._workers)
                    self._start()  # first let workers go on, then see to what they have done
                    for job, outcome in ended:
                        self._conclude(job, outcome)
                    self._start()
                self._stop.heed()
            except KeyboardInterrupt:
                self._print("Stopping; what is finished is kept.")
                raise

    def stages_in(self, *states: State) -> list[str]:
        """The stages that are in one of these states, in the order of `dvc repro`."""
        return [name for name, state in self._states.items() if state in states]

    def _find_next(self) -> str | None:
        """The first stage that need not wait any more; none on the way to the end, as after a failure."""
        if self._stop.asked or (self.stages_in(State.FAILED) and not self._keep_going):
            return None
        ready = set(self.stages_in(*READY))
        return next((name for name in self.stages_in(State.WAITS) if self._pipeline.stale[name] <= ready), None)

    def _start(self) -> None:
        """Start what can be, as far as workers are free."""
        while (name := self._find_next()) and (not self.stages_in(State.RUNS) or self._workers.free() > 0):
            try:
                found = self._pipeline.begin(name)
            except UserError as error:
                self._end(name, State.FAILED, str(error))
                continue
            if isinstance(found, Job):
                self._states[name] = State.RUNS
                self._workers.submit(found)
                self._print(State.RUNS.value, name)
            else:
                self._end(name, found, "from the cache")

    def _conclude(self, job: Job, outcome: Outcome) -> None:
        self._seconds += outcome.seconds
        self.statuses[job.name] = outcome.status
        try:
            if outcome.error:
                raise UserError(outcome.error)
            self._pipeline.finish(job.name)
            self._end(job.name, State.DONE, "", outcome.seconds)
        except UserError as error:
            self._end(job.name, State.FAILED, str(error), outcome.seconds)

    def _end(self, name: str, state: State, why: str, seconds: float = 0) -> None:
        self._states[name] = state
        if state is not State.UNCHANGED:
            self._print(state.value, name, f"{seconds:.1f} s" if seconds else "", why, COLOURS.get(state))
        self._bar.update()

    def _print(self, what: str, name: str = "", took: str = "", why: str = "", colour: str | None = None) -> None:
        self._bar.write(f"{add_colour(f'{what:<9}', colour)} {name:<32} {took:>8}  {why}".rstrip())
        sys.stdout.flush()

    def summarize(self, wall: float) -> str:
        """One line on it all; wall: seconds."""
        counts = {words: len(self.stages_in(state)) for state, words in SUMMARY.items()}
        ends = ", ".join(f"{count} {words}" for words, count in counts.items() if count)
        did_run = counts[SUMMARY[State.DONE]]
        serial = f"; one after the other, the commands take about {self._seconds:.1f} s" if did_run else ""
        return f"{len(self._states)} stages: {ends}. {wall:.1f} s{serial}"


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


def make_workers(stale: int, jobs: int | None, scheduler: str | None, tls: Tls) -> Workers:
    if not (scheduler and stale):
        return LocalWorkers(stale, jobs)
    from bagpipe.repro.cluster import DaskWorkers  # nothing else needs Dask

    return DaskWorkers(scheduler, tls, jobs)


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
                workers = make_workers(len(pipeline.stale), jobs, scheduler, tls)
            run = ReproRun(pipeline, workers, stop, keep_going)
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
