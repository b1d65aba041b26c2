"""The stream on a Spark cluster of processes: late and killed workers, a killed driver, and every trade counted once.

Driver and executors share nothing but an object store, so what only the driver sees would be missed.
"""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from whale_platform.bench.harness.platform import wait_for
from whale_platform.bench.harness.spark_cluster import SparkCluster
from whale_platform.broker import topics
from whale_platform.broker.producer import TradeProducer
from whale_platform.contracts import raw_trade
from whale_platform.domain.names import RAW_TRADES, WHALE_ALERTS
from whale_platform.domain.trade import Trade
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.settings import ROOT, Settings
from whale_platform.storage import folders
from whale_platform.supervision.runtime import exit_codes, heartbeat
from whale_platform.toolchain import jars
from whale_platform_tests.stream.real_stream import (
    START,
    Stream,
    expected,
    lake_rows,
    messages,
    rows_of,
    totals,
    trade,
)
from whale_platform_tests.support.kafka_server import KafkaServer as Kafka
from whale_platform_tests.support.processes import find_open_ports
from whale_platform_tests.support.s3_server import SECRET, S3Server

pytestmark = [pytest.mark.process, pytest.mark.timeout(3600)]
RATE = 100  # trades/s
SYMBOLS = ("A", "B", "C", "D")
NEEDED, CORES = 7, 4  # slots: two for each of two partitions, two reducers, the lake's; and those of a worker

AGAIN = """
from whale_platform.lake.delta import table
from whale_platform.settings import Settings
from whale_platform.stream import batch_recompute
settings = Settings()
root = settings.trades_lake
paths = [file.path for file in table.list_files(table.open_table(root))]
with batch_recompute.open_batch_session(settings) as spark:
    for value in batch_recompute.recompute_windows(spark, root, paths, "again"):
        print(value.decode())
"""


def trade_at(symbol: str, number: int) -> Trade:
    """The trade of that number, in the pace of RATE; each tenth of a symbol is a whale."""
    moment = START + number * 1_000_000 * len(SYMBOLS) // RATE
    one = trade(symbol, number, "60000" if number % 10 == SYMBOLS.index(symbol) else "1")
    return one._replace(event_time=moment, received_time=moment)


class Load:
    """Trades at RATE until `stop`."""

    def __init__(self, bootstrap: KafkaCluster) -> None:
        self.made: list[Trade] = []
        self._producer, self._stopped = TradeProducer(bootstrap, "test"), threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()
        assert self._producer.close(120) == 0

    def _run(self) -> None:
        begin, number = time.monotonic(), 0
        while not self._stopped.wait(0.05):
            while number * len(SYMBOLS) < (time.monotonic() - begin) * RATE:
                for symbol in SYMBOLS:
                    one = trade_at(symbol, number)
                    self._producer.send(
                        RAW_TRADES, raw_trade.encode_key(one.exchange, symbol), raw_trade.encode_trade(one)
                    )
                    self.made.append(one)
                number += 1


@contextmanager
def load(bootstrap: KafkaCluster) -> Iterator[list[Trade]]:
    running = Load(bootstrap)
    try:
        yield running.made
    finally:
        running.stop()


@pytest.fixture
def cluster() -> Iterator[SparkCluster]:
    made = SparkCluster(CORES)
    yield made
    made.close()


@pytest.fixture
def stream(
    kafka: Kafka, cluster: SparkCluster, s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stream]:
    jars.ensure_jars(Settings().tools, print, ("s3",))
    topics.create_topics(kafka.bootstrap, 2)
    for name, value in {
        "SPARK_MASTER": cluster.master,
        "SPARK_BATCH_MASTER": cluster.master,
        "SPARK_EXECUTOR_MEMORY": "512m",
        "STREAM_REDUCERS": "2",
        "LAKE_TRIGGER_S": "5",
        "STREAM_TRIGGER": "20 seconds",  # so that what is killed has checkpoints
    }.items():
        monkeypatch.setenv(f"WHALE_{name}", value)
    s3.mark_folder(f"{tmp_path.name}/lake/trades/_staging")  # as a batch leaves it that is interrupted
    home = tmp_path / "home"
    home.mkdir()
    made = Stream(home, kafka.bootstrap, "auto")
    yield made
    if made.process is not None and made.process.poll() is None:
        made.kill()


