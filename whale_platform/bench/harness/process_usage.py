"""What each program in a home takes: memory as proportional set size (shared pages count once in all), CPU seconds."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil

from whale_platform.bench.harness import table_history
from whale_platform.bench.harness.platform import Platform
from whale_platform.files import disk_usage

_ROW = """
SELECT sum(pg_total_relation_size(oid)) / (SELECT count(*) FROM {0}) FROM pg_class
WHERE oid = '{0}'::regclass OR oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = '{0}'::regclass)
"""


def measure_memory(platform: Platform) -> dict[str, Any]:
    """{total_mb, by program}; programs are told apart by their command lines."""
    parts: dict[str, float] = {}
    for process in platform.processes():
        try:
            size, name = read_memory_mb(process.pid), _name_program(process.cmdline())
        except (OSError, psutil.Error):
            continue
        parts[name] = parts.get(name, 0.0) + size
    return {
        "total_mb": round(sum(parts.values())),
        "parts_mb": {name: round(size) for name, size in sorted(parts.items())},
    }


def read_memory_mb(pid: int) -> float:
    """Proportional set size of a process. Raises OSError where it is gone."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1000


def read_cpu_seconds(platform: Platform) -> dict[str, float]:
    """CPU seconds so far, user and system, by program."""
    parts: dict[str, float] = {}
    for process in platform.processes():
        try:
            name, times = _name_program(process.cmdline()), process.cpu_times()
        except psutil.Error:
            continue
        parts[name] = parts.get(name, 0.0) + times.user + times.system
    return parts


def measure_trade_cost(platform: Platform, seconds: float) -> dict[str, Any]:
    """What a trade costs at the running rate, over `seconds`: CPU microseconds by program, bytes by store.

    {trades, rate, cpu_us: {program: microseconds a trade}, cpu_cores, bytes: {store: bytes a trade}}. A store's growth
    is what its folder takes on the disk: Postgres's write-ahead log and the lake's files before compaction are in it.
    """
    status = platform.status()
    home, lake = Path(status["home"]), Path(status["home"]) / "lake"

    def look() -> tuple[int, dict[str, float], dict[str, int]]:
        sent = int(platform.status()["source"]["trades_sent"])
        return sent, read_cpu_seconds(platform), disk_usage.measure_stores(home, lake, home)["stores"]

    first_sent, first_cpu, first_bytes = look()
    time.sleep(seconds)
    sent, cpu, stores = look()
    trades = sent - first_sent
    spent = {name: used - first_cpu.get(name, 0.0) for name, used in cpu.items()}
    return {
        "trades": trades,
        "rate": round(trades / seconds, 1),
        "cpu_cores": round(sum(spent.values()) / seconds, 2),
        "cpu_us": {name: round(used / trades * 1e6) for name, used in sorted(spent.items()) if used * 1e6 > trades},
        "bytes": {name: round((size - first_bytes[name]) / trades, 1) for name, size in stores.items()},
    }


def measure_row_bytes(platform: Platform, dsn: str) -> dict[str, float]:
    """Bytes of a row with its indexes, by table, once a day of 20 symbols has been put in."""
    start = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=2)
    table_history.fill_tables(dsn, start, 1440, whales=True)
    return {
        table: round(float(platform.sql(_ROW.format(table))[0][0]), 1) for table in ("trade_windows", "whale_alerts")
    }


def _name_program(words: list[str]) -> str:
    text = " ".join(words)
    for sign, name in (
        ("SparkSubmit", "stream (JVM)"),
        ("kafka.Kafka", "kafka"),
        ("multiprocessing.spawn", "dagster jobs"),
        ("dagster", "dagster"),
        ("whale_platform.", text.partition("whale_platform.")[2].split()[0] if "whale_platform." in text else ""),
        ("postgres", "postgres"),
    ):
        if sign in text:
            return name
    return Path(words[0]).name if words else "unknown"
