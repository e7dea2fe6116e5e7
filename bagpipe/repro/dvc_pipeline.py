"""DVC's part of `bagpipe repro`: the stages that targets need, which of them are stale, and what is recorded of each.

`dvc repro` calls `Stage.reproduce` for one stage after another; `begin` and `finish` are its two halves, before and
after the commands. Starting DVC anew for each stage would take a second, and writing dvc.lock another: that is done
once, at the end, in the order of `dvc repro`, whichever stage was faster. Until then DVC's run cache has what is
finished; if this process is killed, or the disk has no room for another dvc.lock, the next run takes it from there.
"""

import os
import shlex
import sys
from collections.abc import Collection
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

from dvc.dvcfile import PROJECT_FILE
from dvc.env import DVC_ROOT, DVC_STAGE
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.repo.reproduce import collect_stages, get_active_graph, plan_repro
from dvc.rwlock import rwlock
from dvc.stage import Stage
from dvc.stage.cache import RunCacheNotFoundError
from dvc.stage.run import _make_cmd, get_executable  # private, but has the flags that keep a shell from its rc files
from dvc.stage.serialize import to_lockfile
from dvc.utils.serialize import dumps_yaml

from bagpipe.project.dvc_project import dvc_errors
from bagpipe.repro.jobs import Job, JobPool, Outcome
from bagpipe.repro.states import State
from bagpipe.repro.stopping import Stop
from stages.common.basics.artifacts import write_text
from stages.common.basics.errors import UserError
from stages.common.basics.locks import LOCKS as LOGS


class StalePipeline:
    """The stages by name, in the order of `dvc repro`, and what DVC does with each."""

    def __init__(self, repo: Repo, targets: Collection[str], stop: Stop) -> None:
        self._repo, self._stop = repo, stop
        self._claims: dict[str, ExitStack] = {}
        self._errors: dict[str, Exception] = {}
        graph = get_active_graph(repo.index.graph)
        steps = plan_repro(graph, collect_stages(repo, targets or [PROJECT_FILE]))
        self.stages: dict[str, Stage] = {stage.addressing: stage for stage in steps}
        self.stale: dict[str, set[str]] = {}  # what is, or is downstream of it; and what stale stages it waits for
        for name, stage in self.stages.items():
            stop.heed()
            needed = self.stale.keys() & {other.addressing for other in graph[stage]}
            try:
                if needed or stage.changed():
                    self.stale[name] = needed
            except (DvcException, OSError) as error:  # one failure among others, when its turn comes
                self._errors[name], self.stale[name] = error, needed

    def wait(self, workers: JobPool) -> list[tuple[Job, Outcome]]:
        """Wait until jobs end, and give back what was claimed for them; other DVC commands can go on meanwhile."""
        self._repo.lock.unlock()
        try:
            with self._stop.heeded():
                ended = workers.wait()
        finally:
            self._repo.lock.lock()
        for job, _ in ended:
            self._claims.pop(job.name).close()
        return ended

    @dvc_errors()
    def begin(self, name: str) -> Literal[State.UNCHANGED, State.RESTORED] | Job:
        """Do what comes before a stage's commands: the commands, or why there are none to run."""
        stage = self.stages[name]
        if name in self._errors:
            raise self._errors[name]
        if stage.frozen or not stage.cmd:  # data brought in by `dvc add` or `dvc import`: all DVC's business
            return State.RESTORED if stage.reproduce() else State.UNCHANGED
        if self.stale[name] and not stage.changed():  # what waits for nothing has been asked
            return State.UNCHANGED
        stage.remove_outs(ignore_remove=False, force=False)
        try:
            self._repo.stage_cache.restore(stage)
        except RunCacheNotFoundError:
            stage.save_deps()
            self._claim(name)
            return self._job(name)
        self.finish(name)
        return State.RESTORED

    def _claim(self, name: str) -> None:
        """Let no other DVC process write what the stage reads, or touch what it writes, while its commands run."""
        me = " ".join(sys.argv)  # as in DVC's own methods in this process, so as not to be in their way
        stage, repo, claim = self.stages[name], self._repo, self._claims.setdefault(name, ExitStack())
        reads, writes = ([item.fs_path for item in items] for items in (stage.deps, stage.outs))
        hardlink = repo.config["core"].get("hardlink_lock", False)
        claim.enter_context(rwlock(repo.tmp_dir, repo.fs, me, reads, writes, hardlink))

    def _job(self, name: str) -> Job:
        stage, root = self.stages[name], Path(self._repo.root_dir)
        (root / LOGS).mkdir(exist_ok=True)
        log = root / LOGS / f"{name.replace('/', '-')}.log"
        lines = stage.cmd if isinstance(stage.cmd, list) else stage.cmd.splitlines()
        commands = [_make_cmd(get_executable(), line) for line in lines]
        command = commands[0] if len(commands) == 1 else ["/bin/sh", "-c", " && ".join(map(shlex.join, commands))]
        environment = {**os.environ, DVC_ROOT: str(root), DVC_STAGE: name}
        return Job(name, command, Path(stage.wdir), environment, log, log.with_suffix(".lock"))

    @dvc_errors()
    def finish(self, name: str) -> None:
        """Do what comes after: hash what the stage has read and written, and keep it in the cache and run cache."""
        self.stages[name].save()
        self.stages[name].commit()

    def give_back(self) -> None:
        """Claim nothing any more: nothing runs."""
        with ExitStack() as every:
            for claim in self._claims.values():
                every.push(claim)

    def record(self, names: Collection[str]) -> None:
        """Write stages to their lock files.

        Raises:
            UserError: there is no room; the old files are as they were.
        """
        stages = [self.stages[name] for name in names]
        for path in dict.fromkeys(stage.path for stage in stages):
            self._write_lock([stage for stage in stages if stage.path == path])

    def _write_lock(self, stages: list[Stage]) -> None:
        """Write stages of one dvc.yaml; all entries stand in the order of a `dvc repro` from nothing."""
        lock = stages[0].dvcfile._lockfile
        content = lock.load()
        entries = content.get("stages", {})
        for stage in stages:
            entries |= to_lockfile(stage)
        steps = plan_repro(get_active_graph(self._repo.index.graph))
        known = [stage.name for stage in steps if stage.path == stages[0].path and stage.name in entries]
        content = {"schema": "2.0", **content, "stages": {name: entries[name] for name in [*known, *entries]}}
        try:
            write_text(Path(lock.path), dumps_yaml(content))
        except OSError as error:
            kept = "the old one is as it was, and what is finished is in DVC's cache"
            raise UserError(f"{lock.relpath}: {error.strerror or error}; {kept}: make room, then run again") from None
        self._repo.scm_context.track_file(lock.relpath)
