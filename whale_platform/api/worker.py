"""Where blocking work is done: a few threads with a bounded queue before them, so that the event loop never waits.

One more than fits is told to come back instead of waiting in memory.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from whale_platform.api.metrics import Metrics
from whale_platform.api.problems import busy

T = TypeVar("T")
MOST_WAITING = 64


class Worker:
    """`threads` at work. Used by the event loop."""

    def __init__(self, threads: int, metrics: Metrics) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="ask")
        self._waiting = 0
        self._metrics = metrics
        self._pulse: Future[None] | None = None

    async def do(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises. Raises Refusal where too many wait."""
        if self._waiting >= MOST_WAITING:
            raise busy("too many questions at once: ask again in a moment", 1)
        self._waiting += 1
        self._metrics.waiting.set(self._waiting)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1
            self._metrics.waiting.set(self._waiting)

    def pulse(self, beat: Callable[[], None]) -> None:
        """Let `beat` be called by one of the threads, behind what waits; not twice where the last has not been yet."""
        if self._pulse is None or self._pulse.done():
            self._pulse = self._threads.submit(beat)

    def close(self) -> None:
        """Take no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)
