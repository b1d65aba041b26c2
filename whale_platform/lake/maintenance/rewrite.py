"""Rewrites one hour of the lake: all its files, and more rows if there are any, become one sorted file.

Compaction, import and restoring are this one thing. Each trade stays once: of two rows with one identity the one that
came through Kafka first is kept. An imported aggregate stands for its fills only while they are not all there
themselves; where they are, it goes, and where only some are, they go and it stays, so every sum is right either way.
Files that come in meanwhile stay as they are.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb
from deltalake import DeltaTable

from whale_platform.lake.delta import commits, table
from whale_platform.lake.delta.schema import COLUMN_NAMES, IDENTITY
from whale_platform.lake.delta.table import HOUR, LakeFile, NewFile
from whale_platform.lake.duckdb import engine, parquet_writer
from whale_platform.lake.errors import DamagedFileError, FileMissingError
from whale_platform.storage.folders import Folder

SAMPLE_ROWS = 100_000
CSV_TEXTS = (
    {name: f"coalesce({name}::VARCHAR, '')" for name in COLUMN_NAMES}
    | {name: f"coalesce(rtrim(rtrim({name}::VARCHAR, '0'), '.'), '')" for name in ("price", "quantity")}
    | {name: f"coalesce(epoch_us({name})::VARCHAR, '')" for name in ("event_time", "received_time")}
)


@dataclass(frozen=True, slots=True)
class RewriteResult:
    """What became of an hour: files, rows and bytes before and after.

    csv_bytes: bytes of the same rows as CSV, by a sample; 0 where more rows came, because nobody asks then.
    """

    start: datetime
    files_before: int
    files_after: int
    rows_before: int
    rows_after: int
    bytes_before: int
    bytes_after: int
    csv_bytes: int
    version: int

    @property
    def saved(self) -> float:
        """Share of the CSV's bytes that the file saves."""
        return 1 - self.bytes_after / self.csv_bytes if self.csv_bytes else 0.0


def rewrite_hour(
    root: Folder,
    start: datetime,
    commit_info: Mapping[str, Any],
    build_more_rows: Callable[[duckdb.DuckDBPyConnection], str] | None = None,
    marker: tuple[str, int] | None = None,
    without_damaged: bool = False,
    check: Callable[[int], None] = lambda _: None,
    distinct: bool = False,
) -> RewriteResult | None:
    """Rewrite the hour from `start` (aware UTC); None where nothing was to be done.

    `build_more_rows(connection)` gives SQL of further rows (the table's columns) of this hour; `marker` is recorded
    with the commit. `without_damaged`: leave files out that can't be read, where those rows hold their trades.
    `check(rows)` may raise to refuse what would be written. `distinct`: each trade is there once in those
    rows. Raises LakeError.
    """
    done: RewriteResult | None = None

    def change(opened: DeltaTable) -> tuple[list[NewFile], list[LakeFile]]:
        nonlocal done
        done = None
        found = table.list_files(opened, start, start + HOUR)
        if build_more_rows is None and (not found or [is_sorted(file) for file in found] == [True]):
            return [], []
        engine.require_free_space(
            root, sum(file.size for file in found), f"to rewrite the hour of {start:%Y-%m-%d %H:%M}"
        )
        with engine.connect(root) as connection:
            good = [file for file in found if not (without_damaged and _is_unreadable(connection, root, file))]
            rows = f"SELECT {', '.join(COLUMN_NAMES)} FROM {engine.select_rows(root, [file.path for file in good])}"
            if build_more_rows is not None:
                rows = f"{rows} UNION ALL BY NAME SELECT {', '.join(COLUMN_NAMES)} FROM ({build_more_rows(connection)})"
            alone = distinct and not good
            new = parquet_writer.write_sorted(
                connection, rows if alone else select_distinct(connection, rows), root, start
            )
            try:
                check(new.rows)
            except BaseException:
                (root / new.path).unlink()
                raise
            done = RewriteResult(
                start,
                len(found),
                1,
                sum(file.rows for file in found),
                new.rows,
                sum(file.size for file in found),
                new.size,
                count_csv_bytes(connection, root, new) if build_more_rows is None else 0,
                opened.version(),
            )
            unchanged = good == found and adds_nothing(connection, root, found, new)
        if not new.rows or unchanged:
            (root / new.path).unlink()
            done = None
            return [], []
        return [new], found

    commits.replace_files(root, change, commit_info, marker)
    return done


