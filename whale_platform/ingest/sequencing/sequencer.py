"""One symbol's trades in id order, each once: a state machine without I/O and without a clock.

Trades go in as they come (live from any number of overlapping connections, or from the exchange's history), trades to
publish come out, ascending by id but for what is filled in below (background_gaps.py, late_trades.py).

No trade is dropped on a guess. A duplicate is proven: the same id, price and quantity among the newest, or an id that
was published and a time not later than the newest published trade's. An id that was passed (absent from history, or
quarantined) and comes after all is published, and its row of the ledger corrected. A trade whose position is not
proven is held (position_judge.py) until history's newest trade or the stream itself proves it; else it is a
`TradeConflict`, counted in `unproven`. Ids that begin again go on in a new epoch (domain/epochs.py).
"""

from collections.abc import Iterable, Sequence

from whale_platform.domain.epochs import EPOCH, exchange_id
from whale_platform.domain.trade import Trade
from whale_platform.ingest.sequencing import gap_tracker
from whale_platform.ingest.sequencing.backfill_range import ALL_IDS, EMPTY_PAGE, HistoryPage
from whale_platform.ingest.sequencing.ended_epoch import JUMP_NOTE, UNFILLED_NOTE, EndedEpoch
from whale_platform.ingest.sequencing.gap import IdRange, SequenceGap
from whale_platform.ingest.sequencing.position_judge import PositionJudge
from whale_platform.ingest.sequencing.recent_trades import RECENT_TRADES
from whale_platform.ingest.sequencing.unconfirmed_trades import (
    DISORDER_US,
    LOW_TRADES,
    NEAR_IDS,
    REFUTING_TRADES,
    is_copy,
)


