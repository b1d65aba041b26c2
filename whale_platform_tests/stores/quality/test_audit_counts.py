"""Postgres's counts by symbol and hour, from minutes or, where they are gone, from rollups; and the ledger's holes."""

from datetime import timedelta

from whale_platform.stores.asset_tables import rollups
from whale_platform.stores.asset_tables.materialisation import HOUR, HourRange
from whale_platform.stores.quality import audit_counts
from whale_platform.stores.quality.audit_counts import ROLLUP, WINDOWS, HourlyTradeCount, LedgerGap
from whale_platform_tests.stores.asset_tables.test_materialisation import MAKER, store
from whale_platform_tests.stores.builders import GAP, START
from whale_platform_tests.stores.quality.test_stream_quality import note, wide
from whale_platform_tests.support.postgres_server import query

BTC = ("binance", "BTCUSDT")
DAY = HourRange(START, START + 3 * HOUR)


def test_minutes_are_summed_by_hour_up_to_the_end(database: str) -> None:
    assert audit_counts.count_trades(database, DAY.start, DAY.end, DAY.start) == {}
    store(database, [wide(0, 100, 109, 10), wide(59, 120, 129, 9), wide(60, 130, 139, 10), wide(61, 140, 149, 10)])
    assert audit_counts.count_trades(database, START, START + timedelta(minutes=61), START) == {
        (*BTC, START): HourlyTradeCount(19, 100, 129, WINDOWS),
        (*BTC, START + HOUR): HourlyTradeCount(10, 130, 139, WINDOWS),
    }


def test_a_rollup_stands_in_for_minutes_that_retention_let_go_and_for_no_others(database: str) -> None:
    eth = wide(0, 500, 500, 1)._replace(symbol="ETHUSDT")
    store(database, [wide(0, 100, 109, 10), wide(60, 110, 119, 10), eth])
    rollups.materialise_rollups(database, DAY, MAKER)
    query(database, "DELETE FROM trade_windows WHERE window_start < %s AND symbol = 'BTCUSDT'", START + HOUR)
    there = {("binance", "ETHUSDT", START): HourlyTradeCount(1, 500, 500, WINDOWS)}
    there[*BTC, START + HOUR] = HourlyTradeCount(10, 110, 119, WINDOWS)
    assert audit_counts.count_trades(database, DAY.start, DAY.end, START + HOUR) == {
        **there,
        (*BTC, START): HourlyTradeCount(10, 100, 109, ROLLUP),
    }, "though another symbol has its minutes"
    assert audit_counts.count_trades(database, DAY.start, DAY.end, START) == there


def test_holes_that_touch_the_ids_asked_for(database: str) -> None:
    note(database, *(GAP._replace(first_id=first, last_id=first + 9, filled=4) for first in (10, 30, 50)))
    note(database, GAP._replace(symbol="ETHUSDT", first_id=1, last_id=99, state="exchange_gap"))
    assert audit_counts.read_ledger_gaps(database, {}) == []
    assert audit_counts.read_ledger_gaps(database, {BTC: (19, 30)}) == [
        LedgerGap(*BTC, 10, 19, "open", 4, ""),
        LedgerGap(*BTC, 30, 39, "open", 4, ""),
    ]
    both = audit_counts.read_ledger_gaps(database, {BTC: (100, 200), ("binance", "ETHUSDT"): (50, 50)})
    assert both == [LedgerGap("binance", "ETHUSDT", 1, 99, "exchange_gap", 0, "")]
