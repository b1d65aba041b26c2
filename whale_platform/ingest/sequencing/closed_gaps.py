"""Closed gaps of one symbol that ids were not published of: one of these ids may yet arrive.

History can lack an id and a connection bring it later, and a quarantined trade can come once more and be sane. The
closed row tells such a trade from a duplicate, and is corrected. Rows older than `CLOSED_GAPS` others are forgotten:
then such a trade counts as a duplicate.
"""

from collections import deque
from collections.abc import Iterable

from whale_platform.domain.trade import Trade
from whale_platform.ingest.sequencing.gap import SequenceGap
from whale_platform.ingest.sequencing.sequence_record import SequenceRecord

CLOSED_GAPS = 200  # newest rows with ids that were not published


class ClosedGaps:
    """`gaps`: closed rows of before a restart, the oldest first."""

    def __init__(self, record: SequenceRecord, gaps: Iterable[SequenceGap]) -> None:
        self._record = record
        self._gaps = deque(gaps, CLOSED_GAPS)

    def close(self, gap: SequenceGap, now_us: int) -> None:
        """Settle the state of `gap`, report it, and keep it where not all of its ids were published."""
        gap.close(now_us)
        self._record.add_gap(gap)
        if gap.state != "repaired":
            self._gaps.append(gap)

    def abandon(self, gap: SequenceGap, note: str, now_us: int) -> None:
        """Close `gap` without looking for what it still lacks, for the reason `note`."""
        gap.add_beyond(gap.progress_id, gap.last_id)
        gap.note = "; ".join(part for part in (gap.note, note) if part)
        self.close(gap, now_us)

    def add_closed(self, gap: SequenceGap) -> None:
        """Keep a row that was closed, and is reported, elsewhere."""
        self._gaps.append(gap)

    def find_covering(self, trade_id: int, unclosed: Iterable[SequenceGap]) -> list[SequenceGap]:
        """Return the gaps that `trade_id` lies in: those of `unclosed` first, then the newest closed ones."""
        return [gap for gap in (*unclosed, *reversed(self._gaps)) if gap.first_id <= trade_id <= gap.last_id]

    def record_late_trade(self, gap: SequenceGap, trade: Trade) -> bool:
        """Count `trade` in the row of `gap` as published after all; False where its id was none that was passed."""
        if not gap.record_arrival(trade.trade_id):
            return False
        if gap.state != "open":
            gap.close(trade.received_time)
        self._record.corrections.append(gap)
        return True
