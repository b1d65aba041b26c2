"""The commands of `whale bench` that start no whole platform: a broker, Spark or a lake of their own, or nothing."""

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from whale_platform.bench.options import HomeOption, SymbolsOption
from whale_platform.bench.scratch_platform import SYMBOLS, open_scratch_folder, print_result, report
from whale_platform.settings import Settings


def import_dump(rows: Annotated[int, typer.Option(min=1000)] = 1_000_000, home: HomeOption = None) -> None:
    """A day's dump in the exchange's format, checked and imported into an empty lake."""
    from whale_platform.bench.storage import dump_import

    with open_scratch_folder(home) as folder:
        print_result("import", dump_import.measure_import(folder, rows))


def lake(
    trades: Annotated[int, typer.Option(min=1000)] = 1_000_000,
    batch: Annotated[int, typer.Option(help="Trades a batch of the stream: 20 s at 2,000/s.")] = 40_000,
    per_hour: Annotated[int, typer.Option(help="Trades an hour where reads are measured.")] = 100_000,
    file: Annotated[list[Path] | None, typer.Option(help="Recordings to take the trades from; sizes only.")] = None,
    plot: Annotated[Path | None, typer.Option(help="A PNG of the reads over the days.")] = None,
    home: HomeOption = None,
) -> None:
    """Bytes a trade as CSV, as written and compacted by three means; reads of the newest hour from 1 to 365 days."""
    from whale_platform.bench.storage import lake_reads, lake_sizes

    with open_scratch_folder(home) as folder:
        found = lake_sizes.read_recorded_trades(file) if file else lake_reads.generate_trades(trades)
        report(f"writing and compacting {len(found):,} trades")
        sizes = lake_sizes.measure_sizes(Settings(home=folder / "sizes"), found, batch)
        if file:
            print_result("lake", {"sizes": sizes})
            return
        report("growing a lake to a year")
        reads = lake_reads.measure_reads(folder / "reads" / "trades", per_hour, (1, 7, 30, 90, 180, 365))
    if plot is not None:
        lake_reads.plot_reads(reads, plot)
    print_result("lake", {"sizes": sizes, "reads": reads})


def messages(
    trades: Annotated[int, typer.Option(min=1000)] = 100_000,
    rounds: Annotated[int, typer.Option(min=1)] = 5,
    file: Annotated[list[Path] | None, typer.Option(help="Recordings to take the trades from.")] = None,
    home: HomeOption = None,
) -> None:
    """Bytes of a raw trade and CPU to encode, decode, look at and parse it, by the version of its message."""
    from whale_platform.bench.storage import lake_reads, lake_sizes
    from whale_platform.bench.streaming import message_cost

    with open_scratch_folder(home) as folder:
        if file:
            found = lake_sizes.read_recorded_trades(file)
        else:
            found = list(islice(message_cost.fill_orders(lake_reads.generate_trades(trades)), trades))
        print_result("messages", message_cost.measure_messages(Settings(home=folder), found, rounds))


def ingest(
    trades: Annotated[int, typer.Option(min=1000, help="Trades a round.")] = 300_000,
    rounds: Annotated[int, typer.Option(min=1)] = 3,
    symbols: SymbolsOption = SYMBOLS,
    rate: Annotated[float, typer.Option(min=0, help="Trades a second; 0: as fast as the ingester reads.")] = 0,
    exchange: Annotated[
        list[str] | None,
        typer.Option(help="Measured by itself, repeatable; `all`: each there is; names with commas: together."),
    ] = None,
    home: HomeOption = None,
) -> None:
    """The ingester alone between the simulator's sockets and a broker: frames a second, CPU by stage, memory."""
    from whale_platform.bench.streaming import ingest_rate

    try:
        groups = ingest_rate.list_groups(exchange or [])
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong)) from None
    with open_scratch_folder(home) as folder:
        print_result("ingest", ingest_rate.measure_ingest(folder, groups, trades, symbols, rate, rounds, report))


def backtest(
    hours: Annotated[int, typer.Option(min=1)] = 8,
    per_hour: Annotated[int, typer.Option(min=1000, help="Trades an hour.")] = 1_000_000,
    home: HomeOption = None,
) -> None:
    """Rules tried on a generated lake: trades a second, CPU a million trades, memory."""
    from whale_platform.bench.storage import backtest_rate

    with open_scratch_folder(home) as folder:
        print_result("backtest", backtest_rate.measure_backtest(folder / "lake" / "trades", hours, per_hour))


def bands(
    trades: Annotated[int, typer.Option(min=1000, help="Of one hour.")] = 2_000_000, home: HomeOption = None
) -> None:
    """Size bands of an hour and of its last three minutes, from a generated lake: CPU, memory."""
    from whale_platform.bench.storage import band_rate

    with open_scratch_folder(home) as folder:
        print_result("bands", band_rate.measure_bands(folder / "lake" / "trades", trades))


def realtime(
    seconds: Annotated[float, typer.Option(help="How long, the warm-up included.")] = 1800,
    warm: Annotated[float, typer.Option(help="Seconds of it that do not count.")] = 600,
    rate: Annotated[float, typer.Option(min=1, help="Records a second.")] = 1000,
    keys: Annotated[int, typer.Option(min=1)] = 1000,
    home: HomeOption = None,
) -> None:
    """Spark's own benchmark of windows in real-time mode, with this platform's session, source and sink."""
    from whale_platform.bench.streaming import realtime_windows

    with open_scratch_folder(home) as folder:
        print_result("realtime", realtime_windows.measure_realtime(folder, seconds, warm, rate, keys, report))


def detection(
    hours: Annotated[int, typer.Option(min=1)] = 6,
    rate: Annotated[float, typer.Option(min=1, help="Trades a second over all markets.")] = 60,
    bases: Annotated[str, typer.Option(help="On four exchanges each, with commas between them.")] = "BTC,ETH,SOL",
    noise: Annotated[str, typer.Option(help="Wished for the robots, in turn.")] = "0.2,1,3,10",
    whale_usd: Annotated[int, typer.Option(min=1, help="The threshold of whales.")] = 50_000,
    seed: Annotated[int, typer.Option(min=0)] = 1,
    home: HomeOption = None,
) -> None:
    """Planted robots and clusters: precision and recall by size and noise; false alarms a day at shuffled times."""
    from whale_platform.bench.detection import detection_grades
    from whale_platform.bench.detection.planted_world import WorldPlan

    with open_scratch_folder(home) as folder:
        plan = WorldPlan(
            detection_grades.START, hours, rate, bases.split(","), tuple(map(float, noise.split(","))), seed
        )
        report(f"planting in {hours} h of {rate:g} trades/s")
        print_result("detection", detection_grades.measure_detection(folder, plan, whale_usd))
