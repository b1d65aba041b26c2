"""The whale thresholds in Postgres: read by the stream every few seconds, changed while everything runs.

Exchange and symbol `*` mean any; who reads picks the most specific row: (exchange, symbol), (*, symbol),
(exchange, *), (*, *). Short timeouts: a database that is away makes the reader keep what it had, not wait.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from whale_platform.stores.connection import session

ANY = "*"


def read_thresholds(dsn: str) -> list[tuple[str, str, Decimal]]:
    """Every (exchange, symbol, US dollars), ordered. Raises StoreAway, SchemaMismatch, BadDsn."""
    with session(dsn, "whale-thresholds") as conn, conn.cursor() as cursor:
        cursor.execute("SELECT exchange, symbol, threshold_usd FROM whale_thresholds ORDER BY exchange, symbol")
        return [(str(exchange), str(symbol), Decimal(usd)) for exchange, symbol, usd in cursor.fetchall()]


def dated_thresholds(dsn: str) -> list[tuple[str, str, Decimal, datetime]]:
    """Every (exchange, symbol, US dollars, since when). Raises as `read_thresholds`."""
    with session(dsn, "whale-thresholds") as conn, conn.cursor() as cursor:
        cursor.execute("SELECT exchange, symbol, threshold_usd, updated_at FROM whale_thresholds")
        return [(str(exchange), str(symbol), Decimal(usd), since) for exchange, symbol, usd, since in cursor.fetchall()]


def applying(limits: Mapping[tuple[str, str], Decimal], exchange: str, symbol: str) -> Decimal | None:
    """Of all thresholds the one that applies to a symbol, as stream/transforms.py picks it; None where none does."""
    places = ((exchange, symbol), (ANY, symbol), (exchange, ANY), (ANY, ANY))
    return next((limits[place] for place in places if place in limits), None)


def suggested(dsn: str) -> set[tuple[str, str]]:
    """The (exchange, symbol) whose threshold was suggested by the platform; all others were set by a person."""
    with session(dsn, "whale-thresholds") as conn, conn.cursor() as cursor:
        cursor.execute("SELECT exchange, symbol FROM whale_thresholds WHERE origin = 'suggested'")
        return {(str(exchange), str(symbol)) for exchange, symbol in cursor.fetchall()}


def set_threshold(dsn: str, exchange: str, symbol: str, usd: Decimal) -> None:
    """Insert or change one row, a person's; suggestions that it covers go.

    Raises RowRefused unless 0 < usd < infinity, else as `read_thresholds`.
    """
    with session(dsn, "whale-thresholds") as conn, conn.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO whale_thresholds (exchange, symbol, threshold_usd) VALUES (%s, %s, trim_scale(%s::numeric))
            ON CONFLICT (exchange, symbol)
            DO UPDATE SET threshold_usd = excluded.threshold_usd, updated_at = now(), origin = 'set'
            """,
            (exchange, symbol, str(usd)),
        )
        cursor.execute(
            """
            DELETE FROM whale_thresholds
            WHERE origin = 'suggested' AND %(exchange)s IN (exchange, '*') AND %(symbol)s IN (symbol, '*')
            """,
            {"exchange": exchange, "symbol": symbol},
        )


def suggest_thresholds(dsn: str, suggestions: Mapping[tuple[str, str], Decimal]) -> list[tuple[str, str]]:
    """Replace all suggestions by these, by (exchange, symbol); returns those taken.

    What a person has set stays and covers what is under it; only their ('*', '*') gives way. Raises as `set_threshold`.
    """
    taken = []
    with session(dsn, "whale-thresholds") as conn, conn.cursor() as cursor:
        cursor.execute("DELETE FROM whale_thresholds WHERE origin = 'suggested'")
        for (exchange, symbol), usd in suggestions.items():
            cursor.execute(
                """
                INSERT INTO whale_thresholds (exchange, symbol, threshold_usd, origin)
                SELECT %(exchange)s, %(symbol)s, trim_scale(%(usd)s::numeric), 'suggested'
                WHERE NOT EXISTS (
                    SELECT FROM whale_thresholds WHERE (exchange, symbol) <> ('*', '*')
                    AND exchange IN ('*', %(exchange)s) AND symbol IN ('*', %(symbol)s))
                """,
                {"exchange": exchange, "symbol": symbol, "usd": str(usd)},
            )
            if cursor.rowcount:
                taken.append((exchange, symbol))
    return taken


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
