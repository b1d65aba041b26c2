"""The questions of reports' checks on real tables."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from whale_platform.domain.size_bands import MarketBands
from whale_platform.stores.asset_tables.materialisation import HOUR, HourRange, fetch_rows
from whale_platform.stores.quality import report_quality
from whale_platform_tests.stores.asset_tables.test_materialisation import MINUTE, store, store_bands
from whale_platform_tests.stores.builders import START, WINDOW
from whale_platform_tests.support.postgres_server import query

pytestmark = pytest.mark.server

HOURS = HourRange(START, START + HOUR)
DOLLARS = WINDOW._replace(quote="USDT", usd_via="peg:USDT", notional="300")
NONE = (Decimal(0),) * 4


def bands(minutes: int, trades: int = 2, unvalued: int = 0, bought: str = "300") -> MarketBands:
    """So many minutes after START."""
    sums = (*NONE, Decimal(bought)), (*NONE, Decimal(0)), (0, 0, 0, 0, 1), (0, 0, 0, 0, 0)
    return MarketBands("binance", "BTCUSDT", START + minutes * MINUTE, trades, unvalued, *sums)


def test_size_bands_of_an_hour_are_compared_with_the_windows_of_its_day_alone(database: str) -> None:
    store(database, [WINDOW._replace(window_start=START + number * timedelta(days=1)) for number in range(3)])
    plan = fetch_rows(database, f"EXPLAIN {report_quality._BANDS}", {"start": START, "end": START + HOUR})
    partitions = {word for (line,) in plan for word in line.split() if word.startswith("trade_windows_")}
    assert {name[:22] for name in partitions} == {"trade_windows_20240808"}


def test_bands_of_trades_whose_currency_nobody_stored_are_not_judged(database: str) -> None:
    """The lake of a release before currencies, whose windows have been told theirs."""
    store(database, [DOLLARS._replace(window_start=START + number * MINUTE) for number in range(3)])
    nobody = bands(0, unvalued=2)._replace(buy_usd=None, sell_usd=None, buy_orders=None, sell_orders=None)
    store_bands(database, START, START + HOUR, [nobody, bands(1), bands(2, unvalued=1)])
    wrong = report_quality.find_wrong_bands(database, HOURS)
    assert [row[2] for row in wrong] == [START + 2 * MINUTE], "one trade without dollars beside one that has some"


def test_bands_of_other_trades_than_their_window_are_found_once_the_lake_has_come_past_it(database: str) -> None:
    windows = [DOLLARS._replace(window_start=START + number * MINUTE) for number in range(3)]
    recent = DOLLARS._replace(symbol="ETHUSDT", updated_at=datetime.now(UTC))
    store(database, [*windows, recent])
    made = [bands(0, trades=1), bands(1, trades=3), bands(2)]
    fewer = bands(0, trades=1)._replace(symbol="ETHUSDT")
    store_bands(database, START, START + HOUR, [*made, fewer])
    assert report_quality.find_wrong_bands(database, HOURS) == [], "what comes behind them is not there yet"
    after = [bands(60), bands(60)._replace(symbol="ETHUSDT")]
    store_bands(database, START + HOUR, START + 2 * HOUR, after)
    wrong = report_quality.find_wrong_bands(database, HOURS)
    assert [row[2:5] for row in wrong] == [(START, 1, 2), (START + MINUTE, 3, 2)]
    query(database, "UPDATE trade_windows SET updated_at = %s; SELECT 1", START + 2 * HOUR)
    assert report_quality.find_wrong_bands(database, HOURS) == [], "the lake may lack what has changed the windows"
