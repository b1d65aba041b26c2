"""`whale bench`: measurements of this machine, as JSON on stdout; progress on stderr."""

import time
from pathlib import Path
from typing import Annotated

import typer

from whale_platform.bench import part_commands
from whale_platform.bench.harness import process_usage
from whale_platform.bench.harness.platform import wait_for
from whale_platform.bench.options import HomeOption, RateOption, SymbolsOption
from whale_platform.bench.scratch_platform import (
    SYMBOLS,
    build_dsn,
    open_scratch_platform,
    print_result,
    report,
    run_platform,
)
from whale_platform.bench.serving import api_latency as api_case
from whale_platform.bench.serving import push_latency as push_case
from whale_platform.bench.storage import hourly_rollup as rollup_case
from whale_platform.bench.streaming import backlog as backlog_case
from whale_platform.bench.streaming import latency as latency_case
from whale_platform.bench.streaming import reported_lag as truth_case
from whale_platform.kafka_cluster import KafkaCluster

app = typer.Typer(
    no_args_is_help=True, help="Measure this machine; most cases run the whole platform in a scratch home."
)
WARM_S = 30.0  # its first checkpoint and compilations are not what people meet all day


@app.command()
def latency(
    rate: RateOption = 1000,
    seconds: float = 180,
    warm: float = 60,
    symbols: SymbolsOption = SYMBOLS,
    home: HomeOption = None,
) -> None:
    """Frame leaving the simulator -> message in both topics -> row visible in Postgres."""
    with run_platform(home, rate, symbols=symbols) as (platform, _):
        report(f"measuring {rate:g} trades/s for {warm:g} + {seconds:g} s")
        now = platform.status()
        there, bootstrap = Path(now["home"]), KafkaCluster(now["urls"]["kafka"])
        print_result(
            "latency", latency_case.measure_latency(there, bootstrap, build_dsn(platform, there), rate, seconds, warm)
        )


@app.command()
def truth(
    rate: RateOption = 1000, calm: float = 130, overload: float = 3000, seconds: float = 120, home: HomeOption = None
) -> None:
    """What the stream says of itself against the topics: over a start, a checkpoint and an overload, then exactness."""
    with open_scratch_platform(home) as made:
        try:
            print_result("truth", truth_case.measure_reported_lag(made, rate, calm, overload, seconds))
        finally:
            made.stop()


@app.command()
def backlog(
    trades: Annotated[int, typer.Option(min=1)] = 1_000_000,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    hours: Annotated[float, typer.Option(min=0.01, help="Event time that the trades are spread over.")] = 0.02,
    home: HomeOption = None,
) -> None:
    """A backlog of raw trades -> finished windows, in rounds, and whether each window is right."""
    if rounds > 1 and hours > backlog_case.MAX_HOURS_OF_ROUNDS:
        raise typer.BadParameter(
            f"a second round of over {backlog_case.MAX_HOURS_OF_ROUNDS} hours would be late: add --rounds 1"
        )
    with run_platform(home, backlog_case.NO_RATE) as (platform, _):
        print_result("backlog", backlog_case.measure_backlog(platform, trades, rounds, hours))


@app.command()
def peers(
    trades: Annotated[int, typer.Option(min=1000, help="Of each backlog.")] = 400_000,
    rounds: Annotated[int, typer.Option(min=1)] = 1,
    peers: Annotated[str, typer.Option(help="Which of them, with commas between.")] = "whale,flink,handwritten,quix",
    rate: RateOption = 1000,
    seconds: float = 15,
    warm: float = 6,
    symbols: Annotated[int, typer.Option(min=1)] = 20,
    plot: Annotated[Path | None, typer.Option(help="A PNG of the peers side by side.")] = None,
    home: HomeOption = None,
) -> None:
    """The windows beside Flink SQL, a hand-written consumer and Quix Streams: drain, latency, cost, exactness."""
    from whale_platform.bench.peers import comparison
    from whale_platform.bench.peers.turn import TurnPlan

    names = peers.split(",")
    if unknown := [name for name in names if name not in comparison.PEERS]:
        raise typer.BadParameter(f"{', '.join(unknown)}: there are {', '.join(comparison.PEERS)}")
    with open_scratch_platform(home) as made:
        made.env["WHALE_DAGSTER"] = "false"
        try:
            report("starting the platform")
            made.start("--source", "simulator", "--rate", "1")
            plan = TurnPlan(trades, symbols, rate, warm, seconds)
            found = comparison.compare_peers(made, names, plan, rounds, report)
        finally:
            made.stop()
    if plot is not None:
        comparison.plot_peers(found, plot)
    print_result("peers", found)


@app.command()
def cluster(
    executors: Annotated[int, typer.Option(min=1)] = 2,
    trades: int = 300_000,
    rate: RateOption = 3000,
    home: HomeOption = None,
) -> None:
    """A Spark cluster of processes: a backlog, and seconds to recover from a killed worker and driver at a rate."""
    from whale_platform.bench.streaming import cluster_recovery as cluster_case

    with open_scratch_platform(home) as made:
        print_result("cluster", cluster_case.measure_recovery(made, executors, trades, rate, report))


