"""`bagpipe repro`: what `dvc repro` does, with independent stages at once.

DVC decides, in this process alone, what is stale, and keeps its cache, run cache and lock; a stage's commands run on
Dask's workers (stages/bagpipe/cluster.py). `dvc repro` calls `Stage.reproduce` for one stage after another; here its
two halves, before and after the commands, are `Pipeline.begin` and `Pipeline.finish`, called for each stage when it
comes to it. Starting DVC anew for each stage (`dvc repro --single-item`) would take a second each, and writing
dvc.lock after each stage another: it is written once, at the end, in the order in which `dvc repro` would have, so
that the file does not depend on which stage was faster. Until then DVC's run cache has what is finished; if this
process is killed, the next run takes it from there.
"""

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Literal

from dask.system import CPU_COUNT
from dvc.dvcfile import PROJECT_FILE
from dvc.env import DVC_ROOT, DVC_STAGE
from dvc.exceptions import DvcException
from dvc.repo import Repo, lock_repo
from dvc.repo.reproduce import collect_stages, get_active_graph, plan_repro
from dvc.rwlock import rwlock
from dvc.stage import Stage
from dvc.stage.cache import RunCacheNotFoundError
from dvc.stage.run import get_executable
from tqdm import tqdm

from stages.bagpipe.cluster import Cluster, Job, Outcome, connect
from stages.common.errors import UserError

LOGS = Path(".dvc/tmp/bagpipe")
End = Literal["unchanged", "restored", "done", "failed"]


def sentence(error: DvcException | OSError) -> str:
    """What DVC or the system complains of."""
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return str(error)


class StagesFailedError(UserError):
    """Stages failed; `statuses` has the exit status of each whose commands ran."""

    def __init__(self, message: str, statuses: dict[str, int]) -> None:
        super().__init__(message)
        self.statuses = statuses


class Pipeline:
    """DVC's part: the stages that targets need, which of them are stale, and what is recorded of each."""

    def __init__(self, repo: Repo, targets: Collection[str]) -> None:
        self._repo = repo
        self._graph = get_active_graph(repo.index.graph)
        self.stages = plan_repro(self._graph, collect_stages(repo, targets or [PROJECT_FILE]))
        self._position = {stage: position for position, stage in enumerate(self.stages)}
        self._claims: dict[Stage, ExitStack] = {}
        self._environment = dict(os.environ)  # before Dask adds to it

    def order(self) -> TopologicalSorter:
        """The stages, each after those whose outputs it reads."""
        return TopologicalSorter({stage: self._position.keys() & self._graph[stage] for stage in self.stages})

    def as_repro_would(self, stages: Collection[Stage]) -> list[Stage]:
        """The given stages in the order of `dvc repro`."""
        return sorted(stages, key=self._position.__getitem__)

    @contextmanager
    def unlocked(self) -> Iterator[None]:
        """Let other DVC commands go on while this one waits."""
        self._repo.lock.unlock()
        try:
            yield
        finally:
            self._repo.lock.lock()

    def waves(self) -> list[list[Stage]]:
        """What is stale or depends on what is, level by level."""
        levels: dict[Stage, int] = {}
        for stage in self.stages:
            before = [levels[needed] for needed in self._graph[stage] if needed in levels]
            if before or stage.changed():
                levels[stage] = 1 + max(before, default=0)
        return [[s for s in levels if levels[s] == level] for level in range(1, 1 + max(levels.values(), default=0))]

    def begin(self, stage: Stage) -> Literal["unchanged", "restored"] | Job:
        """Do what comes before a stage's commands: the commands, or why there are none to run.

        Raises:
            DvcException, OSError: a dependency is missing, say.
        """
        if stage.frozen or not stage.cmd:  # data brought in by `dvc add` or `dvc import`: all DVC's business
            return "restored" if stage.reproduce() else "unchanged"
        if not stage.changed():
            return "unchanged"
        stage.remove_outs(ignore_remove=False, force=False)
        try:
            self._repo.stage_cache.restore(stage)
        except RunCacheNotFoundError:
            stage.save_deps()
            self._claim(stage)
            return self._job(stage)
        self.finish(stage)
        return "restored"

    def _claim(self, stage: Stage) -> None:
        """Let no other DVC process write what the stage reads, or touch what it writes, while its commands run."""
        name = " ".join(sys.argv)  # that of DVC's own methods in this process, so as not to be in their way
        reads, writes = ([item.fs_path for item in items] for items in (stage.deps, stage.outs))
        hardlink = self._repo.config["core"].get("hardlink_lock", False)
        claim = self._claims[stage] = ExitStack()
        claim.enter_context(rwlock(self._repo.tmp_dir, self._repo.fs, name, reads, writes, hardlink))

    def release(self, stage: Stage) -> None:
        """Give back what `begin` has claimed; call it when the commands have ended, however they did."""
        self._claims.pop(stage).close()

    def finish(self, stage: Stage) -> None:
        """Do what comes after: hash what the stage has read and written, and keep it in the cache and run cache.

        Raises:
            DvcException, OSError: an output is missing, say.
        """
        stage.save()
        stage.commit()

    def record(self, stages: Collection[Stage]) -> None:
        """Write stages to their lock files."""
        by_file: dict[str, list[Stage]] = {}
        for stage in self.as_repro_would(stages):
            by_file.setdefault(stage.path, []).append(stage)
        for group in by_file.values():
            group[0].dvcfile.dump_stages(group, update_pipeline=False)

    def _job(self, stage: Stage) -> Job:
        root = Path(self._repo.root_dir)
        name = stage.addressing
        file = name.replace("/", "-")
        (root / LOGS).mkdir(exist_ok=True)
        commands = stage.cmd if isinstance(stage.cmd, list) else stage.cmd.splitlines()
        return Job(
            name,
            tuple((get_executable(), "-c", command) for command in commands),
            folder=Path(stage.wdir),
            environment={**self._environment, DVC_ROOT: str(root), DVC_STAGE: name},
            log=root / LOGS / f"{file}.log",
            lock=root / LOGS / f"{file}.lock",
        )


