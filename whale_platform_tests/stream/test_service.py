"""The stream service on a real broker: torn checkpoints, a recreated topic, new thresholds, no memory left."""

import signal
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from whale_platform.bench.harness.platform import wait_for
from whale_platform.broker import naming, topics
from whale_platform.broker.errors import BrokerError
from whale_platform.broker.producer import TradeProducer
from whale_platform.domain.hours_of_week import get_hour_of_week
from whale_platform.domain.names import DEAD_LETTERS, RAW_TRADES, STREAM_LOSSES, WHALE_ALERTS
from whale_platform.domain.whale import ALWAYS
from whale_platform.files.atomic_files import write_json
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.storage.folders import Folder
from whale_platform.stream.query import checkpoints
from whale_platform.supervision.runtime import exit_codes, heartbeat
from whale_platform_tests.stream.real_stream import START, Stream, expected, messages, produce, totals, trade
from whale_platform_tests.support.kafka_server import KafkaServer as Kafka

pytestmark = pytest.mark.timeout(1800)
HOURS = {"D": 0, "G": 1}  # symbols whose threshold is lower in the hour of the trades, or so much later


EXHAUSTIBLE = """
import signal, threading
from whale_platform.stream import __main__ as stream, checkpoint_cover, service
from whale_platform.stream.spark import session
from whale_platform.supervision.runtime.runner import run_service
build = session.build_session
def exhaustible(*args):
    spark = build(*args)
    fill = threading.Thread(target=lambda: spark._sc._gateway.new_array(spark._jvm.long, 2**30), daemon=True)
    signal.signal(signal.SIGUSR1, lambda *_: fill.start())
    return spark
session.build_session = exhaustible
checkpoint_cover.EARLY_S, checkpoint_cover.REST_S, service.SHORTEST_S = 20.0, 0.0, 5.0  # as close as they are here
checkpoint_cover.KEEPS_UP_S = 30.0
run_service("stream", stream.main)
"""


patiently = partial(wait_for, seconds=600)


