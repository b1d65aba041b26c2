"""The largest orders of each market over some days of the lake, for suggestions of thresholds.

An order is what whales are counted as (view `whale_orders`): a sweep, a trade that is part of none, a block. Hour by
hour only what may still be among the largest is looked at row by row, so the first hour costs most; what is kept of a
market is bounded but for orders of equal size. An imported aggregate of several fills is no order. What nobody knew the
dollars of is none either. A trade that the lake has twice counts once.

Raises LakeError's subclasses.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import duckdb

from whale_platform.domain.hours_of_week import get_hour_of_week
from whale_platform.domain.suggestion import (
    HOUR,
    LEAST_TRADES,
    MarketOrders,
    OrderSize,
    SuggestionRange,
    ThresholdSuggestion,
    suggest_threshold,
)
from whale_platform.domain.whale import ThresholdPeriod
from whale_platform.lake.analysis.sweeps import BLOCK_SQL, IN_SWEEP_SQL, select_sweeps
from whale_platform.lake.delta import table
from whale_platform.lake.duckdb import engine
from whale_platform.lake.maintenance import rewrite
from whale_platform.storage.folders import Folder

SizesProgress = Callable[[int, int, int], None]  # hours read, of how many, trades so far

_CREATE = """
CREATE TABLE markets (exchange VARCHAR, symbol VARCHAR, first_hour TIMESTAMPTZ, trades BIGINT,
    PRIMARY KEY (exchange, symbol));
CREATE TABLE orders (exchange VARCHAR, symbol VARCHAR, usd DECIMAL(38,18), day INTEGER, hour_of_week INTEGER);
"""
_MARKETS = """
INSERT INTO markets SELECT exchange, symbol, $hour, count(*) FROM {rows} GROUP BY exchange, symbol
ON CONFLICT DO UPDATE SET trades = trades + excluded.trades
"""
_KTH = """SELECT exchange, symbol, usd FROM orders WHERE {of}
    QUALIFY row_number() OVER (PARTITION BY exchange, symbol ORDER BY usd DESC) = {most}"""
# What is below both can be among the largest neither of its market nor of its market's hour of the week.
_FLOORS = f"""
CREATE OR REPLACE TEMP TABLE floors AS
SELECT exchange, symbol, CASE WHEN of_all.usd IS NULL OR ($most_of_hour > 0 AND of_hour.usd IS NULL) THEN 0
    ELSE least(of_all.usd, of_hour.usd) END AS floor
FROM markets LEFT JOIN ({_KTH.format(of="true", most="$most")}) AS of_all USING (exchange, symbol)
LEFT JOIN ({_KTH.format(of="hour_of_week = $hour_of_week", most="$most_of_hour")}) AS of_hour USING (exchange, symbol)
"""
_SWEEPS = "CREATE OR REPLACE TEMP TABLE found AS {sweeps}"
_ORDERS = f"""
INSERT INTO orders SELECT exchange, symbol, usd, $day, $hour_of_week FROM found UNION ALL
SELECT trade.exchange, trade.symbol, trade.usd, $day, $hour_of_week FROM (
    SELECT exchange, symbol, event_time, side, taker_order_id, trade_id, dense, {BLOCK_SQL} AS block,
        {engine.USD_SQL} AS usd
    FROM {{rows}} WHERE coalesce(fills, 1) = 1
) AS trade JOIN floors ON (floors.exchange, floors.symbol) = (trade.exchange, trade.symbol) AND trade.usd >= floor
ANTI JOIN found ON NOT trade.block AND {IN_SWEEP_SQL}
"""
_PRUNE = """
CREATE OR REPLACE TABLE orders AS SELECT * FROM orders
QUALIFY rank() OVER (PARTITION BY exchange, symbol ORDER BY usd DESC) <= $most
    OR rank() OVER (PARTITION BY exchange, symbol, hour_of_week ORDER BY usd DESC) <= $most_of_hour
"""
_RESULT = f"""
SELECT exchange, symbol, first_hour, trades, coalesce(any_value(floor.usd), 0),
    list((orders.usd, day, hour_of_week) ORDER BY orders.usd DESC, day, hour_of_week)
FROM markets JOIN orders USING (exchange, symbol)
LEFT JOIN ({_KTH.format(of="true", most="$most")}) AS floor USING (exchange, symbol)
GROUP BY exchange, symbol, first_hour, trades ORDER BY exchange, symbol
"""


def read_market_orders(
    root: Folder, asked: SuggestionRange, progress: SizesProgress = lambda *_: None
) -> list[MarketOrders]:
    """Return the largest orders of each market that has one, by exchange and symbol. Raises LakeNotFoundError."""
    files = table.list_files(table.open_table(root), asked.start, asked.end)
    hours = [(start, list(some)) for start, some in groupby(files, lambda file: file.start)]
    most = {"most": asked.most_orders, "most_of_hour": asked.most_of_hour}
    trades = 0
    with engine.connect(root) as connection:
        connection.execute(_CREATE)
        for number, (start, some) in enumerate(hours, 1):
            rows = rewrite.select_once(connection, root, some)
            place = {"day": (start - asked.start).days, "hour_of_week": get_hour_of_week(start)}
            _run(connection, _MARKETS.format(rows=rows), {"hour": start})
            _run(connection, _FLOORS, {**most, "hour_of_week": place["hour_of_week"]})
            _run(connection, _SWEEPS.format(sweeps=select_sweeps(rows, "SELECT exchange, symbol, floor FROM floors")))
            _run(connection, _ORDERS.format(rows=rows), place)
            _run(connection, _PRUNE, most)
            trades += sum(file.rows for file in some)
            progress(number, len(hours), trades)
        found = _run(connection, _RESULT, {"most": asked.most_orders}).fetchall()
    return [
        MarketOrders(
            exchange,
            symbol,
            (asked.end - first) // HOUR,
            count,
            [OrderSize(*(size.values() if isinstance(size, dict) else size)) for size in sizes],
            least,
        )
        for exchange, symbol, first, count, least, sizes in found
    ]


def find_suggestions(
    root: Folder,
    asked: SuggestionRange,
    held: ThresholdPeriod,
    least_trades: int = LEAST_TRADES,
    progress: SizesProgress = lambda *_: None,
) -> list[ThresholdSuggestion]:
    """Return the suggestions for all markets with enough trades, by exchange and symbol; held: what holds now."""
    found = []
    for market in read_market_orders(root, asked, progress):
        place = held.find_market(market.exchange, market.symbol)
        amounts = [] if place is None else [limits.whale for limits in held.list_limits(place)]
        found.append(suggest_threshold(market, asked, amounts, least_trades))
    return [one for one in found if one is not None]


def get_last_whole_hour() -> datetime:
    """Return when the current UTC hour began: what is before it may be read as whole hours."""
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


def _run(
    connection: duckdb.DuckDBPyConnection, statement: str, values: Mapping[str, Any] | None = None
) -> duckdb.DuckDBPyConnection:
    with engine.translate_duckdb_errors():
        return connection.execute(statement, values)