class Progress:
    """Lines about stages and, on a terminal, a bar below them."""

    def __init__(self, stages: int) -> None:
        self._bar = tqdm(total=stages, unit="stage", leave=False, disable=not sys.stderr.isatty())

    def line(self, what: str, name: str, seconds: float | None = None, why: str = "") -> None:
        took = "" if seconds is None else f"{seconds:.1f} s"
        self.text(f"{what:<9} {name:<32} {took:>8}  {why}".rstrip())

    def text(self, text: str) -> None:
        self._bar.write(text)
        sys.stdout.flush()

    def step(self) -> None:
        self._bar.update()

    def close(self) -> None:
        self._bar.close()


class Run:
    """One call of `bagpipe repro`: which stages come to what end."""

    def __init__(self, pipeline: Pipeline, cluster: Callable[[], Cluster], keep_going: bool, progress: Progress):
        """Prepare to run what of a pipeline is stale.

        Args:
            cluster: called when there is something to run, and not before; always gives the same.
        """
        self._pipeline = pipeline
        self._cluster = cluster
        self._keep_going = keep_going
        self._progress = progress
        self._order = pipeline.order()
        self._ready: list[Stage] = []
        self._running: dict[str, Stage] = {}
        self.ends: dict[Stage, End] = {}
        self.statuses: dict[str, int] = {}  # exit statuses of stages that failed
        self.seconds = 0.0  # of all commands, added up

    def to_the_end(self) -> None:
        """Bring all stages up to date that can be; after a failure, unless `keep_going`, only end what runs."""
        self._order.prepare()
        self._start()
        while self._running:
            with self._pipeline.unlocked():
                ended = self._cluster().wait()
            self._start()  # first let workers go on, then see to what they have done
            for job, outcome in ended:
                stage = self._running.pop(job.name)
                self._pipeline.release(stage)
                self._conclude(stage, job, outcome)
            self._start()

    def give_up(self) -> None:
        """Give back what stages have claimed that were stopped."""
        for stage in self._running.values():
            self._pipeline.release(stage)

    def having(self, *ends: End) -> list[Stage]:
        """The stages that have come to one of these ends, in the order of `dvc repro`."""
        return [stage for stage in self._pipeline.stages if self.ends.get(stage) in ends]

    def _start(self) -> None:
        """Start what can be, as far as workers are free."""
        while self._keep_going or "failed" not in self.ends.values():
            self._ready = self._pipeline.as_repro_would([*self._ready, *self._order.get_ready()])
            if not self._ready or (self._running and self._cluster().free() < 1):
                return
            self._begin(self._ready.pop(0))

    def _begin(self, stage: Stage) -> None:
        try:
            found = self._pipeline.begin(stage)
        except (DvcException, OSError) as error:
            self._fail(stage, sentence(error))
            return
        if isinstance(found, Job):
            self._running[found.name] = stage
            self._cluster().submit(found)
            self._progress.line("start", found.name)
        else:
            self._settle(stage, found)
            if found == "restored":
                self._progress.line("restored", stage.addressing, why="from the cache")

    def _conclude(self, stage: Stage, job: Job, outcome: Outcome | UserError) -> None:
        if isinstance(outcome, UserError):
            self._fail(stage, str(outcome))
            return
        self.seconds += outcome.seconds
        if outcome.status:
            self.statuses[job.name] = outcome.status
            self._fail(stage, f"exit status {outcome.status}; all that it printed:", outcome.seconds)
            self._progress.text(job.log.read_text(encoding="utf-8", errors="replace").rstrip())
            return
        try:
            self._pipeline.finish(stage)
        except (DvcException, OSError) as error:
            self._fail(stage, sentence(error), outcome.seconds)
            return
        self._settle(stage, "done")
        self._progress.line("done", job.name, outcome.seconds)

    def _settle(self, stage: Stage, end: End) -> None:
        self.ends[stage] = end
        self._order.done(stage)
        self._progress.step()

    def _fail(self, stage: Stage, why: str, seconds: float | None = None) -> None:
        self.ends[stage] = "failed"  # and never `done` in the order: what needs it does not become ready
        self._progress.line("FAILED", stage.addressing, seconds, why)


