"""`whale backtest`: rules for alerts over the lake; figures on stdout, progress on stderr.

Postgres is read only where a rule takes the thresholds that held, or the live alerts are compared.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from whale_platform.backtest import live_difference, render
from whale_platform.backtest.errors import BacktestError
from whale_platform.backtest.live_difference import AlertDifference
from whale_platform.backtest.results import BacktestResult
from whale_platform.backtest.rules import AlertRule, read_rules
from whale_platform.backtest.run import BacktestRequest, run_backtest
from whale_platform.cli.common.context import load_home_settings, require_home
from whale_platform.cli.common.error_messages import explain_errors
from whale_platform.cli.common.errors import UserError
from whale_platform.cli.common.options import HomeOption
from whale_platform.cli.common.time_input import parse_range
from whale_platform.domain.whale import ThresholdPeriod, build_threshold_periods
from whale_platform.lake.analysis.alert_scan import ScanProgress
from whale_platform.settings import Settings
from whale_platform.stores.asset_tables.thresholds import read_threshold_history

FORMATS = ("text", "json", "csv")
WIDE = 1000  # columns: lines are never broken or cut
app = typer.Typer(add_completion=False, help="Try rules for alerts on the trades of the lake.")


@app.command()
def backtest(
    rules: Annotated[Path, typer.Argument(metavar="RULES.toml", help="The rules: docs/guides/backtest.md.")],
    start: Annotated[str, typer.Option("--from", metavar="TIME", help="UTC: 2026-11-21T13:00 or 2026-11-21.")],
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="UTC; this instant no more.")],
    home: HomeOption = None,
    style: Annotated[str, typer.Option("--format", metavar="text|json|csv")] = "text",
    seed: Annotated[int, typer.Option(min=0, help="Of the controls and the resampling.")] = 0,
    compare_live: Annotated[
        bool, typer.Option("--compare-live", help="Also compare the lake's alerts with the live ones of these hours.")
    ] = False,
) -> None:
    """How many alerts would rules have given, and did the price move after them? The verdict may be `no edge`.

    Exit code: 0 done, 1 --compare-live found a difference, 2 a mistake in the command or the rules.
    """
    if style not in FORMATS:
        raise UserError(f"--format {style}: one of {', '.join(FORMATS)}")
    first, last = parse_range(start, end)
    try:
        wanted = read_rules(rules)
    except BacktestError as error:
        raise UserError(str(error)) from None
    settings, difference = load_home_settings(require_home(home)), None
    with explain_errors(), _show_progress() as progress:
        request = BacktestRequest(wanted, first, last, _read_thresholds(settings, wanted), seed)
        result = run_backtest(settings.trades_lake, request, progress)
        if compare_live:
            difference = live_difference.compare_live_alerts(settings, first, last, progress)
    _print(result, difference, style)
    raise typer.Exit(1 if difference is not None and difference.different else 0)


def _read_thresholds(settings: Settings, rules: list[AlertRule]) -> list[ThresholdPeriod]:
    if not any(rule.held for rule in rules):
        return []
    return build_threshold_periods(read_threshold_history(settings.dsn()), settings.threshold_usd)


def _print(result: BacktestResult, difference: AlertDifference | None, style: str) -> None:
    if style == "json":
        print(json.dumps(render.render_json(result, difference), indent=1))
    elif style == "csv":
        sys.stdout.write(render.render_csv(result))
        _print_difference(difference, Console(stderr=True, width=WIDE, highlight=False))
    else:
        console = Console(width=WIDE, highlight=False)
        for rule in result.rules:
            console.print(render.describe_rule(rule), markup=False)
            if rule.horizons:
                console.print(_build_table(render.build_cells(rule)))
            console.print(f"{rule.explanation}\n", markup=False)
        console.print(render.describe_run(result), markup=False)
        _print_difference(difference, console)


def _print_difference(difference: AlertDifference | None, console: Console) -> None:
    for line in render.describe_difference(difference) if difference is not None else ():
        console.print(line, markup=False)


def _build_table(rows: list[tuple[str, ...]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for name in render.HEAD:
        table.add_column(name, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


@contextmanager
def _show_progress() -> Iterator[ScanProgress]:
    """A bar of hours with the trades read on a terminal, nothing elsewhere."""
    console = Console(stderr=True)
    columns = (
        BarColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f} hours, {task.fields[trades]:,} trades"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("backtest", total=0, trades=0)
        yield lambda hours, total, trades: bar.update(task, completed=hours, total=total, trades=trades)
