"""The sweeps that the lake holds: `domain/sweep.py` in SQL, for the audit and the back-test.

All fills of a sweep have one trade time, so only the moments in which one side of a market traded enough are looked at
row by row; the rest of an hour is summed once. Gaps that were filled meanwhile are filled here too: the live sweep may
have ended at one. Imported aggregates of several fills are no fills. A trade that the lake has twice counts once.

Without dense ids the fills of an order follow each other as they stand in the topic. Raises LakeError's subclasses.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import duckdb

from whale_platform.domain.names import BLOCK, LIQUIDATION, SINGLE_TRADE
from whale_platform.exchanges.market_kinds import LIQUIDATION_EXCHANGES
from whale_platform.lake.duckdb import engine
from whale_platform.storage.folders import Folder

FETCH_ROWS = 10_000
HIGHEST_FLOOR = Decimal(10**19)  # DECIMAL(38,18) holds no more
FLOORS = """SELECT unnest($exchanges) AS exchange, unnest($symbols) AS symbol,
    unnest($floors)::DECIMAL(38,18) AS floor"""

SLACK = 1 - 1e-6  # of a sum of floating point numbers, which costs a tenth of the exact one
BLOCK_SQL = "coalesce(block, false)"
_LIQUIDATION_EXCHANGES = ", ".join(f"'{name}'" for name in LIQUIDATION_EXCHANGES)
KIND_SQL = f"""CASE WHEN NOT {BLOCK_SQL} THEN '{SINGLE_TRADE}'
    WHEN exchange IN ({_LIQUIDATION_EXCHANGES}) THEN '{LIQUIDATION}' ELSE '{BLOCK}' END"""  # of one trade
# Whether a row `trade` is a fill of the sweep `found`; ids without an order (not dense) lie beyond its first and last.
IN_SWEEP_SQL = """found.exchange = trade.exchange AND found.symbol = trade.symbol
    AND found.event_time = trade.event_time AND found.side = trade.side
    AND found.taker_order_id IS NOT DISTINCT FROM trade.taker_order_id
    AND (NOT coalesce(trade.dense, true) OR trade.trade_id BETWEEN found.first_id AND found.last_id)"""
_COLUMNS = (
    "exchange, symbol, base, quote, trade_id, price, quantity, notional_wide, side, event_time, received_time, source, "
    "taker_order_id, block, usd_pair, usd_rate, usd_exact, topic_partition, topic_offset, "
    "coalesce(dense, true) AS dense"
)
_ORDER = "exchange, symbol, event_time, side, taker_order_id"
_SWEEPS = """
WITH floors AS ({floors}), rows AS NOT MATERIALIZED (
    SELECT {columns} FROM {rows} WHERE coalesce(fills, 1) = 1 AND NOT {block}
), moments AS (
    SELECT exchange, symbol, event_time, side FROM rows JOIN floors USING (exchange, symbol)
    GROUP BY exchange, symbol, event_time, side
    HAVING count(*) > 1
        AND sum(coalesce(usd_exact::DOUBLE, price::DOUBLE * quantity::DOUBLE)) >= {slack} * any_value(floor)::DOUBLE
), placed AS (
    SELECT *, {notional} AS notional, {usd} AS usd, CASE WHEN dense THEN trade_id ELSE topic_offset END AS place
    FROM rows SEMI JOIN moments USING (exchange, symbol, event_time, side)
    QUALIFY row_number() OVER (PARTITION BY exchange, symbol, trade_id
        ORDER BY topic_offset NULLS LAST, topic_partition) = 1
), islands AS (
    SELECT *, CASE WHEN dense THEN trade_id - row_number() OVER (PARTITION BY {order} ORDER BY trade_id) END AS island
    FROM placed
), numbered AS (
    SELECT *, row_number() OVER fill AS number, coalesce(price <> lag(price) OVER fill, false) AS moved
    FROM islands WINDOW fill AS (PARTITION BY {order}, island ORDER BY place NULLS LAST, trade_id)
    QUALIFY count_if(usd IS NULL) OVER (fill ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) = 0
)
SELECT exchange, symbol, arg_min(trade_id, number) AS first_id, arg_max(trade_id, number) AS last_id, side,
    count(*) AS fills, 1 + count_if(moved) AS levels, arg_min(price, number) AS first_price,
    arg_max(price, number) AS last_price, sum(quantity) AS quantity, sum(notional) AS notional, sum(usd) AS usd,
    arg_max(usd_pair, number) AS usd_pair, arg_max(usd_rate, number) AS usd_rate, event_time, taker_order_id,
    any_value(base) AS base, any_value(quote) AS quote, bool_or(coalesce(source = 'import', false)) AS imported,
    arg_max(received_time, number) AS received_time, max(received_time) AS latest_time,
    bool_or(block IS NULL) AS before_sweeps
