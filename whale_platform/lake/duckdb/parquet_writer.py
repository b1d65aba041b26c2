"""Sorted rows -> one small Parquet file: DuckDB writes it, its footer gives the statistics for the table's log.

Sorted by exchange, symbol and id, with delta encoding and zstd, a real trade takes 7 bytes; the same file as DuckDB
writes it by default 9 (`whale bench lake`).
"""

import uuid
from datetime import UTC, datetime

import duckdb

from whale_platform.lake.delta.schema import COLUMN_NAMES, IDENTITY, STATISTICS_COLUMNS
from whale_platform.lake.delta.table import NewFile, hour_folder
from whale_platform.lake.duckdb.engine import quote_literal, translate_duckdb_errors
from whale_platform.storage.folders import Folder

SORTED_PREFIX = "sorted-"  # how the names of such files begin
ZSTD_LEVEL = 9
PARQUET_OPTIONS = (
    f"FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL {ZSTD_LEVEL}, PARQUET_VERSION V2, ROW_GROUP_SIZE 500000"
)
ROW_ORDER = ", ".join(IDENTITY)


def write_sorted(connection: duckdb.DuckDBPyConnection, rows: str, root: Folder, start: datetime) -> NewFile:
    """Write the result of `rows` (SQL; the table's columns) as the file of hour `start`. Raises LakeError's subclasses.

    The file is there before anyone knows of it: who commits it makes it part of the table, else vacuum deletes it.
    """
    path = f"{hour_folder(start)}/{SORTED_PREFIX}{uuid.uuid4()}.parquet"
    full = root / path
    full.parent.mkdir(parents=True, exist_ok=True)
    try:
        with translate_duckdb_errors():
            query = f"SELECT {', '.join(COLUMN_NAMES)} FROM ({rows}) ORDER BY {ROW_ORDER}"
            connection.execute(f"COPY ({query}) TO {quote_literal(str(full))} ({PARQUET_OPTIONS})")
            minima = ", ".join(f"min({name}), max({name})" for name in STATISTICS_COLUMNS)
            found = connection.execute(
                f"SELECT count(*), {minima} FROM read_parquet({quote_literal(str(full))})"
            ).fetchone()
    except BaseException:
        full.unlink(missing_ok=True)
        raise
    assert found is not None
    values = dict(zip(STATISTICS_COLUMNS, zip(found[1::2], found[2::2], strict=True), strict=True))
    stats = {
        "minValues": {name: _format_statistic(low) for name, (low, _) in values.items() if low is not None},
        "maxValues": {name: _format_statistic(high) for name, (_, high) in values.items() if high is not None},
    }
    return NewFile(path, start, int(found[0]), full.stat().st_size, stats)


def _format_statistic(value: object) -> object:
    return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}" if isinstance(value, datetime) else value