def adds_nothing(connection: duckdb.DuckDBPyConnection, root: Folder, files: list[LakeFile], new: NewFile) -> bool:
    """Whether `new` adds nothing to an hour that was one sorted file before: no row, and no trade in a row."""
    if not (len(files) == 1 and is_sorted(files[0]) and files[0].rows == new.rows):
        return False
    fills = [f"(SELECT sum(fills) FROM {engine.select_rows(root, [file.path])})" for file in (files[0], new)]
    return connection.execute(f"SELECT {' = '.join(fills)}").fetchone() == (True,)


def is_sorted(file: LakeFile) -> bool:
    """Whether the file is what a rewrite made."""
    return Path(file.path).name.startswith(parquet_writer.SORTED_PREFIX)


def find_hours_to_compact(root: Folder, start: datetime | None = None, end: datetime | None = None) -> list[datetime]:
    """Hours in [start, end), aware UTC, that are not one sorted file."""
    hours: dict[datetime, list[LakeFile]] = {}
    for file in table.list_files(table.open_table(root), start, end):
        hours.setdefault(file.start, []).append(file)
    return [hour for hour, files in sorted(hours.items()) if len(files) > 1 or not is_sorted(files[0])]


def count_csv_bytes(connection: duckdb.DuckDBPyConnection, root: Folder, file: LakeFile) -> int:
    """Bytes of the file's rows as CSV without quotes: decimals without trailing zeros, times as microseconds."""
    line = " + ".join(f"strlen({text})" for text in CSV_TEXTS.values())
    rows = engine.select_rows(root, [file.path])
    sample = f"SELECT * FROM {rows} USING SAMPLE reservoir({SAMPLE_ROWS} ROWS) REPEATABLE (1)"
    found = connection.execute(f"SELECT avg({line}) FROM ({sample})").fetchone()
    return round(((found or (0,))[0] or 0) * file.rows + len(COLUMN_NAMES) * file.rows)


def select_distinct(connection: duckdb.DuckDBPyConnection, rows: str) -> str:
    """SQL: of these rows (SQL; the table's columns) each trade once, see above."""
    distinct = f"""SELECT * FROM ({rows}) QUALIFY row_number() OVER (PARTITION BY {", ".join(IDENTITY)}, fills > 1
        ORDER BY topic_offset NULLS LAST, topic_partition, received_time NULLS LAST) = 1"""
    most = connection.execute(f"SELECT max(fills) FROM ({rows})").fetchone()
    if most is None or (most[0] or 1) == 1:
        return distinct
    return f"""
    WITH once AS ({distinct}), whole AS (SELECT * FROM once WHERE fills = 1), joined AS (
        SELECT a.exchange, a.symbol, a.trade_id, a.fills, count(w.trade_id) AS there
        FROM once a LEFT JOIN whole w ON w.exchange = a.exchange AND w.symbol = a.symbol
            AND w.trade_id >= a.trade_id AND w.trade_id < a.trade_id + a.fills
        WHERE a.fills > 1 GROUP BY ALL)
    SELECT w.* FROM whole w WHERE NOT EXISTS (
        SELECT 1 FROM joined j WHERE j.there BETWEEN 1 AND j.fills - 1 AND j.exchange = w.exchange
            AND j.symbol = w.symbol AND w.trade_id >= j.trade_id AND w.trade_id < j.trade_id + j.fills)
    UNION ALL SELECT a.* FROM once a SEMI JOIN joined j ON a.fills > 1 AND j.there < j.fills AND j.exchange = a.exchange
        AND j.symbol = a.symbol AND j.trade_id = a.trade_id
    """


def select_once(connection: duckdb.DuckDBPyConnection, root: Folder, files: Iterable[LakeFile]) -> str:
    """SQL: the rows of these files, as `engine.select_rows`, each trade once; `files`: all of one or more hours.

    An hour of one sorted file has each trade once and is read as it is; of the others all rows are, whatever the query.
    """
    once, others = list[str](), list[str]()
    for _, group in groupby(sorted(files, key=lambda file: file.start), lambda file: file.start):
        some = list(group)
        paths = once if [is_sorted(file) for file in some] == [True] else others
        paths += [file.path for file in some]
    if not others:
        return engine.select_rows(root, once)
    columns = ", ".join(COLUMN_NAMES)
    distinct = select_distinct(connection, f"SELECT {columns} FROM {engine.select_rows(root, others)}")
    if not once:
        return f"({distinct})"
    return f"(({distinct}) UNION ALL SELECT {columns} FROM {engine.select_rows(root, once)})"


def _is_unreadable(connection: duckdb.DuckDBPyConnection, root: Folder, file: LakeFile) -> bool:
    try:
        with engine.translate_duckdb_errors():
            every = ", ".join(f"max({name})" for name in COLUMN_NAMES)
            connection.execute(f"SELECT {every} FROM {engine.select_rows(root, [file.path])}")
    except (DamagedFileError, FileMissingError):
        return True
    return False
