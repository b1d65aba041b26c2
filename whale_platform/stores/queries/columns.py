"""A table's columns as the database describes them, comments included. Read-only."""

from dataclasses import dataclass

from whale_platform.stores.asset_tables.materialisation import fetch_rows

_COLUMNS = """
SELECT attname, format_type(atttypid, atttypmod), NOT attnotnull, coalesce(col_description(attrelid, attnum), '')
FROM pg_attribute WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""


@dataclass(frozen=True, slots=True)
class PostgresColumn:
    """One column; `kind` as SQL spells it."""

    name: str
    kind: str
    nullable: bool
    comment: str


def read_columns(dsn: str, table: str) -> list[PostgresColumn]:
    """In their order; empty where there is no such table. Raises PostgresUnusableError."""
    return [PostgresColumn(*row) for row in fetch_rows(dsn, _COLUMNS, (table,))]
