"""The whale thresholds in Postgres: read by the stream every few seconds, changed while everything runs.

Which of them applies to a symbol says `domain/whale.py`. Each holds from an event time on (`valid_from`), and the
table's trigger keeps what held before, so that an old hour is judged by what held then. Short timeouts: a database that
is unavailable makes the reader keep what it had, not wait. Changes take turns by a lock of the table, under which a
caller may refuse to change what is not as it was read.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from psycopg2.extensions import cursor as Cursor

from whale_platform.domain.whale import (
    ALWAYS,
    ANY,
    HourlyUsd,
    ThresholdChange,
    ThresholdPeriod,
    build_threshold_period,
)
from whale_platform.stores.errors import ThresholdChangedError
from whale_platform.stores.postgres.connection import open_transaction

MICROSECOND = timedelta(microseconds=1)
CHANGE_S = 5  # for the log-in, and for the wait until changes before this one end: the page waits 15 s for an answer
# the columns of a ThresholdChange
SELECT_HELD = (
    "SELECT exchange, symbol, valid_from, threshold_usd, large_usd, giant_usd, hours_usd FROM whale_thresholds"
)
# the columns of a StoredThreshold
SELECT_STORED = """
SELECT exchange, symbol, valid_from, threshold_usd, large_usd, giant_usd, hours_usd, origin, updated_at
FROM whale_thresholds
"""


@dataclass(frozen=True, slots=True)
class StoredThreshold:
    """A row of the table. origin: `set` by a person, or `suggested` by the platform."""

    change: ThresholdChange
    origin: str
    updated_at: datetime

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> "StoredThreshold":
        """Return the row, given as the columns of a ThresholdChange, origin, updated_at."""
        return cls(ThresholdChange(*row[:-2]), *row[-2:])

    @property
    def version(self) -> str:
        """Another one after each change of the row."""
        return f"{(self.updated_at - ALWAYS) // MICROSECOND:x}"


Accept = Callable[[StoredThreshold | None], bool]  # whether a change may take the place of what stands; None: nothing


def read_threshold_history(dsn: str) -> list[ThresholdChange]:
    """Every threshold that ever held, by time. Raises PostgresUnusableError."""
    with open_transaction(dsn, "whale-thresholds") as conn, conn.cursor() as cursor:
        cursor.execute(
            "SELECT exchange, symbol, valid_from, threshold_usd, large_usd, giant_usd, hours_usd "
            "FROM whale_threshold_history ORDER BY valid_from, 1, 2"
        )
        return [ThresholdChange(*row) for row in cursor.fetchall()]


def read_held_thresholds(dsn: str) -> ThresholdPeriod:
    """Every threshold as it was last set. Raises as `read_threshold_history`."""
    with open_transaction(dsn, "whale-thresholds") as conn, conn.cursor() as cursor:
        cursor.execute(SELECT_HELD)
        return build_threshold_period(ALWAYS, [ThresholdChange(*row) for row in cursor.fetchall()])


def read_suggested(dsn: str) -> set[tuple[str, str]]:
    """The (exchange, symbol) whose threshold was suggested by the platform; all others were set by a person."""
    with open_transaction(dsn, "whale-thresholds") as conn, conn.cursor() as cursor:
        cursor.execute("SELECT exchange, symbol FROM whale_thresholds WHERE origin = 'suggested'")
        return {(str(exchange), str(symbol)) for exchange, symbol in cursor.fetchall()}


def set_threshold(
    dsn: str,
    exchange: str,
    symbol: str,
    usd: Decimal,
    valid_from: datetime | None = None,
    *,
    large: Decimal | None = None,
    giant: Decimal | None = None,
    hours: HourlyUsd | None = None,
    accept: Accept | None = None,
) -> StoredThreshold:
    """Insert or change one row, a person's, and return it; suggestions that it covers go.

    It holds from the event time `valid_from` on, in place of what held since then; None: from now on. large, giant:
    amounts of these tiers, hours: of the hours of the week; None: what follows from `usd`, also where one was set
    before. Raises RowRejectedError unless 0 < usd <= large <= giant < infinity, in every hour, ThresholdChangedError
    where `accept` refuses what stands there, else as `read_threshold_history`.
    """
    texts = [None if one is None else str(one) for one in (usd, large, giant)]
    texts_of_hours = [None if one is None else str(one) for one in hours or ()]
    with _open_change(dsn) as cursor:
        _check_accepted(cursor, exchange, symbol, accept)
        _date_changes(cursor, valid_from)
        cursor.execute(
            """
            INSERT INTO whale_thresholds (exchange, symbol, threshold_usd, large_usd, giant_usd, hours_usd, valid_from)
            VALUES (%s, %s, trim_scale(%s::numeric), trim_scale(%s::numeric), trim_scale(%s::numeric),
                (SELECT array_agg(trim_scale(usd) ORDER BY hour)
                    FROM unnest(%s::numeric[]) WITH ORDINALITY AS amounts (usd, hour)),
                coalesce(%s::timestamptz, now()))
            ON CONFLICT (exchange, symbol) DO UPDATE SET threshold_usd = excluded.threshold_usd,
                large_usd = excluded.large_usd, giant_usd = excluded.giant_usd, hours_usd = excluded.hours_usd,
                updated_at = now(), valid_from = excluded.valid_from, origin = 'set'
            RETURNING exchange, symbol, valid_from, threshold_usd, large_usd, giant_usd, hours_usd, origin, updated_at
            """,
            (exchange, symbol, *texts, texts_of_hours if any(texts_of_hours) else None, valid_from),
        )
        (stored,) = cursor.fetchall()
        cursor.execute(
            """
            DELETE FROM whale_thresholds
            WHERE origin = 'suggested' AND %(exchange)s IN (exchange, '*') AND %(symbol)s IN (symbol, '*')
            """,
            {"exchange": exchange, "symbol": symbol},
        )
    return StoredThreshold.from_row(stored)


def remove_threshold(
    dsn: str, exchange: str, symbol: str, valid_from: datetime | None = None, accept: Accept | None = None
) -> bool:
    """Delete one row, so that a less specific one applies from the event time `valid_from` on (None: from now on).

    Returns whether there was one. What held before `valid_from` stays in the history; what began later goes.
    Raises ThresholdChangedError where `accept` refuses what stands there, else as `read_threshold_history`.
    """
    with _open_change(dsn) as cursor:
        _check_accepted(cursor, exchange, symbol, accept)
        _date_changes(cursor, valid_from)
        cursor.execute("DELETE FROM whale_thresholds WHERE (exchange, symbol) = (%s, %s)", (exchange, symbol))
        return bool(cursor.rowcount)


@contextmanager
def _open_change(dsn: str) -> Iterator[Cursor]:
    """A transaction that changes thresholds, one at a time: each locks several rows, and no two in the same order."""
    with open_transaction(dsn, "whale-thresholds", CHANGE_S, CHANGE_S) as conn, conn.cursor() as cursor:
        cursor.execute("LOCK TABLE whale_thresholds IN SHARE ROW EXCLUSIVE MODE")
        yield cursor


def _check_accepted(cursor: Cursor, exchange: str, symbol: str, accept: Accept | None) -> None:
    if accept is None:
        return
    cursor.execute(f"{SELECT_STORED} WHERE (exchange, symbol) = (%s, %s)", (exchange, symbol))
    row = cursor.fetchone()
    stored = None if row is None else StoredThreshold.from_row(row)
    if not accept(stored):
        raise ThresholdChangedError(stored)


def _date_changes(cursor: Cursor, valid_from: datetime | None) -> None:
    """Have all that this transaction changes hold from `valid_from` on, for the table's trigger; None: from now on."""
    cursor.execute("SELECT set_config('whale.valid_from', coalesce(%s::timestamptz, now())::text, true)", (valid_from,))


