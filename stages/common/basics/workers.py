"""Blocks of texts on all cores, or on the workers of a Dask scheduler; the results come in order."""

import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

from stages.common.basics.errors import UserError

BLOCKS_EACH = 2  # waiting for each worker: enough to keep it busy, few enough for flat memory


class Workers:
    """An executor of `concurrent.futures`, and how many blocks it computes at once."""

    def __init__(self, executor: Executor, count: int) -> None:
        self._executor, self._count = executor, count

    def map(self, function: Callable[..., Any], blocks: Iterable[Any], *arguments: Any) -> Iterator[Any]:
        """Yield `function(block, *arguments)` of each block, in their order, never many blocks ahead."""
        waiting: deque[Future[Any]] = deque()
        for block in blocks:
            waiting.append(self._executor.submit(function, block, *arguments))
            if len(waiting) > BLOCKS_EACH * self._count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@contextmanager
def start_workers() -> Iterator[Workers]:
    """Workers for a while: processes, one a core, or the threads of the scheduler at DASK_SCHEDULER_ADDRESS."""
    address = os.environ.get("DASK_SCHEDULER_ADDRESS")
    if address:
        yield from _dask_workers(address)
        return
    import joblib

    count = joblib.cpu_count()
    with ProcessPoolExecutor(count, initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)) as executor:
        try:
            yield Workers(executor, count)
        except BaseException:
            executor.shutdown(cancel_futures=True)
            raise


def _dask_workers(address: str) -> Iterator[Workers]:
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise UserError("a Dask scheduler needs the extra `cluster`: pip install -e '.[cluster]'") from None
    try:
        client = Client(address, set_as_default=False)
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(f"Dask scheduler {address}: expected one with workers, found: {error}") from None
    with client:
        yield Workers(client.get_executor(pure=False), sum(client.nthreads().values()))