@pytest.mark.timeout(1_800)
def test_torn_checkpoints_a_recreated_topic_and_lost_memory_need_no_hand(
    kafka: Kafka, stream: Callable[..., Stream], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHALE_SPARK_MASTER", "local[2]")  # fewer slots than it needs, which are made
    monkeypatch.setenv("WHALE_STREAM_TRIGGER", "30 seconds")  # checkpoints to damage and to cover, soon
    running = stream("auto", "-c", EXHAUSTIBLE)
    first = [trade(symbol, number, "60000") for number in range(100) for symbol in ("A", "B")]
    produce(kafka.bootstrap, first)

    def folders() -> list[Folder]:
        return [path for query in ("windows", "whales") for path in checkpoints.list_live_folders(running.home, query)]

    def newest(log: str) -> list[Folder]:
        return [max((path / log).glob("[0-9]*"), key=lambda file: int(file.name), default=path) for path in folders()]

    patiently("checkpoints", lambda: len(folders()) == 2 and all(file.is_file() for file in newest("commits")))
    running.kill()
    windows, whales = newest("offsets")[0], newest("commits")[1]
    windows.write_bytes(b"")
    whales.write_bytes(whales.read_bytes()[:10])
    running.start()
    second = [trade(symbol, number, "60000") for number in range(100, 200) for symbol in ("A", "B")]
    produce(kafka.bootstrap, second)
    patiently("all windows", lambda: totals(kafka.bootstrap) == expected(first + second))

    def whales_of(symbol: str) -> set[int]:
        return {row["trade_id"] for row in messages(kafka.bootstrap, WHALE_ALERTS) if row["symbol"] == symbol}

    patiently("all whales", lambda: whales_of("A") == set(range(200)))
    said = patiently("the service to be ready", lambda: _ready(running.home))
    assert "query windows restarted" in said.detail and "query whales restarted" in said.detail
    assert "nothing was lost" in said.detail

    client = topics.create_admin(kafka.bootstrap)
    old = topics.describe_topics(kafka.bootstrap, [RAW_TRADES])[RAW_TRADES].topic_id
    gone = naming.add_prefix(RAW_TRADES)
    client.delete_topics([gone])[gone].result(300)
    time.sleep(1)
    patiently("the topic to be made again", lambda: _made_again(kafka.bootstrap, old))
    third = [trade("C", number, "60000") for number in range(50)]
    produce(kafka.bootstrap, third)

    def kept_alive() -> bool:
        assert running.process is not None
        if (code := running.process.poll()) is not None:
            assert code == exit_codes.RETRY
            running.start()
        return totals(kafka.bootstrap) == expected(first + second + third) and whales_of("C") == set(range(50))

    patiently("the new topic's windows and whales", kept_alive)
    causes = sorted({(row["reader"], row["cause"]) for row in messages(kafka.bootstrap, STREAM_LOSSES)})
    assert [found for found in causes if found[0] != "lake"] == [
        ("whales", "none"),
        ("whales", "recreated"),
        ("windows", "none"),
        ("windows", "recreated"),
    ]
    _takes_up_a_new_threshold(kafka, running)
    _covers_its_checkpoints(kafka, running)
    _ends_out_of_memory(running)


def _takes_up_a_new_threshold(kafka: Kafka, running: Stream) -> None:
    """With the query that runs, and for what comes from then on: of each trade that of its hour of the week."""
    produce(kafka.bootstrap, [trade("D", 1, "49999.99"), trade("D", 2, "50000")])

    def whales() -> dict[int, dict[str, Any]]:
        return {row["trade_id"]: row for row in messages(kafka.bootstrap, WHALE_ALERTS) if row["symbol"] == "D"}

    run = patiently("a whale by the old threshold", whales)[2]["run_id"]
    hour = get_hour_of_week(ALWAYS + timedelta(microseconds=START))
    quiet, other = ["10", "50", "200"], ["50000", "250000", "1000000"]
    limits = {"*:*": other}
    for symbol, later in HOURS.items():
        amounts = [quiet if one == hour + later else other for one in range(168)]
        limits[f"binance:{symbol}"] = [usd for tiers in amounts for usd in tiers]
    table = [{"since": 0, "limits": limits}]
    write_json(running.home / "stream" / "thresholds.json", table)
    number = 2

    def next_whale() -> list[int]:
        nonlocal number
        number += 1
        produce(kafka.bootstrap, [trade(symbol, number, "10") for symbol in (*HOURS, "E")])
        return [number for number, row in whales().items() if row["threshold_usd"].startswith("10.")]

    assert 1 not in patiently("the new threshold", next_whale, every=1)
    assert not {"E", "G"} & {row["symbol"] for row in messages(kafka.bootstrap, WHALE_ALERTS)}
    assert {row["run_id"] for row in whales().values()} == {run}, "the query was not restarted"


def _covers_its_checkpoints(kafka: Kafka, running: Stream) -> None:
    """Every whale comes, and near a checkpoint twice: from the query and from the copy that covers it.

    What is no trade comes from the query alone, since dead letters are counted.
    """
    number, foreign = 0, TradeProducer(kafka.bootstrap, "foreign")

    def whales() -> Counter[int]:
        return Counter(row["trade_id"] for row in messages(kafka.bootstrap, WHALE_ALERTS) if row["symbol"] == "F")

    def letters() -> Counter[str]:
        return Counter(row["frame"] for row in messages(kafka.bootstrap, DEAD_LETTERS))

    def covered() -> bool:
        nonlocal number
        number += 1
        produce(kafka.bootstrap, [trade("F", number, "60000")])
        foreign.send(RAW_TRADES, b"foreign", f'{{"n":{number}}}'.encode())
        said = heartbeat.read_heartbeat(running.home, "stream")
        assert said is not None
        return 2 in whales().values() and (said.numbers["whales_covered"] or 0) >= 2

    patiently("two checkpoints to be covered", covered, every=0.5)
    assert foreign.close(30) == 0
    patiently("every whale", lambda: set(whales()) == set(range(1, number + 1)))
    frames = {f'{{"n":{one}}}' for one in range(1, number + 1)}
    patiently("every dead letter", lambda: set(letters()) >= frames)
    assert {letters()[frame] for frame in frames} == {1}


def _ends_out_of_memory(running: Stream) -> None:
    assert running.process is not None
    running.process.send_signal(signal.SIGUSR1)
    assert running.process.wait(600) == exit_codes.RETRY
    said = heartbeat.read_heartbeat(running.home, "stream")
    assert said is not None and "Spark's JVM was out of memory" in said.detail


def _ready(home: Path) -> heartbeat.Heartbeat | None:
    said = heartbeat.read_heartbeat(home, "stream")
    return said if said is not None and said.state == "ready" else None


def _made_again(bootstrap: KafkaCluster, old: str) -> bool:
    try:
        topics.create_topics(bootstrap, 2)
        return topics.describe_topics(bootstrap, [RAW_TRADES])[RAW_TRADES].topic_id != old
    except (BrokerError, KeyError):
        return False
