"""Table `whale_reports`: each hour's whales, computed from `whale_orders`, `trade_windows`, `whale_prices` and, for the
largest, `whale_context`.

Whales are counted as orders: a fill of a sweep is counted in the sweep. So an hour's number of whales may fall while
its stream goes on, when fills turn out to be a sweep; its dollars never do.
A symbol's row looks 16 minutes past its hour for the prices after a whale, so it is stale until stream and lake have
come that far (the lake at most two hours after the stream, since what it lost it will never have), and again whenever
those windows or its whales' dollars change; that retention takes some of them is no change. Raises
PostgresUnusableError.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from psycopg2.extensions import cursor as Cursor

from whale_platform.stores.asset_tables.materialisation import (
    HOUR,
    HourRange,
    Provenance,
    build_upsert_clause,
    build_whole_hour_values,
    build_windowless_delete,
    fetch_rows,
    open_exclusive_transaction,
)

LARGEST = 10


@dataclass(frozen=True, slots=True)
class WhaleReport:
    """One row: US dollars, but `whale_notional` and `market_notional` in quote currency.

    whales: the sum of single_trades, sweeps and blocks; largest: see the column's comment.
    """

    exchange: str
    symbol: str
    hour: datetime
    whales: int
    notional_usd: Decimal
    buy_usd: Decimal
    sell_usd: Decimal
    net_flow_usd: Decimal
    market_notional: Decimal
    share: Decimal
    largest: list[dict[str, Any]]
    single_trades: int
    sweeps: int
    blocks: int
    whale_notional: Decimal


# What a row is made from: its symbol's windows from 15 minutes before the hour to 16 after it, and whether the symbol's
# own stream has come that far: another exchange's says nothing of one that is down.
_STREAM = """
market AS (
    SELECT exchange, symbol, date_bin('1 hour', window_start, 'epoch') AS hour, sum(notional) AS notional
    FROM trade_windows WHERE window_start >= %(start)s AND window_start < %(end)s GROUP BY 1, 2, 3
), near AS (
    SELECT exchange, symbol, window_start, trade_count, updated_at FROM trade_windows
    WHERE window_start >= %(start)s - interval '15 minutes' AND window_start < %(end)s + interval '16 minutes'
), edge AS (
    SELECT exchange, symbol, (SELECT max(window_start) FROM trade_windows w
        WHERE (w.exchange, w.symbol) = (market.exchange, market.symbol)) AS reached
    FROM market GROUP BY exchange, symbol
), stream AS (
    SELECT market.*, edge.reached > hour + interval '75 minutes' AS complete, seen.trades, seen.newest
    FROM market JOIN edge USING (exchange, symbol) CROSS JOIN LATERAL (
        SELECT sum(trade_count) AS trades, max(updated_at) AS newest FROM near
        WHERE (near.exchange, near.symbol) = (market.exchange, market.symbol)
            AND near.window_start >= market.hour - interval '15 minutes'
            AND near.window_start < market.hour + interval '76 minutes') seen
)
"""

_COLUMNS = """exchange, symbol, hour, whales, sweeps, blocks, notional_usd, buy_usd, sell_usd, whale_notional,
    market_notional, largest, complete, stream_trades, stream_updated_at, run_id, code_version"""
# Of the hour itself, or only of the minutes around it.
_LESS_OF_ITS_OWN = "EXCLUDED.market_notional < made.market_notional OR EXCLUDED.notional_usd < made.notional_usd"
_LESS = f"""{_LESS_OF_ITS_OWN}
    OR EXCLUDED.market_notional = made.market_notional AND EXCLUDED.stream_trades < made.stream_trades"""

# Reports that there are; of a day's first hour, only while the minutes before it are there too.
_NEAR = """WHERE (exchange, symbol, hour) IN (
    SELECT exchange, symbol, hour FROM whale_reports JOIN unnest(
        %(near_exchanges)s::text[], %(near_symbols)s::text[], %(near_hours)s::timestamptz[])
        AS near (exchange, symbol, hour) USING (exchange, symbol, hour)
    WHERE date_bin('1 day', hour, 'epoch') < hour OR EXISTS (
        SELECT FROM trade_windows WHERE window_start >= hour - interval '1 day' AND window_start < hour))
