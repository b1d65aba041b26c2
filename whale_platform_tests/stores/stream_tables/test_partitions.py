from datetime import date

from whale_platform.stores.postgres.connection import open_transaction
from whale_platform.stores.stream_tables.partitions import ensure_days, list_coming_days
from whale_platform_tests.support.postgres_server import query

DAYS = [date(2021, 4, 17), date(2024, 8, 8)]


def test_a_week_ahead() -> None:
    days = list_coming_days(date(2026, 12, 28))
    assert days[0] == date(2026, 12, 28)
    assert days[-1] == date(2027, 1, 4)


def test_old_days_are_made_once(database: str) -> None:
    with open_transaction(database, "test") as conn, conn.cursor() as cursor:
        assert ensure_days(cursor, [*DAYS, DAYS[0]]) == DAYS
        assert ensure_days(cursor, DAYS) == []
    bounds = query(
        database,
        "SELECT pg_get_expr(relpartbound, oid), reloptions FROM pg_class WHERE relname = 'trade_windows_20210417'",
    )
    assert bounds == [
        ("FOR VALUES FROM ('2021-04-17 00:00:00+00') TO ('2021-04-18 00:00:00+00')", ["fillfactor=70"]),
    ]


def test_a_long_reader_does_not_hold_it_up(database: str) -> None:
    with open_transaction(database, "reader") as reading, reading.cursor() as reader:
        reader.execute("SELECT count(*) FROM trade_windows")
        with open_transaction(database, "test") as conn, conn.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '1s'")
            assert ensure_days(cursor, DAYS) == DAYS
