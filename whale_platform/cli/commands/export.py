"""`whale export`: a range of time from the lake as a CSV or Parquet file; all words on stderr."""

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from whale_platform.cli.common.context import load_home_settings, require_home
from whale_platform.cli.common.errors import UserError
from whale_platform.cli.common.options import HomeOption
from whale_platform.cli.common.time_input import parse_time
from whale_platform.lake.duckdb import file_export
from whale_platform.lake.duckdb.file_export import ExportFormat, ExportSelection
from whale_platform.lake.errors import LakeError
from whale_platform.storage.folders import Folder

STDOUT = "-"
app = typer.Typer(add_completion=False, help="Trades of a range of time, as a CSV or Parquet file.")


@app.command()
def export(
    what: Annotated[str, typer.Argument(metavar="trades")],
    out: Annotated[str, typer.Argument(metavar="OUT", help="The file; - writes CSV to stdout.")],
    start: Annotated[str, typer.Option("--from", metavar="T", help="UTC: 2026-11-21T13:00 or 2026-11-21.")],
    end: Annotated[str, typer.Option("--to", metavar="T", help="UTC; this instant no more.")],
    symbol: Annotated[list[str] | None, typer.Option(help="As the exchange spells it; repeat for more.")] = None,
    exchange: Annotated[str | None, typer.Option(help="One exchange's name; any by default.")] = None,
    file_format: Annotated[
        str | None, typer.Option("--format", metavar="csv|parquet", help="By default what OUT ends in.")
    ] = None,
    version: Annotated[int | None, typer.Option(min=0, help="The lake as of this version.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    home: HomeOption = None,
) -> None:
    """Write the trades of a range of time; the file appears when it is whole."""
    if what != "trades":
        raise UserError(
            f'{what} can\'t be exported, only trades: `whale query "FROM {what}" --format csv` gives tables'
        )
    wanted = ExportSelection(parse_time(start), parse_time(end), tuple(symbol or ()), exchange, version)
    if wanted.start > wanted.end:
        raise UserError(f"--from {start} is after --to {end}")
    kind = _choose_format(out, file_format)
    if out != STDOUT and Path(out).is_dir():
        raise UserError(f"{out} is a folder: name a file")
    if out != STDOUT and Path(out).exists() and not force:
        raise UserError(f"{out} is there already: name another file, or write over it with --force")
    root = load_home_settings(require_home(home)).trades_lake
    if out != STDOUT:
        _export(root, wanted, Path(out), kind)
        return
    with TemporaryDirectory(prefix="whale-export-") as folder:
        path = Path(folder) / "trades.csv"
        _export(root, wanted, path, kind)
        with path.open("rb") as file:
            shutil.copyfileobj(file, sys.stdout.buffer)
            sys.stdout.buffer.flush()


def _export(root: Folder, selection: ExportSelection, path: Path, kind: ExportFormat) -> None:
    began = time.monotonic()
    try:
        with _show_progress() as progress:
            done = file_export.export_trades(root, selection, path, kind, progress)
    except LakeError as error:
        raise UserError(str(error)) from None
    except OSError as error:
        raise UserError(f"{path} can't be written: {error.strerror or error}") from None
    found = f"{done.rows:,} trades" if done.rows else "no such trades: nothing but the columns"
    print(f"whale: {found}, {done.size:,} bytes, {time.monotonic() - began:.1f} s", file=sys.stderr)


def _choose_format(out: str, named: str | None) -> ExportFormat:
    found = named or ("csv" if out == STDOUT else Path(out).suffix.removeprefix(".").lower())
    if found == "csv":
        return "csv"
    if found != "parquet":
        raise UserError(
            f"--format {found}: csv or parquet" if named else f"{out} ends in neither .csv nor .parquet: name --format"
        )
    if out == STDOUT:
        raise UserError("only CSV can go to stdout: name a file for Parquet")
    return "parquet"


@contextmanager
def _show_progress() -> Iterator[file_export.ExportProgress]:
    """A bar of hours on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    columns = (BarColumn(), TextColumn("{task.completed:,.0f} of {task.total:,.0f} hours"), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("export", total=0)
        yield lambda hours, total: bar.update(task, completed=hours, total=total)
