"""The stream service as a process, on a real broker: both modes, killed, with new thresholds, on a recreated topic."""

import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from whale_platform.bench.platform import wait_for
from whale_platform.broker import naming, topics
from whale_platform.domain.names import RAW_TRADES, STREAM_LOSSES, WHALE_ALERTS
from whale_platform.domain.trade import Trade
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform.settings import StreamMode
from whale_platform.stream import checkpoints
from whale_platform.supervision import beat, codes
from whale_platform_tests.kafka_server import KafkaServer as Kafka
from whale_platform_tests.processes import open_to_others
from whale_platform_tests.stream.running import Stream, expected, messages, produce, totals, trade

pytestmark = pytest.mark.timeout(1800)


@pytest.mark.process
@pytest.mark.timeout(1200)
def test_windows_are_exact_through_modes_and_kills_on_one_checkpoint(
    kafka: Kafka, stream: Callable[[StreamMode], Stream]
) -> None:
    """Killed in each mode and just after a switch; at the end it has found its own way from a backlog to real time."""
    made: list[Trade] = []

    def more(count: int) -> None:
        first = len(made) // 2
        new = [trade(symbol, number) for number in range(first, first + count // 2) for symbol in ("A", "B")]
        produce(kafka.bootstrap, new)
        made.extend(new)

    def all_out() -> bool:
        assert running.process is not None and running.process.poll() is None
        return totals(kafka.bootstrap) == expected(made)

    def numbers() -> dict[str, Any]:
        found = beat.read(running.home, "stream")
        mine = found is not None and running.process is not None and found.pid == running.process.pid
        return found.numbers if found is not None and mine else {}

    more(2_000)
    running = stream("microbatch")
    wait_for("the first", all_out)
    more(2_000)
    running.kill()
    more(2_000)
    running.mode = "realtime"
    running.start()
    wait_for("all of it in real time", all_out)
    running.kill()
    more(30_000)
    running.mode = "auto"
    running.start()
    wait_for("it to have switched", lambda: numbers().get("windows_mode") == "realtime", every=0.05)
    running.kill()
    more(2_000)
    running.start()
    wait_for("all of it", all_out)
    wait_for("it to say so", lambda: numbers().get("lag") == 0 and beat_state(running) == "ready")
    more(2_000)
    wait_for("the last", all_out)
    assert numbers()["late_dropped"] == 0
    assert open_to_others(running.processes()) == []
    assert running.stop() == codes.CLEAN
    assert [path.name for path in (running.home / "checkpoints" / "windows").iterdir()] == ["v2"]


def beat_state(running: Stream) -> str:
    found = beat.read(running.home, "stream")
    return found.state if found is not None else ""


EXHAUSTIBLE = """
import signal, threading
from whale_platform.stream import __main__ as stream, session
from whale_platform.supervision.service import run_service
build = session.build
def exhaustible(*args):
    spark = build(*args)
    fill = threading.Thread(target=lambda: spark._sc._gateway.new_array(spark._jvm.long, 2**30), daemon=True)
    signal.signal(signal.SIGUSR1, lambda *_: fill.start())
    return spark
session.build = exhaustible
run_service("stream", stream.main)
"""


def test_a_new_threshold_is_taken_up_by_the_running_query_and_out_of_memory_is_its_end(
    kafka: Kafka, stream: Callable[..., Stream]
) -> None:
    running = stream("realtime", "-c", EXHAUSTIBLE)
    produce(kafka.bootstrap, [trade("A", 1, "49999.99"), trade("A", 2, "50000")])
    wait_for("the first whale", lambda: messages(kafka.bootstrap, WHALE_ALERTS))
    run = messages(kafka.bootstrap, WHALE_ALERTS)[0]["run_id"]
    beat.write_json(running.home / "stream" / "thresholds.json", {"*:*": "50000", "binance:A": "10"})
    number = 2

    def next_whale() -> list[int]:
        nonlocal number
        number += 1
        produce(kafka.bootstrap, [trade("A", number, "10"), trade("B", number, "10")])
        return [
            row["trade_id"] for row in messages(kafka.bootstrap, WHALE_ALERTS) if row["threshold_usd"].startswith("10.")
        ]

    assert 1 not in wait_for("the new threshold", next_whale, every=1)
    rows = messages(kafka.bootstrap, WHALE_ALERTS)
    assert {row["symbol"] for row in rows} == {"A"}
    assert {row["run_id"] for row in rows} == {run}, "the query was not restarted"

    assert running.process is not None
    running.process.send_signal(signal.SIGUSR1)
    assert running.process.wait(300) == codes.RETRY
    said = beat.read(running.home, "stream")
    assert said is not None and "Spark's JVM was out of memory" in said.detail


patiently = partial(wait_for, seconds=600)


@pytest.mark.timeout(1_800)
def test_torn_checkpoints_and_a_recreated_topic_need_no_hand(
    kafka: Kafka, stream: Callable[[StreamMode], Stream], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHALE_SPARK_MASTER", "local[2]")  # fewer slots than it needs, which are made
    running = stream("realtime")
    first = [trade(symbol, number, "60000") for number in range(100) for symbol in ("A", "B")]
    produce(kafka.bootstrap, first)

    def folders() -> list[Path]:
        return [path for query in ("windows", "whales") for path in checkpoints.live(running.home, query)]

    def newest(log: str) -> list[Path]:
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
    assert "query windows began anew" in said.detail and "query whales began anew" in said.detail
    assert "nothing was lost" in said.detail

    client = topics.admin(kafka.bootstrap)
    old = topics.describe(kafka.bootstrap, [RAW_TRADES])[RAW_TRADES].topic_id
    gone = naming.prefixed(RAW_TRADES)
    client.delete_topics([gone])[gone].result(300)
    time.sleep(1)
    patiently("the topic to be made again", lambda: _made_again(kafka.bootstrap, old))
    third = [trade("C", number, "60000") for number in range(50)]
    produce(kafka.bootstrap, third)

    def kept_alive() -> bool:
        assert running.process is not None
        if (code := running.process.poll()) is not None:
            assert code == codes.RETRY
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


def _ready(home: Path) -> beat.Beat | None:
    said = beat.read(home, "stream")
    return said if said is not None and said.state == "ready" else None


def _made_again(bootstrap: KafkaCluster, old: str) -> bool:
    try:
        topics.ensure(bootstrap, 2)
        return topics.describe(bootstrap, [RAW_TRADES])[RAW_TRADES].topic_id != old
    except (topics.BrokerError, KeyError):
        return False
