"""Generated play: each symbol trades at its share of the rate from its first subscription on, for good.

Contents follow from seed and trade id alone, so history needs to keep only times: the last 2,000,000 over all
symbols. Older trades, and those from before a restart, are still served with the same content; their times are then
reckoned back from the oldest known one at the symbol's mean rate. What a `kill -9` kept from the state file is issued
again: same ids, same contents, new times.
"""

import asyncio
import heapq
import threading
import time
from array import array
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Literal

from whale_platform.domain.catalogue import ListedPair
from whale_platform.exchanges.simulation.play import Fill, FillPublisher, MarketKey, PlayState
from whale_platform.simulator.errors import PlaySetupError
from whale_platform.simulator.play.market_profile import MEAN_FILLS, MarketProfile, build_profile
from whale_platform.simulator.play.trade_generator import TradePrint, generate_prints

HISTORY_TRADES = 2_000_000
_BATCH = 1_000
_LONGEST_NAP_S = 0.02
_RUSH_PAUSE_S = 0.0005


class _Feed:
    """One symbol: its position in the sequence, its pace and its times. Trade id = index + 1."""

    def __init__(self, seed: int, profile: MarketProfile, rate: float, keep: int, index: int, known_time: int) -> None:
        self.market, self._seed, self._keep, self._known = profile, seed, keep, known_time
        self.order_pause = MEAN_FILLS / rate
        self._mean_us = 1e6 / rate
        self.index = self._first_kept = index
        self._times = array("q")
        self._coming = generate_prints(seed, profile, index)
        self._next = next(self._coming)
        self._last: Fill | None = None

    def order(self, now: int) -> Iterator[Fill]:
        """The next taker order's fills, all at `now` (µs)."""
        order = self._next.order
        while self._next.order == order:
            self._last = build_fill(self.market, self._next, now)
            yield self._last
            self._times.append(now)
            self.index += 1
            self._next = next(self._coming)
        if len(self._times) > self._keep:
            cut = len(self._times) // 4
            self._known = self._times[cut - 1]
            del self._times[:cut]
            self._first_kept += cut

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
        found = islice(generate_prints(self._seed, self.market, first), limit) if limit > 0 else ()
        return [build_fill(self.market, one, self.time(one.number)) for one in found]

    def time(self, index: int) -> int:
        """When trade `index` happened, µs."""
        if index >= self._first_kept:
            return self._times[index - self._first_kept]
        return self._known - int((self._first_kept - 1 - index) * self._mean_us)

    def saved(self) -> list[int]:
        """Next index, time of the last trade."""
        return [self.index, self._times[-1] if self._times else self._known]


class GeneratedPlay:
    """Implements `Play`. Raises PlaySetupError where the saved state is of another seed."""

    kind: Literal["generated", "recorded"] = "generated"

    def __init__(
        self, pairs: Mapping[MarketKey, ListedPair], rate: float, seed: int, saved: dict[str, Any] | None
    ) -> None:
        if saved is not None and (saved.get("kind"), saved.get("seed")) != (self.kind, seed):
            raise PlaySetupError(
                f"this home holds {saved.get('kind')} trades of seed {saved.get('seed')}: "
                "set WHALE_SOURCE and WHALE_SIMULATOR_SEED to that, or take a fresh --home"
            )
        self.pairs = pairs
        self._seed = seed
        markets = [build_profile(market, pair.base, pair.quote) for market, pair in pairs.items()]
        if not markets:
            raise PlaySetupError("no symbol to trade: set WHALE_SYMBOLS, for example BTC,ETH")
        whole = sum(one.share for one in markets)
        places: dict[str, list[int]] = saved["places"] if saved else {}
        self._elsewhere = {key: value for key, value in places.items() if not any(key == _key(m.key) for m in markets)}
        self._feeds: dict[MarketKey, _Feed] = {}
        for one in markets:
            index, known = places.get(_key(one.key), (0, 0))
            share = rate * one.share / whole
            self._feeds[one.key] = _Feed(seed, one, share, HISTORY_TRADES // len(markets), index, known)
        self._due: list[tuple[float, MarketKey]] = []
        self._asleep = set(self._feeds)

    @property
    def state(self) -> PlayState:
        """Waiting until the first symbol has been subscribed, in this home."""
        return "playing" if len(self._asleep) < len(self._feeds) else "waiting"

    @property
    def played(self) -> int:
        """Trades played in this home so far."""
        return sum(feed.index for feed in self._feeds.values())

    def behind_s(self) -> float:
        """Seconds by which the next trade is late."""
        return max(0.0, time.monotonic() - self._due[0][0]) if self._due else 0.0

    def last(self, market: MarketKey) -> Fill | None:
        """Return the market's newest trade, or None before the first."""
        return self._feeds[market].last()

    def upward(self, market: MarketKey, first_id: int, limit: int) -> list[Fill]:
        """At most `limit` trades from `first_id` on, ascending."""
        return self._feeds[market].page(max(0, first_id - 1), limit)

    def downward(self, market: MarketKey, before_id: int | None, limit: int) -> list[Fill]:
        """At most `limit` trades below `before_id` (None: the newest), descending."""
        feed = self._feeds[market]
        end = feed.index if before_id is None else max(0, min(before_id - 1, feed.index))
        first = max(0, end - limit)
        return feed.page(first, end - first)[::-1]

    async def run(self, publisher: FillPublisher, stop: threading.Event, save: Callable[[], None]) -> None:
        """Play until `stop`; each order goes out at its due time, in larger batches when late."""
        while not stop.is_set():
            self._wake(publisher)
            sent = 0
            while self._due and sent < _BATCH and self._due[0][0] <= time.monotonic():
                due, market = self._due[0]
                feed = self._feeds[market]
                for one in feed.order(time.time_ns() // 1000):
                    publisher.publish(one)
                    sent += 1
                heapq.heapreplace(self._due, (due + feed.pause(), market))
            publisher.flush()
            until = self._due[0][0] - time.monotonic() if self._due else _LONGEST_NAP_S
            await asyncio.sleep(min(max(until, 0.0), _LONGEST_NAP_S))

    def to_save(self) -> dict[str, object]:
        """Seed, and per symbol the next index and the last time."""
        places = {_key(market): feed.saved() for market, feed in self._feeds.items()}
        return {"kind": self.kind, "seed": self._seed, "places": self._elsewhere | places}

    def _wake(self, publisher: FillPublisher) -> None:
        """Start the symbols that are subscribed, or have traded before, and do not trade yet."""
        if not self._asleep:
            return
        heard = publisher.listening()
        for market in [market for market in self._asleep if market in heard or self._feeds[market].index]:
            self._asleep.discard(market)
            heapq.heappush(self._due, (time.monotonic() + self._feeds[market].pause(), market))


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


def _key(market: MarketKey) -> str:
    return ":".join(market)
