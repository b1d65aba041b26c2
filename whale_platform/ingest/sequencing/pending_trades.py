"""Trades that wait behind a gap, by id, and what speaks against each of them.

Ids and event times ascend together. Where two trades contradict that, or two of one id differ, one of them is garbled:
both are `is_disputed` until the exchange's history decides. The stream itself refutes a trade that `REFUTING_TRADES`
later ones contradict, as those that follow a garbled id go on below it.

The lowest trade above a gap is the one that the stream can't prove: its true id may be any of the gap, and what follows
agrees with either. The one with the very next id is proven by it, as no id lies between them.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping

from whale_platform.domain.trade import Trade
from whale_platform.ingest.sequencing.unconfirmed_trades import REFUTING_TRADES, is_copy

MANY = 3  # trades in order that one newcomer contradicts: then it is the one that is wrong


class PendingTrades:
    """One symbol's. Adding costs O(log n) where nothing contradicts."""

    def __init__(self) -> None:
        self._trades: dict[int, Trade] = {}
        self._ids: list[int] = []
        self._rivals: dict[int, set[int]] = {}
        self._struck: dict[int, int] = {}
        self._proven: set[int] = set()

    def __len__(self) -> int:
        return len(self._trades)

    def __contains__(self, trade_id: int) -> bool:
        return trade_id in self._trades

    def __iter__(self) -> Iterator[Trade]:
        return iter([self._trades[one] for one in self._ids])

    def get(self, trade_id: int) -> Trade | None:
        """The trade of that id."""
        return self._trades.get(trade_id)

    def lowest(self) -> Trade:
        """The one with the lowest id; there must be one."""
        return self._trades[self._ids[0]]

    def highest(self) -> int:
        """The highest id, -1 without one."""
        return self._ids[-1] if self._ids else -1

    def find_above(self, trade_id: int) -> int | None:
        """The lowest id above `trade_id`."""
        index = bisect_right(self._ids, trade_id)
        return self._ids[index] if index < len(self._ids) else None

    def is_disputed(self, trade_id: int) -> bool:
        """Whether another trade speaks against the one of that id."""
        return trade_id in self._rivals

    def add(self, trade: Trade) -> list[Trade]:
        """Hold a trade of an id that is free; returns the refuted, which are gone: those, or one that many refute."""
        if len(self.find_earlier(trade)) == MANY:
            return [trade]
        refuted = self.strike_contradicted(trade, trade.trade_id)
        index = bisect_left(self._ids, trade.trade_id)
        below = self._trades[self._ids[index - 1]] if index else None
        self._trades[trade.trade_id] = trade
        insort(self._ids, trade.trade_id)
        for number in self.find_earlier(trade):
            self._add_rivals(trade.trade_id, number)
        if below is not None and below.event_time > trade.event_time:
            self._add_rivals(trade.trade_id, below.trade_id)
        return refuted

    def strike_contradicted(self, trade: Trade, trade_id: int) -> list[Trade]:
        """A live trade came: those above it that happened before it are struck; returns the refuted, which are gone."""
        refuted = []
        for number in self.find_earlier(trade):
            self._struck[number] = self._struck.get(number, 0) + 1
            self._rivals.setdefault(number, set()).add(trade_id)
            if self._struck[number] >= REFUTING_TRADES:
                refuted.append(self.pop(number))
        return refuted

    def strike_differing(self, trade_id: int) -> bool:
        """Another trade came under the id of one that waits; whether that is refuted, and gone."""
        self._struck[trade_id] = self._struck.get(trade_id, 0) + 1
        self._rivals.setdefault(trade_id, set()).add(-1)
        if self._struck[trade_id] < REFUTING_TRADES:
            return False
        self.pop(trade_id)
        return True

    def confirm(self, trade_id: int) -> None:
        """Nothing speaks against that trade any more."""
        for rival in self._rivals.pop(trade_id, ()):
            if rival in self._trades:  # it is the other one that is wrong, and stays disputed
                self._rivals.setdefault(rival, set()).add(-1)
        self._struck.pop(trade_id, None)

    def pop(self, trade_id: int) -> Trade:
        """Take out the trade of that id; it speaks against nobody any more."""
        trade = self._trades.pop(trade_id)
        del self._ids[bisect_left(self._ids, trade_id)]
        self._struck.pop(trade_id, None)
        self._proven.discard(trade_id)
        for rival in self._rivals.pop(trade_id, ()):
            others = self._rivals.get(rival)
            if others is not None:
                others.discard(trade_id)
                if not others:
                    del self._rivals[rival]
        return trade

    def refute_by_history(self, page: Mapping[int, Trade], surely: bool) -> list[Trade]:
        """What history's trades say of those that wait: returns the refuted, which are gone; the others it confirms.

        `surely`: history is known to speak of these ids, and not of such as began again. A trade that history has under
        another id is garbled anyway.
        """
        if not page or not self._ids:
            return []
        under: dict[tuple[int, object, object], set[int]] = {}
        latest: list[tuple[int, int]] = []
        for number in sorted(page):
            one = page[number]
            under.setdefault((one.event_time // 1000, one.price, one.quantity), set()).add(number)
            latest.append((number, max(one.event_time // 1000, latest[-1][1] if latest else 0)))
        refuted = []
        for trade in self:
            number, known = trade.trade_id, page.get(trade.trade_id)
            if known is not None and is_copy(known, trade):
                self.confirm(number)
                self.mark_proven(number)
                continue
            index = bisect_left(latest, (number, -1))
            passed = index > 0 and latest[index - 1][1] > trade.event_time // 1000
            elsewhere = (trade.event_time // 1000, trade.price, trade.quantity) in under
            if elsewhere or (surely and (known is not None or passed)):
                refuted.append(self.pop(number))
        return refuted

    def mark_proven(self, trade_id: int) -> None:
        """Note that history has the trade of that id, which waits here or is about to."""
        if len(self._proven) > len(self._trades):  # one that never waited: it was published at once
            self._proven.intersection_update(self._trades)
        self._proven.add(trade_id)

    def find_first_proven(self) -> int | None:
        """Return the lowest id that history, or the trade with the id before it, vouches for; None without one."""
        before = -2
        for number in self._ids:
            if number in self._rivals:
                continue
            if number == before + 1 or number in self._proven:
                return number
            before = number
        return None

    def find_earlier(self, trade: Trade) -> list[int]:
        """Return ids above that of `trade` which happened before it: the first `MANY` that follow each other."""
        earlier = []
        for index in range(bisect_right(self._ids, trade.trade_id), len(self._ids)):
            if self._trades[self._ids[index]].event_time >= trade.event_time:
                break
            earlier.append(self._ids[index])
            if len(earlier) == MANY:
                break
        return earlier

    def find_latest_us(self) -> int:
        """Event time of the latest one, 0 without one."""
        return max((one.event_time for one in self._trades.values()), default=0)

    def _add_rivals(self, one: int, other: int) -> None:
        self._rivals.setdefault(one, set()).add(other)
        self._rivals.setdefault(other, set()).add(one)
