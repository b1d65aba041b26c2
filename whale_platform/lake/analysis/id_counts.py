"""The ids that the lake holds of each symbol and hour, as id ranges: for the audit, hour by hour, with flat memory.

DuckDB sorts an hour's ids and hands over where a run begins and ends; an hour of millions of contiguous ids is one
line. One version of the table is counted, whatever is committed meanwhile. Raises LakeError's subclasses.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import groupby

import duckdb

from whale_platform.domain.id_ranges import HeldIds
from whale_platform.domain.market import MarketHour
from whale_platform.lake.delta import table
from whale_platform.lake.delta.table import HOUR, LakeFile
from whale_platform.lake.duckdb import engine
from whale_platform.lake.errors import DamagedFileError
from whale_platform.lake.maintenance import rewrite
from whale_platform.storage.folders import Folder

FETCH_ROWS = 10_000

_RUNS = """
WITH trades AS (
    SELECT exchange, symbol, coalesce(source = 'import', false) AS imported, trade_id AS first_id,
        trade_id + coalesce(fills, 1) - 1 AS last_id, coalesce(dense, true) AS dense
    FROM {rows} WHERE event_time < $end
), marked AS (
    SELECT *, coalesce(first_id > 1 + max(last_id) OVER (earlier ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
        true) AS begins
    FROM trades WINDOW earlier AS (PARTITION BY exchange, symbol, imported ORDER BY first_id)
), numbered AS (
    SELECT *, count_if(begins) OVER (PARTITION BY exchange, symbol, imported ORDER BY first_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS run FROM marked
)
SELECT exchange, symbol, imported, min(first_id), max(last_id), sum(last_id - first_id + 1)::BIGINT, bool_and(dense)
FROM numbered GROUP BY exchange, symbol, imported, run ORDER BY exchange, symbol, imported, 4
"""

_SUMS = "SELECT exchange, symbol, sum(coalesce(fills, 1))::BIGINT, false FROM {rows} GROUP BY 1, 2"
_ONCE = "SELECT exchange, symbol, count(DISTINCT trade_id), max(coalesce(fills, 1)) > 1 FROM {rows} GROUP BY 1, 2"


def count_trades(root: Folder, hour: datetime) -> dict[MarketHour, int]:
    """Trades by (exchange, symbol, hour) of the hour from `hour` on, each once, as a rewrite keeps them.

    An hour of one sorted file holds each once already and is read in a tenth of the time. Raises LakeError.
    """
    files = table.list_files(table.open_table(root), hour, hour + HOUR)
    if not files:
        return {}
    statement = _SUMS if [rewrite.is_sorted(file) for file in files] == [True] else _ONCE
    with engine.connect(root) as connection:
        rows = connection.execute(
            statement.format(rows=engine.select_rows(root, [file.path for file in files]))
        ).fetchall()
    if any(aggregates for *_, aggregates in rows):
        return {key: held.ids.count for key, held in count_ids(root, hour, hour + HOUR, files=files).items()}
    return {(exchange, symbol, hour): trades for exchange, symbol, trades, _ in rows}


def find_time_span(root: Folder) -> tuple[datetime, datetime] | None:
    """Return the first hour of the lake and the end of the last; None for a table without trades.

    Raises LakeNotFoundError.
    """
    files = table.list_files(table.open_table(root))
    return (files[0].start, files[-1].start + HOUR) if files else None


def count_ids(
    root: Folder,
    start: datetime,
    end: datetime,
    on_progress: Callable[[int, int], None] = lambda done, all_hours: None,
    damaged: dict[datetime, DamagedFileError] | None = None,
    files: list[LakeFile] | None = None,
) -> dict[MarketHour, HeldIds]:
    """What is held by (exchange, symbol, hour) of [start, end), from a full hour on, aware UTC.

    `files`: those of these hours, as `table.list_files`, where the caller has to know which. Imported ids are
    `alone`. `on_progress(hours done, hours)` is called after each hour that has files. An hour with a file that can't
    be read raises DamagedFileError, or is put into `damaged` and left out.
    """
    files = table.list_files(table.open_table(root), start, end) if files is None else files
    hours = [(at, list(some)) for at, some in groupby(files, _start)]
    found: dict[MarketHour, HeldIds] = {}
    with engine.connect(root) as connection:
        for done, (hour, some) in enumerate(hours, 1):
            try:
                with engine.translate_duckdb_errors():
                    _count_hour(connection, root, hour, some, end, found)
            except DamagedFileError as error:
                if damaged is None:
                    raise
                damaged[hour] = error
                found = {key: held for key, held in found.items() if key[2] != hour}
            on_progress(done, len(hours))
    return found


def _count_hour(
    connection: duckdb.DuckDBPyConnection,
    root: Folder,
    hour: datetime,
    files: list[LakeFile],
    end: datetime,
    counts: dict[MarketHour, HeldIds],
) -> None:
    query = _RUNS.format(rows=engine.select_rows(root, [file.path for file in files]))
    asked = connection.execute(query, {"end": end.astimezone(UTC)})
    while runs := asked.fetchmany(FETCH_ROWS):
        for exchange, symbol, imported, first, last, trades, dense in runs:
            held = counts.setdefault((exchange, symbol, hour), HeldIds())
            if imported:
                for alone in held.ids.find_gaps(first, last):
                    held.alone.add(*alone)
            there = held.ids.add(first, last)
            held.doubled += trades - (last - first + 1) + there
            held.dense = held.dense and dense


def _start(file: LakeFile) -> datetime:
    return file.start
