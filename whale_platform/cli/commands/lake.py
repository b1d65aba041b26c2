"""`whale lake`: what it holds, its versions, and an hour restored; upkeep by itself is Dagster's."""

import sys
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whale_platform.cli.common.context import load_home_settings, require_home
from whale_platform.cli.common.error_messages import explain_errors
from whale_platform.cli.common.errors import UserError
from whale_platform.cli.common.options import HomeOption
from whale_platform.cli.common.time_input import parse_time
from whale_platform.lake.delta import table
from whale_platform.lake.maintenance import retention, rewrite
from whale_platform.lake.maintenance.rewrite import RewriteResult
from whale_platform.stores.asset_tables.materialisation import HOUR, HourRange, Provenance
from whale_platform.stores.quality import audit_counts
from whale_platform.stream.lake_query import restore as restoring
from whale_platform.version import code_version, new_run_id

if TYPE_CHECKING:
    from whale_platform.settings import Settings

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="The lake of trades: what it holds, its versions, an hour restored.",
)
HourArgument = Annotated[str, typer.Argument(metavar="HOUR", help="Like 2026-11-21T13:00, UTC.")]


@app.command()
def show(home: HomeOption = None) -> None:
    """Its days: files, trades, bytes; the newest version."""
    with explain_errors():
        root = _load_settings(home).trades_lake
        days, (newest,) = retention.list_days(root), retention.list_versions(root, 1)
    print(f"{root}\nversion {newest.version}, written {newest.time:%Y-%m-%d %H:%M:%S} UTC\n")
    print(f"{'day':<10} {'files':>7} {'trades':>15} {'bytes':>15} {'a trade':>8}")
    for day in days:
        print(f"{day.day} {day.files:>7,} {day.rows:>15,} {day.size:>15,} {day.size / max(1, day.rows):>8.1f}")


@app.command()
def versions(home: HomeOption = None, limit: Annotated[int, typer.Option("-n", min=1)] = 20) -> None:
    """The newest versions: when, why and by which run and code; for `--version` of query and export."""
    with explain_errors():
        found = retention.list_versions(_load_settings(home).trades_lake, limit)
    for one in found:
        print(f"{one.version:>8}  {one.time:%Y-%m-%d %H:%M:%S}  {one.why:<22} {one.run:<40} {one.code}".rstrip())


@app.command()
def compact(hour: HourArgument, home: HomeOption = None) -> None:
    """Make one sorted file of an hour now; Dagster does it for each closed hour."""
    with explain_errors():
        done = rewrite.rewrite_hour(
            _load_settings(home).trades_lake, _parse_hour(hour), {"run": new_run_id("cli"), "why": "compaction"}
        )
    _report_rewrite(done, "that hour has no trade, or is one sorted file already")


@app.command()
def restore(
    hour: HourArgument,
    accept_fewer: Annotated[
        bool, typer.Option("--accept-fewer", help="Also if Kafka and the readable files have fewer trades.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Restore an hour from Kafka: damaged files, missing trades. What the lake still has is kept."""
    settings = _load_settings(home)
    with explain_errors():
        done = restoring.restore_hour(
            settings.trades_lake,
            settings.bootstrap,
            _parse_hour(hour),
            new_run_id("cli"),
            whole_topic=settings.source == "replay",
            accept_fewer=accept_fewer,
            tell=lambda count: print(f"\rwhale: {count:,} messages read", end="", file=sys.stderr, flush=True),
        )
    print(file=sys.stderr)
    _report_rewrite(
        done, "Kafka has no trade of that hour that the lake lacks, but for those the stream has yet to bring"
    )


@app.command()
def recompute(
    first: HourArgument,
    last: Annotated[str | None, typer.Argument(metavar="LAST", help="The last hour; FIRST alone by default.")] = None,
    lake_is_whole: Annotated[
        bool, typer.Option("--lake-is-whole", help="You know that it has every trade of them: what it lacks goes.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Make windows, whales, rollups and reports of past hours again from the lake, by the thresholds of their time.

    Where the lake holds a symbol's hour whole, its word counts: what was counted twice goes, and whales that are none
    are taken back.
    """
    from whale_platform.repair import (
        recompute_hours,  # Spark's libraries take a second, which no other command has to wait
    )
    from whale_platform.stream import batch_recompute as batch

    settings, start = _load_settings(home), _parse_hour(first)
    end = (_parse_hour(last) if last else start) + HOUR
    if end <= start:
        raise UserError(f"{last} is before {first}: give the first hour, then the last")
    if end > datetime.now(UTC):
        raise UserError(f"the hour from {end - HOUR:%Y-%m-%dT%H:%M} is not over: give hours that are")
    maker, hours = Provenance(new_run_id("recompute"), code_version()), HourRange(start, end)
    with explain_errors():
        there, dsn = table.list_files(table.open_table(settings.trades_lake), start, end), settings.dsn()
        audit_counts.count_trades(dsn, start, end, end)  # Spark starts only where both can be asked
        if not there:
            raise UserError("the lake has no trade of these hours: nothing to do")
        with recompute_hours.lock_batch(dsn, maker, _report_wait), batch.open_batch_session(settings) as session:
            made = recompute_hours.recompute_hours(settings, dsn, session, hours, maker, lake_is_whole)
    counts = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in made.to_dict().items())
    print(f"whale: {len(made.hours)} hours made again by {maker.run_id}: {counts}", file=sys.stderr)


@cache
def _report_wait(reason: str) -> None:
    print(f"whale: waiting for its end: {reason}", file=sys.stderr, flush=True)


def _report_rewrite(result: RewriteResult | None, unchanged_text: str) -> None:
    if result is None:
        print(f"whale: nothing to do: {unchanged_text}", file=sys.stderr)
        return
    print(
        f"whale: {result.start:%Y-%m-%d %H:%M}: {result.files_before} files, {result.rows_before:,} trades, "
        f"{result.bytes_before:,} bytes -> 1 file, {result.rows_after:,} trades, {result.bytes_after:,} bytes"
        + (f" ({result.saved:.1%} less than CSV)" if result.csv_bytes else ""),
        file=sys.stderr,
    )


def _parse_hour(text: str) -> datetime:
    return parse_time(text).replace(minute=0, second=0, microsecond=0)


def _load_settings(home: Path | None) -> "Settings":
    return load_home_settings(require_home(home))
