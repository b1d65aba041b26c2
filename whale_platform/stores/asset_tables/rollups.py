"""Table `hourly_rollups`: computed from `trade_windows`, and which of its hours differ from the stream's rows by now.

Nothing is counted as changed because of a clock: an hour is stale where the stream's trade count or newest state
differs from what the row was made from. Raises PostgresUnusableError.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from psycopg2.extensions import cursor as Cursor

from whale_platform.stores.asset_tables.materialisation import (
    HourRange,
    Provenance,
    build_upsert_clause,
    build_whole_hour_values,
    build_windowless_delete,
    fetch_rows,
    open_exclusive_transaction,
)


@dataclass(frozen=True, slots=True)
class HourlyRollup:
    """One row. Prices and notional in quote currency, volumes in base units; volatility of the hour."""

    exchange: str
    symbol: str
    hour: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    vwap: Decimal
    volume: Decimal
    notional: Decimal
    buy_volume: Decimal
    sell_volume: Decimal
    buy_share: Decimal
    realised_volatility: float
    trade_count: int
    minutes: int
    quote: str | None = None
    usd_via: str | None = None
    base: str | None = None


_COLUMNS = """exchange, symbol, hour, open, high, low, close, vwap, volume, notional, buy_volume,
    sell_volume, realised_volatility, trade_count, minutes, first_trade_id, last_trade_id, stream_updated_at, run_id,
    code_version, base, quote, usd_via"""

_MAKE = """
WITH by_minute AS (
    SELECT *, date_bin('1 hour', window_start, 'epoch') AS hour,
        ln(close::float8 / coalesce(lag(close) OVER earlier, open)::float8) AS change
    FROM trade_windows
    WHERE window_start >= %(start)s AND window_start < %(end)s
    WINDOW earlier AS (
        PARTITION BY exchange, symbol, date_bin('1 hour', window_start, 'epoch') ORDER BY window_start)
)
INSERT INTO hourly_rollups AS made ({columns})
SELECT exchange, symbol, hour, (array_agg(open ORDER BY window_start))[1], max(high), min(low),
    (array_agg(close ORDER BY window_start DESC))[1],
    trim_scale(round(sum(notional)::numeric(100, 60) / sum(volume), 18)), sum(volume), sum(notional),
    sum(buy_volume), sum(sell_volume), sqrt(sum(change * change)), sum(trade_count), count(*), min(first_trade_id),
    max(last_trade_id), max(updated_at), %(run)s, %(code)s, max(base), max(quote), max(usd_via)
FROM by_minute GROUP BY exchange, symbol, hour
{replacing}
"""

_DAYS_MADE = """
SELECT date_bin('1 day', hour, 'epoch') AS day, max(materialised_at) FROM (
    SELECT hour, materialised_at FROM hourly_rollups WHERE hour < %s
    UNION ALL SELECT hour, materialised_at FROM whale_reports WHERE hour < %s) AS made
GROUP BY day ORDER BY day
"""

_READ = """
SELECT exchange, symbol, hour, open, high, low, close, vwap, volume, notional, buy_volume, sell_volume, buy_share,
    realised_volatility, trade_count, minutes, quote, usd_via, base
FROM hourly_rollups WHERE hour >= %s AND hour < %s ORDER BY hour, exchange, symbol
"""

_STALE = """
WITH stream AS (
    SELECT exchange, symbol, date_bin('1 hour', window_start, 'epoch') AS hour, sum(trade_count) AS trades,
        max(updated_at) AS newest
    FROM trade_windows WHERE window_start >= %(start)s AND window_start < %(end)s GROUP BY 1, 2, 3
), made AS (
    SELECT * FROM hourly_rollups WHERE hour >= %(start)s AND hour < %(end)s
)
SELECT DISTINCT hour FROM stream LEFT JOIN made USING (exchange, symbol, hour)
WHERE (stream.trades, stream.newest) IS DISTINCT FROM (made.trade_count::numeric, made.stream_updated_at)
    AND NOT coalesce(stream.trades < made.trade_count, false)
ORDER BY hour
"""


def materialise_rollups(dsn: str, hours: HourRange, provenance: Provenance) -> int:
    """Materialise these hours again from the stream table; returns the rows written. Repeatable."""
    with open_exclusive_transaction(dsn, "hourly_rollups") as cursor:
        return write_rollups(cursor, hours, provenance, ())


def write_rollups(
    cursor: Cursor, hours: HourRange, provenance: Provenance, whole_hours: Collection[tuple[str, str, datetime]]
) -> int:
    """Do as `materialise_rollups`, in the caller's transaction. Rows of `whole_hours` (exchange, symbol, hour) are
    replaced or deleted in any case."""
    statement = _MAKE.format(
        columns=_COLUMNS, replacing=build_upsert_clause(_COLUMNS, "EXCLUDED.trade_count < made.trade_count")
    )
    values = {
        "start": hours.start,
        "end": hours.end,
        "run": provenance.run_id,
        "code": provenance.code_version,
    } | build_whole_hour_values(whole_hours)
    cursor.execute(build_windowless_delete("hourly_rollups"), values)
    gone = cursor.rowcount
    cursor.execute(statement, values)
    return gone + cursor.rowcount


def read_rollups(dsn: str, hours: HourRange) -> list[HourlyRollup]:
    """The rows of these hours by hour, exchange and symbol."""
    return [HourlyRollup(*row) for row in fetch_rows(dsn, _READ, (hours.start, hours.end))]


def read_materialised_days(dsn: str, before: datetime) -> dict[datetime, datetime]:
    """{day (UTC): when the newest row of its rollups and whale reports was made} of the days before, in order."""
    return dict(fetch_rows(dsn, _DAYS_MADE, (before, before)))


def find_stale_rollup_hours(dsn: str, hours: HourRange) -> list[datetime]:
    """Hours with stream rows that no rollup, or an older one, was made from."""
    return [row[0] for row in fetch_rows(dsn, _STALE, {"start": hours.start, "end": hours.end})]
