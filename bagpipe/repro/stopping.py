"""Signals that ask to stop, heeded only where nothing is half done.

A KeyboardInterrupt in the middle of what DVC notes down would leave it with half a truth. Hashing and keeping what a
stage has written takes seconds; whoever asks waits that long.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

# Ctrl-C, `kill`, a terminal that was closed, Ctrl-\\
ASKING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Stop:
    """Whether somebody has asked to stop."""

    def __init__(self) -> None:
        self.asked = self._heeds = False

    def ask(self, *_: object) -> None:
        """Be a signal handler."""
        self.asked = True
        if self._heeds:
            raise KeyboardInterrupt

    @contextmanager
    def heeded(self) -> Iterator[None]:
        """Raise KeyboardInterrupt if somebody has asked, or does so meanwhile."""
        self._heeds = True
        try:
            if self.asked:
                raise KeyboardInterrupt
            yield
        finally:
            self._heeds = False

    def heed(self) -> None:
        """Raise KeyboardInterrupt if somebody has asked."""
        with self.heeded():
            pass


@contextmanager
def noticing_signals() -> Iterator[Stop]:
    """Notice such signals, but for those that are ignored, as `nohup` has it."""
    stop = Stop()
    before = {number: signal.getsignal(number) for number in ASKING}
    noticed = [number for number, handler in before.items() if handler != signal.SIG_IGN]
    try:
        for number in noticed:
            signal.signal(number, stop.ask)
        yield stop
    finally:
        for number in noticed:
            signal.signal(number, before[number])
