"""Postgres's counts by symbol and hour, from minutes or, where they are gone, from rollups; and the ledger's holes."""

from datetime import timedelta

from whale_platform.stores import census, rollups
from whale_platform.stores.assets import HOUR, Hours
from whale_platform.stores.census import ROLLUP, WINDOWS, Counted, LedgerGap
from whale_platform_tests.postgres_server import query
from whale_platform_tests.stores.samples import GAP, START
from whale_platform_tests.stores.test_assets import MAKER, store
from whale_platform_tests.stores.test_checks import note, wide

BTC = ("binance", "BTCUSDT")
DAY = Hours(START, START + 3 * HOUR)


def test_minutes_are_summed_by_hour_up_to_the_end(database: str) -> None:
    assert (census.counts(database, DAY.start, DAY.end), census.since(database)) == ({}, None)
    store(database, [wide(0, 100, 109, 10), wide(59, 120, 129, 9), wide(60, 130, 139, 10), wide(61, 140, 149, 10)])
    assert census.counts(database, START, START + timedelta(minutes=61)) == {
        (*BTC, START): Counted(19, 100, 129, WINDOWS),
        (*BTC, START + HOUR): Counted(10, 130, 139, WINDOWS),
    }
    assert census.since(database) == START


def test_a_rollup_tells_where_the_minutes_are_gone(database: str) -> None:
    store(database, [wide(0, 100, 109, 10), wide(60, 110, 119, 10)])
    rollups.make(database, DAY, MAKER)
    query(database, "DELETE FROM trade_windows WHERE window_start < %s", START + HOUR)
    assert census.counts(database, DAY.start, DAY.end) == {
        (*BTC, START): Counted(10, 100, 109, ROLLUP),
        (*BTC, START + HOUR): Counted(10, 110, 119, WINDOWS),
    }
    assert census.since(database) == START
    query(database, "DELETE FROM trade_windows")
    store(database, [wide(0, 500, 500, 1)._replace(symbol="ETHUSDT")])
    found = census.counts(database, DAY.start, START + HOUR)
    assert list(found) == [("binance", "ETHUSDT", START)], "an hour with minutes is what its minutes say"


def test_holes_that_touch_the_ids_asked_for(database: str) -> None:
    note(database, *(GAP._replace(first_id=first, last_id=first + 9, filled=4) for first in (10, 30, 50)))
    note(database, GAP._replace(symbol="ETHUSDT", first_id=1, last_id=99, state="exchange_gap"))
    assert census.gaps(database, {}) == []
    assert census.gaps(database, {BTC: (19, 30)}) == [
        LedgerGap(*BTC, 10, 19, "open", 4),
        LedgerGap(*BTC, 30, 39, "open", 4),
    ]
    both = census.gaps(database, {BTC: (100, 200), ("binance", "ETHUSDT"): (50, 50)})
    assert both == [LedgerGap("binance", "ETHUSDT", 1, 99, "exchange_gap", 0)]
