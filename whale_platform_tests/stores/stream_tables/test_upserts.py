from collections.abc import Iterator
from datetime import timedelta
from decimal import ROUND_HALF_UP, Context, Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2.extensions import cursor as Cursor

from whale_platform.contracts.dead_letter import DeadLetterRow
from whale_platform.contracts.trade_window import WindowRow
from whale_platform.stores.errors import RowRejectedError
from whale_platform.stores.postgres.connection import open_transaction, translate_errors
from whale_platform.stores.stream_tables import upserts
from whale_platform.stores.stream_tables.partitions import ensure_days
from whale_platform.stores.stream_tables.rows import MessageRef, RejectedMessage
from whale_platform_tests.stores.builders import GAP, START, WHALE, WINDOW

EXACT = Context(prec=200)


@pytest.fixture
def cursor(database: str) -> Iterator[Cursor]:
    with open_transaction(database, "test", statement_timeout_s=30) as conn, conn.cursor() as cursor:
        ensure_days(cursor, [START.date()])
        yield cursor


def fetch(cursor: Cursor, statement: str) -> list[tuple[object, ...]]:
    cursor.execute(statement)
    return cursor.fetchall()


def test_a_window_is_stored_as_it_came(cursor: Cursor) -> None:
    assert upserts.upsert_windows(cursor, [WINDOW]) == 1
    cursor.execute("SELECT * FROM trade_windows")
    names = [column.name for column in cursor.description or ()]
    stored = dict(zip(names, cursor.fetchall()[0], strict=True))
    for name, value in WINDOW._asdict().items():
        assert (str(stored[name]) if isinstance(stored[name], Decimal) else stored[name]) == value


def test_a_replayed_window_changes_nothing(cursor: Cursor) -> None:
    later = WINDOW._replace(trade_count=3, price_sum="185512.13", run_id="run-2")
    upserts.upsert_windows(cursor, [later])
    again = later._replace(run_id="run-3", updated_at=START + timedelta(minutes=9))
    assert upserts.upsert_windows(cursor, [WINDOW]) == 0
    assert upserts.upsert_windows(cursor, [again]) == 0
    assert fetch(cursor, "SELECT trade_count, run_id FROM trade_windows") == [(3, "run-2")]


def test_currencies_once_known_stay_known(cursor: Cursor) -> None:
    """A message from before they were told takes nothing away; one that tells them adds them to the same numbers."""
    upserts.upsert_windows(cursor, [WINDOW])
    told = WINDOW._replace(base="BTC", quote="U", usd_via="peg:U")
    assert [upserts.upsert_windows(cursor, [row]) for row in (told, told, WINDOW)] == [1, 0, 0]
    upserts.upsert_windows(cursor, [WINDOW._replace(trade_count=3)])
    assert fetch(cursor, "SELECT trade_count, base, quote, usd_via FROM trade_windows") == [(3, "BTC", "U", "peg:U")]


def test_as_many_trades_with_another_value_are_a_correction(cursor: Cursor) -> None:
    upserts.upsert_windows(cursor, [WINDOW])
    assert upserts.upsert_windows(cursor, [WINDOW._replace(close="61836", run_id="run-2")]) == 1
    assert fetch(cursor, "SELECT close, run_id FROM trade_windows") == [(Decimal(61836), "run-2")]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 6), min_size=1, max_size=12))
