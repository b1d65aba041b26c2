"""`whale audit`: is every trade in Kafka, Postgres and the lake, once? The answer on stdout, progress on stderr.

Exit code: 0 nothing is wrong, 1 something is missing, doubled or unexplained, 2 nothing was compared, or a place can't
be asked, 75 nothing is wrong so far, but a place has not got as far yet: ask again later.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from whale_platform.audit import audit_progress, collect, render
from whale_platform.audit.reconcile import AuditResult
from whale_platform.cli.common.context import load_home_settings, require_home
from whale_platform.cli.common.error_messages import explain_errors
from whale_platform.cli.common.errors import UserError
from whale_platform.cli.common.options import HomeOption
from whale_platform.cli.common.time_input import parse_time
from whale_platform.settings import Settings
from whale_platform.supervision.runtime import exit_codes

app = typer.Typer(add_completion=False, help="Reconcile Kafka, Postgres and the lake by symbol and hour.")
DAY = timedelta(days=1)
VERDICT = {"wrong": "something is wrong", "not yet": "not all of them have arrived everywhere yet: ask again later"}


@app.command()
def audit(
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME",
            help="UTC: 2026-11-21T13:00 or a date (default: a day ago, or the first hour not audited yet).",
        ),
    ] = None,
    end: Annotated[str | None, typer.Option("--to", metavar="TIME", help="UTC (default: three minutes ago).")] = None,
    home: HomeOption = None,
    accept_given_up: Annotated[
        bool,
        typer.Option(
            "--accept-given-up",
            help="Take what the gap ledger has given up as explained by its reason, also in Dagster's check.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Every line as JSON on stdout.")] = False,
) -> None:
    """Is every trade in Kafka, Postgres and the lake, once? Prints what is missing, doubled, repaired or a true gap.

    Whole hours are compared, the newest up to three minutes ago: later trades are still on their way. Exit code: 0
    nothing is wrong (the exchange's own gaps are not), 1 something is, 2 nothing was compared or a system can't be
    read, 75 nothing is wrong so far, but some trades have not arrived everywhere yet.
    """
    place, now = require_home(home), datetime.now(UTC)
    settings, born = load_home_settings(place), datetime.fromtimestamp(place.created, UTC)
    with explain_errors():
        first, last = _choose_range(settings, start, end, now, born)
        found = _audit_with_progress(settings, first, last, now, born)
        found = found.accept_given_up() if accept_given_up else found
        if found.lines:
            audit_progress.record_audit(settings, found)
    if as_json:
        print(json.dumps(render.render_json(found), indent=1))
    elif found.lines:
        _print_result(found)
    if not found.lines:
        raise UserError(
            f"no place has a trade from {found.start:%Y-%m-%dT%H:%M} to {found.end:%Y-%m-%dT%H:%M} UTC, so nothing was "
            "compared: ask for hours with trades, or see `whale status` where there should be some"
        )
    raise typer.Exit({"wrong": 1, "not yet": exit_codes.RETRY}.get(found.verdict, 0))


def _choose_range(
    settings: Settings, start: str | None, end: str | None, now: datetime, created: datetime
) -> tuple[datetime, datetime]:
    settled = collect.find_settled_end(settings, now)
    last = min(parse_time(end).replace(second=0, microsecond=0), settled) if end else settled
    if start is not None:
        first = parse_time(start)
    elif settings.source == "replay" and (lake := collect.find_lake_span(settings)) is not None:
        first, last = lake[0], last if end else min(lake[1], settled)
    else:
        first = last - DAY
        turn = audit_progress.find_due_hour(settings, created, last.replace(minute=0))
        first = min(first, turn) if turn else first
    first = first.replace(minute=0, second=0, microsecond=0)
    if first >= last:
        raise UserError(
            f"no settled hours from {first:%Y-%m-%dT%H:%M} to {last:%Y-%m-%dT%H:%M} UTC: trades of the last three "
            f"minutes are still on their way, so the newest end is {settled:%Y-%m-%dT%H:%M}"
        )
    return first, last


def _audit_with_progress(
    settings: Settings, first: datetime, last: datetime, now: datetime, created: datetime
) -> AuditResult:
    with Progress(console=Console(stderr=True), transient=True) as progress:
        tasks = {place: progress.add_task(place, total=None) for place in ("Postgres", "lake", "Kafka")}
        return collect.run_audit(
            settings,
            first,
            last,
            now,
            created,
            lambda place, done, whole: progress.update(tasks[place], completed=done, total=whole),
        )


def _print_result(result: AuditResult) -> None:
    console = Console(soft_wrap=True, highlight=False)
    lines = render.select_notable(result)
    if lines:
        console.print(_table(render.LINE_HEAD, [render.render_cells(line) for line in lines]))
    console.print(_table(render.SUMMARY_HEAD, render.summarise(result)))
    for note in (*result.notes, render.describe_progress(result)):
        console.print(note, markup=False)
    sums = render.sum_lines(result.lines)
    verdict = VERDICT.get(result.verdict, "nothing is wrong")
    console.print(
        f"{result.start:%Y-%m-%d %H:%M} to {result.end:%Y-%m-%d %H:%M} UTC: {sums.trades:,} trades, {verdict}",
        markup=False,
    )


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Table:
    made = Table(box=None, pad_edge=False)
    for name in head:
        aside = "left" if name in ("symbol", "hour (UTC)", "verdict", "what") else "right"
        made.add_column(name, justify="left" if aside == "left" else "right", no_wrap=name != "what")
    for row in rows:
        made.add_row(*row)
    return made
