"""Postgres's values of an hour, for the audit: its minutes, its rollups, its size bands, its whales in order.

Whales are read through a cursor on the server, so an hour with very many needs no more memory. Read-only. Raises
PostgresUnusableError.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from whale_platform.domain.size_bands import MarketBands
from whale_platform.domain.window import WindowDetail, WindowSums
from whale_platform.stores.asset_tables.materialisation import STATEMENT_TIMEOUT_S, fetch_rows
from whale_platform.stores.postgres.connection import open_transaction

MarketTime = tuple[str, str, datetime]
FETCH_SIZE = 10_000

# Of rows from before they had an offset the currencies were filled in by a list that the trades may not agree with.
_KNOWN = ", ".join(f"CASE WHEN topic_offset IS NOT NULL THEN {name} END" for name in ("base", "quote", "usd_via"))
_MINUTES = """
SELECT exchange, symbol, window_start, updated_at, price_sum, last_event_time, {known}, trade_count, volume, notional,
    buy_volume, open, high, low, close, first_trade_id, last_trade_id
FROM trade_windows WHERE window_start >= %(start)s AND window_start < %(end)s
"""
_ROLLUPS = """
SELECT exchange, symbol, hour, trade_count, volume, notional, buy_volume, open, high, low, close, first_trade_id,
    last_trade_id
FROM hourly_rollups WHERE hour >= %(start)s AND hour < %(end)s
"""
_BANDS = """
SELECT window_start, lake_rows, materialised_at, exchange, symbol, trades, unvalued_trades, buy_usd, sell_usd,
    buy_orders, sell_orders
FROM (SELECT * FROM size_band_minutes WHERE window_start >= %(start)s AND window_start < %(end)s) AS minutes
FULL JOIN (SELECT * FROM size_bands WHERE window_start >= %(start)s AND window_start < %(end)s) AS bands
    USING (window_start)
"""
_BAND_TIMES = """
SELECT DISTINCT materialised_at FROM size_bands WHERE window_start >= %(since)s AND materialised_at >= %(since)s
"""
_HOURS = """
SELECT DISTINCT date_bin('1 hour', event_time, 'epoch') FROM whale_alerts
WHERE event_time >= %(start)s AND event_time < %(end)s
"""
_ALERTS = """
SELECT exchange, symbol, trade_id, side, price, quantity, notional_usd, threshold_usd, event_time, received_time,
    {known}, fills, levels, first_price, last_trade_id, notional, usd_rate, tier FROM whale_alerts
WHERE event_time >= %(start)s AND event_time < %(end)s AND kind = %(kind)s
ORDER BY exchange COLLATE "C", symbol COLLATE "C", trade_id
"""


class StoredAlert(NamedTuple):
    """A row of `whale_alerts`; its currencies are None where nobody knows, what follows where it is no sweep.

    notional: quote currency, None of a time before that was stored; usd_rate: None where the quote is a dollar.
    """

    exchange: str
    symbol: str
    trade_id: int
    side: str
    price: Decimal
    quantity: Decimal
    notional_usd: Decimal
    threshold_usd: Decimal
    event_time: datetime
    received_time: datetime
    base: str | None
    quote: str | None
    usd_via: str | None
    fills: int | None = None
    levels: int | None = None
    first_price: Decimal | None = None
    last_trade_id: int | None = None
    notional: Decimal | None = None
    usd_rate: Decimal | None = None
    tier: str = ""

    @property
    def newest_id(self) -> int:
        """The id of the trade by which it became what it is."""
        return self.trade_id if self.last_trade_id is None else self.last_trade_id


class StoredWindow(NamedTuple):
    """A row of `trade_windows`; updated_at: when the stream last changed it."""

    sums: WindowSums
    detail: WindowDetail
    updated_at: datetime


class StoredBands(NamedTuple):
    """Rows of `size_bands` by (exchange, symbol, minute).

    By minute, of all markets: made_of: how many of the lake's rows they were made of; made_at: when they were stored.
    """

    bands: dict[MarketTime, MarketBands]
    made_of: dict[datetime, int]
    made_at: dict[datetime, datetime]


def read_window_sums(dsn: str, start: datetime, end: datetime) -> dict[MarketTime, StoredWindow]:
    """The windows by (exchange, symbol, minute) of [start, end)."""
    rows = fetch_rows(dsn, _MINUTES.format(known=_KNOWN), {"start": start, "end": end})
    return {
        (exchange, symbol, at): StoredWindow(WindowSums(*rest[5:]), WindowDetail(*rest[:5]), updated)
        for exchange, symbol, at, updated, *rest in rows
    }


def read_rollup_sums(dsn: str, start: datetime, end: datetime) -> dict[MarketTime, WindowSums]:
    """By (exchange, symbol, hour) of [start, end)."""
    rows = fetch_rows(dsn, _ROLLUPS, {"start": start, "end": end})
    return {(exchange, symbol, hour): WindowSums(*sums) for exchange, symbol, hour, *sums in rows}


def read_bands(dsn: str, start: datetime, end: datetime) -> StoredBands:
    """The size bands of [start, end), and what they were made of, as of one moment."""
    found = StoredBands({}, {}, {})
    for at, lake_rows, made_at, exchange, symbol, trades, *rest in fetch_rows(
        dsn, _BANDS, {"start": start, "end": end}
    ):
        if lake_rows is not None:
            found.made_of[at] = lake_rows
        if exchange is not None:
            found.bands[exchange, symbol, at] = MarketBands(exchange, symbol, at, trades, *rest)
            found.made_at[at] = max(made_at, found.made_at.get(at, made_at))
    return found


def find_band_times(dsn: str, since: datetime) -> list[datetime]:
    """When bands of minutes since then were stored."""
    return [at for (at,) in fetch_rows(dsn, _BAND_TIMES, {"since": since})]


def find_whale_hours(dsn: str, start: datetime, end: datetime) -> set[datetime]:
    """The hours of [start, end) that have a whale."""
    return {hour for (hour,) in fetch_rows(dsn, _HOURS, {"start": start, "end": end})}


def read_alerts(dsn: str, start: datetime, end: datetime, kind: str) -> Iterator[StoredAlert]:
    """The whales of this kind of [start, end) by exchange, symbol (by code point) and trade id."""
    with open_transaction(dsn, "whale-audit", statement_timeout_s=STATEMENT_TIMEOUT_S) as conn:
        with conn.cursor() as first:
            first.execute("SELECT 1")  # begins the transaction, with its settings, that the named cursor needs
        with conn.cursor(name="whales") as cursor:
            cursor.itersize = FETCH_SIZE
            cursor.execute(_ALERTS.format(known=_KNOWN), {"start": start, "end": end, "kind": kind})
            for row in cursor:
                yield StoredAlert(*row)
