"""The progress reports of the running queries, as numbers for the heartbeat.

Spark reports once a batch, which in real-time mode is once a checkpoint interval; so it is asked only when the
checkpoint shows that a batch is over. What happens within a batch is in topic_flow.py.
"""

import json
from typing import Any

from pyspark.sql.streaming import StreamingQuery

KEPT_BATCHES = 10  # batches whose reports may come again; more than Spark keeps, by session.py
LOOKS = 2  # the report comes a moment after the checkpoint
APART_S = 3.0  # Spark keeps five reports: enough for micro-batches of a second


class ProgressReports:
    """The last report of each query, read again when its batch number has changed."""

    def __init__(self) -> None:
        self._due: dict[str, int] = {}
        self._batches: dict[str, int | None] = {}
        self._asked: dict[str, float] = {}
        self._late = LateRowCounter()
        self.late_rows = 0
        self.numbers: dict[str, Any] = {}

    def poll(self, now: float, name: str, query: StreamingQuery, batch: int | None) -> bool:
        """Whether Spark was asked; `batch`: the last one that its checkpoint has; now: monotonic seconds."""
        if batch != self._batches.get(name):
            self._batches[name], self._due[name] = batch, LOOKS
        if not self._due.get(name) or now - self._asked.get(name, -APART_S) < APART_S:
            return False
        self._due[name] -= 1
        self._asked[name] = now
        if name == "windows":
            self.late_rows = self._late.count(query)
        last = query.lastProgress
        if last is not None:
            self.numbers |= _build_numbers(name, json.loads(last.json))
        return True

    def drop_batch_time(self, name: str) -> None:
        """The query restarts, maybe in another mode: drop what its last batch took."""
        self.numbers.pop(f"{name}_batch_ms", None)

    def measure_busy_share(self, name: str, interval_s: float) -> float | None:
        """The share of its interval that the last micro-batch with trades took; None before the first."""
        took = self.numbers.get(f"{name}_batch_ms", {}).get("triggerExecution")
        return None if took is None else took / 1000 / interval_s


def _build_numbers(name: str, body: dict[str, Any]) -> dict[str, Any]:
    return {
        f"{name}_rows": body.get("numInputRows", 0),
        f"{name}_batch": body.get("batchId"),
        f"{name}_batch_ms": body.get("durationMs", {}),
        f"{name}_latencies": body.get("latencies") or body.get("rtmMetrics"),
    }


class LateRowCounter:
    """Counts the rows of a query that came after the watermark: each batch once, however often it is reported.

    Spark keeps the last few reports, and reports an idle trigger as the next batch, without rows.
    """

    def __init__(self) -> None:
        self._counted = 0
        self._recent: dict[int, int] = {}

    def count(self, query: StreamingQuery) -> int:
        """All of them so far."""
        for one in query.recentProgress:
            body = json.loads(one.json)
            late = sum(state.get("numRowsDroppedByWatermark", 0) for state in body.get("stateOperators", []))
            self._recent[body["batchId"]] = max(late, self._recent.get(body["batchId"], 0))
        for batch in sorted(self._recent)[:-KEPT_BATCHES]:
            self._counted += self._recent.pop(batch)
        return self._counted + sum(self._recent.values())
