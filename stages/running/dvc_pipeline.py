"""DVC's part of `bagpipe repro`: the stages that targets need, which of them are stale, and what is recorded of each.

`dvc repro` calls `Stage.reproduce` for one stage after another; `begin` and `finish` are its two halves, before and
after the commands. Starting DVC anew for each stage would take a second, and writing dvc.lock another: that is done
once, at the end, in the order of `dvc repro`, whichever stage was faster. Until then DVC's run cache has what is
finished; if this process is killed, the next run takes it from there.
"""

import os
import shlex
import sys
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager
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

from stages.common.basics.errors import UserError
from stages.running.jobs import Job, Outcome, Workers

LOGS = Path(".dvc/tmp/bagpipe")


@contextmanager
def complaints() -> Iterator[None]:
    """Tell in one sentence what DVC or the system complains of."""
    try:
        yield
    except (DvcException, OSError) as error:
        is_named = isinstance(error, OSError) and error.filename
        raise UserError(f"{error.filename}: {error.strerror}" if is_named else str(error)) from None


class StalePipeline:
    """The stages by name, in the order of `dvc repro`, and what DVC does with each."""

    def __init__(self, repo: Repo, targets: Collection[str]) -> None:
        self._repo = repo
        self._claims: dict[str, ExitStack] = {}
        self._errors: dict[str, Exception] = {}
        graph = get_active_graph(repo.index.graph)
        steps = plan_repro(graph, collect_stages(repo, targets or [PROJECT_FILE]))
        self.stages: dict[str, Stage] = {stage.addressing: stage for stage in steps}
        self.stale: dict[str, set[str]] = {}  # what is, or is downstream of it; and what stale stages it waits for
        for name, stage in self.stages.items():
            needed = self.stale.keys() & {other.addressing for other in graph[stage]}
            try:
                if needed or stage.changed():
                    self.stale[name] = needed
            except (DvcException, OSError) as error:  # one failure among others, when its turn comes
                self._errors[name], self.stale[name] = error, needed

    def wait(self, workers: Workers) -> list[tuple[Job, Outcome]]:
        """Wait until jobs end, and give back what was claimed for them; other DVC commands can go on meanwhile."""
        self._repo.lock.unlock()
        try:
            ended = workers.wait()
        finally:
            self._repo.lock.lock()
        for job, _ in ended:
            self._claims.pop(job.name).close()
        return ended

    @complaints()
    def begin(self, name: str) -> Literal["unchanged", "restored"] | Job:
        """Do what comes before a stage's commands: the commands, or why there are none to run."""
        stage = self.stages[name]
        if name in self._errors:
            raise self._errors[name]
        if stage.frozen or not stage.cmd:  # data brought in by `dvc add` or `dvc import`: all DVC's business
            return "restored" if stage.reproduce() else "unchanged"
        if self.stale[name] and not stage.changed():  # what waits for nothing has been asked
            return "unchanged"
        stage.remove_outs(ignore_remove=False, force=False)
        try:
            self._repo.stage_cache.restore(stage)
        except RunCacheNotFoundError:
            stage.save_deps()
            self._claim(name)
            return self._job(name)
        self.finish(name)
        return "restored"

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

    @complaints()
    def finish(self, name: str) -> None:
        """Do what comes after: hash what the stage has read and written, and keep it in the cache and run cache."""
        self.stages[name].save()
        self.stages[name].commit()

    def record(self, names: Collection[str]) -> None:
        """Write stages to their lock files; nothing is claimed any more, for nothing runs."""
        for claim in self._claims.values():
            claim.close()
        stages = [self.stages[name] for name in names]
        for path in dict.fromkeys(stage.path for stage in stages):
            group = [stage for stage in stages if stage.path == path]
            group[0].dvcfile.dump_stages(group, update_pipeline=False)