def suggest_thresholds(dsn: str, suggestions: Mapping[tuple[str, str], Decimal]) -> list[tuple[str, str]]:
    """Replace all suggestions by these, by (exchange, symbol); returns those that stand. An equal one stays as it is.

    What a person has set stays and covers what is under it; only their ('*', '*') gives way. Raises as `set_threshold`.
    """
    with _open_change(dsn) as cursor:
        cursor.execute(
            """
            DELETE FROM whale_thresholds made WHERE origin = 'suggested' AND NOT EXISTS (
                SELECT FROM unnest(%s::text[], %s::text[]) AS wanted (exchange, symbol)
                WHERE (wanted.exchange, wanted.symbol) = (made.exchange, made.symbol))
            """,
            ([exchange for exchange, _ in suggestions], [symbol for _, symbol in suggestions]),
        )
        for (exchange, symbol), usd in suggestions.items():
            cursor.execute(
                """
                INSERT INTO whale_thresholds (exchange, symbol, threshold_usd, origin)
                SELECT %(exchange)s, %(symbol)s, trim_scale(%(usd)s::numeric), 'suggested'
                WHERE NOT EXISTS (
                    SELECT FROM whale_thresholds WHERE origin = 'set' AND (exchange, symbol) <> ('*', '*')
                    AND exchange IN ('*', %(exchange)s) AND symbol IN ('*', %(symbol)s))
                ON CONFLICT (exchange, symbol) DO UPDATE SET threshold_usd = excluded.threshold_usd,
                    valid_from = now(), updated_at = now()
                WHERE whale_thresholds.threshold_usd <> excluded.threshold_usd
                """,
                {"exchange": exchange, "symbol": symbol, "usd": str(usd)},
            )
        cursor.execute("SELECT exchange, symbol FROM whale_thresholds WHERE origin = 'suggested'")
        standing = set(cursor.fetchall())
    return [place for place in suggestions if place in standing]


def seed_threshold(dsn: str, usd: Decimal) -> bool:
    """Insert ('*', '*', usd) where no such row stands; returns whether it was inserted. Never changes one.

    The first threshold of a database holds for all times, so that older trades are judged by it too.
    """
    with open_transaction(dsn, "whale-migrate") as conn, conn.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO whale_thresholds (exchange, symbol, threshold_usd, valid_from)
            SELECT %s, %s, trim_scale(%s::numeric),
                CASE WHEN EXISTS (SELECT FROM whale_threshold_history) THEN now() ELSE 'epoch' END
            ON CONFLICT (exchange, symbol) DO NOTHING
            """,
            (ANY, ANY, str(usd)),
        )
        return bool(cursor.rowcount)
