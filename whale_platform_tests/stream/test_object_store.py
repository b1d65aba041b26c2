"""The stream with checkpoints, thresholds and lake in an object store: a real S3 server, and a killed driver."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from whale_platform.bench.harness.platform import wait_for
from whale_platform.bench.harness.spark_cluster import SparkCluster
from whale_platform.broker import topics
from whale_platform.domain.names import WHALE_ALERTS
from whale_platform.domain.trade import Trade
from whale_platform.settings import ROOT, Settings
from whale_platform.storage import folders
from whale_platform.storage.folders import Folder
from whale_platform.stream.query import checkpoints
from whale_platform.supervision.runtime import exit_codes
from whale_platform.toolchain import jars
from whale_platform_tests.stream.real_stream import (
    Stream,
    expected,
    lake_rows,
    messages,
    produce,
    rows_of,
    totals,
    trade,
)
from whale_platform_tests.support.kafka_server import KafkaServer as Kafka
from whale_platform_tests.support.s3_server import SECRET, S3Server

pytestmark = [pytest.mark.process, pytest.mark.timeout(3600)]
patiently = partial(wait_for, seconds=1200)
LOCAL, CLUSTER = "local[8]", "spark://"
SLOTS = 6  # what the stream needs of two partitions

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


@pytest.fixture(params=[LOCAL, CLUSTER])
def master(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Where Spark runs: in the driver's JVM, or on a worker, to which only the object store is shared."""
    if request.param == LOCAL:
        yield LOCAL
        return
    cluster = SparkCluster(SLOTS)
    try:
        cluster.start()
        cluster.add()
        for name in ("SPARK_MASTER", "SPARK_BATCH_MASTER"):
            monkeypatch.setenv(f"WHALE_{name}", cluster.master)
        monkeypatch.setenv("WHALE_SPARK_EXECUTOR_MEMORY", "512m")
        yield cluster.master
    finally:
        cluster.close()


@pytest.fixture
def stream(
    kafka: Kafka, s3: S3Server, master: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stream]:
    jars.ensure_jars(Settings().tools, print, ("s3",))
    topics.create_topics(kafka.bootstrap, 2)
    monkeypatch.setenv("WHALE_LAKE_TRIGGER_S", "2")
    home = tmp_path / "home"
    home.mkdir()
    made = Stream(home, kafka.bootstrap, "auto")
    yield made
    if made.process is not None and made.process.poll() is None:
        made.kill()


def trades_of(start: int, end: int) -> list[Trade]:
    """Each tenth is a whale."""
    return [trade(name, number, "1" if number % 10 else "60000") for number in range(start, end) for name in ("A", "B")]


def all_out(kafka: Kafka, root: Folder, made: list[Trade]) -> None:
    """Wait until windows, whales and lake have every trade, and once."""
    patiently("all windows", lambda: totals(kafka.bootstrap) == expected(made))
    whales = {(one.symbol, one.trade_id) for one in made if one.price == 60000}
    patiently(
        "all whales",
        lambda: {(row["symbol"], row["trade_id"]) for row in messages(kafka.bootstrap, WHALE_ALERTS)} == whales,
    )
    patiently("all of the lake", lambda: lake_rows(root) == rows_of(made), every=1)


def test_a_killed_driver_goes_on_from_the_object_store(kafka: Kafka, stream: Stream, master: str) -> None:
    settings = Settings(home=stream.home)
    home, root = settings.stream_home, settings.trades_lake

    # 1. All of it lies in the store, and the secret on no command line and in no log.
    made = trades_of(0, 200)
    produce(kafka.bootstrap, made)
    stream.start()
    all_out(kafka, root, made)
    assert json.loads((home / "stream" / "thresholds.json").read_text())[0]["limits"] == {"*:*": "50000"}
    patiently("checkpoints", lambda: all(one.batch is not None for one in checkpoints.list_checkpoints(home)))
    lines = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    assert [line for line in lines if "org.apache.spark" in line] and not [line for line in lines if SECRET in line]

    # 2. Killed, the driver goes on from there.
    stream.kill()
    more = trades_of(200, 400)
    produce(kafka.bootstrap, more)
    stream.start()
    made += more
    all_out(kafka, root, made)
    assert stream.stop() == exit_codes.CLEAN
    assert folders.list_names(home / "checkpoints" / "archive") == [], "no checkpoint was taken for damaged"
    assert not (stream.home / "checkpoints").exists() and not (stream.home / "lake" / "trades").exists()
    assert SECRET not in (stream.home / "stream.log").read_text()

    # 3. The lake computes the same windows again.
    env = {**os.environ, "WHALE_HOME": str(stream.home)}
    words = [sys.executable, "-c", AGAIN]
    done = subprocess.run(words, env=env, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout.splitlines()
    again = {(row["symbol"], row["window_start"]): row["trade_count"] for row in map(json.loads, done)}
    assert again == {key: count for key, (count, _) in expected(made).items()}
