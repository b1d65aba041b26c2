"""What the live screen shows: each symbol's newest window and the newest whales.

Each is one quick statement with a timeout of two seconds, for a screen that asks every second; empty tables give empty
lists. Money is exact Decimal, times are aware UTC. Raises PostgresUnusableError.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from whale_platform.domain.names import SINGLE_TRADE
from whale_platform.stores.postgres.connection import open_transaction

_WINDOWS = """
SELECT DISTINCT ON (exchange, symbol) exchange, symbol, window_start, close, vwap, notional, trade_count
FROM trade_windows WHERE window_start > (SELECT max(window_start) FROM trade_windows) - interval '10 minutes'
ORDER BY exchange, symbol, window_start DESC
"""
_WHALES = """
SELECT event_time, exchange, symbol, side, price, quantity, notional_usd, kind, fills
FROM whale_orders ORDER BY event_time DESC, exchange, symbol, trade_id DESC LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class RecentWindow:
    """A symbol's newest minute; money in the quote currency."""

    exchange: str
    symbol: str
    start: datetime
    close: Decimal
    vwap: Decimal
    notional: Decimal
    trades: int


@dataclass(frozen=True, slots=True)
class RecentWhale:
    """One large order; `usd` is its notional; fills: of a sweep."""

    time: datetime
    exchange: str
    symbol: str
    side: str
    price: Decimal
    quantity: Decimal
    usd: Decimal
    kind: str = SINGLE_TRADE
    fills: int | None = None


def read_recent_rows(dsn: str, whales: int) -> tuple[list[RecentWindow], list[RecentWhale]]:
    """The newest window of each symbol that traded lately, and up to `whales` whales, newest first."""
    with (
        open_transaction(dsn, "whale-screen", connect_timeout_s=2, statement_timeout_s=2.0) as conn,
        conn.cursor() as cursor,
    ):
        cursor.execute(_WINDOWS)
        windows = [RecentWindow(*row) for row in cursor.fetchall()]
        cursor.execute(_WHALES, (whales,))
        return windows, [RecentWhale(*row) for row in cursor.fetchall()]
