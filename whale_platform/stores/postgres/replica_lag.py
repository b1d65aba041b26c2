"""How far a read replica is behind its primary, in words; a primary is never behind."""

from whale_platform.stores.postgres.pool import ConnectionPool

LATE_S = 10.0  # of a replica that still has to replay what it has received
_STATE = """
SELECT pg_is_in_recovery(), pg_last_wal_receive_lsn() IS NOT DISTINCT FROM pg_last_wal_replay_lsn(),
    EXISTS (SELECT FROM pg_stat_get_wal_receiver() WHERE pid IS NOT NULL),
    extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())::float8
"""


def describe_replica_lag(pool: ConnectionPool) -> str:
    """Why what the replica gives is old; empty where it is not, or it is no replica. Raises what `ConnectionPool.read`
    raises."""
    replica, all_replayed, receives, age_s = pool.fetch_rows(_STATE)[0]
    since = "" if age_s is None else f"; its newest change is {age_s:.0f} s old"
    if not replica:
        return ""
    if not receives:
        return f"the read replica receives nothing from its primary{since}"
    if not all_replayed and age_s is not None and age_s > LATE_S:
        return f"the read replica is behind its primary{since}"
    return ""
