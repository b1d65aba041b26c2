"""A long history put into the tables at once by SQL: windows of 20 symbols, a minute each, and whales."""

from datetime import datetime, timedelta

from whale_platform.stores.postgres.connection import open_transaction
from whale_platform.stores.stream_tables.partitions import ensure_days

SYMBOLS = 20

_WINDOWS = """
INSERT INTO trade_windows (exchange, symbol, window_start, open, high, low, close, price_sum, volume, notional,
    buy_volume, trade_count, first_trade_id, last_trade_id, last_event_time, source, run_id, updated_at)
SELECT 'bench', 'SYM' || symbol, start, p, p + 0.1, p - 0.1, p + 0.05, p * 60, 12.345678, p * 12.345678,
    6.5, 60, minute * 60, minute * 60 + 59, start + interval '59 s', 'simulated', 'bench', start + interval '60 s'
FROM generate_series(1, %(symbols)s) symbol, generate_series(0, %(minutes)s - 1) minute,
    LATERAL (
        SELECT %(start)s + minute * interval '1 min' AS start, round(100 + 10 * sin(minute / 9.0)::numeric, 2) AS p
    ) row
"""
_WHALES = """
INSERT INTO whale_alerts (exchange, symbol, kind, trade_id, side, price, quantity, notional_usd, threshold_usd,
    event_time, received_time, detected_time, source, run_id)
SELECT 'bench', 'SYM' || 1 + n %% %(symbols)s, 'single_trade', n, CASE WHEN n %% 3 = 0 THEN 'sell' ELSE 'buy' END,
    100, 1000, 50000 + n %% 1000 * 1000, 50000, t, t, t, 'simulated', 'bench'
FROM generate_series(1, %(minutes)s * 2) n, LATERAL (SELECT %(start)s + n * interval '30 s' AS t) row
"""


def fill_tables(dsn: str, start: datetime, minutes: int, whales: bool = False) -> int:
    """So many minutes from `start` on, and with `whales` one every 30 s; how many rows that made."""
    values = {"symbols": SYMBOLS, "minutes": minutes, "start": start}
    with open_transaction(dsn, "whale-bench", statement_timeout_s=900) as conn, conn.cursor() as cursor:
        ensure_days(cursor, {(start + timedelta(minutes=minute)).date() for minute in range(0, minutes + 1440, 1440)})
        cursor.execute(_WINDOWS, values)
        rows = cursor.rowcount
        if whales:
            cursor.execute(_WHALES, values)
            rows += cursor.rowcount
        cursor.execute("ANALYZE trade_windows, whale_alerts")
        return rows