def wait_until(stream: Stream, what: str, ready: Callable[[heartbeat.Heartbeat], bool]) -> heartbeat.Heartbeat:
    """Wait, as its supervisor would, until the service says so, and start it again where it ends to be started."""

    def look() -> heartbeat.Heartbeat | None:
        assert stream.process is not None
        if (code := stream.process.poll()) is not None:
            assert code == exit_codes.RETRY
            stream.start()
        said = heartbeat.read_heartbeat(stream.home, "stream")
        return said if said is not None and said.pid == stream.process.pid and ready(said) else None

    found: heartbeat.Heartbeat = wait_for(what, look, 900, moves=lambda: (stream.home / "stream.log").stat().st_size)
    return found


def misses(words: str) -> Callable[[heartbeat.Heartbeat], bool]:
    return lambda said: said.state == "degraded" and words in said.detail


def flows(said: heartbeat.Heartbeat) -> bool:
    """Windows come out of this run, however slow the machine is."""
    return said.state in ("ready", "degraded") and (said.numbers.get("rate") or 0) > 0


def test_a_cluster_loses_workers_and_its_driver_and_no_trade(
    kafka: Kafka, cluster: SparkCluster, stream: Stream
) -> None:
    settings = Settings(home=stream.home)
    home, lake = settings.stream_home, settings.trades_lake
    stream.start()
    wait_until(stream, "the master to be missed", misses(f"the Spark master {cluster.master} is unavailable"))
    cluster.start()
    cluster.add_worker()
    wait_until(stream, "a second worker to be missed", misses(f"{CORES} of the {NEEDED} task slots"))
    with load(kafka.bootstrap) as made:
        cluster.add_worker()
        numbers = wait_until(stream, "two workers", flows).numbers
        assert None not in (numbers["windows_lag"], numbers["windows_lag_s"])
        assert None not in (numbers["whales_lag"], numbers["whales_lag_s"])
        assert find_open_ports([*cluster.processes(), *stream.processes()]) == []
        commands = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
        assert any("org.apache.spark" in command for command in commands)
        assert [command for command in commands if SECRET in command] == []

        cluster.kill_worker(0)
        wait_until(stream, "the killed worker to be missed", misses(f"{CORES} of the {NEEDED} task slots"))
        cluster.add_worker()
        wait_until(stream, "a worker in its place", flows)

        stream.kill()
        stream.start()
        wait_until(stream, "the driver", flows)
        wait_for("the lake", lambda: lake_rows(lake), 600, every=5)

    whales = sorted((one.symbol, one.trade_id) for one in made if one.price == 60000)
    due, rows = expected(made), rows_of(made)
    wait_for("all windows", lambda: totals(kafka.bootstrap) == due, 600, every=2)
    found = {(row["symbol"], row["trade_id"]) for row in messages(kafka.bootstrap, WHALE_ALERTS)}
    assert sorted(found) == whales
    wait_for("all of the lake", lambda: lake_rows(lake) == rows, 600, every=5)

    def all_said() -> bool:
        said = heartbeat.read_heartbeat(stream.home, "stream")
        assert said is not None
        return (said.state, said.numbers["windows_lag"], said.numbers["whales_lag"]) == ("ready", 0, 0)

    wait_for("the service to know that nothing is behind", all_said, 600)
    assert stream.stop() == exit_codes.CLEAN
    assert folders.list_names(home / "checkpoints" / "archive") == [], "no checkpoint was taken for damaged"
    assert not (stream.home / "checkpoints").exists() and not (stream.home / "lake" / "trades").exists()
    assert SECRET not in (stream.home / "stream.log").read_text()
    assert computed_again(stream.home) == {key: count for key, (count, _) in due.items()}


def computed_again(home: Path) -> dict[tuple[str, int], int]:
    """{(symbol, window): trades} by a batch over the lake, on the cluster's executors."""
    env = {**os.environ, "WHALE_HOME": str(home)}
    done = subprocess.run([sys.executable, "-c", AGAIN], env=env, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    windows = [json.loads(line) for line in done.stdout.splitlines()]
    return {(row["symbol"], row["window_start"]): row["trade_count"] for row in windows}
