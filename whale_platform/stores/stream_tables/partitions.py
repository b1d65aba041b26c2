"""Day partitions of `trade_windows`, created ahead by `migrate` and on demand by the sink.

Replayed trades are years old, so any day may be asked for. There is no default partition: a row that strays into one
blocks making its real partition later. The work is done by functions of the tables' owner (migration 0005), so that
nobody else needs the right to alter tables. Raises psycopg2's errors; call it inside `translate_errors()`.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta

from psycopg2.extensions import cursor as Cursor

DAYS_AHEAD = 7


def partition_name(day: date) -> str:
    """Return the name of a day's partition, such as `trade_windows_20240808`."""
    return f"trade_windows_{day:%Y%m%d}"


def list_coming_days(today: date | None = None) -> list[date]:
    """Today (UTC) and the days ahead."""
    first = today or datetime.now(UTC).date()
    return [first + timedelta(days=n) for n in range(DAYS_AHEAD + 1)]


def ensure_days(cursor: Cursor, days: Iterable[date]) -> list[date]:
    """Make the partitions of `days` that are missing, in the caller's transaction; returns the days made."""
    made: list[date] = []
    for day in sorted(set(days)):
        cursor.execute("SELECT make_trade_windows_day(%s)", (day,))
        if cursor.fetchone() == (True,):
            made.append(day)
    return made


def drop_day(cursor: Cursor, day: date) -> None:
    """Drop the partition of `day`, where there is one."""
    cursor.execute("SELECT drop_trade_windows_day(%s)", (day,))