"""

_MAKE = """
WITH {stream}, alerts AS (
    SELECT *, date_bin('1 hour', event_time, 'epoch') AS hour FROM whale_orders
    WHERE event_time >= %(start)s AND event_time < %(end)s
), ranked AS (
    SELECT *, row_number() OVER one_hour AS place FROM alerts
    WINDOW one_hour AS (PARTITION BY exchange, symbol, hour ORDER BY notional_usd DESC, trade_id, kind)
), priced AS (
    SELECT a.exchange, a.symbol, a.hour, jsonb_agg(jsonb_build_object(
        'trade_id', a.trade_id, 'kind', a.kind, 'side', a.side, 'event_time', a.event_time,
        'notional_usd', a.notional_usd::text, 'price', a.price::text, 'fills', a.fills, 'levels', a.levels,
        'first_price', trim_scale(a.first_price)::text, 'slippage_bps', a.slippage_bps::text,
        'before', trim_scale(p.before)::text, 'after_1s', trim_scale(p.after_1s)::text,
        'after_10s', trim_scale(p.after_10s)::text, 'after_1', trim_scale(p.after_1)::text,
        'after_5', trim_scale(p.after_5)::text, 'after_15', trim_scale(p.after_15)::text,
        'minute_share', c.minute_share::text, 'hour_share', c.hour_share::text, 'streak', c.streak,
        'moved_bps', c.moved_bps::text, 'expected_bps', c.expected_bps::text, 'outcome', c.outcome) ORDER BY a.place)
            FILTER (WHERE a.place <= %(largest)s) AS largest,
        bool_and(p.after_15 IS NOT NULL) AS known
    FROM ranked a LEFT JOIN whale_prices p USING (exchange, symbol, kind, trade_id)
    LEFT JOIN LATERAL (
        SELECT * FROM whale_context one WHERE a.place <= %(largest)s AND one.exchange = a.exchange
            AND one.symbol = a.symbol AND one.kind = a.kind AND one.trade_id = a.trade_id OFFSET 0
    ) c ON true
    GROUP BY 1, 2, 3
), totals AS (
    SELECT exchange, symbol, hour, count(*) AS whales, sum(notional_usd) AS usd,
        count(*) FILTER (WHERE kind = 'sweep') AS sweeps, count(*) FILTER (WHERE kind = 'block') AS blocks,
        sum(coalesce(notional, notional_usd)) FILTER (WHERE kind NOT IN ('block', 'liquidation')) AS traded,
        coalesce(sum(notional_usd) FILTER (WHERE side = 'buy'), 0) AS buy_usd,
        coalesce(sum(notional_usd) FILTER (WHERE side = 'sell'), 0) AS sell_usd
    FROM alerts GROUP BY 1, 2, 3
)
INSERT INTO whale_reports AS made ({columns})
SELECT exchange, symbol, hour, coalesce(whales, 0), coalesce(sweeps, 0), coalesce(blocks, 0), coalesce(usd, 0),
    coalesce(buy_usd, 0), coalesce(sell_usd, 0), coalesce(traded, 0), stream.notional, coalesce(largest, '[]'),
    complete AND (coalesce(known, true) OR stream.newest < now() - interval '2 hours'),
    stream.trades, stream.newest, %(run)s, %(code)s
FROM stream LEFT JOIN totals USING (exchange, symbol, hour) LEFT JOIN priced USING (exchange, symbol, hour)
{only}
{replacing}
"""

_READ = """
SELECT exchange, symbol, hour, whales, notional_usd, buy_usd, sell_usd, net_flow_usd, market_notional, share, largest,
    single_trades, sweeps, blocks, whale_notional
