"""Locks that end with whoever holds them: the system gives them back, however a process ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

LOCKS = Path(".dvc/tmp/bagpipe")


@contextmanager
def hold_lock(path: Path, waiting: str) -> Iterator[None]:
    """Hold a file's lock; if somebody else does, say `waiting` and wait until they are gone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print(waiting, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
