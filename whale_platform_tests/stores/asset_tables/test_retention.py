"""Old days go whole, never before they are rolled up, and exactly as planned."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from decimal import Decimal

import pytest

from whale_platform.domain.size_bands import MarketBands
from whale_platform.stores.asset_tables import retention, rollups, whale_clusters, whale_reports
from whale_platform.stores.asset_tables.materialisation import HourRange
from whale_platform.stores.asset_tables.retention import StreamTableDay
from whale_platform.stores.asset_tables.whale_clusters import ClusterRow, StoredMember
from whale_platform.stores.errors import DayChangedError
from whale_platform.stores.postgres.connection import open_transaction
from whale_platform_tests.stores.asset_tables.test_materialisation import (
    MAKER,
    MINUTE,
    flat,
    some_windows,
    store,
    store_bands,
)
from whale_platform_tests.stores.builders import START, WHALE
from whale_platform_tests.support.postgres_server import query

FIRST, TODAY = START.date(), START.date() + timedelta(days=9)
LATER = START + timedelta(days=8)
ALL = HourRange(START.replace(hour=0), START.replace(hour=0) + timedelta(days=10))


@pytest.fixture
def stream(database: str) -> str:
    """Three hours on the first day with a whale, one window eight days later."""
    store(database, [*some_windows(3), flat(8 * 24 * 60, "1")], [WHALE])
    return database


def roll_up(dsn: str) -> None:
    rollups.materialise_rollups(dsn, ALL, MAKER)
    whale_reports.materialise_reports(dsn, ALL, MAKER)


FOREVER, WITH_WINDOWS = 0, 7


def test_a_day_is_kept_until_every_hour_of_it_is_rolled_up(stream: str) -> None:
    day = retention.plan_retention(stream, 7, TODAY, WITH_WINDOWS)[0]
    assert (day.day, day.whales) == (FIRST, 1)
    assert day.kept == "3 hours are not rolled up, the first 12:00: materialise hourly_assets for that day"
    assert retention.apply_retention(stream, [day]) == 0
    roll_up(stream)
    assert [one.kept for one in retention.plan_retention(stream, 7, TODAY)] == [""]


def test_what_is_planned_goes_and_what_was_made_from_it_stays(stream: str) -> None:
    roll_up(stream)
    minutes = [MarketBands("binance", "BTCUSDT", at, 1, 1, None, None, None, None) for at in (START, LATER)]
    store_bands(stream, START, LATER + MINUTE, minutes)
    before = rollups.read_rollups(stream, ALL)
    planned = retention.plan_retention(stream, 7, TODAY, WITH_WINDOWS)
    assert [(one.day, one.windows, one.whales) for one in planned] == [(FIRST, len(some_windows(3)), 1)]
    assert retention.apply_retention(stream, planned) == 1
    assert query(stream, "SELECT count(*) FROM trade_windows") == [(1,)]
    assert query(stream, "SELECT count(*) FROM whale_alerts") == [(0,)]
    for table in ("size_bands", "size_band_minutes"):
        assert query(stream, f"SELECT window_start FROM {table}") == [(LATER,)]
    assert query(stream, "SELECT to_regclass('trade_windows_20240808')") == [(None,)]
    assert retention.plan_retention(stream, 7, TODAY) == []
    assert rollups.find_stale_rollup_hours(stream, ALL) == whale_reports.find_stale_report_hours(stream, ALL) == []
    roll_up(stream)
    assert rollups.read_rollups(stream, ALL) == before, "an hour whose stream rows are gone can't be made again"


def test_size_bands_go_that_were_made_after_the_windows_of_their_day(stream: str) -> None:
    """Somebody materialised old hours that the lake still has."""
    roll_up(stream)
    assert retention.apply_retention(stream, retention.plan_retention(stream, 7, TODAY)) == 1
    minutes = [MarketBands("binance", "BTCUSDT", at, 1, 1, None, None, None, None) for at in (START, LATER)]
    store_bands(stream, START, LATER + MINUTE, minutes)
    planned = retention.plan_retention(stream, 7, TODAY)
    assert planned == [StreamTableDay(FIRST, 0, 0)]
    assert retention.apply_retention(stream, planned) == 1
    assert query(stream, "SELECT window_start FROM size_bands") == [(LATER,)]
    assert retention.plan_retention(stream, 7, TODAY) == []


def test_a_day_that_changed_after_the_plan_is_refused(stream: str) -> None:
    roll_up(stream)
    planned = retention.plan_retention(stream, 7, TODAY, WITH_WINDOWS)
    store(stream, [], [WHALE._replace(trade_id=77)])
    with pytest.raises(DayChangedError, match="2024-08-08 has changed"):
        retention.apply_retention(stream, planned)
    roll_up(stream)
    with pytest.raises(DayChangedError, match="2 whales, 1 were planned"):
        retention.apply_retention(stream, planned)
    assert query(stream, "SELECT count(*) FROM whale_alerts") == [(2,)], "the refused day is whole"


def test_a_window_written_after_the_last_look_keeps_its_day(stream: str, monkeypatch: pytest.MonkeyPatch) -> None:
    roll_up(stream)
    planned, look = retention.plan_retention(stream, 7, TODAY, WITH_WINDOWS), retention._explain_kept

    def and_then_write(dsn: str, day: date) -> str:
        found = look(dsn, day)
        query(dsn, "UPDATE trade_windows SET trade_count = trade_count + 1 WHERE window_start = %s", START)
        return found

    monkeypatch.setattr(retention, "_explain_kept", and_then_write)
    with pytest.raises(DayChangedError, match="windows were written meanwhile"):
        retention.apply_retention(stream, planned)
    assert query(stream, "SELECT count(*) FROM whale_alerts") == [(1,)], "the refused day is whole"


def test_who_writes_to_an_old_day_and_retention_do_not_lock_each_other_out(stream: str) -> None:
    roll_up(stream)
    planned = retention.plan_retention(stream, 7, TODAY, WITH_WINDOWS)
    with open_transaction(stream, "test") as conn, conn.cursor() as cursor, ThreadPoolExecutor(1) as threads:
        cursor.execute("LOCK TABLE ONLY trade_windows IN ROW EXCLUSIVE MODE")  # as an upsert begins
        going = threads.submit(retention.apply_retention, stream, planned)
        until = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessExclusiveLock'"
        while query(stream, until) != [(1,)]:
            time.sleep(0.02)
        cursor.execute("UPDATE trade_windows_20240808 SET volume = volume WHERE window_start = %s", (START,))
        conn.commit()
        assert going.result(300) == 1


def test_days_go_one_after_the_other_though_reports_look_back_past_midnight(database: str) -> None:
    midnight = START.replace(hour=0) + timedelta(days=1)
    around = [flat(int((midnight - START) / MINUTE) + minute, "1") for minute in range(-30, 90)]
    store(database, [*around, flat(8 * 24 * 60, "1"), flat(9 * 24 * 60, "1")], [WHALE])
    roll_up(database)
    later = TODAY + timedelta(days=1)
    assert [one.kept for one in retention.plan_retention(database, 7, later)] == ["", ""]
    assert retention.apply_retention(database, retention.plan_retention(database, 9, later)) == 1
    assert whale_reports.find_stale_report_hours(database, ALL) == []
    late = around[40]._replace(trade_count=2, volume="2", notional="2", updated_at=START + timedelta(days=9))
    store(database, [late])
    assert whale_reports.find_stale_report_hours(database, ALL) == [midnight], "a late trade is still seen"
    roll_up(database)
    assert whale_reports.find_stale_report_hours(database, ALL) == []
    assert retention.apply_retention(database, retention.plan_retention(database, 7, later)) == 1


def store_cluster(dsn: str) -> None:
    members = tuple(
        StoredMember(exchange, "BTCUSDT", "spot", "single_trade", 1, START, Decimal(60_000))
        for exchange in ("binance", "okx")
    )
    whale_clusters.store_clusters(dsn, ALL, [ClusterRow("BTC", "buy", members, {}, 9.0, 0.01, 0.04)], MAKER)


def test_clusters_of_a_day_without_alerts_go_too(stream: str) -> None:
    """The lake has whales that were no alerts, such as imported ones."""
    roll_up(stream)
    store_cluster(stream)
    query(stream, "DELETE FROM whale_alerts")
    assert retention.plan_retention(stream, 1, TODAY, 9)[0].clusters == 0, "young enough"
    [planned] = retention.plan_retention(stream, 7, TODAY, WITH_WINDOWS)
    assert (planned.whales, planned.clusters) == (0, 1)
    assert retention.apply_retention(stream, [planned]) == 1
    assert query(stream, "SELECT count(*) FROM whale_clusters") == [(0,)]
    assert retention.plan_retention(stream, 7, TODAY, WITH_WINDOWS) == []


def test_whales_outlive_the_windows_around_them(stream: str) -> None:
    roll_up(stream)
    store_cluster(stream)
    planned = retention.plan_retention(stream, 7, TODAY, FOREVER)
    assert planned == [StreamTableDay(FIRST, len(some_windows(3)), 0)]
    assert retention.apply_retention(stream, planned) == 1
    assert query(stream, "SELECT count(*) FROM whale_alerts, whale_clusters") == [(1,)]
    assert retention.plan_retention(stream, 7, TODAY, FOREVER) == []
    assert retention.plan_retention(stream, 1, TODAY, 9) == [], "they are young enough"
    assert rollups.find_stale_rollup_hours(stream, ALL) == whale_reports.find_stale_report_hours(stream, ALL) == []
    reported = whale_reports.read_reports(stream, ALL)
    roll_up(stream)
    assert whale_reports.read_reports(stream, ALL) == reported, "what was reported of them stays"
    later = TODAY + timedelta(days=1)
    assert retention.apply_retention(stream, retention.plan_retention(stream, 8, later, 9)) == 1
    assert query(stream, "SELECT count(*) FROM whale_alerts") == [(0,)]
    assert query(stream, "SELECT count(*) FROM whale_clusters") == [(0,)], "a cluster goes with its whales"


def test_imported_days_stay_until_they_are_asked_for(stream: str) -> None:
    roll_up(stream)
    query(stream, "INSERT INTO imported_days (day) VALUES (%s)", FIRST)
    assert retention.plan_retention(stream, 7, TODAY, WITH_WINDOWS) == []
    assert [day.day for day in retention.plan_retention(stream, 7, TODAY, WITH_WINDOWS, imported=True)] == [FIRST]


def test_days_within_the_limit_are_not_even_looked_at(stream: str) -> None:
    assert retention.plan_retention(stream, 9, TODAY) == []
    assert [one.day for one in retention.plan_retention(stream, 8, TODAY)] == [FIRST]


@pytest.mark.parametrize("days", [0, -7])
def test_days_must_be_positive(database: str, days: int) -> None:
    with pytest.raises(ValueError, match=f"days is {days}: keep at least 1"):
        retention.plan_retention(database, days, date(2024, 8, 8))


def test_an_empty_old_partition_goes_too(database: str) -> None:
    store(database, [flat(0, "1")])
    query(database, "DELETE FROM trade_windows")
    assert retention.plan_retention(database, 7, TODAY) == [StreamTableDay(FIRST, 0, 0)]
    assert retention.apply_retention(database, [StreamTableDay(FIRST, 0, 0)]) == 1
