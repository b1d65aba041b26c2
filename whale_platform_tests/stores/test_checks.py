"""Ids counted once or explained: holes, doubles, and what the ledger says of them."""

from datetime import timedelta

from whale_platform.stores import checks, upserts
from whale_platform.stores.assets import HOUR, Hours
from whale_platform.stores.checks import Contiguity, Newest
from whale_platform.stores.connection import session
from whale_platform.stores.rows import GapRow, LossRow, Origin, Reject, WindowRow
from whale_platform_tests.stores.samples import GAP, START
from whale_platform_tests.stores.test_assets import flat, store

HOURS = Hours(START, START + HOUR)


def note(dsn: str, *gaps: GapRow) -> None:
    with session(dsn, "test") as conn, conn.cursor() as cursor:
        upserts.upsert_gaps(cursor, gaps)


def wide(minute: int, first: int, last: int, count: int) -> WindowRow:
    return flat(minute, "1")._replace(first_trade_id=first, last_trade_id=last, trade_count=count)


def test_ids_are_missing_doubled_or_explained(database: str) -> None:
    windows = [wide(0, 100, 109, 10), wide(1, 120, 129, 10), wide(90, 500, 500, 1)]
    store(database, windows)
    assert checks.contiguity(database, HOURS) == [Contiguity("binance", "BTCUSDT", 100, 129, 20, 10, 0)]
    assert checks.contiguity(database, HOURS)[0].missing == 10
    note(database, GAP._replace(first_id=110, last_id=119, filled=4, state="exchange_gap"))
    assert checks.contiguity(database, HOURS)[0].missing == 4
    note(database, GAP._replace(first_id=110, last_id=119, filled=0, state="exchange_gap"))
    assert checks.contiguity(database, HOURS)[0].missing == 0
    note(database, GAP._replace(first_id=300, last_id=400), GAP._replace(symbol="ETHUSDT", first_id=101, last_id=102))
    assert checks.contiguity(database, HOURS)[0].missing == 0, "holes elsewhere explain nothing here"
    store(database, [wide(1, 120, 129, 12)])
    found = checks.contiguity(database, HOURS)[0]
    assert (found.missing, found.doubled) == (0, 2)


def test_a_missing_id_does_not_hide_a_doubled_one(database: str) -> None:
    store(database, [wide(0, 100, 109, 9), wide(60, 110, 119, 11), wide(120, 121, 130, 10), wide(180, 130, 139, 9)])
    store(database, [wide(30, 120, 120, 1)._replace(symbol="ETHUSDT")])
    assert checks.contiguity(database, Hours(START, START + 4 * HOUR)) == [
        Contiguity("binance", "BTCUSDT", 100, 139, 39, 2, 1),
        Contiguity("binance", "ETHUSDT", 120, 120, 1, 0, 0),
    ], "id 120 lacks between two hours; 130 is the end of one and the beginning of the next"


def test_rejects_and_holes_given_up_are_summed(database: str) -> None:
    assert (checks.refused(database), checks.unrepaired(database)) == ([], [])
    with session(database, "test") as conn, conn.cursor() as cursor:
        upserts.count_rejects(cursor, [Reject(Origin("trade_windows", part, 1), "not JSON") for part in (0, 0, 1)])
    note(database, GAP._replace(state="unrepaired", filled=4), GAP._replace(first_id=50, last_id=60))
    assert checks.refused(database) == [("trade_windows", "not JSON", 3)]
    assert checks.unrepaired(database) == [("binance", "BTCUSDT", 5)]


def test_losses_are_told_from_a_time_on(database: str) -> None:
    row = LossRow("windows", "raw_crypto_trades", 0, "topic-1", 7, None, "recreated", "all after 6", START)
    with session(database, "test") as conn, conn.cursor() as cursor:
        upserts.insert_losses(cursor, [row, row._replace(found_at=START + HOUR, last_offset=6, cause="none")])
        assert upserts.insert_losses(cursor, [row._replace(detail="again")]) == 0
    assert [(one.cause, one.detail) for one in checks.losses(database, START)] == [
        ("recreated", "all after 6"),
        ("none", "all after 6"),
    ]
    assert [one.cause for one in checks.losses(database, START + HOUR)] == ["none"]


def test_how_far_a_table_has_come(database: str) -> None:
    assert checks.newest(database, "trade_windows") == Newest(0, None)
    store(database, [flat(0, "1"), flat(7, "1")])
    assert checks.newest(database, "trade_windows").time == START + timedelta(minutes=7)