def test_the_highest_count_stands_whatever_the_order(cursor: Cursor, counts: list[int]) -> None:
    cursor.execute("DELETE FROM trade_windows")
    for count in counts:
        upserts.upsert_windows(cursor, [WINDOW._replace(trade_count=count, close=f"{61830 + count}.5")])
    top = max(counts)
    assert fetch(cursor, "SELECT trade_count, close FROM trade_windows") == [(top, Decimal(f"{61830 + top}.5"))]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    price_sum=st.decimals("0.000000000001", "1e15", allow_nan=False, places=12),
    count=st.integers(1, 10**7),
    volume=st.decimals("0.00000001", "1e12", allow_nan=False, places=8),
)
def test_averages_are_exact_to_18_decimals(cursor: Cursor, price_sum: Decimal, count: int, volume: Decimal) -> None:
    cursor.execute("DELETE FROM trade_windows")
    row = WINDOW._replace(price_sum=f"{price_sum:f}", trade_count=count, volume=f"{volume:f}")
    upserts.upsert_windows(cursor, [row._replace(buy_volume=row.volume)])
    wanted = [
        EXACT.divide(*pair).quantize(Decimal("1e-18"), ROUND_HALF_UP, EXACT)
        for pair in ((price_sum, Decimal(count)), (Decimal(WINDOW.notional), volume))
    ]
    assert fetch(cursor, "SELECT average_price, vwap FROM trade_windows") == [tuple(wanted)]


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"low": "0"}, "trade_windows_low_check"),
        ({"high": "61831"}, "trade_windows_high_is_highest"),
        ({"low": "61838"}, "trade_windows_low_is_lowest"),
        ({"buy_volume": "4"}, "trade_windows_buys_within_volume"),
        ({"trade_count": -1}, "trade_windows_trade_count_check"),
        ({"trade_count": 0}, "DivisionByZero"),
        ({"trade_count": 10**30}, "NumericValueOutOfRange"),
        ({"window_start": START.replace(second=1)}, "trade_windows_window_start_check"),
    ],
)
def test_an_impossible_window_is_refused(cursor: Cursor, changes: dict[str, object], constraint: str) -> None:
    cursor.execute("SAVEPOINT before")
    with pytest.raises(RowRejectedError, match=f"{constraint}$"), translate_errors():
        upserts.upsert_windows(cursor, [WindowRow(**(WINDOW._asdict() | changes))])
    cursor.execute("ROLLBACK TO SAVEPOINT before")


def test_the_first_detection_of_a_whale_stays(cursor: Cursor) -> None:
    later = WHALE._replace(detected_time=START + timedelta(hours=1), run_id="run-2")
    assert upserts.insert_whales(cursor, [WHALE]) == 1
    assert upserts.insert_whales(cursor, [later, WHALE._replace(kind="block")]) == 1
    assert fetch(cursor, "SELECT kind, detected_time, run_id FROM whale_alerts ORDER BY kind") == [
        ("block", WHALE.detected_time, "run-1"),
        ("single_trade", WHALE.detected_time, "run-1"),
    ]


def test_a_gap_shows_its_later_message_even_if_the_clock_went_back(cursor: Cursor) -> None:
    closed = GAP._replace(state="repaired", closed_time=START, filled=9, updated_at=START - timedelta(hours=1))
    upserts.upsert_gaps(cursor, [GAP])
    upserts.upsert_gaps(cursor, [closed])
    assert fetch(cursor, "SELECT state, filled FROM ingest_gaps") == [("repaired", 9)]


def test_dead_letters_and_rejects_are_counted(cursor: Cursor) -> None:
    day = START.date()
    letter = DeadLetterRow("binance", "unparseable", day, 3, START, START + timedelta(minutes=1), "not JSON", 7)
    upserts.count_dead_letters(cursor, [letter])
    upserts.count_dead_letters(cursor, [letter._replace(letters=2, first_time=START - timedelta(minutes=1))])
    assert fetch(cursor, "SELECT letters, first_time, last_time FROM dead_letter_counts") == [
        (5, START - timedelta(minutes=1), START + timedelta(minutes=1))
    ]
    upserts.count_rejects(
        cursor, [RejectedMessage(MessageRef("trade_windows", 1, offset), "not JSON") for offset in (9, 4, 6)]
    )
    upserts.count_rejects(cursor, [RejectedMessage(MessageRef("trade_windows", 1, 12), "not JSON")])
    upserts.count_rejects(cursor, [RejectedMessage(MessageRef("trade_windows", 0, 1), "not JSON")])
    assert fetch(
        cursor, "SELECT partition, messages, first_offset, last_offset FROM sink_rejects ORDER BY partition"
    ) == [(0, 1, 1, 1), (1, 4, 4, 12)]


def test_more_rows_than_a_page(cursor: Cursor) -> None:
    rows = [WHALE._replace(trade_id=number) for number in range(upserts.PAGE * 2 + 1)]
    assert upserts.insert_whales(cursor, rows) == len(rows)
    assert upserts.insert_whales(cursor, rows) == 0
