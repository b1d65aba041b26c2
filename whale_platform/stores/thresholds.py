"""The whale thresholds in Postgres: read by the stream every few seconds, changed while everything runs.

Exchange and symbol `*` mean any; who reads picks the most specific row: (exchange, symbol), (*, symbol),
(exchange, *), (*, *). Short timeouts: a database that is away makes the reader keep what it had, not wait.
"""

from decimal import Decimal

from whale_platform.stores.connection import session

ANY = "*"


def read_thresholds(dsn: str) -> list[tuple[str, str, Decimal]]:
    """Every (exchange, symbol, US dollars), ordered. Raises StoreAway, SchemaMismatch, BadDsn."""
    with session(dsn, "whale-thresholds") as conn, conn.cursor() as cursor:
        cursor.execute("SELECT exchange, symbol, threshold_usd FROM whale_thresholds ORDER BY exchange, symbol")
        return [(str(exchange), str(symbol), Decimal(usd)) for exchange, symbol, usd in cursor.fetchall()]


def set_threshold(dsn: str, exchange: str, symbol: str, usd: Decimal) -> None:
    """Insert or change one row. Raises RowRefused unless 0 < usd < infinity, else as `read_thresholds`."""
    with session(dsn, "whale-thresholds") as conn, conn.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO whale_thresholds (exchange, symbol, threshold_usd) VALUES (%s, %s, trim_scale(%s::numeric))
            ON CONFLICT (exchange, symbol) DO UPDATE SET threshold_usd = excluded.threshold_usd, updated_at = now()
            """,
            (exchange, symbol, str(usd)),
        )


def seed_threshold(dsn: str, usd: Decimal) -> bool:
    """Insert ('*', '*', usd) where no such row stands; returns whether it was inserted. Never changes one."""
    with session(dsn, "whale-migrate") as conn, conn.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO whale_thresholds (exchange, symbol, threshold_usd) VALUES (%s, %s, trim_scale(%s::numeric))
            ON CONFLICT (exchange, symbol) DO NOTHING
            """,
            (ANY, ANY, str(usd)),
        )
        return bool(cursor.rowcount)
