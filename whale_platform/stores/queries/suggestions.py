"""The suggested thresholds, for who reads them from outside. Raises what `ConnectionPool.read` raises."""

from collections.abc import Sequence
from typing import Any

from psycopg2 import sql

from whale_platform.stores.postgres.pool import ConnectionPool

NAMES = (
    *("exchange", "symbol", "per_day", "days", "until", "usd", "hours", "trades", "largest_usd", "choices"),
    *("hours_of_week", "materialised_at"),
)
_SUGGESTIONS = sql.SQL("SELECT {} FROM threshold_suggestions ORDER BY exchange, symbol").format(
    sql.SQL(", ").join(map(sql.Identifier, NAMES))
)


def read_suggestions(pool: ConnectionPool) -> Sequence[Sequence[Any]]:
    """The newest suggestion of every market, as NAMES; none where nobody has computed any."""
    return pool.fetch_rows(_SUGGESTIONS)
