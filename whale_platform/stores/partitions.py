"""Day partitions of `trade_windows`, made ahead by `migrate` and on demand by the sink.

Replayed trades are years old, so any day may be asked for. There is no default partition: a row that strays into one
blocks making its real partition later. A table is made beside the parent and then attached, because
`CREATE TABLE … PARTITION OF` would lock out every reader of the parent. Raises psycopg2's errors; call it inside
`translated()`.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from psycopg2 import sql
from psycopg2.extensions import cursor as Cursor

DAYS_AHEAD = 7
FILLFACTOR = 70  # a window's row is rewritten for each trade: room on its page keeps that off the indexes
_LOCK = 0x77686C70  # "whlp": makers of partitions take turns


def partition_name(day: date) -> str:
    """`trade_windows_20240808`."""
    return f"trade_windows_{day:%Y%m%d}"


def coming_days(today: date | None = None) -> list[date]:
    """Today (UTC) and the days ahead."""
    first = today or datetime.now(UTC).date()
    return [first + timedelta(days=n) for n in range(DAYS_AHEAD + 1)]


def ensure_days(cursor: Cursor, days: Iterable[date]) -> list[date]:
    """Make the partitions of `days` that are missing, in the caller's transaction; returns the days made."""
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    made: list[date] = []
    for day in sorted(set(days)):
        cursor.execute("SELECT to_regclass(%s)", (partition_name(day),))
        found = cursor.fetchone()
        if found is None or found[0] is None:
            _make(cursor, day)
            made.append(day)
    return made


def _make(cursor: Cursor, day: date) -> None:
    child = sql.Identifier(partition_name(day))
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    cursor.execute(
        sql.SQL("CREATE TABLE {} (LIKE trade_windows INCLUDING ALL) WITH (fillfactor = {})").format(
            child, sql.Literal(FILLFACTOR)
        )
    )
    cursor.execute(
        sql.SQL("ALTER TABLE trade_windows ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
            child, sql.Literal(start), sql.Literal(start + timedelta(days=1))
        )
    )
