"""DuckDB over the lake's files: sorts and sums larger than memory, on two threads, with errors that name the cause.

It is given lists of files, because its Delta extension can't be assumed to be there. Its memory is bounded; what does
not fit spills into a folder beside the table, as far as that leaves room for the trades. Raises LakeError's subclasses.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import duckdb

from whale_platform.domain.trade import DOLLARS
from whale_platform.files import disk_usage
from whale_platform.lake.delta.schema import COLUMN_NAMES, COLUMNS, NARROW_DECIMAL, PARTITION_COLUMNS
from whale_platform.lake.errors import DamagedFileError, DiskFullError, FileMissingError, LakeError
from whale_platform.storage import folders
from whale_platform.storage.folders import Folder

THREADS, MEMORY_LIMIT = 2, "400MB"
# A file's partition values, by which DuckDB leaves files out: a schema can't be given beside hive_partitioning.
FOLDER_COLUMNS = ", ".join(
    f"regexp_extract(filename, '.*/{column.name}=([^/]*)/', 1)::{column.duck} AS {column.name}"
    for column in PARTITION_COLUMNS
)
FILE_COLUMNS = (  # told beforehand, so that no file is opened whose folder a query leaves out
    "MAP {"
    + ", ".join(f"'{one.name}': {{name: '{one.name}', type: '{one.duck}', default_value: NULL}}" for one in COLUMNS)
    + "}"
)
NOTIONAL_SQL = "coalesce(notional_wide, ({} * {})::DECIMAL(38,18))".format(
    *(f"try_cast({name} AS {NARROW_DECIMAL})::DECIMAL(19,8)" for name in ("price", "quantity"))
)
USD_SQL = (  # US dollars of a trade; null where nobody knew them
    f"CASE WHEN quote IN ({', '.join(repr(coin) for coin in sorted(DOLLARS))}) THEN {NOTIONAL_SQL} ELSE usd_exact END"
)
EMPTY_ROW = ", ".join(f"NULL::{column.duck} AS {column.name}" for column in (*COLUMNS, *PARTITION_COLUMNS))


@contextmanager
def connect(root: Folder, memory: str = MEMORY_LIMIT) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory for one piece of work; `memory` bounds what it holds before it spills beside `root`."""
    if folders.is_remote(root):
        folders.scratch_folder(root).mkdir(parents=True, exist_ok=True)
    config: dict[str, str | bool | int | float | list[str]] = {
        "threads": THREADS,
        "memory_limit": memory,
        "temp_directory": str(folders.scratch_folder(root) / "spill"),
        "max_temp_directory_size": f"{disk_usage.read_disk_space(folders.scratch_folder(root)).spare_bytes}B",
    }
    with duckdb.connect(config=config) as connection, translate_duckdb_errors():
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        connection.execute("SET autoinstall_known_extensions = false; SET autoload_known_extensions = false")
        if folders.is_remote(root):
            connection.register_filesystem(root.fs)
        yield connection


def require_free_space(root: Folder, needed: int, purpose: str) -> None:
    """Raises DiskFullError where `needed` bytes beside `root` would take what must stay free for the trades."""
    spare = disk_usage.read_disk_space(folders.scratch_folder(root)).spare_bytes
    if needed >= spare:
        raise DiskFullError(
            f"{purpose} may need {_size(needed)}, and {_size(spare)} can be had beside the lake (a tenth of the disk, "
            "2 GB at most, stays free for the trades): free some, then try again"
        )


def select_rows(root: Folder, paths: Iterable[str]) -> str:
    """SQL: the rows of these files (relative to `root`) as they are stored, with `date` and `hour`.

    Columns that a file was written before are null there.
    """
    listed = ", ".join(quote_literal(str(root / path)) for path in paths)
    if not listed:
        return f"(SELECT {EMPTY_ROW} LIMIT 0)"
    files = f"read_parquet([{listed}], schema = {FILE_COLUMNS}, filename = true)"
    return f"(SELECT {', '.join(COLUMN_NAMES)}, {FOLDER_COLUMNS} FROM {files})"


def select_trades(root: Folder, paths: Iterable[str]) -> str:
    """SQL: the rows of these files as people read them, with `notional` (quote currency, exact)."""
    names = ", ".join(name for name in COLUMN_NAMES if name != "notional_wide")
    return f"(SELECT {names}, {NOTIONAL_SQL} AS notional, date, hour FROM {select_rows(root, paths)})"


def quote_literal(text: str) -> str:
    """A string in SQL."""
    return "'" + text.replace("'", "''") + "'"


@contextmanager
def translate_duckdb_errors() -> Iterator[None]:
    """Turn what DuckDB says of files, space and memory into this room's errors; errors in SQL pass."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise LakeError(f"this needs more memory than is allowed: query fewer hours ({_line(error)})") from None
    except duckdb.Error as error:
        text = str(error)
        if "No space left" in text or "max_temp_directory_size" in text:
            raise DiskFullError(
                f"no space is left beside the lake: free some, nothing was changed ({_line(error)})"
            ) from None
        if refused := re.search(r"ObjectStoreError: (.*)", text):
            raise LakeError(refused[1]) from None
        path = re.search(r"[^\"' ]*date=[^\"']*?\.parquet", text)
        if path is None:
            raise
        if "No such file" in text or "No files found" in text:
            raise FileMissingError(
                f"{path[0]} was deleted: vacuum or retention has passed the version that was being read; read again"
            ) from None
        raise DamagedFileError(
            f"{path[0]} can't be read ({_line(error)}): `whale lake restore` rebuilds its hour from Kafka"
        ) from None


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"


def _line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200]
