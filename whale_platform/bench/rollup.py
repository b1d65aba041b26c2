"""How long a day's rollup takes in a table of a million windows: seeded by SQL, made as the asset makes it."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from whale_platform.stores import rollups
from whale_platform.stores.assets import HOUR, Hours, Maker
from whale_platform.stores.connection import session
from whale_platform.stores.partitions import ensure_days

SYMBOLS, ROUNDS = 20, 5
START = datetime(2025, 1, 1, tzinfo=UTC)

_SEED = """
INSERT INTO trade_windows (exchange, symbol, window_start, open, high, low, close, price_sum, volume, notional,
    buy_volume, trade_count, first_trade_id, last_trade_id, last_event_time, source, run_id, updated_at)
SELECT 'bench', 'SYM' || symbol, start, p, p * 1.001, p * 0.999, p * 1.0005, p * 60, 12.345678, p * 12.345678,
    6.5, 60, minute * 60, minute * 60 + 59, start + interval '59 s', 'simulated', 'bench', start + interval '60 s'
FROM generate_series(1, %(symbols)s) symbol, generate_series(0, %(minutes)s - 1) minute,
    LATERAL (SELECT %(start)s + minute * interval '1 min' AS start, round(100 + 10 * sin(minute)::numeric, 8) AS p) row
"""


def measure(dsn: str, rows: int) -> dict[str, Any]:
    """Seconds to make 24 hours x SYMBOLS from the middle of `rows` windows, read back included."""
    minutes = rows // SYMBOLS
    days = {(START + timedelta(minutes=minute)).date() for minute in range(0, minutes + 1440, 1440)}
    with session(dsn, "whale-bench", statement_timeout_s=600) as conn, conn.cursor() as cursor:
        ensure_days(cursor, days)
        cursor.execute(_SEED, {"symbols": SYMBOLS, "minutes": minutes, "start": START})
        cursor.execute("ANALYZE trade_windows")
    middle = (START + timedelta(minutes=minutes // 2)).replace(hour=0, minute=0)
    hours = Hours(middle, middle + 24 * HOUR)
    took = []
    for _ in range(ROUNDS):
        begin = time.monotonic()
        written = rollups.make(dsn, hours, Maker("bench", "bench"))
        rollups.read(dsn, hours)
        took.append(round(time.monotonic() - begin, 3))
    return {"windows": minutes * SYMBOLS, "hours": hours.count, "rows": written, "seconds": took}
