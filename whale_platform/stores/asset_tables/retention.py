"""Retention of the stream tables: `plan_retention` lists whole days to drop, `apply_retention` drops exactly those.

A day is dropped whole: its partition of `trade_windows` is dropped, its `size_bands` are deleted, and its
`whale_alerts`, with their clusters, where those have an age too (they are few, and what the platform is for), in one
transaction, and only once every hour of it has been rolled up and reported as the stream says now. Rollups and reports
stay, and so do imported days until their deletion is requested. A day that has changed between the two is refused.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from psycopg2.extensions import cursor as Cursor

from whale_platform.domain import deletion_limits
from whale_platform.stores.asset_tables import rollups, size_bands, whale_reports
from whale_platform.stores.asset_tables.materialisation import STATEMENT_TIMEOUT_S, HourRange, fetch_rows
from whale_platform.stores.errors import DayChangedError
from whale_platform.stores.postgres.connection import open_transaction
from whale_platform.stores.stream_tables.partitions import drop_day, partition_name

_DAYS = """
SELECT day, sum(windows)::bigint, sum(whales)::bigint, sum(clusters)::bigint FROM (
    SELECT to_date(right(relname, 8), 'YYYYMMDD') AS day, 0 AS windows, 0 AS whales, 0 AS clusters
    FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'trade_windows'::regclass
    UNION ALL SELECT (window_start AT TIME ZONE 'utc')::date, count(*), 0, 0 FROM trade_windows
        WHERE window_start < %(end)s GROUP BY 1
    UNION ALL SELECT (window_start AT TIME ZONE 'utc')::date, 0, 0, 0 FROM size_band_minutes
        WHERE window_start < %(end)s GROUP BY 1
    UNION ALL SELECT (event_time AT TIME ZONE 'utc')::date, 0, count(*), 0 FROM whale_alerts
        WHERE event_time < %(whales_end)s GROUP BY 1
    UNION ALL SELECT (event_time AT TIME ZONE 'utc')::date, 0, 0, count(*) FROM whale_clusters
        WHERE event_time < %(whales_end)s GROUP BY 1
) AS found WHERE day < %(day)s AND (%(imported)s OR day NOT IN (SELECT day FROM imported_days))
GROUP BY day ORDER BY day
"""


_DELETE_PRICES = """
DELETE FROM whale_prices USING whale_alerts gone WHERE (gone.event_time AT TIME ZONE 'utc')::date = %s
    AND (gone.exchange, gone.symbol, gone.kind, gone.trade_id)
        = (whale_prices.exchange, whale_prices.symbol, whale_prices.kind, whale_prices.trade_id)
"""
_EVER = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class StreamTableDay:
    """One old day (UTC): its rows that are to go, and why it is kept; `kept` is empty where it goes."""

    day: date
    windows: int
    whales: int
    kept: str = ""
    clusters: int = 0


def plan_retention(
    dsn: str, days: int, today: date, whale_days: int = 0, imported: bool = False
) -> list[StreamTableDay]:
    """Every day of stream rows before the last `days` days, oldest first; of whales before the last `whale_days`.

    whale_days: 0 keeps every whale; less than `days`: as long as the windows around them. imported: whether imported
    days go too. Raises ValueError for days < 1.
    """
    if days < 1:
        raise ValueError(f"days is {days}: keep at least 1")
    first = today - timedelta(days=days)
    values = {
        "day": first,
        "end": _midnight(first),
        "whales_end": _midnight(today - timedelta(days=max(days, whale_days))) if whale_days else _EVER,
        "imported": imported,
    }
    found = fetch_rows(dsn, _DAYS, values)
    return [
        StreamTableDay(day, windows, whales, _explain_kept(dsn, day), clusters)
        for day, windows, whales, clusters in found
    ]


def apply_retention(dsn: str, days: list[StreamTableDay], confirmed: bool = False) -> int:
    """Drop the planned days, one transaction each; returns how many were dropped.

    Raises DayChangedError; UnconfirmedDeletionError, before any goes, where one is young (`domain/deletion_limits.py`)
    and nobody is `confirmed`.
    """
    if not confirmed:
        deletion_limits.check_old(day.day for day in days if not day.kept)
    gone = 0
    for planned in days:
        if planned.kept:
            continue
        _drop(dsn, planned)
        gone += 1
    return gone


def _explain_kept(dsn: str, day: date) -> str:
    start = _midnight(day)
    hours = HourRange(start, start + timedelta(days=1))
    stale = sorted({*rollups.find_stale_rollup_hours(dsn, hours), *whale_reports.find_stale_report_hours(dsn, hours)})
    if not stale:
        return ""
    return f"{len(stale)} hours are not rolled up, the first {stale[0]:%H:%M}: materialise hourly_assets for that day"


def _drop(dsn: str, planned: StreamTableDay) -> None:
    day = planned.day
    with (
        open_transaction(dsn, "whale-retention", statement_timeout_s=STATEMENT_TIMEOUT_S) as conn,
        conn.cursor() as cursor,
    ):
        judged = _read_day_state(cursor, day)
    if why := _explain_kept(dsn, day):
        raise DayChangedError(f"{day} has changed since it was planned: {why}")
    with (
        open_transaction(dsn, "whale-retention", statement_timeout_s=STATEMENT_TIMEOUT_S) as conn,
        conn.cursor() as cursor,
    ):
        cursor.execute("SET LOCAL lock_timeout = '5s'")
        cursor.execute("LOCK TABLE ONLY trade_windows IN ACCESS EXCLUSIVE MODE")  # first, as who writes takes it first
        if _read_day_state(cursor, day) != judged:
            raise DayChangedError(f"{day} has changed since it was planned: windows were written meanwhile")
        if planned.whales:
            cursor.execute(_DELETE_PRICES, (day,))
            cursor.execute("DELETE FROM whale_alerts WHERE (event_time AT TIME ZONE 'utc')::date = %s", (day,))
            if cursor.rowcount != planned.whales:
                raise DayChangedError(f"{day} has {cursor.rowcount} whales, {planned.whales} were planned")
        if planned.clusters:  # of a day that was imported there are no whales beside them
            cursor.execute("DELETE FROM whale_clusters WHERE (event_time AT TIME ZONE 'utc')::date = %s", (day,))
        start = _midnight(day)
        size_bands.delete_bands(cursor, start, start + timedelta(days=1))
        drop_day(cursor, day)


def _read_day_state(cursor: Cursor, day: date) -> object:
    """Differs once a window of the day has been written or deleted; None where there is no partition of it."""
    cursor.execute("SELECT to_regclass(%s) IS NOT NULL", (partition_name(day),))
    if cursor.fetchone() != (True,):
        return None
    start = _midnight(day)
    cursor.execute(
        "SELECT count(*), sum(trade_count), max(updated_at) FROM trade_windows "
        "WHERE window_start >= %s AND window_start < %s",
        (start, start + timedelta(days=1)),
    )
    return cursor.fetchone()


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
