"""Size bands in Postgres as the lake has them: of minutes with new trades, after a stop, and of whole hours."""

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from whale_platform.domain.size_bands import MarketBands
from whale_platform.domain.trade import Trade
from whale_platform.lake.analysis import size_bands as lake_bands
from whale_platform.repair import band_rows
from whale_platform.stores.asset_tables import size_bands
from whale_platform.stores.asset_tables.materialisation import HOUR, HourRange
from whale_platform_tests.lake.builders import START, lay, swallow, trade
from whale_platform_tests.stores.asset_tables.test_materialisation import MAKER, store_bands
from whale_platform_tests.support.postgres_server import database, empty_database, postgres_server, query

__all__ = ["database", "empty_database", "postgres_server"]
pytestmark = pytest.mark.server

MINUTE = timedelta(minutes=1)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "lake" / "trades"


def at(number: int, minutes: float, usd: str = "100") -> Trade:
    """A trade so long after START."""
    moment = START + timedelta(minutes=minutes)
    return trade(number, price=usd, quantity="1")._replace(event_time=int(moment.timestamp() * 1_000_000), side="buy")


def stored(database: str) -> list[tuple[datetime, int, list[Decimal], list[int]]]:
    """Minutes by time: trades, and what was bought."""
    return query(database, "SELECT window_start, trades, buy_usd, buy_orders FROM size_bands ORDER BY 1")


def refresh(root: Path, database: str, hours: Sequence[datetime] | None, days: int = 7) -> band_rows.BandPass:
    return band_rows.refresh_bands(root, database, hours, days, MAKER)


def test_a_lake_that_is_not_there_has_no_bands(root: Path, database: str) -> None:
    assert refresh(root, database, None) == ([], {})
    band_rows.store_whole_hours(root, database, HourRange(START, START + HOUR), MAKER)
    assert stored(database) == []


def test_an_hour_is_read_from_the_first_minute_with_new_trades_on(root: Path, database: str) -> None:
    lay(root, [at(1, 0, "999.5"), at(2, 2, "5000"), at(3, 3)])
    assert refresh(root, database, None) == ([], {})
    assert stored(database) == [
        (START, 1, [Decimal("999.5"), 0, 0, 0, 0], [1, 0, 0, 0, 0]),
        (START + 2 * MINUTE, 1, [0, 5000, 0, 0, 0], [0, 1, 0, 0, 0]),
        (START + 3 * MINUTE, 1, [100, 0, 0, 0, 0], [1, 0, 0, 0, 0]),
    ]
    query(database, "UPDATE size_bands SET run_id = 'before'; SELECT 1")
    lay(root, [at(5, 2.1), at(6, 3.1), at(7, 5)], first_offset=9)
    assert refresh(root, database, [START + 2 * MINUTE, START + 24 * HOUR]) == ([], {})
    assert [row[:2] for row in stored(database)] == [
        (START, 1),
        (START + 2 * MINUTE, 2),
        (START + 3 * MINUTE, 2),
        (START + 5 * MINUTE, 1),
    ]
    assert query(database, "SELECT window_start FROM size_bands WHERE run_id = 'before'") == [(START,)]
    before = stored(database)
    refresh(root, database, [START])
    assert stored(database) == before, "once more changes nothing"


def test_after_a_stop_only_hours_with_other_trades_are_read(root: Path, database: str) -> None:
    lay(root, [at(number, 60 * number) for number in range(4)])
    refresh(root, database, None)
    query(database, "UPDATE size_bands SET run_id = 'before'; SELECT 1")
    lay(root, [at(9, 61)], first_offset=9)
    refresh(root, database, None)
    assert query(database, "SELECT window_start FROM size_bands WHERE run_id <> 'before' ORDER BY 1") == [
        (START + HOUR,),
        (START + HOUR + MINUTE,),
    ]


