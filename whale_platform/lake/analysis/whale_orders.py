"""The large orders of an hour: sweeps, and single trades that are part of none. Blocks are left out.

They are what the view `whale_orders` counts, from the lake and from any dollars on. Raises LakeError's subclasses.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

import duckdb

from whale_platform.lake.analysis.sweeps import BLOCK_SQL, HIGHEST_FLOOR, IN_SWEEP_SQL, SLACK, select_sweeps
from whale_platform.lake.duckdb import engine
from whale_platform.storage.folders import Folder

_FLOORS = "SELECT exchange, symbol, $least::DECIMAL(38,18) AS floor FROM (SELECT DISTINCT exchange, symbol FROM {rows})"
_ORDERS = f"""
WITH found AS MATERIALIZED ({{sweeps}}), trades AS (
    SELECT *, {engine.USD_SQL} AS usd FROM {{rows}} WHERE coalesce(fills, 1) = 1 AND NOT {BLOCK_SQL}
        AND coalesce(usd_exact::DOUBLE, price::DOUBLE * quantity::DOUBLE) >= {SLACK} * $least::DOUBLE
)
SELECT exchange, symbol, 'sweep' AS kind, first_id AS trade_id, base, side, epoch_us(event_time) AS t, usd FROM found
UNION ALL
SELECT exchange, symbol, 'single_trade', trade_id, any_value(base), any_value(trade.side),
    epoch_us(any_value(trade.event_time)), any_value(trade.usd)
FROM trades AS trade
ANTI JOIN found ON {IN_SWEEP_SQL}
WHERE trade.usd >= $least::DECIMAL(38,18) GROUP BY exchange, symbol, trade_id
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


def read_whale_orders(
    connection: duckdb.DuckDBPyConnection, root: Folder, paths: Iterable[str], least_usd: Decimal
) -> list[WhaleOrder]:
    """Return the orders of at least so many dollars in these files, all of one or more whole hours, by time."""
    rows = engine.select_rows(root, paths)
    statement = _ORDERS.format(rows=rows, sweeps=select_sweeps(rows, _FLOORS.format(rows=rows)))
    with engine.translate_duckdb_errors():
        found = connection.execute(statement, {"least": f"{min(least_usd, HIGHEST_FLOOR):f}"}).fetchall()
    return [WhaleOrder(*row) for row in found]
