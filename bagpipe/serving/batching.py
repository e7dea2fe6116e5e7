"""Requests that wait together are answered in one batch, and one batch is computed at a time."""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

from bagpipe.texts.predict import ExplainedPrediction

Classify = Callable[[list[str], bool], list[ExplainedPrediction]]


class BusyError(Exception):
    """So many texts are waiting that no more are taken."""


class Waiting(NamedTuple):
    """A request that has come and is not answered."""

    texts: list[str]
    explain: bool
    answer: asyncio.Future[list[ExplainedPrediction]]


class Batches:
    """Collects requests while a batch is computed; what has come by then is the next batch."""

    def __init__(self, classify: Classify, largest: int, most_waiting: int) -> None:
        """Answer with `classify`, in a thread.

        Args:
            largest: texts in a batch; one request never is more.
            most_waiting: texts, beyond which requests are refused.
        """
        self._classify = classify
        self._largest = largest
        self._most_waiting = most_waiting
        self._queue: list[Waiting] = []
        self._arrived = asyncio.Event()

    async def predict(self, texts: list[str], explain: bool) -> list[ExplainedPrediction]:
        """Wait for the predictions of a request's texts.

        Raises:
            BusyError: too many texts are waiting already.
        """
        if sum(len(request.texts) for request in self._queue) + len(texts) > self._most_waiting:
            raise BusyError
        answer = asyncio.get_running_loop().create_future()
        self._queue.append(Waiting(texts, explain, answer))
        self._arrived.set()
        return await answer

    def _next(self) -> list[Waiting]:
        """Take the requests of the next batch: the longest waiting and those of its kind that come with it."""
        kind, texts, taken = self._queue[0].explain, 0, []
        for request in list(self._queue):
            if request.explain == kind and texts + len(request.texts) <= self._largest:
                self._queue.remove(request)
                texts += len(request.texts)
                taken.append(request)
        return [request for request in taken if not request.answer.cancelled()]

    async def run(self) -> None:
        """Answer requests until cancelled."""
        while await self._arrived.wait():
            requests = self._next()
            if not self._queue:
                self._arrived.clear()
            if requests:
                await self._answer(requests)

    async def _answer(self, requests: list[Waiting]) -> None:
        texts = [text for request in requests for text in request.texts]
        failure, found = None, []
        try:
            found = await asyncio.to_thread(self._classify, texts, requests[0].explain)
        except Exception as error:  # whoever waits for this batch is told, and the next one is computed
            failure = error
        for request in requests:
            mine, found = found[: len(request.texts)], found[len(request.texts) :]
            if request.answer.cancelled():
                continue
            if failure:
                request.answer.set_exception(failure)
            else:
                request.answer.set_result(mine)
