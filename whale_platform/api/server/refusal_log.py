"""Refusals, and the messages of the server's libraries, as lines of the log: few of them, whatever is sent to it.

The first refusal of an address is a line at once; after that one a minute tells how many there were. The libraries'
own lines get time and level as ours have, and the same kind comes once a minute. What is kept is bounded: the address
unseen longest is forgotten first.
"""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import structlog

EVERY_S = 60.0
LINES = 30  # in `EVERY_S`, of all kinds
KEPT = 1_000


class LogThrottle:
    """How often the same thing may be logged. Used by one thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._since, self._lines = clock(), 0

    def count_due(self, what: str) -> int:
        """How often it has happened since it was last logged, this time included; 0 where it is not to be logged."""
        now = self._clock()
        if now - self._since >= EVERY_S:
            self._since, self._lines = now, 0
        logged, times = self._seen.pop(what, (now - EVERY_S, 0))
        times += 1
        due = now - logged >= EVERY_S and self._lines < LINES
        self._seen[what] = (now, 0) if due else (logged, times)
        if len(self._seen) > KEPT:
            self._seen.popitem(last=False)
        self._lines += due
        return times if due else 0


class RefusalLog:
    """Used by the event loop."""

    def __init__(self) -> None:
        self._sparse = LogThrottle()
        self._log = structlog.get_logger().bind(service="api")

    def record(self, address: str, status: int, path: str = "") -> None:
        """`address` was answered `status`: an HTTP status, or a WebSocket's close code."""
        if times := self._sparse.count_due(f"{address} {status}"):
            where = {"path": ascii(path[:80])} if path else {}
            self._log.warning("refused", address=address, status=status, times=times, **where)


class LibraryLogHandler(logging.Handler):
    """Hands what libraries log to structlog."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._sparse = LogThrottle()  # used under the handler's own lock
        self._log = structlog.get_logger().bind(service="api")

    def emit(self, record: logging.LogRecord) -> None:
        """One line, or none where the same was logged a moment ago."""
        if times := self._sparse.count_due(f"{record.name} {record.msg}"):
            more: dict[str, Any] = {"exc_info": record.exc_info} if record.exc_info else {}
            text = ascii(record.getMessage().strip())[1:-1]
            self._log.log(record.levelno, text, logger=record.name, times=times, **more)
