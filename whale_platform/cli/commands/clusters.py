"""`whale clusters`: whales of one base and side on several exchanges within seconds; a table or JSON lines on stdout.

Postgres is read only for the thresholds that held, so not with --minimum-usd.
"""

import json
from decimal import Decimal
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from whale_platform.backtest.cluster_report import HEAD, build_cells, build_row
from whale_platform.backtest.cluster_search import ClusterRequest, FoundClusters, find_lake_clusters
from whale_platform.backtest.clusters import OrderCluster
from whale_platform.cli.common.context import load_home_settings, require_home
from whale_platform.cli.common.error_messages import explain_errors
from whale_platform.cli.common.options import HomeOption
from whale_platform.cli.common.time_input import parse_range
from whale_platform.domain.decimal_text import format_decimal
from whale_platform.domain.whale import ThresholdPeriod, build_threshold_periods
from whale_platform.settings import Settings
from whale_platform.stores.asset_tables.thresholds import read_threshold_history

WIDE = 1000  # columns: lines are never broken or cut
app = typer.Typer(add_completion=False, help="Find whales of one base and side on several exchanges within seconds.")


@app.command()
def clusters(
    start: Annotated[str, typer.Option("--from", metavar="TIME", help="UTC: 2026-11-21T13:00 or 2026-11-21.")],
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="UTC; this instant no more.")],
    base: Annotated[str | None, typer.Option(help="One base currency, such as BTC; any by default.")] = None,
    minimum_usd: Annotated[
        float | None, typer.Option(min=0.01, help="Of an order; by default the threshold of its market that held.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the shuffled times.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="One object a line.")] = False,
    home: HomeOption = None,
) -> None:
    """Which whales came together on several exchanges? One hour in twenty may have a false cluster."""
    first, last = parse_range(start, end)
    settings = load_home_settings(require_home(home))
    with explain_errors(), Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("hours", total=None)
        request = ClusterRequest(first, last, _find_thresholds(settings, minimum_usd), base, seed)
        found = find_lake_clusters(
            settings.trades_lake, request, lambda done, hours: bar.update(task, completed=done, total=hours)
        )
    for line in found.explain_busy():
        typer.echo(line, err=True)
    if as_json:
        for cluster in found.clusters:
            print(json.dumps(_build_object(cluster)))
    else:
        _print_table(found)


def _find_thresholds(settings: Settings, minimum_usd: float | None) -> list[ThresholdPeriod]:
    if minimum_usd is not None:
        return build_threshold_periods((), Decimal(str(minimum_usd)))
    return build_threshold_periods(read_threshold_history(settings.dsn()), settings.threshold_usd)


def _build_object(cluster: OrderCluster) -> dict[str, object]:
    row = build_row(cluster)
    members = [
        {**one._asdict(), "event_time": one.event_time.isoformat(), "notional_usd": format_decimal(one.notional_usd)}
        for one in row.members
    ]
    usd = {f"{kind}_usd": format_decimal(amount) for kind, amount in row.usd.items()}
    return {**row._asdict(), "usd": usd, "members": members}


def _print_table(found: FoundClusters) -> None:
    console = Console(width=WIDE, highlight=False)
    if not found.clusters:
        console.print("no clusters: no whales come closer together on several exchanges than chance has it")
        console.print(found.explain_false())
        return
    table = Table(box=None, pad_edge=False)
    for name in HEAD:
        table.add_column(name, no_wrap=True)
    for cluster in found.clusters:
        table.add_row(*build_cells(cluster))
    console.print(table)
    console.print(found.explain_false())
