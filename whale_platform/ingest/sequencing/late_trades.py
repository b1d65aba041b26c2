"""Trades with an id below the next one that are not later than what was published: missed ones, or duplicates.

An id is published late where a gap accounts for it: a background gap that has not been filled so far, or a row that
passed it as absent or quarantined. Whatever no gap accounts for was published before. A trade later than those above
its gap has a garbled id: it is refused, and history knows the true one.
"""

from collections.abc import Sequence

from whale_platform.domain.epochs import epoch_of
from whale_platform.domain.trade import Trade
from whale_platform.ingest.sequencing.background_gaps import BackgroundGaps
from whale_platform.ingest.sequencing.closed_gaps import ClosedGaps
from whale_platform.ingest.sequencing.gap import SequenceGap
from whale_platform.ingest.sequencing.sequence_record import SequenceRecord


class LateTrades:
    """`floor`: the lowest id that is known to be published, or to be older than what was asked for."""

    def __init__(self, record: SequenceRecord, background: BackgroundGaps, closed: ClosedGaps, floor: int) -> None:
        self.floor = floor
        self._record = record
        self._background = background
        self._closed = closed

    def accept_late(self, trade: Trade, blocking_gap: SequenceGap | None) -> Sequence[Trade]:
        """Return `trade` where it is to be published after all; else it is counted, and nothing returned."""
        number = trade.trade_id
        # 1. A background gap that has not been filled up to it is divided.
        for gap in self._background.gaps:
            if gap.progress_id <= number <= gap.last_id:
                if self._refuse_if_too_late(trade, gap.until):
                    return ()
                self._background.split_at_trade(trade, gap)
                return (trade,)
        # 2. A row that passed it, open or closed, is corrected.
        unclosed = (*self._background.gaps, *((blocking_gap,) if blocking_gap else ()))
        for gap in self._closed.find_covering(number, unclosed):
            if self._refuse_if_too_late(trade, gap.until):
                return ()
            if self._closed.record_late_trade(gap, trade):
                return (trade,)
        # 3. No gap accounts for it: it was published, or lies below all that this symbol began with.
        if number < self.floor and epoch_of(number) == epoch_of(self.floor):
            self._record.add_conflict(trade, f"trade id {self.floor - number} below the first that was taken")
        else:
            self._record.duplicates += 1
        return ()

    def _refuse_if_too_late(self, trade: Trade, until: int) -> bool:
        """Whether it happened after a trade with a higher id, of time `until`; history knows the one of its id."""
        if not 0 < until < trade.event_time:
            return False
        self._record.add_conflict(trade, "it happened after trades with higher ids")
        return True