class Sequencer(PositionJudge):
    """As PositionJudge; `blocking_gap`: the gap that held trades back when the process before ended."""

    def __init__(
        self,
        next_id: int | None = None,
        background: Iterable[SequenceGap] = (),
        newest_time: int = 0,
        passed: Iterable[SequenceGap] = (),
        floor: int = -1,
        blocking_gap: SequenceGap | None = None,
        latest: int = 0,
        held: Iterable[Trade] = (),
    ) -> None:
        super().__init__(next_id, background, newest_time, passed, floor, latest, held)
        self.blocking_gap = blocking_gap
        self._ended: EndedEpoch | None = None
        self._ring = self._recent.ring
        self._hot = -1
        self._update_hot_id()

    @property
    def has_begun(self) -> bool:
        """Whether it is known where the symbol goes on."""
        return self.next_id is not None

    def add_live(self, trade: Trade) -> Sequence[Trade]:
        """Take one live trade; returns what may be published now, in order."""
        number = trade.trade_id
        if number == self._hot and trade.event_time >= self.newest_time:
            self.next_id = self._hot = number + 1
            self.newest_time = trade.event_time
            self._ring[number % RECENT_TRADES] = trade
            return (trade,)
        out = self._handle_unusual(trade)
        self._update_hot_id()
        return out

    def add_last_trade(self, trade: Trade, surely: bool = False) -> Sequence[Trade]:
        """The newest trade before the subscription: for a new symbol the baseline, else like a live one.

        `surely`: history has it under that id.
        """
        if self.next_id is None:
            self._before = trade.trade_id
        elif trade.trade_id < self.next_id and not self._is_later(trade):
            return ()
        elif surely:
            self._pending.mark_proven(trade.trade_id)
        return self.add_live(trade)

    def may_have_restarted(self, newest: Trade, same_id: Trade | None) -> bool:
        """Whether the ids may have begun again, by the `newest` trade of history.

        `same_id`: what history has under the id that was published last, None where it has nothing, or was not asked
        as the newest id is lower. They have where history moreover has nothing of before. A newest trade that is lower,
        and yet later than all that was published, shows it alone; else several that are held must.
        """
        if self.next_id is None or not self._is_later(newest):
            return False
        if newest.trade_id < self.next_id - 1:
            return True
        low = sum(one.trade_id <= newest.trade_id + NEAR_IDS for one in self.unconfirmed.list_low(self.next_id))
        return low >= LOW_TRADES and self.check_continuation(same_id) is False

    def continue_epoch(self, now_us: int) -> Sequence[Trade]:
        """History has trades of before and after the one published last: the ids go on, and that one's was wrong."""
        low = self.unconfirmed.list_low(self.next_id or 0)
        self.unconfirmed.remove(low)
        out = [published for one in low for published in self._late.accept_late(one, self.blocking_gap)]
        return [*out, *self._advance(now_us)]

    def start_epoch(self, first: Trade, newest_id: int, now_us: int) -> Sequence[Trade]:
        """Go on in a new id space, of which history has trades from `first` to `newest_id`, none of them published.

        Both ids are the exchange's.
        """
        assert self.next_id is not None
        # 1. What the old space still held back goes on; its gaps are closed.
        out = self._end_id_space(UNFILLED_NOTE, now_us)
        # 2. The jump is on record; what still comes of the old space shows by its time.
        first_id = first.trade_id
        self.base += EPOCH
        self._ended = EndedEpoch(self.next_id, self.newest_time, first._replace(trade_id=self.base + first_id))
        self._closed.close(self._ended.build_jump_gap(now_us), now_us)
        # 3. The new one is a gap like any other as far as history has it, since of what was held an id may be garbled;
        #    what is newer shows in the next trade.
        self.next_id = self._late.floor = self.base + first_id
        if newest_id >= first_id:
            self.blocking_gap = SequenceGap(
                self.next_id, self.base + newest_id, "epoch", now_us, progress_id=self.next_id
            )
            self.record.add_gap(self.blocking_gap)
        for one in self.unconfirmed.drain():
            if not first_id <= exchange_id(one.trade_id) <= newest_id + NEAR_IDS:
                self.record.add_conflict(one, f"{JUMP_NOTE}, and this id is none of the new ones")
        self._update_hot_id()
        return out

    def _end_id_space(self, note: str, now_us: int) -> list[Trade]:
        """Return what was held back, and close every gap for the reason `note`, as history has no more of it."""
        out: list[Trade] = []
        # 1. What the present gap holds back is published; where nothing vouches for what waits, it is refused.
        while self.blocking_gap is not None and self._pending:
            waited = len(self._pending)
            out += self.move_to_background(now_us)
            if len(self._pending) == waited:
                self._refuse_wrong_ids([self._pending.pop(one.trade_id) for one in self._pending], now_us)
        # 2. A gap that nothing waits behind ends where it begins.
        if self.blocking_gap is not None:
            self.next_id = self.blocking_gap.first_id
            self.blocking_gap = None
        # 3. Nobody can be queried for the ids of the others any more.
        self.background.abandon(note, now_us)
        self.quarantined.clear()
        return out

    def _handle_unusual(self, trade: Trade) -> Sequence[Trade]:
        number = trade.trade_id
        # 1. The first trades of a new symbol must prove each other.
        if self.next_id is None:
            first = self.unconfirmed.find_first_trades(trade)
            return self._hold_unconfirmed(trade) if first is None else self._start_sequence(first)
        # 2. A connection that is behind still brings trades of the id space that has ended.
        if self._ended is not None and self._ended.includes(trade):
            return self._handle_ended_epoch(trade._replace(trade_id=number - EPOCH), self._ended)
        # 3. Of an id below the next one the time tells whether it is late, or another trade.
        if number < self.next_id:
            return self._handle_lower_id(trade, self._is_later(trade))
        if self._refuse_if_old(trade):
            return ()
        # 4. One far ahead of all others is believed when a second one comes.
        if number - max(self.next_id, self._top) > gap_tracker.INLINE_MAX:
            ahead = self.unconfirmed.find_trades_ahead(trade, self.next_id, self._top, self.newest_time)
            return self._hold_unconfirmed(trade) if ahead is None else self._accept_trades(ahead)
        # 5. Its position is known, unless ids that began below have come up to it; so others that are held are wrong.
        if self.unconfirmed:
            if self.unconfirmed.is_climbing_to(number, self.next_id):
                return self._hold_unconfirmed(trade)
            self.unconfirmed.placed += 1
            if self.unconfirmed.placed >= REFUTING_TRADES:
                self._refuse_trades(self.unconfirmed.drain())
        # 6. It waits for its turn, and what is in turn is published.
        if number == self.next_id:
            self._refuse_wrong_ids(self._pending.strike_contradicted(trade, number), trade.received_time)
        self._hold_pending(trade)
        return self._advance(trade.received_time)

    def _handle_ended_epoch(self, trade: Trade, ended: EndedEpoch) -> Sequence[Trade]:
        """A trade of the id space that has ended, with its id in that: below its end it was published before."""
        ahead = trade.trade_id - ended.next_id
        if ahead < 0:
            return self._handle_lower_id(trade, False)
        if ahead > gap_tracker.INLINE_MAX or trade.event_time <= ended.newest_time:
            self.record.add_conflict(trade, f"trade id {ahead} ahead of where the ids ended")
            return ()
        return self._late.accept_late(trade, self.blocking_gap)

    def _handle_lower_id(self, trade: Trade, later: bool) -> Sequence[Trade]:
        """An id below the next one; `later`: it happened after the trade that was published last."""
        number = trade.trade_id
        # 1. It was passed, and nothing above it is published: then it can be later than all that was published, but not
        #    than what waits above it.
        if (
            later
            and self._blank[1] == self.next_id
            and number >= self._blank[0]
            and not self._pending.find_earlier(trade)
        ):
            return self._handle_passed_id(trade)
        # 2. The trade published under its id is known: a copy, or one of the two is garbled.
        known = self._recent.get(number)
        if known is not None and (not later or is_copy(known, trade)):
            self.record.compare(known, trade)
            return ()
        # 3. A later trade has no proven position here; any other is late, or a duplicate.
        return self._hold_unconfirmed(trade) if later else self._late.accept_late(trade, self.blocking_gap)

    def _handle_passed_id(self, trade: Trade) -> Sequence[Trade]:
        """An id that was passed, and nothing above it was published: it is not late at all.

        Where it was quarantined for its price or quantity, its own event time tells it from a trade with a wrong id.
        """
        number = trade.trade_id
        quarantined_us = self._blank_times.get(number, 0)
        if quarantined_us > self.newest_time and quarantined_us // 1000 != trade.event_time // 1000:
            return self._hold_unconfirmed(trade)
        for gap in self._closed.find_covering(number, (self.blocking_gap,) if self.blocking_gap else ()):
            if self._closed.record_late_trade(gap, trade):
                self._blank = (number + 1, self._blank[1])
                self.newest_time = trade.event_time
                self._recent.add(trade)
                return (trade,)
        return self._hold_unconfirmed(trade)

    def _refuse_if_old(self, trade: Trade) -> bool:
        """Whether a trade that is to come next, or later, happened before the one that was published last."""
        before_us = self.newest_time - trade.event_time
        if not self.newest_time or before_us < 0 or (before_us == 0 and trade.trade_id == self.next_id):
            return False
        if before_us <= DISORDER_US and not self._recent.has_copy(trade):
            return False
        self.record.add_conflict(trade, "it happened before trades with lower ids")
        return True

    def _update_hot_id(self) -> None:
        quiet = self.blocking_gap is None and not self._pending and not self.quarantined and not self.unconfirmed
        self._hot = self.next_id if quiet and self.next_id is not None else -1

    def _advance(
        self, now_us: int, page: HistoryPage = EMPTY_PAGE, sure_until: int = -1, reach: IdRange = ALL_IDS
    ) -> list[Trade]:
        out = super()._advance(now_us, page, sure_until, reach)
        self._update_hot_id()
        return out
