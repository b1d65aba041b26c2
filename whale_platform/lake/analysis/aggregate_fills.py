"""Trades that are held only within an exchange's aggregate: they exist, and the size of each one is unknown.

A rewrite drops the fills of an aggregate that are not all there and keeps the aggregate, so a trade that the stream saw
may be found nowhere by its id. Raises LakeError's subclasses.
"""

from collections.abc import Collection, Iterable

import duckdb

from whale_platform.lake.duckdb import engine
from whale_platform.storage.folders import Folder

TradeKey = tuple[str, str, int]  # exchange, symbol, trade id

_COVERED = """
SELECT exchange, symbol, trade_id FROM (SELECT unnest($exchanges) AS exchange, unnest($symbols) AS symbol,
    unnest($ids)::BIGINT AS trade_id) AS asked
WHERE EXISTS (SELECT 1 FROM {rows} AS held WHERE held.fills > 1 AND held.exchange = asked.exchange
    AND held.symbol = asked.symbol AND asked.trade_id BETWEEN held.trade_id AND held.trade_id + held.fills - 1)
"""


def find_within_aggregates(
    connection: duckdb.DuckDBPyConnection, root: Folder, paths: Iterable[str], trades: Collection[TradeKey]
) -> set[TradeKey]:
    """Those of `trades` whose id lies within a row of several fills in these files."""
    if not trades:
        return set()
    exchanges, symbols, ids = zip(*trades, strict=True)
    asked = {"exchanges": list(exchanges), "symbols": list(symbols), "ids": list(ids)}
    return set(connection.execute(_COVERED.format(rows=engine.select_rows(root, paths)), asked).fetchall())
