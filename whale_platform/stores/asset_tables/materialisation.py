"""What the asset tables share: who wrote a row, over which hours, and one writer of a table at a time.

An asset is made by writing its hours again from the stream tables, in one transaction: one hour and five hundred take
the same path, a reader never sees half of it, and making it again gives the same numbers. Stream tables only ever grow,
but for retention and for what the lake corrects: a row that was made from more than they hold now stays as it is, since
it could not be made again, unless the lake is known to hold that symbol's hour whole.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg2.extensions import cursor as Cursor

from whale_platform.stores.postgres.connection import open_transaction

HOUR = timedelta(hours=1)
STATEMENT_TIMEOUT_S = 600.0
WHOLE_HOURS = "SELECT * FROM unnest(%(exchanges)s::text[], %(symbols)s::text[], %(hours)s::timestamptz[])"
_GONE = """
DELETE FROM {table} made WHERE (exchange, symbol, hour) IN ({whole}) AND NOT EXISTS (
    SELECT FROM trade_windows w WHERE (w.exchange, w.symbol) = (made.exchange, made.symbol)
        AND w.window_start >= made.hour AND w.window_start < made.hour + interval '1 hour')
"""


@dataclass(frozen=True, slots=True)
class Provenance:
    """Who writes: the run and the code, kept in every row."""

    run_id: str
    code_version: str


@dataclass(frozen=True, slots=True)
class HourRange:
    """Whole hours [start, end), aware UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for time in (self.start, self.end):
            if time.tzinfo is None or time.astimezone(UTC).replace(minute=0, second=0, microsecond=0) != time:
                raise ValueError(f"{time.isoformat()} is not a full hour in UTC")
        if self.start >= self.end:
            raise ValueError(f"no hours from {self.start.isoformat()} to {self.end.isoformat()}")

    @property
    def count(self) -> int:
        """Return how many hours it has."""
        return (self.end - self.start) // HOUR


@contextmanager
def open_exclusive_transaction(dsn: str, table: str) -> Iterator[Cursor]:
    """A transaction in which nobody else makes rows of `table`. Raises as `open_transaction` does."""
    with (
        open_transaction(dsn, "whale-assets", statement_timeout_s=STATEMENT_TIMEOUT_S) as conn,
        conn.cursor() as cursor,
    ):
        lock_materialisation(cursor, table)
        yield cursor


def lock_materialisation(cursor: Cursor, table: str) -> None:
    """Wait until nobody else makes rows of `table`, and keep others waiting until the transaction's end."""
    cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (f"make {table}",))


def build_whole_hour_values(whole_hours: Collection[tuple[str, str, datetime]]) -> dict[str, object]:
    """Values for the placeholders of `WHOLE_HOURS`."""
    columns = list(zip(*whole_hours, strict=True)) or [(), (), ()]
    return dict(zip(("exchanges", "symbols", "hours"), map(list, columns), strict=True))


def build_windowless_delete(table: str) -> str:
    """SQL that deletes the rows of `WHOLE_HOURS` that have no window any more."""
    return _GONE.format(table=table, whole=WHOLE_HOURS)


def build_upsert_clause(columns: str, condition: str) -> str:
    """The end of `INSERT INTO … AS made (columns)`: a row that is there is replaced but where `condition`.

    Of the symbols and hours in `WHOLE_HOURS` the stream tables are known to hold all: theirs are replaced in any case.
    """
    names = [name.strip() for name in columns.split(",")]
    values = ", ".join(f"{name} = EXCLUDED.{name}" for name in names)
    return (
        f"ON CONFLICT (exchange, symbol, hour) DO UPDATE SET {values}, materialised_at = now() "
        f"WHERE (made.exchange, made.symbol, made.hour) IN ({WHOLE_HOURS}) OR NOT ({condition})"
    )


def fetch_rows(dsn: str, statement: str, values: tuple[object, ...] | dict[str, object]) -> list[tuple[Any, ...]]:
    """All rows of one long statement. Raises as `open_transaction` does."""
    with (
        open_transaction(dsn, "whale-assets", statement_timeout_s=STATEMENT_TIMEOUT_S) as conn,
        conn.cursor() as cursor,
    ):
        cursor.execute(statement, values)
        return cursor.fetchall()
