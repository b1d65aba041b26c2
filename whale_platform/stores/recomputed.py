"""Windows and whales that were made again from the lake, stored as the sink stores the stream's.

By the same rules: a window is replaced only by one with more trades, or with as many and other values; a whale that
is known stays. So making an hour again that is right already changes nothing. Raises as `session` does.
"""

from collections.abc import Sequence

from whale_platform.stores.assets import TIMEOUT_S
from whale_platform.stores.connection import session
from whale_platform.stores.partitions import ensure_days
from whale_platform.stores.rows import WhaleRow, WindowRow
from whale_platform.stores.upserts import insert_whales, upsert_windows


def store(dsn: str, windows: Sequence[WindowRow], whales: Sequence[WhaleRow]) -> tuple[int, int]:
    """Store both in one transaction; returns how many (windows, whales) were inserted or changed."""
    with session(dsn, "whale-recompute", statement_timeout_s=TIMEOUT_S) as conn, conn.cursor() as cursor:
        ensure_days(cursor, {row.window_start.date() for row in windows})
        return upsert_windows(cursor, sorted(windows)), insert_whales(cursor, sorted(whales))
