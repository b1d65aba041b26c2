"""What the size bands of an hour cost to compute, and those of its last minutes, on a lake that is generated for it."""

import re
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from whale_platform.bench.storage.backtest_rate import START, generate_lake
from whale_platform.lake.analysis.size_bands import read_bands
from whale_platform.lake.delta import table
from whale_platform.lake.delta.table import HOUR

LAST = timedelta(minutes=3)


def measure_bands(root: Path, trades: int) -> dict[str, Any]:
    """CPU and wall-clock seconds of both, each in a process of its own, and the most memory that it has, in MB."""
    generate_lake(root, 1, trades)
    paths = [file.path for file in table.list_files(table.open_table(root))]
    with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as processes:
        last = processes.submit(_measure, root, paths, START + HOUR - LAST)
        whole = processes.submit(_measure, root, paths, START)
        return {"trades": trades, "last_minutes": last.result(), "whole_hour": whole.result()}


def _measure(root: Path, paths: list[str], start: datetime) -> dict[str, Any]:
    began, cpu = time.perf_counter(), time.process_time()
    rows = read_bands(root, paths, start, START + HOUR)
    return {
        "rows": len(rows),
        "orders": sum(sum(row.buy_orders or ()) + sum(row.sell_orders or ()) for row in rows),
        "cpu_s": round(time.process_time() - cpu, 2),
        "seconds": round(time.perf_counter() - began, 2),
        "peak_mb": _read_peak_mb(),
    }


def _read_peak_mb() -> int:
    """Of this process alone: `ru_maxrss` begins with that of the process it was forked from."""
    found = re.search(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) // 1024
