"""Trades whose position among the ids is not proven; they are held until the stream or history proves one.

Three kinds: the first trade of a new symbol, ids far ahead of all others, and ids below the newest published one that
happened after it. One garbled id is among trades that have a position, and is then known to be wrong; an id space that
began again brings more and more of them.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator

from whale_platform.domain.trade import Trade

NEAR_IDS = 10_000  # ids: about ten pages of history, fetched in two seconds
CLOSE_IDS = 100  # ids: so near are the first trades of a new symbol, and those that follow each other anywhere
MAX_UNCONFIRMED = 20_000  # trades held: some 20 MB
# Trades below the newest one but later than it, from which on history is queried whether the ids began again.
LOW_TRADES = 3
# Trades close to each other that begin a new symbol without history: two may be garbled alike.
FIRST_TRADES = 3
# Trades close to each other with which a new symbol begins where history did not answer and the lowest is not proven.
UNANSWERED_TRADES = 50
DISORDER_US = 1_000_000  # by which a trade may be later than one with a higher id
REFUTING_TRADES = 2  # trades with a position after which those without one are given up
MAX_RATE = 5_000  # trades a second of one symbol, for seconds on end: more than has been seen


def is_copy(one: Trade, other: Trade) -> bool:
    """Whether two trades of one id are copies."""
    return one.price == other.price and one.quantity == other.quantity


def is_in_order(one: Trade, other: Trade) -> bool:
    """Whether ids and event times of two trades ascend together."""
    return (one.trade_id - other.trade_id) * (one.event_time - other.event_time) >= 0


class UnconfirmedTrades:
    """One symbol's, by id. `placed`: trades that had a position since the newest doubt.

    Where two trades of one id differ, the first one is held, and the id is `_disputed`: either may be garbled.
    """

    def __init__(self) -> None:
        self.held: dict[int, Trade] = {}
        self.placed = 0
        self._ids: list[int] = []
        self._disputed: set[int] = set()

    def __bool__(self) -> bool:
        return bool(self.held)

    def __iter__(self) -> Iterator[Trade]:
        return iter(list(self.held.values()))

    def add(self, trade: Trade) -> bool:
        """Hold it; False where a trade of that id is held already."""
        self.placed = 0
        known = self.held.setdefault(trade.trade_id, trade)
        if known is not trade:
            if not is_copy(known, trade):
                self._disputed.add(trade.trade_id)
            return False
        insort(self._ids, trade.trade_id)
        return True

    def highest(self) -> int:
        """The highest id held, -1 without one."""
        return self._ids[-1] if self._ids else -1

    def count_low(self, next_id: int) -> int:
        """How many are below `next_id`."""
        return bisect_left(self._ids, next_id)

    def list_low(self, next_id: int) -> list[Trade]:
        """Those below `next_id`, by id."""
        return [self.held[one] for one in self._ids[: self.count_low(next_id)]]

    def find_below(self, trade_id: int) -> int | None:
        """The highest id held below `trade_id`."""
        index = bisect_left(self._ids, trade_id)
        return self._ids[index - 1] if index else None

    def find_first_near(self, trade_id: int, within: int, above: int) -> int | None:
        """The lowest id held within so many ids of `trade_id`, from `above` on."""
        index = bisect_left(self._ids, max(above, trade_id - within))
        lowest = self._ids[index] if index < len(self._ids) else None
        return lowest if lowest is not None and lowest <= trade_id + within else None

    def list_near(self, trade_id: int, within: int, above: int = -1) -> list[Trade]:
        """Those within so many ids of `trade_id`, from `above` on, by id."""
        low, high = bisect_left(self._ids, max(above, trade_id - within)), bisect_right(self._ids, trade_id + within)
        return [self.held[one] for one in self._ids[low:high]]

    def find_first_trades(self, trade: Trade) -> list[Trade] | None:
        """Return the first trades of a new symbol, `trade` among them; None where they do not prove each other.

        The lowest must have the next id beside it, and none below, else its own may be garbled upwards: after 0, what
        is shown as 3 before 4 may be 1, 2 or 3. Then history is to tell. Where it does not while `UNANSWERED_TRADES`
        come, they begin with the first one that has the id after another one's. Fewer than `FIRST_TRADES` wait for
        history too, so a rare symbol waits for requests and not for trades.
        """
        if trade.trade_id in self.held:
            return None
        near = [
            one
            for one in self.list_near(trade.trade_id, CLOSE_IDS)
            if is_in_order(one, trade) and one.trade_id not in self._disputed
        ]
        near = sorted([*near, trade], key=lambda one: one.trade_id)
        follows = [index for index in range(1, len(near)) if near[index].trade_id == near[index - 1].trade_id + 1]
        if len(near) >= FIRST_TRADES and follows[:1] == [1] and not self.count_low(near[0].trade_id):
            return near
        if len(near) < UNANSWERED_TRADES or not follows:
            return None
        first = near[follows[0] :]
        return first if len(first) >= FIRST_TRADES and trade in first else None

    def find_trades_ahead(self, trade: Trade, next_id: int, top: int, newest_time: int) -> list[Trade] | None:
        """Return the trades far ahead that `trade` is the second one of; None where it may be garbled like the first.

        They are believed where a symbol can have had as many trades as they skip, since `newest_time`.
        """
        first = self.find_first_near(trade.trade_id, NEAR_IDS, next_id)
        if first is None or self.count_low(next_id):
            return None
        skipped = min(first, trade.trade_id) - max(next_id, top)
        seconds = (trade.event_time - newest_time) / 1e6
        if newest_time and skipped > NEAR_IDS + MAX_RATE * seconds:
            return None
        return [*self.list_near(trade.trade_id, NEAR_IDS, next_id), trade]

    def is_climbing_to(self, trade_id: int, next_id: int) -> bool:
        """Whether `trade_id` goes on where ids that began below `next_id` have come to."""
        below = self.find_below(trade_id)
        return below is not None and self.count_low(next_id) >= LOW_TRADES and trade_id - below <= CLOSE_IDS

    def remove(self, trades: Iterable[Trade]) -> None:
        """Those have a position now."""
        for one in trades:
            self.held.pop(one.trade_id, None)
        self._ids = sorted(self.held)
        self._disputed &= self.held.keys()

    def drain(self) -> list[Trade]:
        """All, which are no longer held."""
        drained, self.held, self._ids, self.placed = list(self.held.values()), {}, [], 0
        self._disputed.clear()
        return drained
