"""tables.md: tables, columns and views as a migrated Postgres describes them, with the comments of the migrations."""

from whale_platform.stores.queries.columns import read_columns
from whale_platform_tests.references.markdown import code, page, table
from whale_platform_tests.support.postgres_server import query

ABOUT = """The tables of Postgres after all migrations (`whale_platform/stores/migrations`), with the comments that the
database itself has, as `./whale psql -c '\\d+ trade_windows'` shows them. Partitions of tables are left out. Where the
streamed tables come from is in [topics](topics.md)."""
# A partition is made for its days, so which there are depends on the time.
_TABLES = """
SELECT relname, coalesce(obj_description(pg_class.oid, 'pg_class'), ''), coalesce(pg_get_constraintdef(key.oid), ''),
    relkind = 'v'
FROM pg_class
LEFT JOIN pg_constraint AS key ON key.conrelid = pg_class.oid AND key.contype = 'p'
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v') AND NOT relispartition
ORDER BY relname
"""
# The comments of the columns that a view shows as they are: of the same name, and of a single table.
_SOURCES = """
SELECT attname, min(col_description(attrelid, attnum)) FROM information_schema.view_column_usage
JOIN pg_attribute ON attrelid = to_regclass(table_name) AND attname = column_name
WHERE view_name = %s AND col_description(attrelid, attnum) IS NOT NULL GROUP BY attname HAVING count(*) = 1
"""


def render(dsn: str) -> str:
    """Return the page, from a migrated database."""
    return page("Tables", ABOUT, *(_section(dsn, *row) for row in query(dsn, _TABLES)))


def _section(dsn: str, name: str, comment: str, key: str, is_view: bool) -> str:
    sources = dict(query(dsn, _SOURCES, name)) if is_view else {}
    rows = [
        (
            code(one.name),
            one.kind,
            "yes" if one.nullable and not is_view else "",  # the database does not know it of a view
            one.comment or sources.get(one.name, ""),
        )
        for one in read_columns(dsn, name)
    ]
    about = ". ".join(part for part in (comment, key) if part)
    return "\n\n".join(
        part for part in (f"## {name}", about, table(("column", "type", "null", "meaning"), rows)) if part
    )