FROM whale_reports WHERE hour >= %s AND hour < %s ORDER BY hour, exchange, symbol
"""

_STALE = """
WITH {stream}, alerts AS (
    SELECT exchange, symbol, date_bin('1 hour', event_time, 'epoch') AS hour, count(*) AS whales,
        sum(notional_usd) AS usd
    FROM whale_orders WHERE event_time >= %(start)s AND event_time < %(end)s GROUP BY 1, 2, 3
), made AS (
    SELECT * FROM whale_reports WHERE hour >= %(start)s AND hour < %(end)s
)
SELECT DISTINCT hour FROM stream LEFT JOIN alerts USING (exchange, symbol, hour)
    LEFT JOIN made USING (exchange, symbol, hour)
WHERE made.hour IS NULL OR stream.notional >= made.market_notional AND coalesce(usd, 0) >= made.notional_usd AND (
    stream.notional > made.market_notional OR coalesce(usd, 0) > made.notional_usd
    OR coalesce(alerts.whales, 0) <> made.whales
    OR stream.trades >= made.stream_trades
        AND (stream.trades, stream.newest, stream.complete)
            IS DISTINCT FROM (made.stream_trades::numeric, made.stream_updated_at, made.complete))
ORDER BY hour
"""


def materialise_reports(dsn: str, hours: HourRange, provenance: Provenance) -> int:
    """Materialise these hours again from the stream tables and `whale_prices`; returns the rows written. Repeatable."""
    with open_exclusive_transaction(dsn, "whale_reports") as cursor:
        return write_reports(cursor, hours, provenance, ())


def write_reports(
    cursor: Cursor, hours: HourRange, provenance: Provenance, whole_hours: Collection[tuple[str, str, datetime]]
) -> int:
    """Do as `materialise_reports`, in the caller's transaction. Rows of `whole_hours` (exchange, symbol, hour) are
    replaced or deleted in any case."""
    values = build_whole_hour_values(whole_hours) | {"start": hours.start, "end": hours.end}
    cursor.execute(build_windowless_delete("whale_reports"), values)
    return cursor.rowcount + _upsert_reports(cursor, provenance, values, "", _LESS)


def rewrite_neighbours(
    cursor: Cursor, provenance: Provenance, whole_hours: Collection[tuple[str, str, datetime]]
) -> int:
    """Make the reports next to those of `whole_hours` again, where there are some: their prices are of its minutes too.

    In the caller's transaction; returns the rows written. Fewer trades around them are then no reason to stay.
    """
    near = {(*key[:2], key[2] + step) for key in whole_hours for step in (-HOUR, HOUR)}.difference(whole_hours)
    if not near:
        return 0
    hours = sorted(hour for *_, hour in near)
    values = build_whole_hour_values(()) | {"start": hours[0], "end": hours[-1] + HOUR}
    values |= {f"near_{name}": keys for name, keys in build_whole_hour_values(near).items()}
    return _upsert_reports(cursor, provenance, values, _NEAR, _LESS_OF_ITS_OWN)


def _upsert_reports(
    cursor: Cursor, provenance: Provenance, values: dict[str, object], only: str, condition: str
) -> int:
    parts = {
        "stream": _STREAM,
        "columns": _COLUMNS,
        "only": only,
        "replacing": build_upsert_clause(_COLUMNS, condition),
    }
    made_by = {"run": provenance.run_id, "code": provenance.code_version, "largest": LARGEST}
    cursor.execute(_MAKE.format(**parts), values | made_by)
    return cursor.rowcount


def read_reports(dsn: str, hours: HourRange) -> list[WhaleReport]:
    """The rows of these hours by hour, exchange and symbol."""
    return [WhaleReport(*row) for row in fetch_rows(dsn, _READ, (hours.start, hours.end))]


def find_stale_report_hours(dsn: str, hours: HourRange) -> list[datetime]:
    """Hours whose whales or windows are not those that the report was made from."""
    values: dict[str, object] = {"start": hours.start, "end": hours.end}
    return [row[0] for row in fetch_rows(dsn, _STALE.format(stream=_STREAM), values)]