@app.command()
def rollup(rows: Annotated[int, typer.Option(min=60_000)] = 1_000_000, home: HomeOption = None) -> None:
    """24 hours x 20 symbols of `hourly_rollups` from a table of so many windows."""
    with run_platform(home, 1) as (platform, _):
        report(f"making {rows:,} windows")
        there = Path(platform.status()["home"])
        print_result("rollup", rollup_case.measure_rollup(build_dsn(platform, there), rows))


@app.command()
def cold(rate: RateOption = 100, home: HomeOption = None) -> None:
    """`up` -> all ready -> first window row in Postgres (set-up already done)."""
    with run_platform(home, rate) as (platform, ready):
        begin = time.monotonic()
        wait_for("the first window row", lambda: platform.sql("select 1 from trade_windows limit 1"), 1800, 0.1)
        first = ready + time.monotonic() - begin
        print_result("cold", {"ready_s": round(ready, 1), "first_window_row_s": round(first, 1)})


@app.command()
def memory(
    rate: RateOption = 1000, seconds: float = 120, symbols: SymbolsOption = SYMBOLS, home: HomeOption = None
) -> None:
    """Proportional set size of every process together, after some minutes at a rate."""
    with run_platform(home, rate, symbols=symbols) as (platform, _):
        report(f"running at {rate:g} trades/s for {seconds:g} s")
        time.sleep(seconds)
        print_result("memory", process_usage.measure_memory(platform))


@app.command()
def cost(
    rate: RateOption = 1000,
    seconds: float = 240,
    warm: float = 120,
    symbols: SymbolsOption = SYMBOLS,
    home: HomeOption = None,
) -> None:
    """CPU and bytes a trade, by program and by store, at a rate; and bytes of a row in Postgres."""
    with run_platform(home, rate, warm, symbols=symbols) as (platform, _):
        report(f"measuring at {rate:g} trades/s for {seconds:g} s")
        found = process_usage.measure_trade_cost(platform, seconds)
        rows = process_usage.measure_row_bytes(platform, build_dsn(platform, Path(platform.status()["home"])))
        print_result("cost", {**found, "row_bytes": rows})


@app.command()
def api(
    rate: Annotated[float, typer.Option(min=1, help="Requests a second.")] = 1000,
    trades: RateOption = 1000,
    seconds: float = 60,
    days: Annotated[int, typer.Option(min=0, help="Days to fill the tables with for the second run.")] = 50,
    symbols: SymbolsOption = SYMBOLS,
    home: HomeOption = None,
) -> None:
    """`/latest` requested by a second process while trades flow, also with many days of rows; other pages once."""
    with run_platform(home, trades, WARM_S, symbols=symbols) as (platform, _):
        there = Path(platform.status()["home"])
        print_result("api", api_case.measure_api(platform, build_dsn(platform, there), rate, seconds, days, report))


@app.command()
def push(
    clients: int = 200,
    stalled: Annotated[int, typer.Option(help="Of them so many that never read.")] = 10,
    rate: RateOption = 1000,
    seconds: float = 60,
    symbols: SymbolsOption = SYMBOLS,
    home: HomeOption = None,
) -> None:
    """Frame at the exchange -> whale on every one of many WebSocket clients, some of which never read."""
    with run_platform(home, rate, WARM_S, symbols=symbols) as (platform, _):
        print_result("push", push_case.measure_push(platform, clients, stalled, seconds, report))


@app.command()
def browser(
    rate: RateOption = 1000, seconds: float = 60, symbols: SymbolsOption = SYMBOLS, home: HomeOption = None
) -> None:
    """Frame at the exchange -> whale painted on the dashboard in Chromium; first paint and weight of the page."""
    from whale_platform.bench.serving import page_load as browser_case

    with run_platform(home, rate, WARM_S, symbols=symbols) as (platform, _):
        report(f"watching the tape for {seconds:g} s")
        print_result("browser", browser_case.measure_page(platform.status()["urls"]["dashboard"], seconds))


for _name, _measure in (
    ("import", part_commands.import_dump),
    ("lake", part_commands.lake),
    ("messages", part_commands.messages),
    ("ingest", part_commands.ingest),
    ("backtest", part_commands.backtest),
    ("bands", part_commands.bands),
    ("realtime", part_commands.realtime),
    ("detection", part_commands.detection),
):
    app.command(_name)(_measure)


@app.command()
def soak(
    rate: RateOption = 2000,
    seconds: float = 1800,
    kills: int = 5,
    symbols: SymbolsOption = SYMBOLS,
    home: HomeOption = None,
) -> None:
    """Load with the Spark driver killed, the lake compacted and vacuumed every two minutes; then the audit's answer."""
    from whale_platform.bench.streaming import soak as soak_case

    with run_platform(home, rate, symbols=symbols) as (platform, _):
        print_result("soak", soak_case.measure_soak(platform, seconds, kills, report))
