"""Locks that end with whoever holds them: the system gives them back, however a process ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCKS = Path(".dvc/tmp/bagpipe")


@contextmanager
def held(path: Path, waiting: str) -> Iterator[None]:
    """Hold a file's lock; if somebody else does, say `waiting` and wait until they are gone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(waiting, flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
