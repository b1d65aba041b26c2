"""One question in SQL, answered by DuckDB from the lake's trades and tables of Postgres side by side.

A question can't change or reach anything: `sql_guard.py` lets only what reads through, and the lock comes on top and
keeps all files out of reach but those it names. Only what a question names is opened: without `trades` no lake is
needed, without a table of Postgres no Postgres. Raises LakeError's subclasses.

Trades lie in one folder an hour, so `WHERE date = …` (and `hour = …`) opens only those files; a condition on
`event_time` alone looks into the footer of every file. `newest_trades` is the newest hour that has any: it is found
without opening the table, in the same time however large the lake is.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb

from whale_platform.lake.delta import newest, table
from whale_platform.lake.delta.schema import COLUMNS, PARTITION_COLUMNS, LakeColumn
from whale_platform.lake.duckdb import engine
from whale_platform.lake.duckdb.engine import quote_literal
from whale_platform.lake.duckdb.sql_guard import describe_sql_error, validate_statement
from whale_platform.lake.errors import FileMissingError, InvalidStatementError
from whale_platform.storage import folders
from whale_platform.storage.folders import Folder

TRADES, NEWEST = "trades", "newest_trades"
SHOWN_COLUMNS = (
    *(column for column in COLUMNS if column.name != "notional_wide"),
    LakeColumn("notional", "", "DECIMAL(38,18)", "price x quantity, quote currency, exact"),
    *PARTITION_COLUMNS,
)
FETCH_ROWS = 1000
SQL_MISTAKES = (duckdb.CatalogException, duckdb.BinderException)
POLL_S = 0.1
NULL = "\\N"  # unquoted; how the CSV files of Postgres's tables spell it
CSV = (
    f"header = true, auto_detect = false, delim = ',', quote = '\"', escape = '\"', new_line = '\\n', "
    f"nullstr = {quote_literal(NULL)}, allow_quoted_nulls = false, max_line_size = 20000000"
)
# Writes a table of Postgres to the path as CSV; returns (column, DuckDB's type) of each, nothing where it has no such.
CopyTable = Callable[[str, Path], Sequence[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class LakeQueryResult:
    """Names of the columns; the rows as they come, Decimal and aware datetime among the values."""

    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


@contextmanager
def run_query(root: Folder, sql: str, version: int | None, copy: CopyTable) -> Iterator[LakeQueryResult]:
    """The answer to one statement about `trades` (at `version`) and tables that `copy` knows; read it inside.

    Raises InvalidStatementError, and LakeError's others where the lake is not there, or its files are not.
    """
    with engine.connect(root) as connection, explain_errors(root, version):
        names = validate_statement(connection, sql)
        if TRADES not in names and version is not None:
            raise InvalidStatementError(
                f"version {version} is one of the lake, and the statement does not name `{TRADES}`"
            )
        paths = _create_trades_view(connection, root, version) if TRADES in names else []
        if NEWEST in names:
            paths += _create_newest_view(connection, root)
        connection.execute("CREATE SCHEMA public; SET search_path = 'main,public'")
        with TemporaryDirectory(prefix="whale-query-") as folder:
            if not folders.scratch_folder(root).is_dir():
                connection.execute(f"SET temp_directory = {quote_literal(folder)}")
            for name in sorted(names - {TRADES, NEWEST} - _list_internal_views(connection)):
                _load_postgres_table(connection, name, Path(folder) / "table.csv", copy)
            _lock_connection(connection, paths)
            run_interruptible(connection, sql, lambda share: None)
            columns = tuple(column[0] for column in connection.description or ())
            yield LakeQueryResult(columns, _fetch_rows(connection))


@contextmanager
def explain_errors(root: Folder, version: int | None) -> Iterator[None]:
    """Turn DuckDB's errors into this room's; a file that an older version has lost is told as such."""
    try:
        with engine.translate_duckdb_errors():
            yield
    except FileMissingError:
        if version is None:
            raise
        newest = table.open_table(root).version()
        raise FileMissingError(
            f"version {version} can't be read any more: vacuum has deleted files of it; the newest is {newest}"
        ) from None
    except duckdb.Error as error:
        raise InvalidStatementError(describe_sql_error(str(error), isinstance(error, SQL_MISTAKES))) from None


def run_interruptible(connection: duckdb.DuckDBPyConnection, statement: str, progress: Callable[[float], None]) -> None:
    """Run the statement on a thread of its own and tell its share done, so that Ctrl-C stops it at once.

    DuckDB itself looks for signals only between two pieces of work, which may be many seconds.
    """
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(connection.execute, statement)
        try:
            while not wait([running], POLL_S).done:
                progress(max(0.0, connection.query_progress()) / 100)
        except BaseException:
            connection.interrupt()
            raise
        running.result()


def _create_trades_view(connection: duckdb.DuckDBPyConnection, root: Folder, version: int | None) -> list[str]:
    paths = [file.path for file in table.list_files(table.open_table(root, version))]
    connection.execute(f"CREATE VIEW {TRADES} AS {engine.select_trades(root, paths)[1:-1]}")
    return [str(root / path) for path in paths]


def _create_newest_view(connection: duckdb.DuckDBPyConnection, root: Folder) -> list[str]:
    paths = newest.read_index(root).list_files(1)
    connection.execute(f"CREATE VIEW {NEWEST} AS {engine.select_trades(root, paths)[1:-1]}")
    return [str(root / path) for path in paths]


def _list_internal_views(connection: duckdb.DuckDBPyConnection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT view_name FROM duckdb_views() WHERE internal").fetchall()}


def _load_postgres_table(connection: duckdb.DuckDBPyConnection, name: str, path: Path, copy: CopyTable) -> None:
    columns = copy(name, path)
    if columns:
        kinds = ", ".join(f"{quote_literal(column)}: {quote_literal(kind)}" for column, kind in columns)
        spelled = '"' + name.replace('"', '""') + '"'
        source = f"read_csv({quote_literal(str(path))}, {CSV}, columns = {{{kinds}}})"
        connection.execute(f"CREATE TABLE public.{spelled} AS FROM {source}")
        path.unlink()


def _lock_connection(connection: duckdb.DuckDBPyConnection, paths: Sequence[str]) -> None:
    """From here on no file but these, no Python variable, no other setting."""
    listed = ", ".join(quote_literal(path) for path in paths)
    connection.execute(f"SET allowed_paths = [{listed}]::VARCHAR[]; SET python_enable_replacements = false")
    connection.execute("SET enable_external_access = false; SET lock_configuration = true")


def _fetch_rows(connection: duckdb.DuckDBPyConnection) -> Iterator[tuple[Any, ...]]:
    while chunk := connection.fetchmany(FETCH_ROWS):
        yield from chunk
