"""Old days go whole, never before they are rolled up, and exactly as planned."""

from datetime import date, timedelta

import psycopg2.errors
import pytest

from whale_platform.stores import retention, rollups, whale_reports
from whale_platform.stores.assets import Hours
from whale_platform.stores.retention import Day, DayChanged
from whale_platform_tests.postgres_server import query
from whale_platform_tests.stores.samples import START, WHALE
from whale_platform_tests.stores.test_assets import MAKER, flat, some_windows, store

FIRST, TODAY = START.date(), START.date() + timedelta(days=9)
ALL = Hours(START.replace(hour=0), START.replace(hour=0) + timedelta(days=10))


@pytest.fixture
def stream(database: str) -> str:
    """Three hours on the first day with a whale, one window eight days later."""
    store(database, [*some_windows(3), flat(8 * 24 * 60, "1")], [WHALE])
    return database


def roll_up(dsn: str) -> None:
    rollups.make(dsn, ALL, MAKER)
    whale_reports.make(dsn, ALL, MAKER)


def test_a_day_is_kept_until_every_hour_of_it_is_rolled_up(stream: str) -> None:
    day = retention.plan(stream, 7, TODAY)[0]
    assert (day.day, day.whales) == (FIRST, 1)
    assert day.kept == "3 hours are not rolled up, the first 12:00: materialise hourly_assets for that day"
    assert retention.apply(stream, [day]) == 0
    roll_up(stream)
    assert [one.kept for one in retention.plan(stream, 7, TODAY)] == [""]


def test_what_is_planned_goes_and_what_was_made_from_it_stays(stream: str) -> None:
    roll_up(stream)
    before = rollups.read(stream, ALL)
    planned = retention.plan(stream, 7, TODAY)
    assert [(one.day, one.windows, one.whales) for one in planned] == [(FIRST, len(some_windows(3)), 1)]
    assert retention.apply(stream, planned) == 1
    assert query(stream, "SELECT count(*) FROM trade_windows") == [(1,)]
    assert query(stream, "SELECT count(*) FROM whale_alerts") == [(0,)]
    assert query(stream, "SELECT to_regclass('trade_windows_20240808')") == [(None,)]
    assert retention.plan(stream, 7, TODAY) == []
    assert rollups.stale(stream, ALL) == whale_reports.stale(stream, ALL) == []
    roll_up(stream)
    assert rollups.read(stream, ALL) == before, "an hour whose stream rows are gone can't be made again"


def test_a_day_that_changed_after_the_plan_is_refused(stream: str) -> None:
    roll_up(stream)
    planned = retention.plan(stream, 7, TODAY)
    store(stream, [], [WHALE._replace(trade_id=77)])
    with pytest.raises(DayChanged, match="2024-08-08 has changed"):
        retention.apply(stream, planned)
    roll_up(stream)
    with pytest.raises(DayChanged, match="2 whales, 1 were planned"):
        retention.apply(stream, planned)
    assert query(stream, "SELECT count(*) FROM whale_alerts") == [(2,)], "the refused day is whole"


def test_nobody_writes_to_a_day_between_the_last_look_and_its_end(stream: str, monkeypatch: pytest.MonkeyPatch) -> None:
    roll_up(stream)
    planned = retention.plan(stream, 7, TODAY)
    look, blocked = retention._why_kept, list[bool]()

    def meanwhile(dsn: str, day: date) -> str:
        found = look(dsn, day)
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            query(dsn, "SET lock_timeout = '100ms'; UPDATE trade_windows SET volume = volume + 1")
        blocked.append(True)
        return found

    monkeypatch.setattr(retention, "_why_kept", meanwhile)
    assert retention.apply(stream, planned) == 1
    assert blocked == [True]


def test_days_within_the_limit_are_not_even_looked_at(stream: str) -> None:
    assert retention.plan(stream, 9, TODAY) == []
    assert [one.day for one in retention.plan(stream, 8, TODAY)] == [FIRST]


@pytest.mark.parametrize("days", [0, -7])
def test_days_must_be_positive(database: str, days: int) -> None:
    with pytest.raises(ValueError, match=f"days is {days}: keep at least 1"):
        retention.plan(database, days, date(2024, 8, 8))


def test_an_empty_old_partition_goes_too(database: str) -> None:
    store(database, [flat(0, "1")])
    query(database, "DELETE FROM trade_windows")
    assert retention.plan(database, 7, TODAY) == [Day(FIRST, 0, 0)]
    assert retention.apply(database, [Day(FIRST, 0, 0)]) == 1
