"""A play whose every trade is known, so that what an adapter reads can be compared with what its exchange published."""

import asyncio
import threading
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Literal

from whale_platform.domain.catalogue import ListedPair, SymbolCatalogue
from whale_platform.domain.trade import Side, Source, Trade
from whale_platform.exchanges.base import Exchange
from whale_platform.exchanges.bybit_liquidation.adapter import BybitLiquidation, build_id
from whale_platform.exchanges.registry import load_simulated
from whale_platform.exchanges.simulation.play import Fill, FillPublisher, MarketKey, PlayState

BEFORE = 2_500  # trades of each market before anybody listens: more than two pages of history
START_US = 1_723_161_255_342_617


class PlayedFills:
    """Implements `Play`: while somebody listens, each market that is listened to trades again and again."""

    kind: Literal["generated", "recorded"] = "recorded"
    state: PlayState = "playing"

    def __init__(self, exchange: str, pairs: Mapping[str, ListedPair]) -> None:
        self._build = load_simulated(exchange).build_fill
        self.pairs: Mapping[MarketKey, ListedPair] = {(exchange, symbol): pair for symbol, pair in pairs.items()}
        self.fills: dict[MarketKey, list[Fill]] = {place: [] for place in self.pairs}
        for place in self.pairs:
            for _ in range(BEFORE):
                self._trade(place)

    @property
    def played(self) -> int:
        """Trades so far."""
        return sum(map(len, self.fills.values()))

    def behind_s(self) -> float:
        """Never late."""
        return 0.0

    def last(self, place: MarketKey) -> Fill | None:
        """The newest."""
        return self.fills[place][-1]

    def upward(self, place: MarketKey, first_id: int, limit: int) -> list[Fill]:
        """From `first_id` up; ids begin at 1."""
        return self.fills[place][max(0, first_id - 1) :][:limit]

    def downward(self, place: MarketKey, before_id: int | None, limit: int) -> list[Fill]:
        """Below `before_id`, descending."""
        fills = self.fills[place]
        end = len(fills) if before_id is None else max(0, min(before_id - 1, len(fills)))
        return fills[max(0, end - limit) : end][::-1]

    async def run(self, audience: FillPublisher, stop: threading.Event, save: Callable[[], None]) -> None:
        """Trade until `stop`."""
        while not stop.is_set():
            for place in audience.listening():
                audience.publish(self._trade(place))
            audience.flush()
            await asyncio.sleep(0.01)

    def to_save(self) -> dict[str, object]:
        """Nothing: it begins from the start."""
        return {}

    def _trade(self, place: MarketKey) -> Fill:
        number = len(self.fills[place]) + 1
        side: Side = "buy" if number % 3 else "sell"
        price, size = f"{61_000 + number}.{number % 100:02d}", f"{number % 7}.{number:05d}"
        fill = self._build(place, number, price, size, side, START_US + 1_001 * number, number)
        self.fills[place].append(fill)
        return fill


class QuietFills(PlayedFills):
    """One market of an exchange that has a history, and trades no more."""

    def __init__(self, exchange: str, symbol: str) -> None:
        pair = load_simulated(exchange).find_pair(SymbolCatalogue(), symbol)
        assert pair is not None
        super().__init__(exchange, {symbol: pair})

    async def run(self, audience: FillPublisher, stop: threading.Event, save: Callable[[], None]) -> None:
        """Wait for `stop`."""
        while not stop.is_set():
            await asyncio.sleep(0.01)


def find_id(exchange: Exchange, fill: Fill) -> int:
    """The id by which the adapter has to know `fill`: the one that was published, if any is."""
    if not isinstance(exchange, BybitLiquidation):
        return fill.trade_id
    told = Trade(
        *(exchange.name, fill.market[1], "", "", 0, Decimal(fill.price), Decimal(fill.size), fill.side, fill.time, 0)
    )
    return build_id(told, 0)


def read_fill(exchange: Exchange, pair: ListedPair, fill: Fill, received_time: int, source: Source) -> Trade:
    """The trade that an adapter has to read where `fill` was published."""
    price, size, order = Decimal(fill.price), Decimal(fill.size), fill.taker_order_id or None
    return Trade(
        *(
            exchange.name,
            pair.symbol,
            pair.base,
            pair.quote,
            find_id(exchange, fill),
            price,
            size,
            fill.side,
            fill.time,
        ),
        *(received_time, source, exchange.dense_ids, order, fill.block, fill.buyer or None, fill.seller or None),
    )
