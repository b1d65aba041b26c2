"""The large orders of an hour: sweeps, and single trades that are part of none. Blocks are left out.

They are what the view `whale_orders` counts, from the lake and from any dollars on. Raises LakeError's subclasses.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

import duckdb

from whale_platform.lake.analysis.sweeps import (
    BLOCK_SQL,
    FLOORS,
    IN_SWEEP_SQL,
    SLACK,
    build_floor_values,
    select_sweeps,
)
from whale_platform.lake.duckdb import engine
from whale_platform.storage.folders import Folder

_ROWS = "(SELECT * FROM {rows} WHERE event_time >= $start AND event_time < $end)"
_ORDERS = f"""
WITH found AS MATERIALIZED ({{sweeps}}), floors AS ({FLOORS}), trades AS (
    SELECT *, {engine.USD_SQL} AS usd FROM {{rows}} JOIN floors USING (exchange, symbol)
    WHERE coalesce(fills, 1) = 1 AND NOT {BLOCK_SQL}
        AND coalesce(usd_exact::DOUBLE, price::DOUBLE * quantity::DOUBLE) >= {SLACK} * floor::DOUBLE
)
SELECT exchange, symbol, 'sweep' AS kind, first_id AS trade_id, base, side, epoch_us(event_time) AS t, usd FROM found
UNION ALL
SELECT exchange, symbol, 'single_trade', trade_id, any_value(base), any_value(trade.side),
    epoch_us(any_value(trade.event_time)), any_value(trade.usd)
FROM trades AS trade
ANTI JOIN found ON {IN_SWEEP_SQL}
WHERE trade.usd >= trade.floor GROUP BY exchange, symbol, trade_id
ORDER BY t, exchange, symbol, trade_id
"""


class WhaleOrder(NamedTuple):
    """kind: sweep or single_trade; trade_id: of its first fill; time: microseconds UTC; usd: exact."""

    exchange: str
    symbol: str
    kind: str
    trade_id: int
    base: str
    side: str
    time: int
    usd: Decimal


@dataclass(frozen=True, slots=True)
class OrdersRequest:
    """Orders of [start, end), aware, from `find_floor(exchange, symbol)` US dollars on; of none where that is None.

    paths: all files of one or more hours, so that every order has its fills.
    """

    paths: Sequence[str]
    start: datetime
    end: datetime
    find_floor: Callable[[str, str], Decimal | None]


def read_whale_orders(connection: duckdb.DuckDBPyConnection, root: Folder, request: OrdersRequest) -> list[WhaleOrder]:
    """Return the orders by time."""
    rows = _ROWS.format(rows=engine.select_rows(root, request.paths))
    times = {"start": request.start.astimezone(UTC), "end": request.end.astimezone(UTC)}
    with engine.translate_duckdb_errors():
        markets = connection.execute(f"SELECT DISTINCT exchange, symbol FROM {rows}", times).fetchall()
        floors = {market: floor for market in markets if (floor := request.find_floor(*market)) is not None}
        statement = _ORDERS.format(rows=rows, sweeps=select_sweeps(rows))
        found = connection.execute(statement, times | build_floor_values(floors)).fetchall()
    return [WhaleOrder(*row) for row in found]
