"""What the dashboard draws beside the listings: closes of every symbol, whales summed up, one whale and its minute.

Sums are made here, in one statement each, because the rows behind them would not fit a page; each is of one market
kind. Raises what `ConnectionPool.read` raises.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg2 import sql

from whale_platform.domain.market import MarketKind
from whale_platform.domain.names import BLOCK, LIQUIDATION, SINGLE_TRADE, SWEEP
from whale_platform.exchanges import market_kinds
from whale_platform.stores.postgres.pool import ConnectionPool
from whale_platform.stores.queries.listings import (
    CLUSTERS,
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
_PRICE_NAMES = ("before", "after_1s", "after_10s", "after_1", "after_5", "after_15")
_PRICES = """
SELECT trim_scale(before)::text, trim_scale(after_1s)::text, trim_scale(after_10s)::text, trim_scale(after_1)::text,
    trim_scale(after_5)::text, trim_scale(after_15)::text
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
_BY_EXCHANGE = sql.SQL("""
SELECT exchange, count(*), coalesce(sum(notional_usd) FILTER (WHERE side = 'buy'), 0),
    coalesce(sum(notional_usd) FILTER (WHERE side = 'sell'), 0)
FROM {} {} GROUP BY exchange
""")
_TOP = sql.SQL("SELECT {} FROM {} {} ORDER BY notional_usd DESC, event_time DESC LIMIT %s")
_CLUSTER = sql.SQL("SELECT {} FROM whale_clusters WHERE members @> %s::jsonb ORDER BY event_time LIMIT 1").format(
    sql.SQL(", ").join(map(sql.Identifier, CLUSTERS.columns))
)
PREFERRED_KINDS = (SWEEP, SINGLE_TRADE, BLOCK, LIQUIDATION)  # of several whales with one trade id


class _ExchangeFlow(NamedTuple):
    exchange: str
    whales: int
    buy_usd: Decimal
    sell_usd: Decimal


@dataclass(frozen=True, slots=True)
class WhaleBreakdown:
    """hours: (hour, whales, buy $, sell $); sizes: {place in SIZES_USD: (buys, sells)}; top: in WHALES.columns.

    kinds: (kind, whales, $). All of them are of one market kind; others: {market kind: (whales, buy $, sell $)} of the
    kinds beside it that have whales.
    """

    others: dict[MarketKind, tuple[int, Decimal, Decimal]]
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


def summarise_whales(
    pool: ConnectionPool, listing: Listing, conditions: Sequence[ColumnCondition], kind: MarketKind
) -> WhaleBreakdown:
    """Of the whales of one market kind that fit, in WHALES or ORDERS.

    `sizes` has only the bins with whales; bin 0 is below all.
    """
    others = _sum_by_kind(pool, listing, conditions)
    others.pop(kind, None)
    text, values = build_where(listing, [*conditions, _build_kind_condition(kind)])
    columns = sql.SQL(", ").join(map(sql.Identifier, listing.columns))
    bins = pool.fetch_rows(_BINS.format(listing.relation, text), (list(SIZES_USD), *values))
    return WhaleBreakdown(
        others,
        pool.fetch_rows(_HOURS.format(listing.relation, text), values),
        pool.fetch_rows(_KINDS.format(listing.relation, text), values),
        {row[0]: (row[1], row[2]) for row in bins},
        pool.fetch_rows(_TOP.format(columns, listing.relation, text), (*values, TOP_COUNT)),
    )


def _build_kind_condition(kind: MarketKind) -> ColumnCondition:
    operator, names = market_kinds.build_exchange_condition(kind)
    return ColumnCondition("exchange", operator, names)


def _sum_by_kind(
    pool: ConnectionPool, listing: Listing, conditions: Sequence[ColumnCondition]
) -> dict[MarketKind, tuple[int, Decimal, Decimal]]:
    text, values = build_where(listing, conditions)
    rows = [_ExchangeFlow(*row) for row in pool.fetch_rows(_BY_EXCHANGE.format(listing.relation, text), values)]
    return {
        kind: (
            sum(row.whales for row in some),
            sum((row.buy_usd for row in some), Decimal(0)),
            sum((row.sell_usd for row in some), Decimal(0)),
        )
        for kind, some in market_kinds.group_by_kind(rows).items()
    }


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


def read_cluster(pool: ConnectionPool, whale: dict[str, Any]) -> dict[str, Any] | None:
    """The cluster that a whale, or the sweep that it is a fill of, is a member of; None where it is of none."""
    first_id = whale["trade_id"] if whale["sweep_first_id"] is None else whale["sweep_first_id"]
    member = {"exchange": whale["exchange"], "symbol": whale["symbol"], "trade_id": first_id}
    found = pool.fetch_rows(_CLUSTER, (json.dumps([member]),))
    return dict(zip(CLUSTERS.columns, found[0], strict=True)) if found else None


def read_prices(pool: ConnectionPool, whale: dict[str, Any]) -> dict[str, Any] | None:
    """The prices around a whale, as reports have them; None until the lake has been read for it."""
    found = pool.fetch_rows(_PRICES, tuple(whale[name] for name in ("exchange", "symbol", "kind", "trade_id")))
    return dict(zip(_PRICE_NAMES, found[0], strict=True)) if found else None


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
