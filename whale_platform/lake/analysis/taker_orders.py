"""The takers' orders of some hours, each with its time and size: what a search for robots looks at.

The fills of one moment, side and order id, where the exchange names it, are one order. A trade that the lake has twice
counts once. Raises LakeError's subclasses.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from whale_platform.domain.trade import DOLLARS
from whale_platform.lake.analysis.sweep_truth import PARTY_SQL
from whale_platform.lake.analysis.sweeps import BLOCK_SQL
from whale_platform.lake.delta import table
from whale_platform.lake.duckdb import engine
from whale_platform.lake.maintenance import rewrite
from whale_platform.storage.folders import Folder

FETCH_ROWS = 10_000
_ORDERS = f"""
SELECT exchange, symbol, side, epoch_us(event_time), min(trade_id), sum(quantity)::DOUBLE,
    sum(price::DOUBLE * quantity::DOUBLE) AS usd,
    CASE WHEN count({PARTY_SQL}) = count(*) AND min({PARTY_SQL}) = max({PARTY_SQL}) THEN min({PARTY_SQL}) END
FROM {{rows}} WHERE coalesce(fills, 1) = 1 AND NOT {BLOCK_SQL} AND list_contains($dollars, quote)
    AND event_time >= $start AND event_time < $end
    AND ($exchange IS NULL OR exchange = $exchange) AND ($symbol IS NULL OR symbol = $symbol)
    AND ($markets IS NULL OR list_contains($markets, exchange || ' ' || symbol))
GROUP BY exchange, symbol, side, event_time, taker_order_id HAVING usd >= $least
ORDER BY exchange, symbol, side, event_time, min(trade_id)
"""
_NAMED = "SELECT DISTINCT exchange, symbol FROM {rows} WHERE buyer IS NOT NULL OR seller IS NOT NULL"


class TakerOrder(NamedTuple):
    """time: microseconds UTC; first_id: trade id of its first fill; quantity: base units; usd: dollars, rounded.

    taker: who took, where the exchange publishes it and all fills are of one; orders of several takers in one moment
    that no order id tells apart are one order here, of nobody.
    """

    exchange: str
    symbol: str
    side: str
    time: int
    first_id: int
    quantity: float
    usd: float
    taker: str | None = None


@dataclass(frozen=True, slots=True)
class MarketChoice:
    """Of which exchange, symbol or markets (exchange and symbol) orders are read; of any where all are None."""

    exchange: str | None = None
    symbol: str | None = None
    markets: frozenset[tuple[str, str]] | None = None


ANY_MARKET = MarketChoice()


def read_taker_orders(
    root: Folder, start: datetime, end: datetime, least_usd: float, choice: MarketChoice
) -> Iterator[TakerOrder]:
    """Each order of [start, end), aware UTC, of at least `least_usd`, by market, side and time."""
    files = table.list_files(table.open_table(root), start, end)
    markets = None if choice.markets is None else sorted(map(" ".join, choice.markets))
    values = {"start": start, "end": end, "least": least_usd, "exchange": choice.exchange, "symbol": choice.symbol}
    with engine.connect(root) as connection, engine.translate_duckdb_errors():
        statement = _ORDERS.format(rows=rewrite.select_once(connection, root, files))
        cursor = connection.execute(statement, {**values, "dollars": sorted(DOLLARS), "markets": markets})
        while rows := cursor.fetchmany(FETCH_ROWS):
            yield from map(TakerOrder._make, rows)


def read_named_markets(root: Folder, start: datetime, end: datetime) -> frozenset[tuple[str, str]]:
    """Return the exchanges and symbols whose takers are named in the hours of [start, end), aware UTC."""
    files = table.list_files(table.open_table(root), start, end)
    statement = _NAMED.format(rows=engine.select_rows(root, [file.path for file in files]))
    with engine.connect(root) as connection, engine.translate_duckdb_errors():
        return frozenset(connection.execute(statement).fetchall())
