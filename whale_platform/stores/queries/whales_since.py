"""Whales in the order of their detection, for clients that were disconnected for longer than Kafka keeps messages.

A sweep that has grown is there once, as it is now, at the time of its newest state: whoever was sent an earlier state
is sent this one as an update of the same key. Raises PostgresUnusableError.
"""

from datetime import datetime

from whale_platform.contracts.whale_alert import WhaleRow
from whale_platform.stores.postgres.connection import open_transaction

_SINCE = """
SELECT exchange, symbol, kind, trade_id, side, trim_scale(price)::text, trim_scale(quantity)::text,
    trim_scale(notional_usd)::text, trim_scale(threshold_usd)::text, tier, event_time, received_time, detected_time,
    source, run_id, made_from, topic_partition, topic_offset, base, quote, usd_via, trim_scale(notional)::text,
    trim_scale(usd_rate)::text, fills, levels, trim_scale(first_price)::text, last_trade_id, sweep_first_id
FROM whale_alerts WHERE detected_time >= %s ORDER BY detected_time, exchange, symbol, kind, trade_id LIMIT %s
"""


def read_whales_since(dsn: str, since: datetime, limit: int) -> list[WhaleRow]:
    """Up to `limit` whales detected at `since` (aware) or later, oldest first."""
    with (
        open_transaction(dsn, "whale-live", connect_timeout_s=2, statement_timeout_s=2.0) as conn,
        conn.cursor() as cursor,
    ):
        cursor.execute(_SINCE, (since, limit))
        return [WhaleRow(*row) for row in cursor.fetchall()]
