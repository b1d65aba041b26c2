"""A range of time as one CSV or Parquet file, streamed from the lake with flat memory; the file appears when whole.

Rows come hour by hour, within an hour as the lake's files hold them (by exchange, symbol and id once compacted). They
are written beside the file under another name; what ends an export early, an error or Ctrl-C, takes that away again,
and only a kill -9 leaves it lying. Raises LakeError's subclasses, and OSError for a folder that can't be written.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from whale_platform.lake.delta import table
from whale_platform.lake.delta.schema import PARTITION_COLUMNS
from whale_platform.lake.duckdb import engine, query
from whale_platform.lake.duckdb.engine import quote_literal
from whale_platform.lake.duckdb.query import SHOWN_COLUMNS
from whale_platform.lake.errors import DiskFullError
from whale_platform.storage.folders import Folder

ExportFormat = Literal["csv", "parquet"]
COPY_OPTIONS = {"csv": "FORMAT csv, HEADER", "parquet": "FORMAT parquet, COMPRESSION zstd"}
EXPORTED_COLUMNS = tuple(column for column in SHOWN_COLUMNS if column not in PARTITION_COLUMNS)

ExportProgress = Callable[[float, int], None]  # hours read, of how many


@dataclass(frozen=True, slots=True)
class ExportSelection:
    """Trades of [start, end), aware UTC, of these symbols as the exchange spells them (any where empty)."""

    start: datetime
    end: datetime
    symbols: tuple[str, ...] = ()
    exchange: str | None = None
    version: int | None = None


@dataclass(frozen=True, slots=True)
class ExportResult:
    """What was written; `size` in bytes."""

    rows: int
    size: int


def export_trades(
    root: Folder, selection: ExportSelection, target: Path, kind: ExportFormat, progress: ExportProgress
) -> ExportResult:
    """Write the trades to `target`, over what is there."""
    opened = table.open_table(root, selection.version)
    files = table.list_files(opened, selection.start, selection.end)
    hours = len({file.start for file in files})
    sql = _build_select(root, [file.path for file in files], selection, kind)
    with (
        _write_beside(target) as path,
        query.explain_errors(root, selection.version),
        engine.connect(root) as connection,
    ):
        connection.execute("SET enable_progress_bar = true; SET enable_progress_bar_print = false")
        statement = f"COPY ({sql}) TO {quote_literal(str(path))} ({COPY_OPTIONS[kind]}, USE_TMP_FILE false)"
        query.run_interruptible(connection, statement, lambda share: progress(share * hours, hours))
        found = connection.fetchone()
    progress(hours, hours)
    return ExportResult(int(found[0]) if found else 0, target.stat().st_size)


@contextmanager
def _write_beside(target: Path) -> Iterator[Path]:
    """A name beside `target` that becomes `target` at the end, and is gone where there is none."""
    path = target.with_name(f".{target.name}.{os.getpid()}.part")
    path.touch()
    try:
        yield path
        path.replace(target)
    except DiskFullError as error:
        raise DiskFullError(f"no space is left in {target.parent} or beside the lake: nothing was exported") from error
    finally:
        path.unlink(missing_ok=True)


def _build_select(root: Folder, paths: Sequence[str], selection: ExportSelection, kind: ExportFormat) -> str:
    columns = ", ".join(
        _format_column(column.name, column.duck) if kind == "csv" else column.name for column in EXPORTED_COLUMNS
    )
    conditions = [f"event_time >= {_format_moment(selection.start)}", f"event_time < {_format_moment(selection.end)}"]
    if selection.symbols:
        conditions.append(f"symbol IN ({', '.join(quote_literal(symbol) for symbol in selection.symbols)})")
    if selection.exchange is not None:
        conditions.append(f"exchange = {quote_literal(selection.exchange)}")
    return f"SELECT {columns} FROM {engine.select_trades(root, paths)} WHERE {' AND '.join(conditions)}"


def _format_column(name: str, kind: str) -> str:
    if kind.startswith("DECIMAL"):
        return f"rtrim(rtrim({name}::VARCHAR, '0'), '.') AS {name}"
    if kind == "TIMESTAMPTZ":
        return f"strftime({name}, '%Y-%m-%dT%H:%M:%S.%fZ') AS {name}"
    return name


def _format_moment(time: datetime) -> str:
    return f"TIMESTAMPTZ {quote_literal(time.isoformat())}"
