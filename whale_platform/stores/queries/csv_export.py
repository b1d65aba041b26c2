"""Whole tables of Postgres as CSV files, for who reads them elsewhere: exact, in one snapshot, streamed.

Columns of type numeric become decimal(38,18). A number that would not fit is an error that names the column, because
a reader would round it without a word. NULL is an unquoted `\\N`; a text of these two letters is quoted.
"""

import re
from pathlib import Path

from psycopg2 import sql

from whale_platform.stores.asset_tables.materialisation import STATEMENT_TIMEOUT_S, fetch_rows
from whale_platform.stores.errors import DecimalOverflowError
from whale_platform.stores.postgres.connection import open_transaction
from whale_platform.stores.postgres.roles import VIEWS
from whale_platform.stores.queries.columns import PostgresColumn, read_columns

DECIMAL = "DECIMAL(38,18)"
DUCKDB_TYPES = {
    "numeric": DECIMAL,
    "timestamp with time zone": "TIMESTAMPTZ",
    "timestamp without time zone": "TIMESTAMP",
    "text": "VARCHAR",
    "bigint": "BIGINT",
    "integer": "INTEGER",
    "smallint": "SMALLINT",
    "double precision": "DOUBLE",
    "real": "FLOAT",
    "date": "DATE",
    "boolean": "BOOLEAN",
}
_TABLES = """
SELECT relname, coalesce(obj_description(oid, 'pg_class'), '') FROM pg_class
WHERE relnamespace = to_regnamespace('public') AND NOT relispartition
    AND (relkind IN ('r', 'p') OR relkind = 'v' AND relname = ANY(%s)) ORDER BY relname
"""


def list_tables(dsn: str) -> dict[str, str]:
    """The tables of schema public and the platform's views, with their comments; partitions count as their table.

    Raises as `open_transaction` does.
    """
    return dict(fetch_rows(dsn, _TABLES, (list(VIEWS),)))


def copy_table(dsn: str, name: str, path: Path) -> list[tuple[str, str]]:
    """Write the table to `path` as CSV with a header, UTF-8; returns (column, DuckDB's type), empty where none is.

    Raises DecimalOverflowError, OSError for the file, PostgresUnusableError.
    """
    if name not in list_tables(dsn):
        return []
    found = read_columns(dsn, quote_table(name))
    kinds = [(column.name, _to_duckdb_type(column)) for column in found]
    with open_transaction(dsn, "whale-query", statement_timeout_s=STATEMENT_TIMEOUT_S) as conn, conn.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        table = sql.Identifier("public", name)
        numbers = [sql.Identifier(column) for column, kind in kinds if kind == DECIMAL]
        if numbers:
            checks = sql.SQL(", ").join(
                sql.SQL("coalesce(bool_or({}), false)").format(_build_overflow_check(one)) for one in numbers
            )
            cursor.execute(sql.SQL("SELECT {} FROM {}").format(checks, table))
            for one, wide in zip(numbers, cursor.fetchone() or (), strict=True):
                if wide:
                    raise DecimalOverflowError(
                        f"{name}.{one.strings[0]} has a number that {DECIMAL.lower()} can't hold: ask `whale psql`"
                    )
        listed = sql.SQL(", ").join(sql.Identifier(column) for column, _ in kinds)
        statement = sql.SQL(
            "COPY (SELECT {} FROM {}) TO STDOUT (FORMAT csv, HEADER, NULL '\\N', FORCE_QUOTE *, ENCODING 'UTF8')"
        ).format(listed, table)
        with path.open("wb") as file:
            cursor.copy_expert(statement.as_string(cursor), file)
    return kinds


def quote_table(name: str) -> str:
    """`public.name` as to_regclass reads it."""
    return 'public."' + name.replace('"', '""') + '"'


def _to_duckdb_type(column: PostgresColumn) -> str:
    return DUCKDB_TYPES.get(re.sub(r"\(.*\)", "", column.kind), "VARCHAR")


def _build_overflow_check(number: sql.Identifier) -> sql.Composed:
    """NaN and infinity count as wide: they are above every number or below."""
    return sql.SQL("abs({0}) >= 1e20 OR scale(trim_scale({0})) > 18").format(number)
