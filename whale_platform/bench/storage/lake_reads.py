"""How long the newest hour takes to read while the lake grows from a day to a year of the same shape.

Each hour of the lake is a hard link to one file that the stream's compaction would make, so the log, the folders and
the file are as large as in earnest, and the disk is not.
"""

import os
import random
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection

from whale_platform.contracts import raw_trade
from whale_platform.domain.trade import Trade
from whale_platform.exchanges.registry import EXCHANGES
from whale_platform.lake.delta import commits, newest, table
from whale_platform.lake.delta.table import HOUR, NewFile, hour_folder
from whale_platform.lake.duckdb import engine, parquet_writer
from whale_platform.lake.maintenance import kafka_spool

START = datetime(2025, 1, 1, tzinfo=UTC)
READS = 40


def generate_trades(count: int, symbols: int = 20, seed: int = 1) -> list[Trade]:
    """Random walks of `symbols` prices with ids without gaps, spread over one hour from START."""
    dice = random.Random(seed)
    prices = {f"SYM{number}USDT": dice.randrange(100, 9_000_000) for number in range(symbols)}
    first, made = int(START.timestamp() * 1_000_000), []
    for number in range(count):
        symbol = dice.choice(list(prices))
        prices[symbol] = max(1, prices[symbol] + dice.choice((-2, -1, 0, 0, 0, 1, 2)))
        price, quantity = Decimal(prices[symbol]).scaleb(-2), Decimal(int(dice.lognormvariate(10, 2)) + 1).scaleb(-5)
        at = first + number * 3_600_000_000 // count
        side: Any = dice.choice(("buy", "sell"))
        received = at + dice.randrange(90_000)
        made.append(Trade(EXCHANGES[0], symbol, symbol[:-4], "USDT", number, price, quantity, side, at, received))
    return made


def measure_reads(root: Path, per_hour: int, days: Sequence[int]) -> list[dict[str, Any]]:
    """Milliseconds at each size in `days` (growing) to find, read and sum the newest hour on an open connection.

    Beside it to find the hour's files alone and, for comparison, to open the table.
    """
    table.create_table(root)
    one = _write_hour(root, per_hour)
    out, there = [], 0
    for size in days:
        _add_hours(root, one, there, size * 24)
        there = size * 24
        found: dict[str, Any] = {"days": size, "files": there, "trades": there * per_hour}
        with engine.connect(root) as connection:
            found["newest_hour_ms"] = _measure_ms(lambda: _read_newest_hour(connection, root))
        found["find_files_ms"] = _measure_ms(lambda: newest.read_index(root))
        found["open_table_ms"] = _measure_ms(lambda: table.open_table(root))
        out.append(found)
    return out


def _write_hour(root: Path, count: int) -> NewFile:
    path = root.parent / "hour.json"
    kafka_spool.spool_messages(
        path, ((0, n, raw_trade.encode_trade(one)) for n, one in enumerate(generate_trades(count))), START
    )
    with engine.connect(root) as connection:
        file = parquet_writer.write_sorted(connection, kafka_spool.select_spooled(path), root, START)
    path.unlink()
    return file


def _add_hours(root: Path, one: NewFile, first: int, last: int) -> None:
    added = []
    for number in range(first, last):
        start = START + number * HOUR
        path = f"{hour_folder(start)}/{parquet_writer.SORTED_PREFIX}{number}.parquet"
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        os.link(root / one.path, root / path)
        added.append(NewFile(path, start, one.rows, one.size, one.stats))
    commits.replace_files(root, lambda _: (added, ()), {"why": "bench"})
    for number in range(20):  # and some commits, as between two checkpoints of the log
        commits.replace_files(root, lambda _: ((), ()), {"why": "bench"}, ("bench", last * 100 + number))
    table.open_table(root).create_checkpoint()


def _read_newest_hour(connection: DuckDBPyConnection, root: Path) -> None:
    rows = engine.select_trades(root, newest.read_index(root).list_files(1))
    query = f"SELECT symbol, count(*), sum(quantity), arg_max(price, trade_id) FROM {rows} GROUP BY 1"
    connection.execute(query).fetchall()


def _measure_ms(work: Callable[[], object]) -> dict[str, float]:
    took = []
    for _ in range(READS):
        begin = time.perf_counter()
        work()
        took.append((time.perf_counter() - begin) * 1000)
    return {"p50": round(statistics.median(took), 1), "max": round(max(took), 1)}


def plot_reads(found: Sequence[dict[str, Any]], path: Path) -> None:
    """The medians over the days, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 3), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    days = [one["days"] for one in found]
    for name, label in (("newest_hour_ms", "read and sum the newest hour"), ("open_table_ms", "open the table's log")):
        axes.plot(days, [one[name]["p50"] for one in found], "o-", label=label)
    axes.set_xlabel("days in the lake, an hour a file")
    axes.set_ylabel("milliseconds")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    FigureCanvasAgg(figure).print_png(str(path))
