"""What the orders of each size bought and sold in the last minutes, by market, for API and page.

One statement over at most a day of minutes, that end with the newest one stored. Raises what `ConnectionPool.read`
raises.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from psycopg2 import sql

from whale_platform.domain.size_bands import MarketBands
from whale_platform.stores.asset_tables.size_bands import SUMMED_ARRAYS
from whale_platform.stores.postgres.pool import ConnectionPool
from whale_platform.stores.queries.listings import ColumnCondition, Listing, build_where

MINUTE = timedelta(minutes=1)
BANDS = Listing("size_bands", ("window_start", "exchange", "symbol"), ("exchange", "symbol", "window_start"))
_NEWEST = "SELECT max(window_start) FROM size_bands"
_FLOWS = sql.SQL("""
SELECT exchange, symbol, min(window_start), sum(trades)::bigint, sum(unvalued_trades)::bigint, {}
FROM size_bands {} GROUP BY exchange, symbol ORDER BY exchange, symbol
""")


def find_end(pool: ConnectionPool) -> datetime | None:
    """The end of the newest minute that is stored of any market; None before the first."""
    ((newest,),) = pool.fetch_rows(_NEWEST, ())
    return None if newest is None else newest + MINUTE


def read_flows(pool: ConnectionPool, start: datetime, conditions: Sequence[ColumnCondition]) -> list[MarketBands]:
    """The sums from `start` on by exchange and symbol, of the markets that fit and have a minute since."""
    text, values = build_where(BANDS, [*conditions, ColumnCondition(BANDS.time, ">=", start)])
    return [MarketBands(*row) for row in pool.fetch_rows(_FLOWS.format(sql.SQL(SUMMED_ARRAYS), text), values)]
