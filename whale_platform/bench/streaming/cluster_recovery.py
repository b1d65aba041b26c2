"""The stream on a Spark cluster of processes: a backlog by number of executors, and how it gets over what is killed.

Master, workers, broker and database share this machine, so a second executor shows what it costs as much as what it
gives. What is killed is killed under a rate that is put straight into the topic: simulator and ingester would take more
of the machine than Spark. Recovered is when all that was sent until a second after the kill is in Postgres.
"""

import contextlib
import time
from collections.abc import Callable
from typing import Any

import psutil

from whale_platform.bench.harness.platform import Platform, PlatformError, wait_for
from whale_platform.bench.harness.spark_cluster import SparkCluster
from whale_platform.bench.harness.trade_flood import FLOOD_EXCHANGE, WHALE_EVERY, TradeFlood
from whale_platform.bench.streaming import backlog
from whale_platform.kafka_cluster import KafkaCluster

SETTINGS = {"WHALE_DAGSTER": "false", "WHALE_STREAM_REDUCERS": "2", "WHALE_SPARK_EXECUTOR_MEMORY": "768m"}
BACKLOG_HOURS = 0.02
CORES = 8  # task slots of a worker: one alone is enough for two partitions and two reducers
SETTLE_S = 30.0  # of the rate before anything is killed
SIMULATOR_RATE = 50  # trades/s of the simulator meanwhile


def measure_recovery(
    platform: Platform, executors: int, trades: int, rate: float, tell: Callable[[str], None]
) -> dict[str, Any]:
    """One number of executors: trades/s of a backlog of `trades`, seconds to recover at `rate` trades/s, and the count.

    `platform` has not been started, and is stopped in the end. With one executor its worker is not killed.
    """
    cluster = SparkCluster(CORES)
    platform.env |= {**SETTINGS, "WHALE_SPARK_MASTER": cluster.master}
    try:
        cluster.start()
        for _ in range(executors):
            cluster.add_worker()
        tell(f"starting the platform on {executors} executors")
        platform.start("--source", "simulator", "--rate", str(SIMULATOR_RATE))
        found: dict[str, Any] = {"executors": executors}
        tell(f"draining {trades:,} trades")
        found["backlog"] = backlog.measure_backlog(platform, trades, 2, BACKLOG_HOURS)["rounds"]
        flood = TradeFlood(KafkaCluster(platform.status()["urls"]["kafka"]), rate)
        flood.start()
        tell(f"sending {rate:g} trades/s")
        _wait_for_trades(platform, int(SETTLE_S * rate))
        if executors > 1:
            tell("killing a worker")
            found["worker_killed_s"] = _measure_recovery_s(platform, flood, rate, lambda: _replace(cluster))
        tell("killing the driver")
        found["driver_killed_s"] = _measure_recovery_s(platform, flood, rate, lambda: _kill(_read_driver_pid(platform)))
        sent = flood.stop()
        found |= _count_lost(platform, sent)
        tell("waiting for the lake")
        found |= _count_lost_in_lake(platform, sent)
        found["late_dropped"] = platform.status()["services"]["stream"].get("late_dropped")
        tell("auditing")
        found["audit"] = platform.audit("--json").returncode
        return found
    finally:
        platform.stop()
        cluster.close()


def _count_lost(platform: Platform, sent: int) -> dict[str, int]:
    """Once all that were sent are in Postgres, or nothing comes any more: how many are lost, and how many too many."""
    with contextlib.suppress(PlatformError):
        _wait_for_trades(platform, sent)
    found, alerted = _count_in_postgres(platform)
    return {
        "sent": sent,
        "lost": max(0, sent - found),
        "doubled": max(0, found - sent),
        "whales_lost": max(0, _count_expected_whales(sent) - alerted),
    }


def _count_lost_in_lake(platform: Platform, sent: int) -> dict[str, int]:
    """The same of the lake, whose query waits while the stream is behind; the audit would find it behind."""
    seen = list[tuple[int, int]]()

    def whole() -> bool:
        seen.append(_count_in_lake(platform))
        return seen[-1][0] >= sent

    with contextlib.suppress(PlatformError):
        wait_for("the lake", whole, every=10, moves=lambda: seen[-1:])
    rows, trades = seen[-1]
    return {"lake_lost": max(0, sent - trades), "lake_doubled": rows - trades}


def _count_in_lake(platform: Platform) -> tuple[int, int]:
    """Rows of the flood in the lake, and trades among them."""
    sql = f"select count(*), count(distinct (symbol, trade_id)) from trades where exchange = '{FLOOD_EXCHANGE}'"
    rows, trades = platform.run_command("query", "--format", "csv", sql).stdout.splitlines()[-1].split(",")
    return int(rows), int(trades)


def _count_in_postgres(platform: Platform) -> tuple[int, int]:
    """Trades and whales of the flood in Postgres."""
    windows = platform.sql(
        f"select coalesce(sum(trade_count), 0) from trade_windows where exchange = '{FLOOD_EXCHANGE}'"
    )
    alerts = platform.sql(f"select count(*) from whale_alerts where exchange = '{FLOOD_EXCHANGE}'")
    return int(windows[0][0]), int(alerts[0][0])


def _count_expected_whales(trades: int) -> int:
    return -(-trades // WHALE_EVERY)


def _wait_for_trades(platform: Platform, trades: int) -> None:
    """Wait until so many, and their whales, are in Postgres. Raises PlatformError where nothing comes any more."""

    def out() -> bool:
        found, alerted = _count_in_postgres(platform)
        return found >= trades and alerted >= _count_expected_whales(trades)

    wait_for(f"{trades:,} trades", out, moves=lambda: _count_in_postgres(platform))


def _replace(cluster: SparkCluster) -> None:
    cluster.kill_worker(0)
    cluster.add_worker()


def _kill(pid: int) -> None:
    driver = psutil.Process(pid)
    for process in (*driver.children(recursive=True), driver):
        process.kill()


def _measure_recovery_s(platform: Platform, flood: TradeFlood, rate: float, kill: Callable[[], None]) -> float:
    begin = time.monotonic()
    kill()
    _wait_for_trades(platform, flood.sent + int(rate))
    return round(time.monotonic() - begin, 1)


def _read_driver_pid(platform: Platform) -> int:
    return int(platform.status()["services"]["stream"]["pid"])
