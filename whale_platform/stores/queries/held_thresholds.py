"""The thresholds as they were last set, for who reads them from outside. Raises what `ConnectionPool.read` raises."""

from whale_platform.stores.asset_tables.thresholds import SELECT_STORED, StoredThreshold
from whale_platform.stores.postgres.pool import ConnectionPool

_IS_READ_ONLY = "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool"


def list_thresholds(pool: ConnectionPool) -> list[StoredThreshold]:
    """Every threshold by exchange and symbol, also one that holds only from a later time on."""
    return [StoredThreshold.from_row(row) for row in pool.fetch_rows(f"{SELECT_STORED} ORDER BY exchange, symbol")]


def is_read_only(pool: ConnectionPool) -> bool:
    """Whether the server takes reads alone: a standby, or one that is set so."""
    ((found,),) = pool.fetch_rows(_IS_READ_ONLY)
    return bool(found)
