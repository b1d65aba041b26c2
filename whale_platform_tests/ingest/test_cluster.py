"""The ingester on a cluster of three brokers, of which one is killed."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import ConfigResource, ResourceType

from whale_platform.broker import topics
from whale_platform.broker.errors import BrokerError
from whale_platform.broker.topic_offsets import TopicOffsets
from whale_platform.domain.names import RAW_TRADES
from whale_platform.supervision.runtime import exit_codes
from whale_platform_tests.ingest.conftest import SYMBOLS, Ingester
from whale_platform_tests.ingest.fake_binance import FakeBinance, Market, until
from whale_platform_tests.support.kafka_server import ThreeBrokers, environment

pytestmark = [pytest.mark.process, pytest.mark.server, pytest.mark.timeout(900)]
PARTITIONS = 12


@pytest.fixture
def cluster() -> Iterator[ThreeBrokers]:
    """Three brokers, none of them started."""
    made = ThreeBrokers()
    yield made
    made.close()


def test_a_broker_of_three_is_killed_under_load_and_ingestion_goes_on_with_each_trade_once(
    cluster: ThreeBrokers, fake: FakeBinance, tmp_path: Path
) -> None:
    ingester = Ingester(cluster, fake, tmp_path, topic_partitions=PARTITIONS)
    # 1. Two of the three that are named are up: topics of two copies would stay so, hence none are made.
    cluster.start(1, 2)
    code, said = make_topics(ingester)
    assert code == exit_codes.RETRY and "3 copies of each topic are wanted, and 2 of the brokers are up" in said
    # 2. With the third they are made as a cluster's should be.
    cluster.start(3)
    code, said = make_topics(ingester)
    assert code == exit_codes.CLEAN, said
    leaders = described(cluster)
    # 3. The leader of a partition that is written to is killed under load.
    market = Market(fake, per_second=300)
    ingester.start()
    ingester.wait_ready()
    market.start()
    until(lambda: written(cluster) > 1_000, "the first trades")
    busy = [part for part, (start, end) in edges(cluster).items() if end > start]
    cluster.kill(leaders[busy[0]])
    killed, before = time.monotonic(), fake.last.copy()
    # 4. It goes on: each of those partitions grows beyond what was written at the kill.
    at_kill = edges(cluster)
    until(lambda: all(edges(cluster)[part][1] > at_kill[part][1] for part in busy), "every partition to grow again")
    print(f"every partition was written to again {time.monotonic() - killed:.1f} s after the kill")
    until(lambda: all(fake.last[symbol] > before[symbol] + 1_000 for symbol in SYMBOLS), "more of the load")
    market.stop()
    for symbol in SYMBOLS:
        fake.trade(symbol)
    ingester.wait_complete(fake)
    assert ingester.process is not None and ingester.process.poll() is None, "the same process all along"
    ingester.process.terminate()
    assert ingester.process.wait(300) == exit_codes.CLEAN


def make_topics(ingester: Ingester) -> tuple[int, str]:
    """As `up` does."""
    command = [sys.executable, "-m", "whale_platform.broker"]
    done = subprocess.run(command, env=environment(ingester.settings), capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def described(cluster: ThreeBrokers) -> dict[int, int]:
    """{partition: its leader} of the raw topic, once its copies and settings are seen to be right."""
    client = topics.create_admin(cluster.bootstrap)
    parts = client.list_topics(RAW_TRADES, timeout=30).topics[RAW_TRADES].partitions
    assert len(parts) == PARTITIONS and {len(part.replicas) for part in parts.values()} == {3}
    asked = ConfigResource(ResourceType.TOPIC, RAW_TRADES)
    found = client.describe_configs([asked])[asked].result(30)
    assert found["min.insync.replicas"].value == "2"
    assert found["unclean.leader.election.enable"].value == "false"
    return {number: part.leader for number, part in parts.items()}


def edges(cluster: ThreeBrokers) -> dict[int, tuple[int, int]]:
    """The raw topic's edges, asked until the cluster answers."""
    while True:
        try:
            return TopicOffsets(cluster.bootstrap, {RAW_TRADES: range(PARTITIONS)}).read()[RAW_TRADES]
        except BrokerError:
            time.sleep(0.2)


def written(cluster: ThreeBrokers) -> int:
    """Messages in the raw topic."""
    return sum(end - start for start, end in edges(cluster).values())
