"""The newest trades published, to compare a second copy with: only equal price and quantity prove a duplicate.

A ring by id, so that a trade costs one assignment; a trade that has been overwritten is simply not known any more.
"""

from whale_platform.domain.trade import Trade
from whale_platform.ingest.sequencing.unconfirmed_trades import is_copy

RECENT_TRADES = 512  # trades kept: far more than two connections are ever apart


class RecentTrades:
    """`ring` is written directly by the sequencer's hot path, at index `trade_id % RECENT_TRADES`."""

    def __init__(self) -> None:
        self.ring: list[Trade | None] = [None] * RECENT_TRADES

    def add(self, trade: Trade) -> None:
        """Keep a trade that is published."""
        self.ring[trade.trade_id % RECENT_TRADES] = trade

    def get(self, trade_id: int) -> Trade | None:
        """Return the trade published under that id, None where it is not known."""
        known = self.ring[trade_id % RECENT_TRADES]
        return known if known is not None and known.trade_id == trade_id else None

    def has_copy(self, trade: Trade) -> bool:
        """Whether that very trade is published under another id."""
        return any(
            one is not None
            and one.event_time == trade.event_time
            and one.trade_id != trade.trade_id
            and is_copy(one, trade)
            for one in self.ring
        )
