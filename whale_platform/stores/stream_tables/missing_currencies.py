"""Currencies for rows that were stored without them: from the exchanges' lists, as the home keeps them.

Run at every `up`: a list that is read for the first time later is used at the next one. A symbol that no list has stays
null. Raises as `open_transaction` does.
"""

from pathlib import Path

from psycopg2 import sql

from whale_platform.domain import catalogue
from whale_platform.domain.trade import usd_via
from whale_platform.stores.postgres.connection import open_transaction

TABLES = ("trade_windows", "whale_alerts", "hourly_rollups")
_LACKING = sql.SQL("SELECT exchange, symbol FROM {} WHERE quote IS NULL GROUP BY 1, 2")
_FILL = sql.SQL(
    "UPDATE {} SET base = %s, quote = %s, usd_via = %s WHERE quote IS NULL AND exchange = %s AND symbol = %s"
)


def fill_currencies(dsn: str, home: Path) -> int:
    """Fill what can be known; returns how many symbols of tables that was."""
    filled = 0
    for table in map(sql.Identifier, TABLES):
        with open_transaction(dsn, "whale-pairs", statement_timeout_s=0.0) as conn, conn.cursor() as cursor:
            cursor.execute(_LACKING.format(table))
            for exchange, symbol in cursor.fetchall():
                try:
                    base, quote = _find_currencies(home, exchange, symbol)
                except ValueError:
                    continue
                cursor.execute(_FILL.format(table), (base, quote, usd_via(quote), exchange, symbol))
                filled += 1
    return filled


def _find_currencies(home: Path, exchange: str, symbol: str) -> tuple[str, str]:
    if "-" in symbol:
        return catalogue.split_dashed(symbol)
    return catalogue.find_currencies(catalogue.load_catalogue(home, exchange), symbol)
