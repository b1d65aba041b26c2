"""Sweeps against true orders: of the trades whose exchange names the taker or the order, what is found without it.

A true order has the fills of one order id, and where parties are named, of one taker, moment and side of these. Ids and
parties are hidden from the search, whose sweeps are then compared fill by fill. Raises LakeError's subclasses.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import duckdb

from whale_platform.lake.analysis.sweeps import BLOCK_SQL, select_sweeps
from whale_platform.lake.duckdb import engine
from whale_platform.storage.folders import Folder

LEAST_USD = (100, 1_000, 5_000, 25_000, 100_000)
SearchWay = Literal["hidden", "as alerted"]
PARTY_SQL = "CASE side WHEN 'buy' THEN buyer ELSE seller END"
_LABELLED = f"""
(SELECT *, {PARTY_SQL} AS party, {engine.USD_SQL} AS usd
    FROM {{rows}} WHERE coalesce(fills, 1) = 1 AND NOT {BLOCK_SQL} AND coalesce({PARTY_SQL}, taker_order_id) IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY exchange, symbol, trade_id ORDER BY topic_offset) = 1)
"""
_PLACE = "CASE WHEN coalesce(dense, true) THEN trade_id ELSE topic_offset END NULLS LAST, trade_id"
_TRUE_ORDERS = f"""
SELECT exchange, symbol, count(*) AS fills, sum(usd) AS usd, first(trade_id ORDER BY {_PLACE}) AS first_id,
    last(trade_id ORDER BY {_PLACE}) AS last_id
FROM {{labelled}}
GROUP BY exchange, symbol, party, taker_order_id, CASE WHEN party IS NOT NULL THEN (event_time, side) END
HAVING count(*) > 1
"""
_FLOORS = "SELECT DISTINCT exchange, symbol, 0::DECIMAL(38,18) AS floor FROM {rows}"
_COUNTS = """
WITH actual AS ({actual}), found AS (SELECT exchange, symbol, fills, first_id, last_id, usd FROM ({found})),
sizes AS (SELECT unnest($sizes) AS least_usd)
SELECT exchange, least_usd, sum(actual), sum(found), sum(correct) FROM (
    SELECT exchange, least_usd, count(*) AS actual, 0 AS found, 0 AS correct
    FROM actual JOIN sizes ON usd >= least_usd GROUP BY ALL
    UNION ALL SELECT exchange, least_usd, 0, count(*), 0 FROM found JOIN sizes ON usd >= least_usd GROUP BY ALL
    UNION ALL SELECT exchange, least_usd, 0, 0, count(*)
    FROM actual JOIN found USING (exchange, symbol, fills, first_id, last_id, usd) JOIN sizes ON usd >= least_usd
    GROUP BY ALL
) GROUP BY exchange, least_usd ORDER BY exchange, least_usd
"""


class SweepCount(NamedTuple):
    """Of orders of two fills and more and of at least so many dollars: true ones, found ones, and those that are both.

    A found one is correct where it has exactly the fills of a true one.
    """

    exchange: str
    least_usd: int
    actual: int
    found: int
    correct: int


def count_sweeps(
    connection: duckdb.DuckDBPyConnection, root: Folder, paths: Iterable[str], way: SearchWay
) -> Sequence[SweepCount]:
    """Return the counts of these files, all of one or more whole hours, by exchange and size.

    way: `hidden`, without what the exchange names; `as alerted`, with the order ids that the stream has too.
    """
    labelled = _LABELLED.format(rows=engine.select_rows(root, paths))
    shown = f"(SELECT * EXCLUDE (party, usd) FROM {labelled})"
    searched = f"(SELECT * REPLACE (NULL::VARCHAR AS taker_order_id) FROM {shown})" if way == "hidden" else shown
    found = select_sweeps(searched, _FLOORS.format(rows=shown))
    statement = _COUNTS.format(actual=_TRUE_ORDERS.format(labelled=labelled), found=found)
    with engine.translate_duckdb_errors():
        rows = connection.execute(statement, {"sizes": list(LEAST_USD)}).fetchall()
    return [SweepCount(*row) for row in rows]
