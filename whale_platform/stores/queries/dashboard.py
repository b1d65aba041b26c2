"""What the dashboard draws beside the listings: closes of every symbol, whales summed up, one whale and its minute.

Sums are made here, in one statement each, because the rows behind them would not fit a page. Raises what
`ConnectionPool.read` raises.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg2 import sql

from whale_platform.domain.names import BLOCK, SINGLE_TRADE, SWEEP
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
TOP_COUNT, MAX_PARTS = 10, 100
AROUND, MINUTE = timedelta(minutes=15), timedelta(minutes=1)
_CLOSES = sql.SQL("""
SELECT exchange, symbol, array_agg(extract(epoch FROM window_start)::bigint ORDER BY window_start),
    array_agg(trim_scale(close)::text ORDER BY window_start)
FROM trade_windows {} GROUP BY exchange, symbol ORDER BY exchange, symbol
""")
_PRICES = """
SELECT trim_scale(before)::text, trim_scale(after_1)::text, trim_scale(after_5)::text, trim_scale(after_15)::text
FROM whale_prices WHERE (exchange, symbol, kind, trade_id) = (%s, %s, %s, %s)
"""
_HOURS = sql.SQL("""
SELECT date_trunc('hour', event_time, 'UTC') AS hour, count(*),
    coalesce(sum(notional_usd) FILTER (WHERE side = 'buy'), 0),
    coalesce(sum(notional_usd) FILTER (WHERE side = 'sell'), 0)
FROM {} {} GROUP BY hour ORDER BY hour
""")
_BINS = sql.SQL("""
SELECT width_bucket(notional_usd, %s::numeric[]) AS bin, count(*) FILTER (WHERE side = 'buy'),
    count(*) FILTER (WHERE side = 'sell')
FROM {} {} GROUP BY bin
""")
_KINDS = sql.SQL("SELECT kind, count(*), sum(notional_usd) FROM {} {} GROUP BY kind ORDER BY kind")
_TOP = sql.SQL("SELECT {} FROM {} {} ORDER BY notional_usd DESC, event_time DESC LIMIT %s")
PREFERRED_KINDS = (SWEEP, SINGLE_TRADE, BLOCK)  # of several whales with one trade id


@dataclass(frozen=True, slots=True)
class WhaleBreakdown:
    """hours: (hour, whales, buy $, sell $); sizes: {place in SIZES_USD: (buys, sells)}; top: in WHALES.columns.

    kinds: (kind, whales, $).
    """

    hours: list[tuple[Any, ...]]
    kinds: list[tuple[Any, ...]]
    sizes: dict[int, tuple[int, int]]
    top: list[tuple[Any, ...]]


def read_closes(
    pool: ConnectionPool, conditions: Sequence[ColumnCondition]
) -> list[tuple[str, str, list[int], list[str]]]:
    """(exchange, symbol, [epoch seconds of the minutes], [closes]) of the symbols whose windows fit, oldest first."""
    text, values = build_where(WINDOWS, conditions)
    return [(row[0], row[1], row[2], row[3]) for row in pool.fetch_rows(_CLOSES.format(text), values)]


def summarise_whales(pool: ConnectionPool, listing: Listing, conditions: Sequence[ColumnCondition]) -> WhaleBreakdown:
    """Of the whales that fit, in WHALES or ORDERS. `sizes` has only the bins with whales; bin 0 is below all."""
    text, values = build_where(listing, conditions)
    columns = sql.SQL(", ").join(map(sql.Identifier, listing.columns))
    bins = pool.fetch_rows(_BINS.format(listing.relation, text), (list(SIZES_USD), *values))
    return WhaleBreakdown(
        pool.fetch_rows(_HOURS.format(listing.relation, text), values),
        pool.fetch_rows(_KINDS.format(listing.relation, text), values),
        {row[0]: (row[1], row[2]) for row in bins},
        pool.fetch_rows(_TOP.format(columns, listing.relation, text), (*values, TOP_COUNT)),
    )


def read_whale(
    pool: ConnectionPool, exchange: str, symbol: str, trade_id: int, kind: str | None
) -> dict[str, Any] | None:
    """The row by column; None where there is no such whale. kind: None for the first of PREFERRED_KINDS."""
    return _read_one(pool, WHALES, exchange, symbol, trade_id, kind)


def read_taken_back(
    pool: ConnectionPool, exchange: str, symbol: str, trade_id: int, kind: str | None
) -> dict[str, Any] | None:
    """The record of a whale that was taken back, as `read_whale`; None where there is none."""
    return _read_one(pool, TAKEN_BACK, exchange, symbol, trade_id, kind)


def _read_one(
    pool: ConnectionPool, listing: Listing, exchange: str, symbol: str, trade_id: int, kind: str | None
) -> dict[str, Any] | None:
    names = {"exchange": exchange, "symbol": symbol, "trade_id": trade_id}
    keys = [ColumnCondition(column, "=", value) for column, value in names.items()]
    keys.append(ColumnCondition("kind", "in", list(PREFERRED_KINDS) if kind is None else [kind]))
    found = _to_dicts(listing, read_page(pool, listing, keys, None, len(PREFERRED_KINDS)))
    return min(found, key=lambda row: PREFERRED_KINDS.index(row["kind"]), default=None)


def read_sweep_of(pool: ConnectionPool, whale: dict[str, Any]) -> dict[str, Any] | None:
    """The sweep that a single trade is a fill of, as view `whale_orders` finds it; None where it is of none."""
    if whale["kind"] != SINGLE_TRADE:
        return None
    first_id = whale["trade_id"] if whale["sweep_first_id"] is None else whale["sweep_first_id"]
    return read_whale(pool, whale["exchange"], whale["symbol"], first_id, SWEEP)


def read_parts(pool: ConnectionPool, whale: dict[str, Any]) -> list[dict[str, Any]]:
    """The single trades that are fills of a sweep, as view `whale_orders` finds them: its first, the rest by id."""
    if whale["kind"] != SWEEP:
        return []
    first = read_whale(pool, whale["exchange"], whale["symbol"], whale["trade_id"], SINGLE_TRADE)
    keys = [ColumnCondition(column, "=", whale[column]) for column in ("exchange", "symbol", "event_time")]
    keys += [ColumnCondition("kind", "=", SINGLE_TRADE), ColumnCondition("sweep_first_id", "=", whale["trade_id"])]
    rest = _to_dicts(WHALES, reversed(read_page(pool, WHALES, keys, None, MAX_PARTS - 1)))
    return rest if first is None or first["sweep_first_id"] is not None else [first, *rest]


def read_prices(pool: ConnectionPool, whale: dict[str, Any]) -> dict[str, Any] | None:
    """The prices around a whale, as reports have them; None until its hour has been reported."""
    found = pool.fetch_rows(_PRICES, tuple(whale[name] for name in ("exchange", "symbol", "kind", "trade_id")))
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
