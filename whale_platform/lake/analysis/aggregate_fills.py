"""Trades that are held only within an exchange's aggregate: they exist, and the size of each one is unknown.

A rewrite drops the fills of an aggregate that are not all there and keeps the aggregate, so a trade that the stream saw
may be found nowhere by its id, and a taker order may have fewer fills than it had. Raises LakeError's subclasses.
"""

from collections.abc import Collection, Iterable

import duckdb

from whale_platform.lake.duckdb import engine
from whale_platform.storage.folders import Folder

IdSpan = tuple[str, str, int, int]  # exchange, symbol, first and last trade id

_COVERED = """
SELECT exchange, symbol, first_id, last_id FROM (SELECT unnest($exchanges) AS exchange, unnest($symbols) AS symbol,
    unnest($firsts)::BIGINT AS first_id, unnest($lasts)::BIGINT AS last_id) AS asked
WHERE EXISTS (SELECT 1 FROM {rows} AS held WHERE held.fills > 1 AND held.exchange = asked.exchange
    AND held.symbol = asked.symbol AND held.trade_id <= asked.last_id
    AND held.trade_id + held.fills - 1 >= asked.first_id)
"""


def find_within_aggregates(
    connection: duckdb.DuckDBPyConnection, root: Folder, paths: Iterable[str], spans: Collection[IdSpan]
) -> set[IdSpan]:
    """Those of `spans` of which some id lies within a row of several fills in these files."""
    if not spans:
        return set()
    exchanges, symbols, firsts, lasts = (list(column) for column in zip(*spans, strict=True))
    asked = {"exchanges": exchanges, "symbols": symbols, "firsts": firsts, "lasts": lasts}
    return set(connection.execute(_COVERED.format(rows=engine.select_rows(root, paths)), asked).fetchall())
