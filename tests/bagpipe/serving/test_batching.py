"""Which requests are answered together."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

from bagpipe.serving.batching import Batches, BusyError


def answered(
    classify: Callable[[list[str], bool], list[Any]], requests_: list[list[str]], **limits: int
) -> list[Any]:
    """What requests that come at once get: answers or errors."""

    async def ask() -> list[Any]:
        batches = Batches(classify, **limits)
        worker = asyncio.create_task(batches.run())
        found = await asyncio.gather(*(batches.predict(texts, False) for texts in requests_), return_exceptions=True)
        worker.cancel()
        return found

    return asyncio.run(ask())


def test_what_waits_together_is_one_batch() -> None:
    calls = []

    def classify(texts: list[str], explain: bool) -> list[str]:
        calls.append(texts)
        return [text.upper() for text in texts]

    found = answered(classify, [["a", "b"], ["c"], ["d", "e"], ["f"]], largest=4, most_waiting=100)
    assert found == [["A", "B"], ["C"], ["D", "E"], ["F"]]
    assert calls == [["a", "b", "c", "f"], ["d", "e"]]


def test_a_failure_is_of_its_batch_alone_and_too_many_are_refused() -> None:
    done = threading.Event()

    def classify(texts: list[str], explain: bool) -> list[str]:
        if not done.is_set():
            done.set()
            raise ValueError
        return texts

    found = answered(classify, [["a"] * 4, ["b"] * 4, ["c"] * 4], largest=4, most_waiting=8)
    assert isinstance(found[0], ValueError)
    assert found[1] == ["b"] * 4
    assert isinstance(found[2], BusyError)
