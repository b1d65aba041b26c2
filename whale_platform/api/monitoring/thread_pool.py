"""Threads for blocking work: a few, with a bounded queue before them, so that the event loop never waits.

One more than fits is told to come back instead of waiting in memory. What may take seconds, and what watchdogs ask, has
each a worker of its own: nobody waits behind a slower kind of question.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from prometheus_client import Gauge

from whale_platform.api.http.problems import build_unavailable

T = TypeVar("T")
_STOPS = build_unavailable("the server stops: ask again in some seconds", 5)


class BoundedThreadPool:
    """`threads` at work on `limit` questions, those that wait included; `waiting` shows how many. Used by the loop."""

    def __init__(self, name: str, threads: int, limit: int, waiting: Gauge) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._limit = limit
        self._waiting, self._closed = 0, False
        self._gauge = waiting.labels(name)
        self._pulse: Future[None] | None = None

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns or raises. Raises ApiProblemError (503) where too many wait or the server stops."""
        if self._closed:
            raise _STOPS
        if self._waiting >= self._limit:
            raise build_unavailable("too many requests of this kind: retry in a moment", 1)
        self._waiting += 1
        self._gauge.set(self._waiting)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except asyncio.CancelledError:
            if self._closed:
                raise _STOPS from None
            raise
        finally:
            self._waiting -= 1
            self._gauge.set(self._waiting)

    def heartbeat_when_free(self, beat: Callable[[], None]) -> None:
        """Let `beat` be called by one of the threads, behind what waits; not twice where the last has not been yet."""
        if self._pulse is None or self._pulse.done():
            self._pulse = self._threads.submit(beat)

    def close(self) -> None:
        """Take no more; who waits is told that the server stops."""
        self._closed = True
        self._threads.shutdown(wait=False, cancel_futures=True)
