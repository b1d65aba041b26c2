"""A lake of generated trades with planted orders, as the simulator would play them, by a clock of its own."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from pathlib import Path

from whale_platform.contracts import raw_trade
from whale_platform.domain.trade import Trade
from whale_platform.exchanges.simulation.play import Fill, MarketKey
from whale_platform.lake.delta import commits, table
from whale_platform.lake.delta.table import HOUR
from whale_platform.lake.duckdb import engine, parquet_writer
from whale_platform.lake.maintenance import kafka_spool
from whale_platform.simulator.play.market_feed import MarketFeed
from whale_platform.simulator.play.market_profile import MarketProfile, build_profile
from whale_platform.simulator.play.planted_orders import PlantedTrade, Planting

SECOND_US, HOUR_US = 1_000_000, 3_600_000_000
SYMBOLS = {
    "binance": "{base}USDT",
    "coinbase": "{base}-USD",
    "kraken": "{base}/USD",
    "okx": "{base}-USDT",
}
QUOTES = {"binance": "USDT", "coinbase": "USD", "kraken": "USD", "okx": "USDT"}


@dataclass(frozen=True, slots=True)
class WorldPlan:
    """Hours from `start` on of so many trades a second over all markets: each base on each exchange."""

    start: datetime
    hours: int
    rate: float
    bases: Sequence[str]
    noises: Sequence[float]
    seed: int


def lay_planted_world(root: Path, plan: WorldPlan) -> list[PlantedTrade]:
    """Write the world into an empty lake; return what is planted in it."""
    table.create_table(root)
    planting, offset = Planting(plan.seed, plan.noises, None), 0
    currencies = {
        (name, SYMBOLS[name].format(base=base)): (base, QUOTES[name]) for name in SYMBOLS for base in plan.bases
    }
    fills = play_fills(plan, planting, currencies)
    for hour, some in groupby(fills, key=lambda fill: fill.time // HOUR_US):
        start = plan.start + (hour - _to_us(plan.start) // HOUR_US) * HOUR
        messages = ((0, offset + n, _encode(fill, currencies)) for n, fill in enumerate(some))
        path = root.parent / "hour.json"
        written = kafka_spool.spool_messages(path, messages, start)
        with engine.connect(root) as connection:
            file = parquet_writer.write_sorted(connection, kafka_spool.select_spooled(path), root, start)
        path.unlink()
        offset += written
        commits.append_files(root, [file], "bench", {0: offset}, {"why": "bench"})
    return planting.sent


def play_fills(plan: WorldPlan, planting: Planting, currencies: dict[MarketKey, tuple[str, str]]) -> Iterator[Fill]:
    """Yield all fills by time, planted ones among them."""
    profiles = [build_profile(key, *pair) for key, pair in currencies.items()]
    whole = sum(profile.share for profile in profiles)
    feeds = {one.key: _open_feed(plan, planting, one, currencies[one.key][0], whole) for one in profiles}
    now, end = _to_us(plan.start), _to_us(plan.start + plan.hours * timedelta(hours=1))
    due = [(now + int(feed.pause() * SECOND_US), key) for key, feed in feeds.items()]
    heapq.heapify(due)
    planting.take_due(now)
    while due[0][0] < end:
        now, market = due[0]
        for order in planting.take_due(now):
            planted = planting.build_print(order)
            feed = feeds[order.market]
            planting.record(order, planted, feed.index + 1, order.time)
            yield feed.plant(planted, order.time)
        feed = feeds[market]
        yield from feed.order(now)
        heapq.heapreplace(due, (now + max(1, int(feed.pause() * SECOND_US)), market))


def _open_feed(plan: WorldPlan, planting: Planting, profile: MarketProfile, base: str, whole: float) -> MarketFeed:
    feed = MarketFeed(plan.seed, profile, plan.rate * profile.share / whole, 1_000_000)
    planting.add_market(profile, base, 1 / feed.order_pause)
    return feed


def _encode(fill: Fill, currencies: dict[MarketKey, tuple[str, str]]) -> bytes:
    base, quote = currencies[fill.market]
    return raw_trade.encode_trade(
        Trade(
            *(f"sim_{fill.market[0]}", fill.market[1], base, quote, fill.trade_id, Decimal(fill.price)),
            *(Decimal(fill.size), fill.side, fill.time, fill.time + 1_000, "simulated"),
            taker_order_id=fill.taker_order_id or None,
        )
    )


def _to_us(time: datetime) -> int:
    return int(time.timestamp()) * SECOND_US
