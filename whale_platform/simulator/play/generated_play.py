"""Generated play: each symbol trades at its share of the rate from its first subscription on, for good.

Contents follow from seed and trade id alone, so history needs to keep only times: the last 2,000,000 over all
symbols. Older trades, and those from before a restart, are still served with the same content; their times are then
reckoned back from the oldest known one at the symbol's mean rate. What a `kill -9` kept from the state file is issued
again: same ids, same contents, new times. Planted orders (planted_orders.py) are sent among the rest when they are due.
"""

import asyncio
import heapq
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, Literal

from whale_platform.domain.catalogue import ListedPair
from whale_platform.exchanges.registry import find_market_kind
from whale_platform.exchanges.simulation.play import Fill, FillPublisher, MarketKey, PlayState
from whale_platform.simulator.errors import PlaySetupError
from whale_platform.simulator.play.market_feed import MarketFeed
from whale_platform.simulator.play.market_profile import build_profile
from whale_platform.simulator.play.planted_orders import Planting

HISTORY_TRADES = 2_000_000
_BATCH = 1_000
_LONGEST_NAP_S = 0.02


class GeneratedPlay:
    """Implements `Play`. Raises PlaySetupError where the saved state is of another seed."""

    kind: Literal["generated", "recorded"] = "generated"

    def __init__(
        self,
        pairs: Mapping[MarketKey, ListedPair],
        rate: float,
        seed: int,
        saved: dict[str, Any] | None,
        planting: Planting | None = None,
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
        self._feeds: dict[MarketKey, MarketFeed] = {}
        for one in markets:
            index, known = places.get(_key(one.key), (0, 0))
            share = rate * one.share / whole
            overlay = None if planting is None else planting.find_overlay(one.key)
            feed = MarketFeed(seed, one, share, HISTORY_TRADES // len(markets), index, known, overlay)
            self._feeds[one.key] = feed
            if planting is not None and find_market_kind(one.key[0]) not in ("block", "liquidation"):
                planting.add_market(one, pairs[one.key].base, 1 / feed.order_pause)
        self._due: list[tuple[float, MarketKey]] = []
        self._asleep = set(self._feeds)
        self._planting = planting

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
            if self._asleep:
                self.wake(publisher.listening())
            for fill in self.plant_due(time.time_ns() // 1000):
                publisher.publish(fill)
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

    def plant_due(self, now: int) -> Iterator[Fill]:
        """The planted orders that are due at `now` (µs), of the symbols that trade; each is on record before it is."""
        if self._planting is None:
            return
        for order in self._planting.take_due(now):
            feed = self._feeds[order.market]
            if feed.plantable and order.market not in self._asleep:
                planted = self._planting.build_print(order)
                self._planting.record(order, planted, feed.index + 1, now)
                yield feed.plant(planted, now)

    def to_save(self) -> dict[str, object]:
        """Seed, and per symbol the next index and the last time."""
        places = {_key(market): feed.saved() for market, feed in self._feeds.items()}
        return {"kind": self.kind, "seed": self._seed, "places": self._elsewhere | places}

    def wake(self, heard: Collection[MarketKey]) -> None:
        """Start the symbols that are subscribed, or have traded before, and do not trade yet."""
        for market in [market for market in self._asleep if market in heard or self._feeds[market].index]:
            self._asleep.discard(market)
            heapq.heappush(self._due, (time.monotonic() + self._feeds[market].pause(), market))


def _key(market: MarketKey) -> str:
    return ":".join(market)
