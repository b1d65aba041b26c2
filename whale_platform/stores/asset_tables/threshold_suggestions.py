"""The suggested thresholds in Postgres: written by whoever computes them, read by the API."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from decimal import Decimal

from psycopg2.extras import execute_values

from whale_platform.domain.decimal_text import format_decimal
from whale_platform.domain.suggestion import HourChoice, SuggestionRange, ThresholdChoice, ThresholdSuggestion
from whale_platform.stores.postgres.connection import open_transaction

_INSERT = """
INSERT INTO threshold_suggestions (exchange, symbol, per_day, days, until, usd, hours, trades, largest_usd, choices,
    hours_of_week)
VALUES %s
"""


def store_suggestions(dsn: str, asked: SuggestionRange, suggestions: Iterable[ThresholdSuggestion]) -> None:
    """Replace all suggestions by these, which are of `asked`. Raises PostgresUnusableError."""
    rows = [
        (
            *(one.exchange, one.symbol, one.per_day, asked.days, asked.end, one.usd, one.hours, one.trades),
            *(one.largest_usd, _encode(one.choices), _encode(one.hours_of_week)),
        )
        for one in suggestions
    ]
    with open_transaction(dsn, "whale-thresholds") as conn, conn.cursor() as cursor:
        cursor.execute("DELETE FROM threshold_suggestions")
        if rows:
            execute_values(cursor, _INSERT, rows)


def _encode(choices: Iterable[ThresholdChoice | HourChoice]) -> str:
    return json.dumps([asdict(one) for one in choices], default=_encode_decimal)


def _encode_decimal(value: object) -> str:
    assert isinstance(value, Decimal)
    return format_decimal(value)
