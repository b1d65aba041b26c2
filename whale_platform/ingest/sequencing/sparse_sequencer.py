"""One symbol whose ids are not contiguous: each trade once, in the order in which they come. Without I/O or a clock.

Such ids show no gap. A duplicate is proven by an id that is remembered, of a trade with the same price and quantity.
What is older than all that are remembered can be neither proven new nor a duplicate: live it is a `TradeConflict`; in
what the exchange shows of before, it counts as known. Whether trades were missed shows only between two connections,
by what the exchange shows of before: where its oldest trade is later than all that was published until then, the
ledger has a row for that trade, `unrepaired`, of which only the note counts. Trades that a connection loses while it
lasts cannot be seen.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from whale_platform.domain.trade import Trade
from whale_platform.ingest.sequencing.gap import GapCause, SequenceGap
from whale_platform.ingest.sequencing.sequencer import Sequencer

REMEMBERED = 5_000  # trades: more than two connections are ever apart
SAVED = 512  # of them in the positions file: more than any exchange shows of before

SavedTrades = tuple[tuple[int, int], ...]  # id and event time, microseconds UTC, in the order of publishing


class _Known(NamedTuple):
    """A trade that was published; price and quantity are None where another process did that."""

    event_time: int
    price: Decimal | None = None
    quantity: Decimal | None = None


class SparseSequencer(Sequencer):
    """As Sequencer, but no id is ever missing: `next_id` is None, and nothing is held.

    recent: id and event time, microseconds UTC, of the trades published last, in that order; newest_time: of the newest
    one, 0 where none was published; shown_first: whether a connection itself begins with trades of before, so that its
    first trade is the oldest of them. `unjoined`: whether what the exchange shows of before is still to be compared.
    """

    def __init__(self, recent: Iterable[tuple[int, int]] = (), newest_time: int = 0, shown_first: bool = False) -> None:
        super().__init__(newest_time=newest_time)
        self._known = {trade_id: _Known(time) for trade_id, time in recent}
        self._last_trades = deque(((number, one.event_time) for number, one in self._known.items()), maxlen=SAVED)
        self._saved: SavedTrades | None = None
        self._floor = min((one.event_time for one in self._known.values()), default=newest_time or -1)
        self._joined_from = newest_time
        self._cause: GapCause = "restart"
        self._shown_first = shown_first

    @property
    def has_begun(self) -> bool:
        """Whether a trade was published."""
        return self.newest_time > 0

    @property
    def unjoined(self) -> bool:
        """Whether nothing has shown yet that no trade was missed before the present connection."""
        return self._joined_from > 0

    def list_recent(self) -> SavedTrades:
        """The trades published last, `SAVED` at most; the same object until another one is published."""
        if self._saved is None:
            self._saved = tuple(self._last_trades)
        return self._saved

    def record_connection(self) -> None:
        """Another connection delivers from here on."""
        if self.newest_time and not self._joined_from:
            self._joined_from, self._cause = self.newest_time, "reconnect"

    def add_live(self, trade: Trade) -> Sequence[Trade]:
        """Take one live trade; returns it where it is to be published."""
        if self._shown_first:
            self._join(trade, trade.received_time)
        return self._add(trade, True)

    def add_last_trade(self, trade: Trade, surely: bool = False) -> Sequence[Trade]:
        """Take a trade of before the subscription, the oldest first."""
        self._join(trade, trade.received_time)
        return self._add(trade, False)

    def add_history(self, page: Sequence[Trade], whole: bool, now_us: int) -> list[Trade]:
        """Take the newest trades that history has. whole: it has no others. Returns those to publish."""
        trades = sorted(page, key=lambda one: (one.event_time, one.trade_id))
        if whole or not trades:
            self._joined_from = 0
        else:
            self._join(trades[0], now_us)
        return [published for trade in trades for published in self._add(trade, False)]

    def _add(self, trade: Trade, live: bool) -> Sequence[Trade]:
        known = self._known.get(trade.trade_id)
        if known is not None:
            if known.price is None or (known.price, known.quantity) == (trade.price, trade.quantity):
                self.record.duplicates += 1
            else:
                self.record.add_conflict(trade, f"its id came with {known.quantity} at {known.price} before")
            return ()
        if trade.event_time <= self._floor:
            if live:
                self.record.add_conflict(trade, "it is older than the trades whose ids are remembered")
            else:
                self.record.duplicates += 1
            return ()
        self._known[trade.trade_id] = _Known(trade.event_time, trade.price, trade.quantity)
        self._last_trades.append((trade.trade_id, trade.event_time))
        self._saved = None
        self.newest_time = max(self.newest_time, trade.event_time)
        if len(self._known) > REMEMBERED:
            self._floor = max(self._floor, self._known.pop(next(iter(self._known))).event_time)
        return (trade,)

    def _join(self, oldest: Trade, now_us: int) -> None:
        """Compare the oldest trade that the exchange shows with what was published before this connection."""
        before, self._joined_from = self._joined_from, 0
        if not before or oldest.event_time < before or oldest.trade_id in self._known:
            return
        number = oldest.trade_id
        gap = SequenceGap(number, number, self._cause, now_us, "background", "unrepaired", now_us, 1, number + 1)
        apart_s = (oldest.event_time - before) / 1e6
        gap.note = f"trades of the {apart_s:.3f} s before this one may be missing: the exchange shows none of then"
        self.record.add_gap(gap)