FROM numbered JOIN floors USING (exchange, symbol) GROUP BY {order}, island
HAVING count(*) > 1 AND sum(usd) >= any_value(floor)
"""
_ALL_SWEEPS = """
SELECT * REPLACE (epoch_us(event_time) AS event_time, epoch_us(received_time) AS received_time,
    epoch_us(latest_time) AS latest_time) FROM ({sweeps}) ORDER BY exchange, symbol, first_id
"""
_ROWS = "(SELECT * FROM {rows} WHERE event_time < $end)"


class LakeSweep(NamedTuple):
    """One taker order of two fills or more.

    first_id, last_id: trade ids of its first and last fill; price and notional: quote currency; quantity: base units;
    usd: US dollars; all sums exact; usd_pair, usd_rate: of its last fill, None where the quote is a dollar; levels:
    how many times the price has changed, plus one; imported: some of its fills were. Times: microseconds UTC;
    received_time: of its last fill, latest_time: of the latest, None where all were imported; before_sweeps: some of
    its fills were written by a release that found no sweeps, which left `block` null.
    """

    exchange: str
    symbol: str
    first_id: int
    last_id: int
    side: str
    fills: int
    levels: int
    first_price: Decimal
    last_price: Decimal
    quantity: Decimal
    notional: Decimal
    usd: Decimal
    usd_pair: str | None
    usd_rate: Decimal | None
    event_time: int
    taker_order_id: str | None
    base: str
    quote: str
    imported: bool
    received_time: int | None
    latest_time: int | None
    before_sweeps: bool


def select_sweeps(rows: str, floors: str = FLOORS) -> str:
    """SQL: the sweeps among `rows` (SQL, as `engine.select_rows`) from their market's floor on.

    Columns: those of LakeSweep, the times as TIMESTAMPTZ. floors: SQL with exchange, symbol, floor (US dollars); a
    market that it lacks has no sweeps. `rows` need every fill of the moments they hold, such as whole hours have.
    """
    return _SWEEPS.format(
        rows=rows,
        floors=floors,
        columns=_COLUMNS,
        order=_ORDER,
        block=BLOCK_SQL,
        slack=SLACK,
        notional=engine.NOTIONAL_SQL,
        usd=engine.USD_SQL,
    )


def build_floor_values(floors: Mapping[tuple[str, str], Decimal]) -> dict[str, object]:
    """Return the parameters of FLOORS for US dollars by (exchange, symbol)."""
    return {
        "exchanges": [exchange for exchange, _ in floors],
        "symbols": [symbol for _, symbol in floors],
        "floors": [f"{min(floor, HIGHEST_FLOOR):f}" for floor in floors.values()],
    }


def read_sweeps(
    connection: duckdb.DuckDBPyConnection,
    root: Folder,
    paths: Iterable[str],
    end: datetime,
    floors: Mapping[tuple[str, str], Decimal],
) -> Iterator[LakeSweep]:
    """Each sweep of these files before `end` (aware) that is worth its market's floor, by exchange, symbol, first id.

    floors: US dollars by (exchange, symbol); a sweep ends before the first fill whose dollars nobody knew. `paths`: all
    files of one or more hours. Iterate to the end before the next query.
    """
    rows = _ROWS.format(rows=engine.select_rows(root, paths))
    parameters = build_floor_values(floors) | {"end": end}
    with engine.translate_duckdb_errors():
        cursor = connection.execute(_ALL_SWEEPS.format(sweeps=select_sweeps(rows)), parameters)
        while some := cursor.fetchmany(FETCH_ROWS):
            yield from map(LakeSweep._make, some)
