"""What people look at: the newest windows and whales, open gaps, and how much there is.

Each is one quick statement with a timeout of two seconds, for screens that ask every second; empty tables give empty
lists. Money is exact Decimal, times are aware UTC. All raise StoreAway, SchemaMismatch (not migrated) and BadDsn.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from whale_platform.stores.connection import session

COUNT_UP_TO = 200_000  # rows; counting more would take longer than a screen may wait


@dataclass(frozen=True, slots=True)
class Window:
    """One row of `trade_windows`. Prices in quote currency, volumes in base units."""

    exchange: str
    symbol: str
    window_start: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    average_price: Decimal
    vwap: Decimal
    volume: Decimal
    notional: Decimal
    buy_volume: Decimal
    sell_volume: Decimal
    trade_count: int
    source: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Whale:
    """One row of `whale_alerts`. `side` is the taker's."""

    exchange: str
    symbol: str
    kind: str
    trade_id: int
    side: str
    price: Decimal
    quantity: Decimal
    notional_usd: Decimal
    threshold_usd: Decimal
    event_time: datetime
    received_time: datetime
    detected_time: datetime
    source: str


@dataclass(frozen=True, slots=True)
class Gap:
    """One row of `ingest_gaps`: ids first_id..last_id were missing."""

    exchange: str
    symbol: str
    first_id: int
    last_id: int
    cause: str
    mode: str
    state: str
    found_time: datetime
    filled: int
    detail: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows there are. Windows and whales beyond `COUNT_UP_TO` are Postgres's own estimate."""

    trade_windows: int
    whale_alerts: int
    gaps_open: int
    gaps_unrepaired: int
    dead_letters: int
    sink_rejects: int
    stream_losses: int


_WINDOWS = """
SELECT exchange, symbol, window_start, open, high, low, close, average_price, vwap, volume, notional, buy_volume,
    sell_volume, trade_count, source, updated_at
FROM trade_windows ORDER BY window_start DESC, exchange, symbol LIMIT %s
"""

_WHALES = """
SELECT exchange, symbol, kind, trade_id, side, price, quantity, notional_usd, threshold_usd, event_time,
    received_time, detected_time, source
FROM whale_alerts ORDER BY event_time DESC, exchange, symbol, trade_id DESC LIMIT %s
"""

_GAPS = """
SELECT exchange, symbol, first_id, last_id, cause, mode, state, found_time, filled, detail
FROM ingest_gaps WHERE state = 'open' ORDER BY found_time, exchange, symbol, first_id LIMIT 1000
"""

_COUNTS = """
WITH estimates AS (
    SELECT coalesce(sum(greatest(c.reltuples, 0)) FILTER (WHERE c.relkind = 'r' AND c.relispartition), 0)::bigint
            AS windows,
        coalesce(sum(greatest(c.reltuples, 0)) FILTER (WHERE c.oid = 'whale_alerts'::regclass), 0)::bigint AS whales
    FROM pg_class c
    WHERE c.oid = 'whale_alerts'::regclass
        OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = 'trade_windows'::regclass)
)
SELECT
    CASE WHEN windows > %(most)s THEN windows ELSE (SELECT count(*) FROM trade_windows) END,
    CASE WHEN whales > %(most)s THEN whales ELSE (SELECT count(*) FROM whale_alerts) END,
    (SELECT count(*) FROM ingest_gaps WHERE state = 'open'),
    (SELECT count(*) FROM ingest_gaps WHERE state = 'unrepaired'),
    (SELECT coalesce(sum(letters), 0)::bigint FROM dead_letter_counts),
    (SELECT coalesce(sum(messages), 0)::bigint FROM sink_rejects),
    (SELECT count(*) FROM stream_losses)
FROM estimates
"""


def latest_windows(dsn: str, limit: int) -> list[Window]:
    """Up to `limit` windows, newest minute first."""
    return [Window(*row) for row in _rows(dsn, _WINDOWS, (limit,))]


def latest_whales(dsn: str, limit: int) -> list[Whale]:
    """Up to `limit` whales, newest trade first."""
    return [Whale(*row) for row in _rows(dsn, _WHALES, (limit,))]


def open_gaps(dsn: str) -> list[Gap]:
    """Gaps that are not closed yet, oldest first, 1,000 at most."""
    return [Gap(*row) for row in _rows(dsn, _GAPS, ())]


def counts(dsn: str) -> Counts:
    """How much there is."""
    return Counts(*_rows(dsn, _COUNTS, {"most": COUNT_UP_TO})[0])


def _rows(dsn: str, statement: str, values: tuple[object, ...] | dict[str, object]) -> list[tuple[Any, ...]]:
    with session(dsn, "whale-read") as conn, conn.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall()