def test_blocks_doubled_trades_and_aggregates_make_no_hour_differ(root: Path, database: str) -> None:
    lay(root, [at(1, 0), at(2, 1), at(3, 2)._replace(block=True), at(4, 60), at(5, 120)])
    lay(root, [at(1, 0), at(2, 1)], first_offset=9)
    swallow(root, START + HOUR, like=4, first=4, fills=7)
    assert refresh(root, database, None) == ([], {})
    query(database, "UPDATE size_bands SET run_id = 'before'; SELECT 1")
    refresh(root, database, None)
    assert query(database, "SELECT DISTINCT run_id FROM size_bands") == [("before",)]
    lay(root, [at(6, 2.5)], first_offset=20)
    refresh(root, database, [START + 2 * MINUTE])
    refresh(root, database, None)
    changed = query(database, "SELECT window_start FROM size_bands WHERE run_id <> 'before'")
    assert changed == [(START + 2 * MINUTE,)], "what one part of an hour was made of is known too"


def test_what_is_not_done_at_once_is_left_and_old_hours_are_not_looked_at(root: Path, database: str) -> None:
    lay(root, [at(number, 60 * number) for number in range(30)])
    left = refresh(root, database, None, days=1).left
    assert len(stored(database)) == band_rows.HOURS_AT_ONCE
    while left:
        left = refresh(root, database, left, days=1).left
    assert [row[0] for row in stored(database)] == [START + number * HOUR for number in range(5, 30)]


def test_an_hour_that_cant_be_read_keeps_no_other_waiting(root: Path, database: str) -> None:
    lay(root, [at(number, 60 * number) for number in range(4)])
    torn = next(root.glob("date=*/hour=12/*.parquet"))
    torn.write_bytes(b"torn")
    left, failed = refresh(root, database, None)
    assert (left, list(failed)) == ([], [START + 2 * HOUR])
    assert torn.name in failed[START + 2 * HOUR]
    assert [row[0] for row in stored(database)] == [START + number * HOUR for number in (0, 1, 3)]


def test_whole_hours_replace_what_is_stored_but_not_where_the_lake_has_none(root: Path, database: str) -> None:
    lay(root, [at(1, 0), at(2, 61)])
    both = HourRange(START, START + 2 * HOUR)
    store_bands(database, START - HOUR, START + 2 * HOUR, [*_invent(START - HOUR), *_invent(START + 30 * MINUTE)])
    band_rows.store_whole_hours(root, database, HourRange(START - HOUR, START + 2 * HOUR), MAKER)
    assert [row[0] for row in stored(database)] == [START - HOUR, START, START + 61 * MINUTE]
    hours = size_bands.read_hourly_bands(database, both)
    assert [(one.start, one.trades) for one in hours] == [(START, 1), (START + HOUR, 1)]
    assert {tuple(one.buy_usd or ()) for one in hours} == {tuple(map(Decimal, (100, 0, 0, 0, 0)))}


def test_an_older_look_at_the_lake_never_replaces_a_newer_one(
    root: Path, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lay(root, [at(1, 0)])
    read, threads, waits = lake_bands.read_bands, ThreadPoolExecutor(1), list[Future[band_rows.BandPass]]()

    def and_then_another(*arguments: Any) -> list[MarketBands]:
        found = read(*arguments)
        if not waits:
            lay(root, [at(2, 0.5)], first_offset=9)
            waits.append(threads.submit(refresh, root, database, [START]))
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            while not waits[0].done() and query(database, waiting) == [(0,)]:
                time.sleep(0.02)
        return found

    monkeypatch.setattr(lake_bands, "read_bands", and_then_another)
    with threads:
        band_rows.store_whole_hours(root, database, HourRange(START, START + HOUR), MAKER)
        assert waits[0].result(300) == ([], {})
    assert [row[1] for row in stored(database)] == [2]


def _invent(minute: datetime) -> list[MarketBands]:
    none = [Decimal(0)] * 5
    return [MarketBands("binance", "GONE", minute, 1, 0, none, none, [0] * 5, [0] * 5)]
