"""`whale robots`: like-sized takers' orders at regular times, from the lake; a table or JSON lines on stdout."""

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from whale_platform.backtest.robot_search import FoundRobot, RobotRequest, find_robots
from whale_platform.cli.common.context import load_home_settings, require_home
from whale_platform.cli.common.error_messages import explain_errors
from whale_platform.cli.common.options import HomeOption
from whale_platform.cli.common.time_input import parse_range
from whale_platform.lake.analysis.taker_orders import MarketChoice

WIDE = 1000  # columns: lines are never broken or cut
HEAD = ("first order", "last", "exchange", "symbol", "side", "trade", "every", "orders", "dollars", "score", "chance")
app = typer.Typer(add_completion=False, help="Find takers that come at regular times with orders of like size.")


@app.command()
def robots(
    start: Annotated[str, typer.Option("--from", metavar="TIME", help="UTC: 2026-11-21T13:00 or 2026-11-21.")],
    end: Annotated[str, typer.Option("--to", metavar="TIME", help="UTC; this instant no more.")],
    symbol: Annotated[str | None, typer.Option(help="As the exchange spells it; any by default.")] = None,
    exchange: Annotated[str | None, typer.Option(help="One exchange's name; any by default.")] = None,
    least_usd: Annotated[float, typer.Option("--minimum-usd", min=0.01, help="Of an order.")] = 1000.0,
    as_json: Annotated[bool, typer.Option("--json", help="One object a line.")] = False,
    home: HomeOption = None,
) -> None:
    """Which takers send orders of like size every 1, 5, 6, 10, 15, 30, 60 or 300 seconds? With the chance of none."""
    first, last = parse_range(start, end)
    root = load_home_settings(require_home(home)).trades_lake
    with explain_errors(), Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("hours", total=None)
        request = RobotRequest(first, last, least_usd, MarketChoice(exchange, symbol))
        found = find_robots(root, request, lambda done, spans: bar.update(task, completed=done, total=spans))
    if as_json:
        for robot in found:
            print(json.dumps({**asdict(robot), "first": robot.first.isoformat(), "last": robot.last.isoformat()}))
    else:
        _print_table(found)


def _print_table(found: list[FoundRobot]) -> None:
    console = Console(width=WIDE, highlight=False)
    if not found:
        console.print("no robots: no class of orders is more regular than chance")
        return
    table = Table(box=None, pad_edge=False)
    for name in HEAD:
        table.add_column(name, no_wrap=True)
    for robot in found:
        table.add_row(
            *(f"{robot.first:%Y-%m-%d %H:%M:%S}", f"{robot.last:%H:%M:%S}", robot.exchange, robot.symbol, robot.side),
            *(f"{robot.trade_id}", f"{robot.period_s} s", f"{robot.orders}", f"{robot.usd:,.0f}"),
            *(f"{robot.score:.0f}", f"{robot.chance:.0e}"),
        )
    console.print(table)
