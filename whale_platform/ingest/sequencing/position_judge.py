"""Which position the trades have that are held without a proven one: the stream's and history's judgement of them.

A trade is held where its id alone does not show what was missed: the first ones of a new symbol, ids far ahead, and ids
below the next one that happened later than all that was published. They are believed when another trade or history's
newest one agrees with them, requested while `needs_history`, and refused as `TradeConflict` when others go on without
them.
This extends GapTracker, and is no part beside it: what is believed changes the next id and what waits behind a gap.
"""

from collections.abc import Iterable, Mapping, Sequence

from whale_platform.domain.trade import Trade
from whale_platform.ingest.sequencing.backfill_range import NO_TRADES
from whale_platform.ingest.sequencing.gap import IdRange, SequenceGap
from whale_platform.ingest.sequencing.gap_tracker import GapTracker
from whale_platform.ingest.sequencing.late_trades import LateTrades
from whale_platform.ingest.sequencing.unconfirmed_trades import (
    CLOSE_IDS,
    LOW_TRADES,
    MAX_UNCONFIRMED,
    NEAR_IDS,
    UnconfirmedTrades,
    is_copy,
)


class PositionJudge(GapTracker):
    """As GapTracker; `floor`: see LateTrades.

    `latest`: a time after the newest published trade's, where that is not known; `held`: what a process before held of
    a symbol that was new.
    """

    def __init__(
        self,
        next_id: int | None,
        background: Iterable[SequenceGap],
        newest_time: int,
        passed: Iterable[SequenceGap],
        floor: int,
        latest: int,
        held: Iterable[Trade],
    ) -> None:
        super().__init__(next_id, background, newest_time, passed)
        self.latest = latest
        self.unconfirmed = UnconfirmedTrades()
        for one in held:
            self.unconfirmed.add(one)
        self._late = LateTrades(self.record, self.background, self._closed, floor)
        self._before = -1

    def check_continuation(self, same_id: Trade | None) -> bool | None:
        """Whether `same_id`, which history has under the id published last, is that trade; None where nobody knows."""
        if same_id is None or self.next_id is None:
            return None
        known = self._recent.get(self.next_id - 1)
        if known is not None:
            return is_copy(known, same_id) and known.event_time // 1000 == same_id.event_time // 1000
        if self._blank[1] == self.next_id:
            return None
        if self.newest_time:
            return same_id.event_time // 1000 == self.newest_time // 1000
        return None if not self.latest else same_id.event_time <= self.latest

    def needs_history(self) -> bool:
        """Whether history's newest trade may give a position to what is held."""
        if not self.unconfirmed or self.next_id is None:
            return bool(self.unconfirmed)
        return self.unconfirmed.highest() >= self.next_id or len(self.unconfirmed.held) >= LOW_TRADES

    def find_first_ids(self, newest: Trade) -> IdRange | None:
        """Return the ids that history must have for a new symbol to begin with, close to its `newest` trade."""
        near = [] if self.next_id is not None else self.unconfirmed.list_near(newest.trade_id, CLOSE_IDS)
        return (near[0].trade_id, near[-1].trade_id) if near else None

    def judge(
        self, newest: Trade, same_id: Trade | None, now_us: int, first: Mapping[int, Trade] = NO_TRADES
    ) -> Sequence[Trade]:
        """Give a position to what is held, by the `newest` trade of history; `same_id`: see `may_have_restarted`.

        `first`: what history has of `find_first_ids`. A new symbol begins with what is held and history has too.
        """
        if self.next_id is None:
            known = [one for one in self.unconfirmed if (same := first.get(one.trade_id)) and is_copy(one, same)]
            return self._start_sequence(known) if known else ()
        low = self.unconfirmed.list_low(self.next_id)
        if len(low) >= LOW_TRADES:
            if not self.check_continuation(same_id):
                return ()
            self.unconfirmed.remove(low)
            self._refuse_trades(low)
        ahead = [one for one in self.unconfirmed if self.next_id <= one.trade_id <= newest.trade_id + NEAR_IDS]
        return self._accept_trades(ahead) if ahead else self._advance(now_us)

    def _start_sequence(self, trades: Sequence[Trade]) -> Sequence[Trade]:
        """The first ids of a new symbol, near each other or near history's newest."""
        first = min(one.trade_id for one in trades)
        if any(one.trade_id == self._before for one in trades):
            first = self._before + 1
        self.next_id, self._late.floor = first, min(first, *(one.trade_id for one in trades))
        self._mark = (first, "stream")
        self.unconfirmed.remove(trades)
        self._refuse_trades(self.unconfirmed.drain())
        for one in trades:
            if one.trade_id >= first:
                self._hold_pending(one)
            else:
                self.newest_time = max(self.newest_time, one.event_time)
                self._recent.add(one)
        return self._advance(trades[-1].received_time)

    def _is_later(self, trade: Trade) -> bool:
        """Whether it happened after the trade that was published last; without that one's time nobody knows."""
        return 0 < (self.newest_time or self.latest) < trade.event_time

    def _accept_trades(self, trades: Sequence[Trade]) -> Sequence[Trade]:
        self.unconfirmed.remove(trades)
        for one in trades:
            self._hold_pending(one)
        return self._advance(trades[-1].received_time)

    def _hold_unconfirmed(self, trade: Trade) -> Sequence[Trade]:
        if not self.unconfirmed.add(trade):
            self.record.compare(self.unconfirmed.held[trade.trade_id], trade)
        elif len(self.unconfirmed.held) > MAX_UNCONFIRMED:
            self._refuse_trades(self.unconfirmed.drain())
        return ()

    def _refuse_trades(self, trades: Iterable[Trade]) -> None:
        for one in trades:
            ahead = one.trade_id - (self.next_id or 0)
            self.record.add_conflict(one, f"trade id {abs(ahead)} {'ahead of' if ahead >= 0 else 'behind'} its turn")
