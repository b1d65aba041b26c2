"""The largest orders of the lake against those that a tracker finds trade by trade."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from whale_platform.domain.hours_of_week import get_hour_of_week
from whale_platform.domain.suggestion import SuggestionRange
from whale_platform.domain.sweep import SweepTracker
from whale_platform.domain.trade import Trade
from whale_platform.lake.analysis.order_sizes import read_market_orders
from whale_platform.lake.delta.table import HOUR
from whale_platform_tests.lake.builders import START, captured, lay, swallow, trade
from whale_platform_tests.lake.test_sweeps import make_trades

Sizes = dict[str, list[Decimal]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "lake" / "trades"


def follow(trades: Iterable[Trade]) -> Sizes:
    """US dollars of every order by symbol, largest first."""
    trackers: dict[str, SweepTracker] = {}
    orders: dict[tuple[str, bool, int], Decimal] = {}
    for one in trades:
        progress = trackers.setdefault(one.symbol, SweepTracker()).add(one)
        first, notional = (one.trade_id, one.notional) if progress is None else (progress.first_id, progress.notional)
        orders[one.symbol, one.block, first] = notional
    found: Sizes = {}
    for (symbol, _, _), notional in orders.items():
        found.setdefault(symbol, []).append(notional)
    return {symbol: sorted(sizes, reverse=True) for symbol, sizes in found.items()}


def read(root: Path, asked: SuggestionRange) -> Sizes:
    return {one.symbol: [size.usd for size in one.sizes] for one in read_market_orders(root, asked)}


def _later(number: int, seconds: float) -> int:
    return trade(number).event_time + int(seconds * 1_000_000)


@pytest.mark.parametrize("dense", [True, False])
def test_they_are_the_orders_that_a_tracker_finds(root: Path, dense: bool) -> None:
    trades = [*make_trades(2, dense, orders=not dense)]
    lay(root, trades)
    found = read(root, SuggestionRange(START + 24 * HOUR, days=1, per_day=1_000))
    assert found == follow(trades)
    (sizes,) = found.values()
    assert 50 < len(sizes) < len(trades) - 30, "orders of several fills, and of one"


def test_of_real_trades_the_largest_are_there_and_no_more(root: Path) -> None:
    """They lie in two hours, so what the first keeps bounds what the second looks at."""
    trades = list(captured())
    lay(root, trades)
    hour = max(START.fromtimestamp(one.event_time / 1e6, START.tzinfo) for one in trades)
    end = hour.replace(minute=0, second=0, microsecond=0) + HOUR
    asked = SuggestionRange(end, days=1)
    wanted = follow(trades)
    for one in read_market_orders(root, asked):
        every = wanted[one.symbol]
        assert one.least == every[asked.most_orders - 1]
        assert [size.usd for size in one.sizes] == [usd for usd in every if usd >= one.least]
        assert (one.hours, one.trades) == (2, sum(fill.symbol == one.symbol for fill in trades))
        assert len(one.sizes) < len(every) / 10


def test_each_hour_of_the_week_keeps_its_own(root: Path) -> None:
    """A quiet hour's largest order is far below the market's: it is kept from four weeks on."""
    loud = [trade(number, every_s=1, quantity=str(1000 + number)) for number in range(300)]
    quiet = [trade(3_600 + number, every_s=1, quantity="1") for number in range(5)]
    lay(root, [*loud, *quiet])
    hours = [get_hour_of_week(START), get_hour_of_week(START + HOUR)]

    def kept(days: int) -> list[int]:
        (one,) = read_market_orders(root, SuggestionRange(START + 2 * HOUR, days=days, per_day=1))
        return [sum(size.hour_of_week == hour for size in one.sizes) for hour in hours]

    assert kept(1) == [100, 0]
    assert kept(28) == [300, 5], "28 days need more than there are"
    week = timedelta(days=7).total_seconds()
    lay(root, [trade(10_000 + number, quantity="1")._replace(event_time=_later(number, week)) for number in range(50)])
    (again,) = read_market_orders(root, SuggestionRange(START + 8 * 24 * HOUR, days=28, per_day=1))
    assert len(again.sizes) == 355, "the market is not full, though the hour of the week is"
    (one,) = read_market_orders(root, SuggestionRange(START + 2 * HOUR, days=2))
    assert {size.day for size in one.sizes} == {1}


def test_trades_that_are_there_twice_and_aggregates_make_no_orders(root: Path) -> None:
    trades = [trade(number, every_s=60) for number in range(10)]
    lay(root, trades)
    lay(root, trades[:4], first_offset=10)
    swallow(root, START, like=3, first=500)
    (found,) = read_market_orders(root, SuggestionRange(START + timedelta(hours=1), days=1))
    assert [size.usd for size in found.sizes] == [Decimal(201)] * 10
    lay(root, trades[4:], first_offset=20)
    (again,) = read_market_orders(root, SuggestionRange(START + timedelta(hours=1), days=1))
    assert again == found, "nor more trades of the market"
