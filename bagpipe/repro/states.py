"""The states of a stage in a run of `bagpipe repro`."""

from enum import Enum


class State(Enum):
    """From WAITS, through RUNS or past it, to one of the ends; the value is what the terminal says."""

    WAITS = "waits"
    RUNS = "start"
    DONE = "done"
    RESTORED = "restored"
    UNCHANGED = "unchanged"
    FAILED = "FAILED"


READY = (State.DONE, State.RESTORED, State.UNCHANGED)  # what depends on it can run
TO_RECORD = (State.DONE, State.RESTORED)  # dvc.lock does not have it yet
COLOURS = {State.DONE: "green", State.FAILED: "red"}
SUMMARY = {  # how the stages in a state are counted at the end
    State.DONE: "run",
    State.RESTORED: "restored from the cache",
    State.UNCHANGED: "up to date already",
    State.FAILED: "failed",
    State.WAITS: "not run",
}
