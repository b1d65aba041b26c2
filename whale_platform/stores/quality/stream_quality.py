"""Whether the stream tables are as promised: nothing implausible, nothing refused, no gap given up, nothing lost.

Read-only questions over the hours asked for. Raises PostgresUnusableError.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from whale_platform.stores.asset_tables.materialisation import HourRange, fetch_rows


@dataclass(frozen=True, slots=True)
class ReaderLoss:
    """What one reader of a topic lost, or could have lost: cause `none`. detail: for people; found_at: aware UTC."""

    reader: str
    topic: str
    partition: int
    cause: str
    detail: str
    found_at: datetime


@dataclass(frozen=True, slots=True)
class TableProgress:
    """How far a table has come: rows by Postgres's own estimate, its newest time by event, None where it is empty."""

    rows: int
    time: datetime | None


_ABSURD = """
SELECT exchange, symbol, window_start, low, high, vwap, volume FROM trade_windows
WHERE window_start >= %(start)s AND window_start < %(end)s AND NOT (
    low > 0 AND low <= open AND low <= close AND open <= high AND close <= high
    AND vwap BETWEEN low * 0.999999999 AND high * 1.000000001  -- vwap is rounded
    AND volume > 0 AND buy_volume >= 0 AND buy_volume <= volume AND high <= 2 * low)
ORDER BY 1, 2, 3 LIMIT 100
"""

_MINUTES = """
SELECT exchange, symbol, (extract(epoch FROM window_start) * 1000000)::bigint, trade_count, volume
FROM trade_windows WHERE window_start >= %(start)s AND window_start < %(end)s
"""

_NEWEST = {
    "trade_windows": "SELECT max(window_start) FROM trade_windows",
    "whale_alerts": "SELECT max(event_time) FROM whale_alerts",
    "ingest_gaps": "SELECT max(found_time) FROM ingest_gaps",
}

_ROWS = """
SELECT coalesce(sum(greatest(reltuples, 0)), 0)::bigint FROM pg_class
WHERE oid = to_regclass(%(name)s) OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = to_regclass(%(name)s))
"""


def find_implausible_windows(dsn: str, start: datetime, end: datetime) -> list[tuple[Any, ...]]:
    """(exchange, symbol, window_start, low, high, vwap, volume) of windows that can't be, 100 at most.

    Prices out of order or not positive, volumes likewise, or a price that doubled within a minute.
    """
    return fetch_rows(dsn, _ABSURD, {"start": start, "end": end})


def read_minutes(dsn: str, start: datetime, end: datetime) -> list[tuple[str, str, int, int, Decimal]]:
    """(exchange, symbol, window_start in microseconds, trades, volume) of the windows in [start, end)."""
    return [tuple(row) for row in fetch_rows(dsn, _MINUTES, {"start": start, "end": end})]


def count_trades_since(dsn: str, since: datetime) -> int:
    """Trades in the windows that began at or after then."""
    statement = "SELECT coalesce(sum(trade_count), 0)::bigint FROM trade_windows WHERE window_start >= %s"
    return int(fetch_rows(dsn, statement, (since,))[0][0])


def count_trades_by_hour(dsn: str, hours: HourRange) -> dict[datetime, int]:
    """Trades in the windows of each of these hours that has any."""
    statement = """SELECT date_bin('1 hour', window_start, 'epoch'), sum(trade_count)::bigint FROM trade_windows
        WHERE window_start >= %s AND window_start < %s GROUP BY 1"""
    return {hour: int(count) for hour, count in fetch_rows(dsn, statement, (hours.start, hours.end))}


def read_reject_counts(dsn: str) -> list[tuple[str, str, int]]:
    """(topic, reason, messages) that the sink could not store, ever."""
    statement = "SELECT topic, reason, sum(messages)::bigint FROM sink_rejects GROUP BY 1, 2 ORDER BY 3 DESC"
    return [(str(topic), str(reason), int(count)) for topic, reason, count in fetch_rows(dsn, statement, ())]


def read_unrepaired_gaps(dsn: str) -> list[tuple[str, str, int]]:
    """(exchange, symbol, ids) of the gaps that were given up."""
    statement = """SELECT exchange, symbol, sum(last_id - first_id + 1 - filled)::bigint FROM ingest_gaps
        WHERE state = 'unrepaired' GROUP BY 1, 2 ORDER BY 3 DESC"""
    return [(str(exchange), str(symbol), int(count)) for exchange, symbol, count in fetch_rows(dsn, statement, ())]


def read_losses(dsn: str, since: datetime) -> list[ReaderLoss]:
    """What readers of topics have lost since then, the oldest first."""
    statement = """SELECT reader, topic, partition, cause, detail, found_at FROM stream_losses
        WHERE found_at >= %s ORDER BY found_at, reader, topic, partition"""
    return [ReaderLoss(*row) for row in fetch_rows(dsn, statement, (since,))]


def read_table_progress(dsn: str, table: str) -> TableProgress:
    """How far `table` has come. Raises KeyError for a table that has no time here."""
    time = fetch_rows(dsn, _NEWEST[table], ())[0][0]
    return TableProgress(int(fetch_rows(dsn, _ROWS, {"name": table})[0][0]), time)
