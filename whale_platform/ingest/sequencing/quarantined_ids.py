"""Ids of trades that were seen but are implausible: they hold nothing back, and history is not queried for them.

An id is kept in `_seen` until the sequence reaches it. Then it is noted in the row of the blocking gap that it lies in,
or in a row of its own; ids that follow each other share a row, so that a bad minute makes one row and not thousands.
"""

from whale_platform.ingest.sequencing.closed_gaps import ClosedGaps
from whale_platform.ingest.sequencing.gap import SequenceGap


class QuarantinedIds:
    """`rows`: closed rows of ids that were passed, until the caller takes them."""

    def __init__(self, closed: ClosedGaps) -> None:
        self.rows: list[SequenceGap] = []
        self._closed = closed
        self._seen: dict[int, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def __contains__(self, trade_id: int) -> bool:
        return trade_id in self._seen

    def add(self, trade_id: int, now_us: int, event_time: int) -> None:
        """Note an id that was seen, and when its trade happened as far as that says."""
        self._seen[trade_id] = now_us, event_time

    def discard(self, trade_id: int) -> None:
        """Forget an id that a plausible trade has come under."""
        self._seen.pop(trade_id, None)

    def clear(self) -> None:
        """Forget the ids that the sequence has not reached."""
        self._seen = {}

    def find_lowest(self, default: int) -> int:
        """Return the lowest id that the sequence has not reached."""
        return min(self._seen, default=default)

    def record_passed(self, trade_id: int, now_us: int, blocking_gap: SequenceGap | None) -> int:
        """Note in `blocking_gap`, or in a row, that the sequence goes on behind `trade_id`; returns its event time."""
        seen, event_time = self._seen.pop(trade_id, (now_us, 0))
        if blocking_gap is not None:
            blocking_gap.add_quarantined(trade_id)
        elif self.rows and self.rows[-1].last_id == trade_id - 1:
            self.rows[-1].last_id = trade_id
            self.rows[-1].add_quarantined(trade_id)
            self.rows[-1].close(seen)
        else:
            gap = SequenceGap(trade_id, trade_id, "stream", seen)
            gap.add_quarantined(trade_id)
            gap.close(seen)
            self._closed.add_closed(gap)
            self.rows.append(gap)
        return event_time

    def take_rows(self) -> list[SequenceGap]:
        """Return the rows that have gathered, and begin with none."""
        rows, self.rows = self.rows, []
        return rows
