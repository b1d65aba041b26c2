"""The stream on a Spark cluster of processes: a backlog by number of executors, and how it gets over what is killed.

Master, workers, broker and database share this machine, so a second executor shows what it costs as much as what it
gives. Recovered is when this run of the stream works with nothing older than a few seconds. What is killed is killed
under a rate that is put straight into the topic: simulator and ingester would take more of the machine than Spark.
"""

import contextlib
import time
from collections.abc import Callable
from typing import Any

import psutil

from whale_platform.bench import backlog
from whale_platform.bench.flood import EXCHANGE, WHALE_EVERY, Flood
from whale_platform.bench.platform import Failed, Platform, wait_for
from whale_platform.bench.spark_cluster import SparkCluster
from whale_platform.kafka_cluster import KafkaCluster

SETTINGS = {"WHALE_DAGSTER": "false", "WHALE_STREAM_REDUCERS": "2", "WHALE_SPARK_EXECUTOR_MEMORY": "768m"}
CORES = 8  # task slots of a worker: one alone is enough for two partitions and two reducers
CAUGHT_UP_S = 5.0
OTHERS = 50  # trades/s of the simulator meanwhile


def measure(
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
            cluster.add()
        tell(f"starting the platform on {executors} executors")
        platform.up("--source", "simulator", "--rate", str(OTHERS))
        found: dict[str, Any] = {"executors": executors}
        tell(f"draining {trades:,} trades")
        found["backlog"] = backlog.measure(platform, trades, 2)["rounds"]
        wait_for("the stream to have caught up", lambda: _recovered(platform, 0), 1800)
        flood = Flood(KafkaCluster(platform.status()["urls"]["kafka"]), rate)
        flood.start()
        if executors > 1:
            tell("killing a worker")
            found["worker_killed_s"] = _recovery(platform, lambda: _replace(cluster))
        tell("killing the driver")
        found["driver_killed_s"] = _recovery(platform, lambda: _kill(_pid(platform)))
        found |= _counted(platform, flood.stop())
        found["late_dropped"] = platform.status()["services"]["stream"].get("late_dropped")
        tell("auditing")
        found["audit"] = platform.whale("audit", "--json", check=False, timeout=3600).returncode
        return found
    finally:
        platform.down()
        cluster.close()


def _counted(platform: Platform, sent: int) -> dict[str, int]:
    """Once all that were sent are in Postgres, or nothing comes any more: how many are lost, and how many too many."""
    whales = -(-sent // WHALE_EVERY)

    def counts() -> tuple[int, int]:
        windows = platform.sql(f"select coalesce(sum(trade_count), 0) from trade_windows where exchange = '{EXCHANGE}'")
        alerts = platform.sql(f"select count(*) from whale_alerts where exchange = '{EXCHANGE}'")
        return int(windows[0][0]), int(alerts[0][0])

    def all_out() -> bool:
        trades, alerts = counts()
        return trades >= sent and alerts >= whales

    with contextlib.suppress(Failed):
        wait_for("every trade", all_out, 300, 1, moves=counts)
    found, alerted = counts()
    return {
        "sent": sent,
        "lost": max(0, sent - found),
        "doubled": max(0, found - sent),
        "whales_lost": whales - alerted,
    }


def _replace(cluster: SparkCluster) -> None:
    cluster.kill(0)
    cluster.add()


def _kill(pid: int) -> None:
    driver = psutil.Process(pid)
    for process in (*driver.children(recursive=True), driver):
        process.kill()


def _recovery(platform: Platform, kill: Callable[[], None]) -> float:
    before, begin = _pid(platform), time.monotonic()
    kill()
    wait_for("the stream to recover", lambda: _recovered(platform, before), 1800)
    return round(time.monotonic() - begin, 1)


def _pid(platform: Platform) -> int:
    return int(platform.status()["services"]["stream"]["pid"])


def _recovered(platform: Platform, before: int) -> bool:
    entry = platform.status()["services"]["stream"]
    ages = [entry.get(f"{query}_lag_s") for query in ("windows", "whales")]
    caught_up = all(age is not None and age < CAUGHT_UP_S for age in ages)
    return bool(entry["state"] in ("ready", "degraded") and entry["pid"] not in (None, before) and caught_up)
