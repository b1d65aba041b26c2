"""The sink's numbers for its heartbeat: written by the loop, read by the heartbeat's thread."""

import time
from collections.abc import Callable

from whale_platform.domain.names import TRADE_WINDOWS, WHALE_ALERTS


class SinkCounters:
    """Counts since the start of the process; `lag` in messages; `rows_per_s` between two heartbeats."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.messages = self.batches = self.rejects = self.lag = 0
        self.rows: dict[str, int] = {}
        self.postgres = "unavailable"
        self.writing_since: float | None = None
        self._clock = clock
        self._last = (clock(), 0)

    def add_written(self, messages: int, changed: dict[str, int], rejects: int) -> None:
        """One transaction was committed."""
        self.messages += messages
        self.batches += 1
        self.rejects += rejects
        self.rows = {topic: self.rows.get(topic, 0) + rows for topic, rows in changed.items()}

    def stuck_s(self) -> float:
        """How long the transaction under way has taken; 0 where there is none."""
        since = self.writing_since
        return 0.0 if since is None else self._clock() - since

    def numbers(self) -> dict[str, int | float | str]:
        """For the beat. Calling it starts the next interval of `rows_per_s`."""
        rows, now = sum(self.rows.values()), self._clock()
        (then, before), self._last = self._last, (now, rows)
        return {
            "rows": rows,
            "rows_per_s": round((rows - before) / max(now - then, 0.001), 1),
            "batches": self.batches,
            "messages": self.messages,
            "rejects": self.rejects,
            "lag": self.lag,
            "trade_windows": self.rows.get(TRADE_WINDOWS, 0),
            "whale_alerts": self.rows.get(WHALE_ALERTS, 0),
            "postgres": self.postgres,
        }
