"""`whale import`: an exchange's public dumps of past trades into the lake; safe to stop and to run again."""

import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from whale_platform.cli.common.context import load_home_settings, require_home
from whale_platform.cli.common.errors import UserError
from whale_platform.cli.common.options import HomeOption
from whale_platform.domain import catalogue
from whale_platform.exchanges import symbols
from whale_platform.exchanges.registry import DUMPS, join_names
from whale_platform.lake.errors import LakeError
from whale_platform.lake.imports import dump_file, importer
from whale_platform.lake.imports.dump_file import DumpFile
from whale_platform.lake.imports.importer import ImportResult
from whale_platform.storage.folders import Folder
from whale_platform.version import code_version

app = typer.Typer(add_completion=False, help="Past trades into the lake, from the files that an exchange publishes.")
SITES = ", ".join(f"{name}: {known.site}" for name, known in DUMPS.items())
NEXT_STEPS = (
    "Their windows and reports: ./whale lake recompute {first:%Y-%m-%dT%H:%M} {last:%Y-%m-%dT%H:%M}, or as a run of "
    "Dagster: ./whale dagster asset materialize -m whale_platform.definitions --select lake/windows_from_lake "
    "--partition-range '{first:%Y-%m-%d-%H:%M}...{last:%Y-%m-%d-%H:%M}'"
)


@app.command()
def import_dumps(
    exchange: Annotated[str, typer.Argument(metavar="|".join(DUMPS), help=f"Whose files these are ({SITES}).")],
    files: Annotated[
        list[Path], typer.Argument(metavar="FILES...", help="Daily or monthly zips of spot trades or aggTrades.")
    ],
    pair: Annotated[
        list[str] | None,
        typer.Option(help="Base and quote of a symbol that the exchange's list has not, such as BTC/U; repeatable."),
    ] = None,
    home: HomeOption = None,
) -> None:
    """Import an exchange's public dumps; a trade that is there already is not there twice.

    A CHECKSUM file beside the zip is checked. A broken file changes nothing; a killed import goes on where it was.
    """
    if exchange not in DUMPS:
        known = join_names(tuple(DUMPS))
        raise UserError(
            f"import {exchange!a}: only the dumps of {known} are known: `whale import {next(iter(DUMPS))} …zip`"
        )
    there = require_home(home)
    if there.source == "simulator":
        raise UserError(
            f"{there.path} holds simulated trades, which must not mix with real ones: name another --home, "
            "one that `whale up --source live` has made"
        )
    root = load_home_settings(there).trades_lake
    try:
        split = symbols.build_splitter(catalogue.load_catalogue(there.path, exchange), pair or ())
    except ValueError as wrong:
        raise UserError(f"--pair: {wrong}") from None
    hours: list[datetime] = []
    try:
        for dump in [dump_file.parse_dump_name(exchange, path, split) for path in files]:
            begin = time.monotonic()
            done = _import(root, dump)
            hours += done.hours
            print(describe_import(dump.path.name, done, time.monotonic() - begin), flush=True)
    except LakeError as error:
        raise UserError(str(error)) from None
    finally:
        if hours:  # also those of the files before a broken one
            print(NEXT_STEPS.format(first=min(hours), last=max(hours)), flush=True)


def describe_import(name: str, result: ImportResult, seconds: float) -> str:
    """What became of a file."""
    first, last = (f"{hour:%Y-%m-%d %H:%M}" for hour in (result.hours[0], result.hours[-1]))
    there = f" ({result.there} were there)" if result.there else ""
    sums = "checksum right" if result.checked else "no CHECKSUM file"
    repeated = f" (and {result.repeated:,} lines of them again)" if result.repeated else ""
    return (
        f"{name}: {result.rows:,} rows{repeated}, {result.new:,} new; "
        f"{len(result.hours)} hours{there}, {first} to {last} UTC; "
        f"{seconds:.1f} s, {result.rows / seconds:,.0f} rows/s; {sums}"
    )


def _import(root: Folder, dump: DumpFile) -> ImportResult:
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(dump.path.name)

        def show_progress(step: str, done: int, total: int) -> None:
            progress.update(bar, description=f"{dump.path.name}: {step}", completed=done, total=total)

        return importer.import_dump(root, dump, {"run": "import", "code": code_version()}, show_progress)
