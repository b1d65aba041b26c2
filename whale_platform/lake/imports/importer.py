"""A dump of past trades into the lake, hour by hour, so that a killed import goes on where it was.

Each hour is one commit (rewrite.py), which also says how many hours of this very file are done; so importing a file
again changes nothing, and trades that came live are not there twice. An hour that was imported and has lost trades
since (retention, a restore from Kafka) is imported again. Nothing is written before the whole file has been checked.
One import at a time in one lake: the second is refused, because it would only wait for the first one's commits.
"""

import fcntl
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from whale_platform.lake.delta import table
from whale_platform.lake.delta.table import HOUR, LakeFile
from whale_platform.lake.duckdb import engine
from whale_platform.lake.duckdb.engine import quote_literal
from whale_platform.lake.errors import ConcurrentCommitError
from whale_platform.lake.imports import dump_loader
from whale_platform.lake.imports.dump_file import DumpFile, ImportProgress
from whale_platform.lake.imports.dump_loader import LoadedDump
from whale_platform.lake.maintenance import rewrite
from whale_platform.storage import folders
from whale_platform.storage.folders import Folder

WORK_FOLDER = "importing"  # the folder beside the table for what is unzipped; a killed import leaves it to the next


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What became of a dump. `rows`: in the file, each once; `repeated`: lines of it that were there before;
    `new`: by how many rows the lake grew; `checked`: by a CHECKSUM file.

    hours: from the first to the last that has trades, aware UTC; `there`: how many of them had been imported before.
    """

    rows: int
    repeated: int
    new: int
    hours: tuple[datetime, ...]
    there: int
    checked: bool


def import_dump(
    root: Folder, dump: DumpFile, commit_info: Mapping[str, Any], on_progress: ImportProgress
) -> ImportResult:
    """Import the dump; `commit_info` goes into the commits.

    Raises InvalidDumpError (nothing was changed) and other LakeErrors.
    """
    with _open_work_folder(root) as folder:
        loaded = dump_loader.load_dump(dump, folder, on_progress)
        table.create_table(root)
        name = f"import/{loaded.sha256}"
        marked = table.read_marker(table.open_table(root), name) or 0
        there = _find_imported_hours(root, dump, loaded, marked)
        new = 0
        for number, (start, _) in enumerate(loaded.hours, 1):
            if start not in there:
                rows, mark = _build_hour_query(dump, loaded, start), (name, max(number, marked))
                done = rewrite.rewrite_hour(
                    root, start, {**commit_info, "file": dump.path.name}, rows, mark, distinct=True
                )
                new += done.rows_after - done.rows_before if done else 0
            on_progress("importing", number, len(loaded.hours))
    hours = tuple(start for start, _ in loaded.hours)
    return ImportResult(loaded.rows, loaded.repeated, new, hours, len(there), loaded.checked)


@contextmanager
def _open_work_folder(root: Folder) -> Iterator[Path]:
    """An empty folder for this import alone, deleted afterwards. Raises ConcurrentCommitError where another import is
    under way."""
    folder = folders.scratch_folder(root) / WORK_FOLDER
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConcurrentCommitError(
                f"another import into {root.parent} is under way: try again when it is done"
            ) from None
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _find_imported_hours(root: Folder, dump: DumpFile, loaded: LoadedDump, marked: int) -> set[datetime]:
    """Of the first `marked` hours those that have as many trades of the symbol as the dump: they need no import."""
    if not marked:
        return set()
    files: dict[datetime, list[LakeFile]] = {}
    for file in table.list_files(table.open_table(root), dump.start, dump.end):
        files.setdefault(file.start, []).append(file)
    there = set()
    with engine.connect(root) as connection:
        for start, fills in loaded.hours[:marked]:
            found = connection.execute(
                f"SELECT coalesce(sum(fills), 0) FROM {rewrite.select_once(connection, root, files.get(start, ()))} "
                "WHERE exchange = ? AND symbol = ?",
                [dump.exchange, dump.symbol],
            ).fetchone()
            if found is not None and found[0] >= fills:
                there.add(start)
    return there


def _build_hour_query(
    dump: DumpFile, loaded: LoadedDump, start: datetime
) -> Callable[[duckdb.DuckDBPyConnection], str]:
    """SQL of the dump's rows of one hour in the lake's columns."""
    low, high = (int(moment.timestamp()) * 1_000_000 // loaded.unit for moment in (start, start + HOUR))
    names = {
        "exchange": dump.exchange,
        "symbol": dump.symbol,
        "base": dump.base,
        "quote": dump.quote,
        "source": "import",
    }
    sql = f"""SELECT {", ".join(f"{quote_literal(text)} AS {name}" for name, text in names.items())},
        first AS trade_id, (last - first + 1)::INTEGER AS fills, true AS dense, price, quantity,
        {dump_loader.build_notional_wide()} AS notional_wide, CASE WHEN maker THEN 'sell' ELSE 'buy' END AS side,
        make_timestamp("time" * {loaded.unit})::TIMESTAMPTZ AS event_time, NULL::TIMESTAMPTZ AS received_time,
        NULL::VARCHAR AS taker_order_id, false AS block, NULL::VARCHAR AS buyer, NULL::VARCHAR AS seller,
        NULL::DECIMAL(38,18) AS usd_rate, NULL::VARCHAR AS usd_pair, NULL::DECIMAL(38,18) AS usd_exact,
        NULL::INTEGER AS topic_partition, NULL::BIGINT AS topic_offset
        FROM read_parquet({quote_literal(str(loaded.file))}) WHERE "time" >= {low} AND "time" < {high}"""
    return lambda _: sql
