"""One generated market: its position in the sequence, its pace, its times, and the orders that are planted in it.

A planted order takes the next trade id, with a side and size of its own, and the sequence goes on after it; so which
ids are planted must be known for history to serve them with the same contents (planted_orders.py keeps them).
"""

from array import array
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Literal, NamedTuple

from whale_platform.exchanges.simulation.play import Fill
from whale_platform.simulator.play.market_profile import MEAN_FILLS, MarketProfile
from whale_platform.simulator.play.trade_generator import TradePrint, generate_prints

_RUSH_PAUSE_S = 0.0005


class PlantedPrint(NamedTuple):
    """What a planted order has in place of what its index would have: the taker sold; size in steps."""

    sold: bool
    size: int


class MarketFeed:
    """One symbol. Trade id = index + 1."""

    def __init__(
        self,
        seed: int,
        profile: MarketProfile,
        rate: float,
        keep: int,
        index: int = 0,
        known_time: int = 0,
        planted: dict[int, PlantedPrint] | None = None,
    ) -> None:
        self.market, self._seed, self._keep, self._known = profile, seed, keep, known_time
        self.order_pause = MEAN_FILLS / rate
        self._mean_us = 1e6 / rate
        self.index = self._first_kept = index
        self._planted = {} if planted is None else planted
        self._times = array("q")
        self._coming = generate_prints(seed, profile, index)
        self._next = self._overlay(next(self._coming))
        self._last: Fill | None = None

    def order(self, now: int) -> Iterator[Fill]:
        """The next taker order's fills, all at `now` (µs)."""
        order = self._next.order
        while self._next.order == order:
            yield self._issue(now)
        if len(self._times) > self._keep:
            cut = len(self._times) // 4
            self._known = self._times[cut - 1]
            del self._times[:cut]
            self._first_kept += cut

    @property
    def plantable(self) -> bool:
        """Whether the next id has no planted order: after a `kill -9` those that were sent are issued again."""
        return self.index not in self._planted

    def plant(self, planted: PlantedPrint, now: int) -> Fill:
        """Return an order of one fill at `now` (µs), issued before the next one of the sequence."""
        self._planted[self.index] = planted
        self._next = self._overlay(self._next)
        return self._issue(now)

    def pause(self) -> float:
        """Seconds before the next order."""
        pause = self._next.gap * self.order_pause
        return min(pause, _RUSH_PAUSE_S) if self._next.rush else pause

    def last(self) -> Fill | None:
        """Return the newest fill, or None before the first."""
        if self._last is None and self.index:
            self._last = self.page(self.index - 1, 1)[0]
        return self._last

    def page(self, first: int, limit: int) -> list[Fill]:
        """Fills from index `first` on."""
        limit = min(limit, self.index - first)
        found: Iterable[TradePrint] = ()
        if limit > 0:
            found = islice(generate_prints(self._seed, self.market, first), limit)
        return [build_fill(self.market, self._overlay(one), self.time(one.number)) for one in found]

    def time(self, index: int) -> int:
        """When trade `index` happened, µs."""
        if index >= self._first_kept:
            return self._times[index - self._first_kept]
        return self._known - int((self._first_kept - 1 - index) * self._mean_us)

    def saved(self) -> list[int]:
        """Next index, time of the last trade."""
        return [self.index, self._times[-1] if self._times else self._known]

    def _issue(self, now: int) -> Fill:
        self._last = build_fill(self.market, self._next, now)
        self._times.append(now)
        self.index += 1
        self._next = self._overlay(next(self._coming))
        return self._last

    def _overlay(self, one: TradePrint) -> TradePrint:
        """A planted order is one of its own; the order whose first id it took begins after it."""
        planted = self._planted.get(one.number)
        if planted is not None:
            return one._replace(order=one.number, sold=planted.sold, size=planted.size)
        order = one.order
        while order in self._planted:
            order += 1
        return one if order == one.order else one._replace(order=order)


def build_fill(profile: MarketProfile, trade_print: TradePrint, now: int) -> Fill:
    """`trade_print` as a trade at `now` (µs)."""
    price, size = _scaled(trade_print.price, profile.price_decimals), _scaled(trade_print.size, profile.size_decimals)
    side: Literal["buy", "sell"] = "sell" if trade_print.sold else "buy"
    return profile.build_fill(profile.key, trade_print.number + 1, price, size, side, now, trade_print.order)


def _scaled(number: int, decimals: int) -> str:
    if not decimals:
        return f"{number}.0"
    whole, part = divmod(number, 10**decimals)
    return f"{whole}.{part:0{decimals}d}"
