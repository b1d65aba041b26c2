"""The newest state of every symbol: with `period_totals.py`, the content of `/latest`.

Every statement reads as much with fifty days in the tables as with one: symbols are found by jumps along the key, and
the newest row is the first of its index. Raises what `ConnectionPool.read` raises.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg2 import sql

from whale_platform.domain.market import Market
from whale_platform.stores.postgres.pool import ConnectionPool

WindowKey = tuple[str, str, datetime]


@dataclass(frozen=True, slots=True)
class WindowState:
    """The newest window of a symbol as it is so far. Prices and notional in quote currency, volumes in base units."""

    exchange: str
    symbol: str
    window_start: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    vwap: Decimal
    volume: Decimal
    notional: Decimal
    buy_volume: Decimal
    sell_volume: Decimal
    trade_count: int
    last_event_time: datetime
    updated_at: datetime
    base: str | None = None
    quote: str | None = None
    usd_via: str | None = None


@dataclass(frozen=True, slots=True)
class WhaleState:
    """The newest whale of a symbol, a sweep in the place of its fills; US dollars, the taker's side."""

    exchange: str
    symbol: str
    kind: str
    trade_id: int
    side: str
    price: Decimal
    quantity: Decimal
    notional_usd: Decimal
    event_time: datetime
    fills: int | None = None
    last_trade_id: int | None = None


_SYMBOLS = sql.SQL("""
WITH RECURSIVE found AS (
    (SELECT exchange, symbol FROM {0} ORDER BY exchange, symbol LIMIT 1)
    UNION ALL SELECT after.* FROM found CROSS JOIN LATERAL (
        SELECT exchange, symbol FROM {0} w WHERE (w.exchange, w.symbol) > (found.exchange, found.symbol)
        ORDER BY exchange, symbol LIMIT 1) after
)
SELECT exchange, symbol FROM found
""")

_NEWEST_WINDOWS = """
SELECT w.* FROM unnest(%(exchanges)s::text[], %(symbols)s::text[]) AS asked (exchange, symbol) CROSS JOIN LATERAL (
    SELECT exchange, symbol, window_start, open, high, low, close, vwap, volume, notional, buy_volume, sell_volume,
        trade_count, last_event_time, updated_at, base, quote, usd_via
    FROM trade_windows one WHERE one.exchange = asked.exchange AND one.symbol = asked.symbol
    ORDER BY window_start DESC LIMIT 1) w
"""

_THESE_WINDOWS = """
SELECT w.exchange, w.symbol, w.window_start, w.open, w.high, w.low, w.close, w.vwap, w.volume, w.notional,
    w.buy_volume, w.sell_volume, w.trade_count, w.last_event_time, w.updated_at, w.base, w.quote, w.usd_via
FROM trade_windows w JOIN unnest(%(exchanges)s::text[], %(symbols)s::text[], %(starts)s::timestamptz[])
    AS asked (exchange, symbol, window_start) USING (exchange, symbol, window_start)
WHERE w.window_start >= %(first)s AND w.window_start <= %(last)s
"""

_NEWEST_WHALES = """
SELECT w.* FROM unnest(%(exchanges)s::text[], %(symbols)s::text[]) AS asked (exchange, symbol) CROSS JOIN LATERAL (
    SELECT exchange, symbol, kind, trade_id, side, price, quantity, notional_usd, event_time, fills, last_trade_id
    FROM whale_orders one WHERE one.exchange = asked.exchange AND one.symbol = asked.symbol
    ORDER BY event_time DESC, coalesce(last_trade_id, trade_id) DESC LIMIT 1) w
"""

_THRESHOLDS = "SELECT exchange, symbol, threshold_usd FROM whale_thresholds"


def list_markets(pool: ConnectionPool, table: str = "trade_windows") -> list[Market]:
    """Every (exchange, symbol) with a row in `table`, whose key must begin with the two; in order."""
    return [
        Market(str(exchange), str(symbol))
        for exchange, symbol in pool.fetch_rows(_SYMBOLS.format(sql.Identifier(table)))
    ]


def read_newest_windows(pool: ConnectionPool, markets: Iterable[Market]) -> list[WindowState]:
    """The newest window of each, as far as it has one."""
    return [WindowState(*row) for row in _fetch_newest(pool, _NEWEST_WINDOWS, markets)]


def read_windows(pool: ConnectionPool, keys: Sequence[WindowKey]) -> list[WindowState]:
    """These windows as they are now; one that is gone is left out."""
    if not keys:
        return []
    starts = [key[2] for key in keys]
    asked: dict[str, object] = {
        "exchanges": [key[0] for key in keys],
        "symbols": [key[1] for key in keys],
        "starts": starts,
        "first": min(starts),
        "last": max(starts),
    }
    return [WindowState(*row) for row in pool.fetch_rows(_THESE_WINDOWS, asked)]


def read_newest_whales(pool: ConnectionPool, markets: Iterable[Market]) -> list[WhaleState]:
    """The newest whale of each that ever had one."""
    return [WhaleState(*row) for row in _fetch_newest(pool, _NEWEST_WHALES, markets)]


def _fetch_newest(pool: ConnectionPool, query: str, wanted: Iterable[Market]) -> Sequence[Sequence[Any]]:
    """One statement, however many are wanted; none where nothing is."""
    markets = list(wanted)
    if not markets:
        return ()
    exchanges, symbols = zip(*markets, strict=True)
    return pool.fetch_rows(query, {"exchanges": list(exchanges), "symbols": list(symbols)})


def read_current_thresholds(pool: ConnectionPool) -> dict[tuple[str, str], Decimal]:
    """US dollars by (exchange, symbol), `*` for any."""
    return {(str(exchange), str(symbol)): usd for exchange, symbol, usd in pool.fetch_rows(_THRESHOLDS)}
