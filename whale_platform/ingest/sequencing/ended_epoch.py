"""The id space that ended when an exchange last restarted the numbering of a symbol.

One of several connections may be behind: its trades of the ended space come among those of the new one, and their ids
mean other trades there. Only their time tells them apart, so this is remembered of the change until the next one.
"""

from dataclasses import dataclass

from whale_platform.domain.trade import Trade
from whale_platform.ingest.sequencing.gap import SequenceGap
from whale_platform.ingest.sequencing.unconfirmed_trades import DISORDER_US

JUMP_NOTE = "the exchange restarted its trade ids"
UNFILLED_NOTE = "the exchange restarted its trade ids before the gap was filled"


@dataclass(frozen=True, slots=True)
class EndedEpoch:
    """`next_id`: where its ids ended; `newest_time`: of its newest trade, published; `successor`: the new first trade.

    Ids are those of this platform: `successor` has the new epoch's, so that the two spaces do not overlap.
    """

    next_id: int
    newest_time: int
    successor: Trade

    def includes(self, trade: Trade) -> bool:
        """Whether `trade`, whose id is read as one of the new epoch, is of this: earlier than the first of the new."""
        if trade.event_time <= self.newest_time:
            return True
        new = self.successor
        return trade.trade_id >= new.trade_id and trade.event_time < new.event_time - DISORDER_US

    def build_jump_gap(self, now_us: int) -> SequenceGap:
        """Return the row of the ids that lie between the two spaces, which no trade has."""
        first, last = self.next_id, self.successor.trade_id - 1
        return SequenceGap(
            first, last, "epoch", now_us, absent=[(first, last)], note=JUMP_NOTE, until=self.successor.event_time
        )
