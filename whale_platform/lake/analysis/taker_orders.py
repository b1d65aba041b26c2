"""The takers' orders of some hours, each with its time and size: what a search for robots looks at.

The fills of one moment, side and order id, where the exchange names it, are one order. Raises LakeError's subclasses.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from whale_platform.domain.trade import DOLLARS
from whale_platform.lake.analysis.sweep_truth import PARTY_SQL
from whale_platform.lake.analysis.sweeps import BLOCK_SQL
from whale_platform.lake.delta import table
from whale_platform.lake.duckdb import engine
from whale_platform.storage.folders import Folder

FETCH_ROWS = 10_000
_ORDERS = f"""
SELECT exchange, symbol, side, epoch_us(event_time), min(trade_id), sum(quantity)::DOUBLE,
    sum(price::DOUBLE * quantity::DOUBLE) AS usd, any_value({PARTY_SQL})
FROM {{rows}} WHERE coalesce(fills, 1) = 1 AND NOT {BLOCK_SQL} AND list_contains($dollars, quote)
    AND event_time >= $start AND event_time < $end
    AND ($exchange IS NULL OR exchange = $exchange) AND ($symbol IS NULL OR symbol = $symbol)
GROUP BY exchange, symbol, side, event_time, taker_order_id HAVING usd >= $least
ORDER BY exchange, symbol, side, event_time, min(trade_id)
"""


class TakerOrder(NamedTuple):
    """time: microseconds UTC; first_id: trade id of its first fill; quantity: base units; usd: dollars, rounded.

    taker: who took, where the exchange publishes it.
    """

    exchange: str
    symbol: str
    side: str
    time: int
    first_id: int
    quantity: float
    usd: float
    taker: str | None = None


def read_taker_orders(
    root: Folder, start: datetime, end: datetime, least_usd: float, exchange: str | None, symbol: str | None
) -> Iterator[TakerOrder]:
    """Each order of [start, end), aware UTC, of at least `least_usd`, by market, side and time."""
    files = table.list_files(table.open_table(root), start, end)
    values = {"start": start, "end": end, "least": least_usd, "exchange": exchange, "symbol": symbol}
    statement = _ORDERS.format(rows=engine.select_rows(root, [file.path for file in files]))
    with engine.connect(root) as connection, engine.translate_duckdb_errors():
        cursor = connection.execute(statement, {**values, "dollars": sorted(DOLLARS)})
        while rows := cursor.fetchmany(FETCH_ROWS):
            yield from map(TakerOrder._make, rows)
