"""What the dashboard draws beside the listings: closes of every symbol, whales summed up, one whale and its minute.

Sums are made here, in one statement each, because the rows behind them would not fit a page. Raises what
`ConnectionPool.read` raises.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg2 import sql

from whale_platform.stores.postgres.pool import ConnectionPool
from whale_platform.stores.queries.listings import (
    REPORTS,
    TAKEN_BACK,
    WHALES,
    WINDOWS,
    ColumnCondition,
    Listing,
    build_where,
    read_page,
)

SIZES_USD = tuple(step * 10**power for power in range(4, 8) for step in (1, 2, 5))  # 10,000 to 50 million
TOP_COUNT = 10
AROUND, MINUTE = timedelta(minutes=15), timedelta(minutes=1)
_CLOSES = sql.SQL("""
SELECT exchange, symbol, array_agg(extract(epoch FROM window_start)::bigint ORDER BY window_start),
    array_agg(trim_scale(close)::text ORDER BY window_start)
FROM trade_windows {} GROUP BY exchange, symbol ORDER BY exchange, symbol
""")
_PRICES = """
SELECT trim_scale(before)::text, trim_scale(after_1)::text, trim_scale(after_5)::text, trim_scale(after_15)::text
FROM whale_prices WHERE (exchange, symbol, trade_id) = (%s, %s, %s)
"""
_HOURS = sql.SQL("""
SELECT date_trunc('hour', event_time, 'UTC') AS hour, count(*),
    coalesce(sum(notional_usd) FILTER (WHERE side = 'buy'), 0),
    coalesce(sum(notional_usd) FILTER (WHERE side = 'sell'), 0)
FROM whale_alerts {} GROUP BY hour ORDER BY hour
""")
_BINS = sql.SQL("""
SELECT width_bucket(notional_usd, %s::numeric[]) AS bin, count(*) FILTER (WHERE side = 'buy'),
    count(*) FILTER (WHERE side = 'sell')
FROM whale_alerts {} GROUP BY bin
""")
_TOP = sql.SQL("SELECT {} FROM whale_alerts {} ORDER BY notional_usd DESC, event_time DESC LIMIT %s")


@dataclass(frozen=True, slots=True)
class WhaleBreakdown:
    """hours: (hour, whales, buy $, sell $); sizes: {place in SIZES_USD: (buys, sells)}; top: in WHALES.columns."""

    hours: list[tuple[Any, ...]]
    sizes: dict[int, tuple[int, int]]
    top: list[tuple[Any, ...]]


def read_closes(
    pool: ConnectionPool, conditions: Sequence[ColumnCondition]
) -> list[tuple[str, str, list[int], list[str]]]:
    """(exchange, symbol, [epoch seconds of the minutes], [closes]) of the symbols whose windows fit, oldest first."""
    text, values = build_where(WINDOWS, conditions)
    return [(row[0], row[1], row[2], row[3]) for row in pool.fetch_rows(_CLOSES.format(text), values)]


def summarise_whales(pool: ConnectionPool, conditions: Sequence[ColumnCondition]) -> WhaleBreakdown:
    """Of the whales that fit. `sizes` has only the bins with whales; bin 0 is below all."""
    text, values = build_where(WHALES, conditions)
    columns = sql.SQL(", ").join(map(sql.Identifier, WHALES.columns))
    return WhaleBreakdown(
        pool.fetch_rows(_HOURS.format(text), values),
        {row[0]: (row[1], row[2]) for row in pool.fetch_rows(_BINS.format(text), (list(SIZES_USD), *values))},
        pool.fetch_rows(_TOP.format(columns, text), (*values, TOP_COUNT)),
    )


def read_whale(pool: ConnectionPool, exchange: str, symbol: str, trade_id: int) -> dict[str, Any] | None:
    """The row by column; None where there is no such whale."""
    keys = [
        ColumnCondition("exchange", "=", exchange),
        ColumnCondition("symbol", "=", symbol),
        ColumnCondition("trade_id", "=", trade_id),
    ]
    return next(iter(_to_dicts(WHALES, read_page(pool, WHALES, keys, None, 1))), None)


def read_taken_back(pool: ConnectionPool, exchange: str, symbol: str, trade_id: int) -> dict[str, Any] | None:
    """The record of a whale that was taken back; None where there is none."""
    keys = [
        ColumnCondition("exchange", "=", exchange),
        ColumnCondition("symbol", "=", symbol),
        ColumnCondition("trade_id", "=", trade_id),
    ]
    return next(iter(_to_dicts(TAKEN_BACK, read_page(pool, TAKEN_BACK, keys, None, 1))), None)


def read_prices(pool: ConnectionPool, exchange: str, symbol: str, trade_id: int) -> dict[str, Any] | None:
    """The prices around a whale, as reports have them; None until its hour has been reported."""
    found = pool.fetch_rows(_PRICES, (exchange, symbol, trade_id))
    return dict(zip(("before", "after_1", "after_5", "after_15"), found[0], strict=True)) if found else None


def read_minutes_around(pool: ConnectionPool, exchange: str, symbol: str, time: datetime) -> list[dict[str, Any]]:
    """The windows from a quarter of an hour before the minute `time` to one after, both included, oldest first."""
    found = read_page(
        pool, WINDOWS, _build_conditions(WINDOWS, exchange, symbol, time - AROUND, time + AROUND + MINUTE), None, 100
    )
    return _to_dicts(WINDOWS, reversed(found))


def read_report(pool: ConnectionPool, exchange: str, symbol: str, hour: datetime) -> dict[str, Any] | None:
    """The row of that hour; None where it is not made yet."""
    found = read_page(
        pool, REPORTS, _build_conditions(REPORTS, exchange, symbol, hour, hour + timedelta(hours=1)), None, 1
    )
    return next(iter(_to_dicts(REPORTS, found)), None)


def _build_conditions(
    listing: Listing, exchange: str, symbol: str, start: datetime, end: datetime
) -> list[ColumnCondition]:
    return [
        ColumnCondition("exchange", "=", exchange),
        ColumnCondition("symbol", "=", symbol),
        ColumnCondition(listing.time, ">=", start),
        ColumnCondition(listing.time, "<", end),
    ]


def _to_dicts(listing: Listing, rows: Any) -> list[dict[str, Any]]:
    return [dict(zip(listing.columns, row, strict=True)) for row in rows]
