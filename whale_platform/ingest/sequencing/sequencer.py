"""One symbol's trades in id order, each once: a state machine without I/O and without a clock.

Trades go in as they come (live from any number of overlapping connections, or from the exchange's history), trades to
publish come out, ascending by id but for what is filled in below (gap_tracker.py).

No trade is dropped on a guess. A duplicate is proven: the same id, price and quantity among the newest, or an id that
was published and a time not later than the newest published trade's. An id that was passed (absent from history, or
quarantined) and comes after all is published, and its row of the ledger corrected. A trade whose position is not
proven is held (unconfirmed_trades.py) until history's newest trade, requested while `asks`, or the stream itself proves
it; else it is a `TradeConflict`, counted in `unproven`. Ids that begin again go on in a new epoch (domain/epochs.py).
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from whale_platform.domain.epochs import EPOCH, epoch_of, exchange_id
from whale_platform.domain.trade import Trade
from whale_platform.ingest.sequencing import gap_tracker
from whale_platform.ingest.sequencing.gap import IdRange, SequenceGap
from whale_platform.ingest.sequencing.gap_tracker import (
    ALL_IDS,
    EMPTY_PAGE,
    RECENT_TRADES,
    GapTracker,
    HistoryPage,
)
from whale_platform.ingest.sequencing.unconfirmed_trades import (
    CLOSE_IDS,
    DISORDER_US,
    FIRST_TRADES,
    LOW_TRADES,
    MAX_RATE,
    MAX_UNCONFIRMED,
    NEAR_IDS,
    REFUTING_TRADES,
    UnconfirmedTrades,
    is_copy,
)


class Sequencer(GapTracker):
    """As GapTracker; `floor`: the lowest id that is known to be published, or to be older than what was asked for.

    `latest`: a time after the newest published trade's, where that is not known; `held`: what a process before held of
    a symbol that was new.
    """

    def __init__(
        self,
        next_id: int | None = None,
        background: Iterable[SequenceGap] = (),
        newest_time: int = 0,
        passed: Iterable[SequenceGap] = (),
        floor: int = -1,
        hole: SequenceGap | None = None,
        latest: int = 0,
        held: Iterable[Trade] = (),
    ) -> None:
        super().__init__(next_id, background, newest_time, passed)
        self.hole = hole
        self.doubts = UnconfirmedTrades()
        for one in held:
            self.doubts.add(one)
        self.latest = latest
        self._floor = floor
        self._began = 0
        self._first: Trade | None = None
        self._ended = 0
        self._before = -1
        self._hot = -1
        self._settle()

    def live(self, trade: Trade) -> Sequence[Trade]:
        """Take one live trade; returns what may be published now, in order."""
        number = trade.trade_id
        if number == self._hot and trade.event_time >= self.newest_time:
            self.next_id = self._hot = number + 1
            self.newest_time = trade.event_time
            self._ring[number % RECENT_TRADES] = trade
            return (trade,)
        out = self._unusual(trade)
        self._settle()
        return out

    def last_trade(self, trade: Trade, surely: bool = False) -> Sequence[Trade]:
        """The newest trade before the subscription: for a new symbol the baseline, else like a live one.

        `surely`: history has it under that id.
        """
        if self.next_id is None:
            self._before = trade.trade_id
        elif trade.trade_id < self.next_id and not self._later(trade):
            return ()
        elif surely:
            self._vouched = max(self._vouched, trade.trade_id)
        return self.live(trade)

    def continues(self, same_id: Trade | None) -> bool | None:
        """Whether `same_id`, which history has under the id published last, is that trade; None where nobody knows."""
        if same_id is None or self.next_id is None:
            return None
        known = self._ring[(self.next_id - 1) % RECENT_TRADES]
        if known is not None and known.trade_id == self.next_id - 1:
            return is_copy(known, same_id) and known.event_time // 1000 == same_id.event_time // 1000
        if self._blank[1] == self.next_id:
            return None
        if self.newest_time:
            return same_id.event_time // 1000 == self.newest_time // 1000
        return None if not self.latest else same_id.event_time <= self.latest

    def asks(self) -> bool:
        """Whether history's newest trade may give a place to what is held."""
        if not self.doubts or self.next_id is None:
            return bool(self.doubts)
        return self.doubts.highest() >= self.next_id or len(self.doubts.held) >= LOW_TRADES

    def judge(self, newest: Trade, same_id: Trade | None, now_us: int) -> Sequence[Trade]:
        """Give a place to what is held, by the `newest` trade of history; for `same_id` see `began_anew`."""
        if self.next_id is None:
            near = [one for one in self.doubts.near(newest.trade_id, CLOSE_IDS) if _agree(one, newest)]
            return self._begin(near) if near else ()
        low = self.doubts.low(self.next_id)
        if len(low) >= LOW_TRADES:
            if not self.continues(same_id):
                return ()
            self.doubts.take(low)
            self._refute(low)
        ahead = [one for one in self.doubts if self.next_id <= one.trade_id <= newest.trade_id + NEAR_IDS]
        return self._believe(ahead) if ahead else self._advance(now_us)

    def may_begin_anew(self, newest: Trade, same_id: Trade | None) -> bool:
        """Whether the ids may have begun again, by the `newest` trade of history.

        `same_id`: what history has under the id that was published last, None where it has nothing, or was not asked
        as the newest id is lower. They have where history moreover has nothing of before.
        """
        if self.next_id is None or not self._later(newest):
            return False
        if sum(one.trade_id <= newest.trade_id + NEAR_IDS for one in self.doubts.low(self.next_id)) < LOW_TRADES:
            return False
        return newest.trade_id < self.next_id - 1 or self.continues(same_id) is False

    def goes_on(self, now_us: int) -> Sequence[Trade]:
        """History has trades of before and after the one published last: the ids go on, and that one's was wrong."""
        low = self.doubts.low(self.next_id or 0)
        self.doubts.take(low)
        out = [published for one in low for published in self._late(one)]
        return [*out, *self._advance(now_us)]

    def begin_epoch(self, first: Trade, newest_id: int, now_us: int) -> Sequence[Trade]:
        """Go on in a new id space, of which history has trades from `first` to `newest_id`, none of them published.

        Both ids are the exchange's.
        """
        assert self.next_id is not None
        out: list[Trade] = []
        # 1. What the old space still held back goes on; nobody can be asked for its holes any more.
        while self.hole is not None and self._pending:
            waited = len(self._pending)
            out += self.to_background(now_us)
            if len(self._pending) == waited:
                self._wrong([self._pending.pop(one.trade_id) for one in self._pending], now_us)
        if self.hole is not None:
            self.next_id = self.hole.first_id
            self.hole = None
        for gap in self.background:
            self._abandon(gap, "the exchange's ids began anew before it was filled", now_us)
        self.background, self._skipped = [], {}
        # 2. The jump is on record; what still comes of the old space is told by its time.
        first_id, self._began = first.trade_id, self.newest_time
        self.base += EPOCH
        self._first = replace(first, trade_id=self.base + first_id)
        self._ended = self.next_id
        jump = SequenceGap(
            self.next_id, self.base + first_id - 1, "epoch", now_us, note="the exchange's ids began anew"
        )
        jump.until = first.event_time
        jump.absent = [(jump.first_id, jump.last_id)]
        self._close(jump, now_us)
        # 3. The new one is a hole like any other as far as history has it, since of what was held an id may be garbled;
        #    what is newer shows in the next trade.
        self.next_id = self._floor = self.base + first_id
        if newest_id >= first_id:
            self.hole = SequenceGap(self.next_id, self.base + newest_id, "epoch", now_us, progress_id=self.next_id)
            self.events.append(self.hole)
        for one in self.doubts.drain():
            if not first_id <= exchange_id(one.trade_id) <= newest_id + NEAR_IDS:
                self._conflict(one, "the exchange's ids began anew, and this one is not of them")
        self._settle()
        return out

    def _unusual(self, trade: Trade) -> Sequence[Trade]:
        number = trade.trade_id
        if self.next_id is None:
            near = [one for one in self.doubts.near(number, CLOSE_IDS) if _in_order(one, trade)]
            enough = (
                2 if len(near) == len(self.doubts.held) else FIRST_TRADES
            )  # two garbled alike may stand against a true one
            return self._begin([*near, trade]) if len(near) + 1 >= enough else self._doubt(trade)
        if self._is_straggler(trade):
            return self._straggler(replace(trade, trade_id=number - EPOCH))
        if number < self.next_id:
            return self._below(trade, self._later(trade))
        if self._is_old(trade):
            return ()
        if number - max(self.next_id, self._top) > gap_tracker.INLINE_MAX:
            return self._ahead(trade)
        if self.doubts:
            if self._climbs(number):
                return self._doubt(trade)
            self.doubts.placed += 1
            if self.doubts.placed >= REFUTING_TRADES:
                self._refute(self.doubts.drain())
        if number == self.next_id:
            self._wrong(self._pending.contradict(trade, number), trade.received_time)
        self._hold(trade)
        return self._advance(trade.received_time)

    def _begin(self, trades: Sequence[Trade]) -> Sequence[Trade]:
        """The first ids of a new symbol, near each other or near history's newest."""
        first = min(one.trade_id for one in trades)
        if any(one.trade_id == self._before for one in trades):
            first = self._before + 1
        self.next_id, self._floor = first, min(first, *(one.trade_id for one in trades))
        self._mark = (first, "stream")
        self.doubts.take(trades)
        self._refute(self.doubts.drain())
        for one in trades:
            if one.trade_id >= first:
                self._hold(one)
            else:
                self.newest_time = max(self.newest_time, one.event_time)
                self._ring[one.trade_id % RECENT_TRADES] = one
        return self._advance(trades[-1].received_time)

    def _is_straggler(self, trade: Trade) -> bool:
        """Whether a trade is of the id space that ended last: earlier than the first one of this, and not below it."""
        if trade.event_time <= self._began or self._first is None:
            return self._first is not None
        return trade.trade_id >= self._first.trade_id and trade.event_time < self._first.event_time - DISORDER_US

    def _straggler(self, trade: Trade) -> Sequence[Trade]:
        """A trade of the id space that has ended, with its id in that: below its end it was published before."""
        ahead = trade.trade_id - self._ended
        if ahead < 0:
            return self._below(trade, False)
        if ahead > gap_tracker.INLINE_MAX or trade.event_time <= self._began:
            self._conflict(trade, f"trade id {ahead} ahead of where the ids ended")
            return ()
        return self._late(trade)

    def _below(self, trade: Trade, later: bool) -> Sequence[Trade]:
        """An id below the next one; `later`: it happened after the trade that was published last."""
        number = trade.trade_id
        known = self._ring[number % RECENT_TRADES]
        if later and self._blank[1] == self.next_id and number >= self._blank[0]:
            return self._in_blank(trade)
        if known is not None and known.trade_id == number:
            if is_copy(known, trade):
                self.duplicates += 1
                return ()
            if not later:
                self._conflict(trade, f"trade {number} came with {known.quantity} at {known.price} before")
                return ()
        return self._doubt(trade) if later else self._late(trade)

    def _in_blank(self, trade: Trade) -> Sequence[Trade]:
        """An id that was passed, and nothing above it was published: it is not late at all."""
        number = trade.trade_id
        for gap in (*((self.hole,) if self.hole else ()), *reversed(self._passed)):
            if gap.first_id <= number <= gap.last_id and gap.arrive(number):
                if gap.state != "open":
                    gap.close(trade.received_time)
                self.events.append(gap)
                self._blank = (number + 1, self._blank[1])
                self.newest_time = trade.event_time
                self._ring[number % RECENT_TRADES] = trade
                return (trade,)
        return self._doubt(trade)

    def _later(self, trade: Trade) -> bool:
        """Whether it happened after the trade that was published last; without that one's time nobody knows."""
        return 0 < (self.newest_time or self.latest) < trade.event_time

    def _is_old(self, trade: Trade) -> bool:
        """Whether a trade that is to come next, or later, happened before the one that was published last."""
        before_us = self.newest_time - trade.event_time
        if not self.newest_time or before_us < 0 or (before_us == 0 and trade.trade_id == self.next_id):
            return False
        if before_us <= DISORDER_US and not self._is_copy(trade):
            return False
        self._conflict(trade, "it happened before trades with lower ids")
        return True

    def _is_copy(self, trade: Trade) -> bool:
        """Whether that very trade is published under another id."""
        return any(
            one is not None
            and one.event_time == trade.event_time
            and one.trade_id != trade.trade_id
            and is_copy(one, trade)
            for one in self._ring
        )

    def _late(self, trade: Trade) -> Sequence[Trade]:
        """An id that was passed by is published after all; any other was published before."""
        number = trade.trade_id
        for gap in self.background:
            if gap.progress_id <= number <= gap.last_id:
                if self._too_late(trade, gap.until):
                    return ()
                self._divide(gap, number, trade.received_time)
                return (trade,)
        for gap in (*self.background, *((self.hole,) if self.hole else ()), *reversed(self._passed)):
            if gap.first_id <= number <= gap.last_id:
                if self._too_late(trade, gap.until):
                    return ()
                if not gap.arrive(number):
                    continue
                if gap.state != "open":
                    gap.close(trade.received_time)
                self.events.append(gap)
                return (trade,)
        if number < self._floor and epoch_of(number) == epoch_of(self._floor):
            self._conflict(trade, f"trade id {self._floor - number} below the first that was taken")
        else:
            self.duplicates += 1
        return ()

    def _ahead(self, trade: Trade) -> Sequence[Trade]:
        assert self.next_id is not None
        near = self.doubts.first_near(trade.trade_id, NEAR_IDS, self.next_id)
        if near is not None and not self.doubts.lows(self.next_id):
            skipped = min(near, trade.trade_id) - max(self.next_id, self._top)
            seconds = (trade.event_time - self.newest_time) / 1e6
            if not self.newest_time or skipped <= NEAR_IDS + MAX_RATE * seconds:
                return self._believe([*self.doubts.near(trade.trade_id, NEAR_IDS, self.next_id), trade])
        return self._doubt(trade)

    def _believe(self, trades: Sequence[Trade]) -> Sequence[Trade]:
        self.doubts.take(trades)
        for one in trades:
            self._hold(one)
        return self._advance(trades[-1].received_time)

    def _too_late(self, trade: Trade, until: int) -> bool:
        """Whether it happened after a trade with a higher id, of time `until`; history knows the one of its id."""
        if not 0 < until < trade.event_time:
            return False
        self._conflict(trade, "it happened after trades with higher ids")
        return True

    def _climbs(self, number: int) -> bool:
        """Whether `number` goes on where ids that began below have come to."""
        assert self.next_id is not None
        below = self.doubts.before(number)
        return below is not None and self.doubts.lows(self.next_id) >= LOW_TRADES and number - below <= CLOSE_IDS

    def _doubt(self, trade: Trade) -> Sequence[Trade]:
        if not self.doubts.add(trade):
            self._compare(self.doubts.held[trade.trade_id], trade)
        elif len(self.doubts.held) > MAX_UNCONFIRMED:
            self._refute(self.doubts.drain())
        return ()

    def _refute(self, trades: Iterable[Trade]) -> None:
        for one in trades:
            ahead = one.trade_id - (self.next_id or 0)
            self._conflict(one, f"trade id {abs(ahead)} {'ahead of' if ahead >= 0 else 'behind'} its turn")

    def _settle(self) -> None:
        quiet = self.hole is None and not self._pending and not self._skipped and not self.doubts
        self._hot = self.next_id if quiet and self.next_id is not None else -1

    def _advance(
        self, now_us: int, found: HistoryPage = EMPTY_PAGE, sure_until: int = -1, reach: IdRange = ALL_IDS
    ) -> list[Trade]:
        out = super()._advance(now_us, found, sure_until, reach)
        self._settle()
        return out


def _agree(one: Trade, known: Trade) -> bool:
    """Whether both may be true, `known` being history's: in order, and not the same trade under another id."""
    moved = (
        one.trade_id != known.trade_id and one.event_time // 1000 == known.event_time // 1000 and is_copy(one, known)
    )
    return _in_order(one, known) and not moved


def _in_order(one: Trade, other: Trade) -> bool:
    return (one.trade_id - other.trade_id) * (one.event_time - other.event_time) >= 0
