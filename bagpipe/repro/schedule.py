"""Which stage `bagpipe repro` starts next, and what end each one comes to.

A stage starts once all that it waits for has ended well and a worker is free, the first in the order of `dvc repro`.
"""

import sys
from contextlib import ExitStack

from tqdm import tqdm

from bagpipe.repro.dvc_pipeline import StalePipeline
from bagpipe.repro.jobs import Job, JobPool, Outcome
from bagpipe.repro.states import COLOURS, READY, SUMMARY, TO_RECORD, State
from bagpipe.repro.stopping import Stop
from stages.common.basics.errors import UserError
from stages.common.basics.terminal import add_colour


class Schedule:
    """One call of `bagpipe repro`: the state of each stage, until all that can be up to date is."""

    def __init__(self, pipeline: StalePipeline, workers: JobPool, stop: Stop, keep_going: bool) -> None:
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