def show_waves(pipeline: Pipeline) -> None:
    """Print what is stale, and what depends on it: a line for all that can run at once."""
    waves = pipeline.waves()
    for number, wave in enumerate(waves, start=1):
        print(f"wave {number}: {' '.join(stage.addressing for stage in wave)}")
    if waves:
        count = sum(map(len, waves))
        print(f"\n{count} of {len(pipeline.stages)} stages; those whose inputs come out the same will be skipped.")
    else:
        print("Everything is up to date.")


def summary(run: Run, stages: int, wall: float) -> str:
    """One line on a run."""
    counts = {
        "run": len(run.having("done")),
        "restored from the cache": len(run.having("restored")),
        "up to date already": len(run.having("unchanged")),
        "failed": len(run.having("failed")),
        "not run": stages - len(run.ends),
    }
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    serial = f"; one after the other, the commands take about {run.seconds:.1f} s" if run.having("done") else ""
    return f"{stages} stages: {told}. {wall:.1f} s{serial}"


@contextmanager
def signals_kept() -> Iterator[None]:
    """Take a request to terminate for Ctrl-C meanwhile; afterwards everything is as before."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def ignore_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def run_stale(pipeline: Pipeline, jobs: int | None, scheduler: str | None, keep_going: bool) -> Run:
    """Run what is stale and record what succeeds, whatever happens."""
    here = min(jobs or CPU_COUNT, len(pipeline.stages))
    with (
        signals_kept(),
        closing(Progress(len(pipeline.stages))) as progress,
        ExitStack() as stack,
    ):
        cluster = cache(lambda: stack.enter_context(connect(jobs if scheduler else here, scheduler)))
        if scheduler:
            cluster()  # whether it answers is better known before anything is touched
        run = Run(pipeline, cluster, keep_going, progress)
        try:
            run.to_the_end()
        except KeyboardInterrupt:
            progress.text("Stopping; what is finished is kept.")
            raise
        finally:
            ignore_signals()  # asked once is enough: what follows takes seconds, and leaves everything in order
            stack.close()  # stops what runs
            run.give_up()
            pipeline.record(run.having("done", "restored"))
    return run


def hush_dvc() -> None:
    """Keep DVC from saying what Progress says, and from drawing bars over its bar."""
    logging.getLogger("dvc").setLevel(logging.WARNING)
    logging.getLogger("dvc.progress").setLevel(logging.CRITICAL)  # above which Tqdm of DVC takes itself for unwanted


def repro(targets: Collection[str], jobs: int | None, scheduler: str | None, keep_going: bool, dry: bool) -> None:
    """Bring targets, by default everything, up to date.

    Args:
        targets: as `dvc repro` takes them: stages, groups of stages, files of stages.
        jobs: how many stages at once; by default one a core, or as many as the cluster has threads.
        scheduler: the address of a Dask scheduler; by default a cluster on this machine is made for the occasion.
        keep_going: after a failure go on with all that does not depend on it.
        dry: only print what would run.

    Raises:
        StagesFailedError: stages failed.
        UserError: DVC or the cluster refuses.
    """
    started = time.monotonic()
    try:
        with Repo(_wait_for_lock=True) as repo, lock_repo(repo), repo.scm_context(quiet=True):
            hush_dvc()  # now that it need no longer tell what it waits for
            pipeline = Pipeline(repo, targets)
            if dry:
                show_waves(pipeline)
                return
            run = run_stale(pipeline, jobs, scheduler, keep_going)
    except DvcException as error:
        raise UserError(str(error)) from None
    print(summary(run, len(pipeline.stages), time.monotonic() - started), flush=True)
    failed = run.having("failed")
    if failed:
        names = ", ".join(stage.addressing for stage in failed)
        raise StagesFailedError(
            f"failed: {names}; see above, or the logs in {LOGS}; what is finished is kept", run.statuses
        )
