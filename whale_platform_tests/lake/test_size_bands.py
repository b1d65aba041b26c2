"""The lake's size bands against orders that a tracker follows trade by trade, and on real trades."""

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from whale_platform.domain.size_bands import BAND_EDGES_USD, BANDS, MarketBands, find_band
from whale_platform.domain.sweep import SweepTracker
from whale_platform.domain.trade import EXACT, Trade
from whale_platform.exchanges.coinbase.adapter import Coinbase
from whale_platform.lake.analysis import size_bands
from whale_platform.lake.delta import table
from whale_platform.lake.maintenance import rewrite
from whale_platform_tests.lake.builders import START, captured, lay, swallow, trade
from whale_platform_tests.lake.test_sweeps import make_trades
from whale_platform_tests.support.captures import coinbase_frames

MINUTE = timedelta(minutes=1)
EARLY, FAR = datetime(2009, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "lake" / "trades"


def read(root: Path, start: datetime = EARLY, end: datetime = FAR) -> list[MarketBands]:
    return size_bands.read_bands(root, [file.path for file in table.list_files(table.open_table(root))], start, end)


def follow(trades: Iterable[Trade]) -> list[MarketBands]:
    """Orders by the tracker, in the order of the topic; each with the dollars that are known of it."""
    trackers: dict[tuple[str, str], SweepTracker] = defaultdict(SweepTracker)
    orders: dict[Any, list[Trade]] = defaultdict(list)
    minutes: dict[Any, list[Trade]] = defaultdict(list)
    for one in trades:
        if one.block:
            trackers[one.exchange, one.symbol].add(one)
            continue
        minute = datetime.fromtimestamp(one.event_time // 60_000_000 * 60, UTC)
        progress = trackers[one.exchange, one.symbol].add(one)
        first = one.trade_id if progress is None else progress.first_id
        orders[one.exchange, one.symbol, minute, first, one.event_time, one.side].append(one)
        minutes[one.exchange, one.symbol, minute].append(one)
    usd: dict[Any, list[Decimal]] = defaultdict(lambda: [Decimal(0)] * BANDS)  # by minute and side
    counts: dict[Any, list[int]] = defaultdict(lambda: [0] * BANDS)
    for (exchange, symbol, minute, _, _, side), fills in orders.items():
        known = [amount for fill in fills if (amount := fill.notional_usd) is not None]
        if known:
            total = reduce(EXACT.add, known)
            key = exchange, symbol, minute, side
            usd[key][find_band(total)] = EXACT.add(usd[key][find_band(total)], total)
            counts[key][find_band(total)] += 1
    found = []
    for (exchange, symbol, minute), fills in minutes.items():
        unvalued, both = sum(fill.notional_usd is None for fill in fills), ("buy", "sell")
        parts: list[Any] = [sums[exchange, symbol, minute, side] for sums in (usd, counts) for side in both]
        parts = parts if unvalued < len(fills) else [None] * 4
        found.append(MarketBands(exchange, symbol, minute, len(fills), unvalued, *parts))
    return sorted(found, key=lambda one: (one.start, one.exchange, one.symbol))


def _list_orders(minute: MarketBands) -> list[Sequence[int]]:
    return [counts for counts in (minute.buy_orders, minute.sell_orders) if counts is not None]


@pytest.mark.parametrize("orders", [False, True])
@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_they_are_the_sums_of_the_trackers_orders(root: Path, seed: int, dense: bool, orders: bool) -> None:
    scale = Decimal(10) ** random.Random(seed).choice([0, 1, 2, 3])
    base, trades = trade(0).event_time, list[Trade]()
    for one in make_trades(seed, dense, orders):  # over some minutes, and of all sizes
        later = base + 5 * (one.event_time - base)
        trades.append(one._replace(event_time=later, quantity=EXACT.multiply(one.quantity, scale)))
    in_topic = trades if not dense else random.Random(seed).sample(trades, len(trades))
    lay(root, in_topic)
    expected = follow(trades)
    assert len(expected) > 1
    assert read(root) == expected


def test_the_bands_of_a_minute_are_its_dollars_however_its_orders_are_cut(root: Path) -> None:
    """Some fills are missing, as after a restart or while a gap is being filled."""
    trades = [one for one in make_trades(6) if not one.block]
    kept = [one for one in trades if random.Random(one.trade_id).random() < 0.8]
    lay(root, kept)
    found = read(root)
    for minute in found:
        of_minute = [one for one in kept if one.event_time // 60_000_000 * 60 == minute.start.timestamp()]
        for side, sums in (("buy", minute.buy_usd), ("sell", minute.sell_usd)):
            assert sum(sums or ()) == sum(one.notional for one in of_minute if one.side == side)
    lay(root, [one for one in trades if one not in kept], first_offset=len(kept))
    assert read(root) == follow(trades), "with the missing fills the orders are whole"


def test_a_trade_that_is_there_twice_counts_once(root: Path) -> None:
    fills = [trade(number, every_s=0)._replace(side="buy") for number in range(3)]
    lay(root, fills)
    lay(root, fills[1:], first_offset=9)
    lay(root, [trade(9, every_s=0)], first_offset=20)
    lay(root, [trade(9, every_s=0)], first_offset=21)
    (one,) = read(root)
    assert (one.trades, one.buy_orders) == (4, [2, 0, 0, 0, 0])
    assert one.buy_usd == [Decimal(201 * 4), *[Decimal(0)] * 4]


def test_trades_that_are_there_twice_are_no_order_of_as_many_fills(root: Path) -> None:
    """{1, 1, 4, 4} has the number, the sum and the span of {1, 2, 3, 4}."""
    fills = [trade(number, every_s=0)._replace(side="buy" if number in (0, 3) else "sell") for number in range(4)]
    lay(root, fills)
    once = read(root)
    lay(root, fills, first_offset=100)
    assert read(root) == once == follow(fills)


def test_an_order_of_many_fills_is_one(root: Path) -> None:
    fills = [trade(number, every_s=0)._replace(side="buy") for number in range(1_000, 1_150)]
    lay(root, fills)
    assert read(root) == follow(fills)
    assert sum(read(root)[0].buy_orders or ()) == 1


def test_an_aggregate_is_an_order_by_itself(root: Path) -> None:
    lay(root, [trade(number, every_s=0)._replace(side="buy") for number in range(5)])
    swallow(root, START, like=2, first=2, fills=4)
    (one,) = read(root)
    assert (one.trades, one.buy_orders) == (6, [2, 0, 0, 0, 0])


def test_fills_beside_their_aggregate_count_once_also_before_compaction(root: Path) -> None:
    fills = [trade(number, every_s=0)._replace(side="buy") for number in range(4)]
    lay(root, fills[:1])
    swallow(root, START, like=0, first=1, fills=3)
    lay(root, fills[1:3], first_offset=9)
    lay(root, [trade(9, every_s=70)], first_offset=20)
    before = read(root)
    assert [one.trades for one in before] == [4, 1]
    rewrite.rewrite_hour(root, START, {"why": "test"})
    assert read(root) == before
    lay(root, fills[1:], first_offset=30)
    assert read(root)[0] == follow(fills)[0], "all fills of the aggregate are there"


def test_a_size_is_in_the_band_that_begins_with_it(root: Path) -> None:
    sizes = [usd + cent for usd in BAND_EDGES_USD for cent in (Decimal("-0.01"), Decimal(0))]
    lay(root, [trade(number, price=f"{usd:f}", quantity="1") for number, usd in enumerate(sizes)])
    (one,) = read(root)
    assert [*map(sum, zip(one.buy_orders or (), one.sell_orders or (), strict=True))] == [1, 2, 2, 2, 1]


def test_without_dollars_there_are_no_bands(root: Path) -> None:
    lay(root, [trade(number, symbol="SKLBTC", every_s=40) for number in range(3)])
    assert [(one.trades, one.unvalued_trades, one.buy_usd, one.sell_orders) for one in read(root)] == [
        (2, 2, None, None),
        (1, 1, None, None),
    ]


def test_only_the_minutes_asked_for_are_read(root: Path) -> None:
    lay(root, [trade(number, every_s=30) for number in range(10)])
    assert [one.start for one in read(root, START + MINUTE, START + 3 * MINUTE)] == [
        START + MINUTE,
        START + 2 * MINUTE,
    ]


def test_of_real_trades_the_bands_are_those_of_their_orders(root: Path) -> None:
    trades = list(captured())
    lay(root, trades)
    found = read(root)
    assert found == follow(trades)
    orders = [sum(counts) for counts in zip(*(row for one in found for row in _list_orders(one)), strict=True)]
    assert sum(orders) < len(trades) * 0.9 and all(orders), "orders of several fills, and of every size"


def test_of_real_trades_with_order_ids_too(root: Path) -> None:
    parsed = (event for frame in coinbase_frames() for event in Coinbase().parse(frame, 0))
    trades = [event for event in parsed if isinstance(event, Trade)]
    lay(root, trades)
    assert read(root) == follow(trades)
