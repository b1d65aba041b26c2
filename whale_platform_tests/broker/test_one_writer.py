"""The one writer of a name: claimed, thrown out, committing while no broker answers; and the markers it leaves."""

import signal
import subprocess
import sys
import threading
import time

import pytest

from whale_platform.bench.harness.platform import wait_for
from whale_platform.broker import bulk_reader, producer, recent_messages, writers
from whale_platform.broker.errors import ProducerStoppedError
from whale_platform.broker.producer import TradeProducer
from whale_platform.broker.reader import TopicReader
from whale_platform.broker.topic_offsets import TopicOffsets
from whale_platform.domain.names import DEAD_LETTERS, RAW_TRADES
from whale_platform_tests.support.kafka_server import KafkaServer

PART = 0  # of a topic that has no other


def writer(kafka: KafkaServer) -> TradeProducer:
    made = TradeProducer(kafka.bootstrap, "test", writer="test-writer")
    made.claim(300)
    return made


def values(kafka: KafkaServer, topic: str = DEAD_LETTERS) -> list[bytes | None]:
    return [record.value for record in recent_messages.read_recent_records(kafka.bootstrap, topic, 0)]


def end(kafka: KafkaServer) -> int:
    return TopicOffsets(kafka.bootstrap, {DEAD_LETTERS: [PART]}).read()[DEAD_LETTERS][PART][1]


def test_a_predecessors_messages_are_refused_and_what_it_delivered_stays(kafka: KafkaServer) -> None:
    first = writer(kafka)
    first.send(DEAD_LETTERS, b"k", b"first")
    assert first.flush(60) == 0
    second = writer(kafka)
    first.send(DEAD_LETTERS, b"k", b"late")
    first.close()
    assert first.fenced and first.fatal is not None and "another process has begun as test-writer" in first.fatal
    with pytest.raises(ProducerStoppedError, match="another process"):
        first.send(DEAD_LETTERS, b"k", b"later")
    second.send(DEAD_LETTERS, b"k", b"second")
    assert second.close() == 0 and second.fatal is None
    assert values(kafka) == [b"first", b"second"], "of an aborted transaction and of a committed one"
    assert end(kafka) == 4, "two markers, which are no messages"


def test_what_a_stopped_predecessor_had_queued_is_refused_when_it_goes_on(kafka: KafkaServer) -> None:
    """Its packets come late: it is stopped with messages queued, another begins, and it is let go on."""
    code = (
        "import sys\n"
        "from whale_platform.broker.producer import TradeProducer\n"
        "from whale_platform.kafka_cluster import KafkaCluster\n"
        "producer = TradeProducer(KafkaCluster(sys.argv[1]), 'test', linger_ms=60_000, writer='test-writer')\n"
        "producer.claim(300)\n"
        f"producer.send('{DEAD_LETTERS}', b'k', b'old')\n"
        "producer.flush(60)\n"
        f"[producer.send('{DEAD_LETTERS}', b'k', b'late') for _ in range(1000)]\n"
        "print('queued', flush=True)\n"
        "sys.stdin.read()\n"
        "producer.close(60)\n"
        "print(producer.fatal)\n"
    )
    command = [sys.executable, "-c", code, kafka.bootstrap.servers]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None and first.stdin is not None
        assert first.stdout.readline() == "queued\n"
        first.send_signal(signal.SIGSTOP)
        second = writer(kafka)
        second.send(DEAD_LETTERS, b"k", b"new")
        assert second.flush(60) == 0
        first.send_signal(signal.SIGCONT)
        first.stdin.close()
        assert "another process has begun as test-writer" in first.stdout.read()
    assert second.close(60) == 0 and second.fatal is None
    assert values(kafka) == [b"old", b"new"]


def test_a_writer_finds_the_others_and_may_fence_them(kafka: KafkaServer) -> None:
    old = writer(kafka)
    writers.register_writer(kafka.bootstrap, "test-writer")
    assert "test-writer" in writers.list_writers(kafka.bootstrap)
    writers.fence_writer(kafka.bootstrap, "test-writer")
    old.send(DEAD_LETTERS, b"k", b"late")
    old.close(60)
    assert old.fenced and values(kafka) == []


def test_a_transaction_that_the_broker_has_ended_is_nobody_elses_doing(
    kafka: KafkaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after an outage, or a machine's sleep, of over ten minutes: there is nobody to wait for."""
    monkeypatch.setattr(producer, "TIMEOUT_MS", 1_000)
    made = writer(kafka)
    made.send(DEAD_LETTERS, b"k", b"before")
    assert made.flush(60) == 0
    wait_for("the broker to end the transaction", lambda: end(kafka) == 2)
    made.send(DEAD_LETTERS, b"k", b"late")
    assert made.close(60) == 0 or made.fatal
    assert made.fatal is not None and "the broker has ended the transaction" in made.fatal
    assert not made.fenced
    again = writer(kafka)
    again.send(DEAD_LETTERS, b"k", b"after")
    assert again.close(60) == 0
    assert values(kafka) == [b"before", b"after"]


def test_commits_go_on_beside_the_senders_and_while_the_broker_is_away(
    kafka: KafkaServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(producer, "COMMIT_S", 0.2)
    monkeypatch.setattr(producer, "AGAIN_S", 0.2)
    made, stop, sent = writer(kafka), threading.Event(), 0
    delivered: list[int] = []
    send = made.channel(DEAD_LETTERS, b"k", lambda _, offset: delivered.append(offset))

    def work() -> None:
        nonlocal sent
        while not stop.wait(0.002):
            send(str(sent).encode())
            sent += 1

    thread = threading.Thread(target=work)
    thread.start()
    wait_for("the first", lambda: len(delivered) > 200, every=0.02)
    kafka.kill()
    time.sleep(2)
    kafka.start()
    there = len(delivered)
    wait_for("more", lambda: len(delivered) > there + 500, every=0.02)
    stop.set()
    thread.join()
    assert made.close(60) == 0 and made.fatal is None
    assert values(kafka) == [str(number).encode() for number in range(sent)]
    assert delivered == sorted(set(delivered)) and len(delivered) == sent
    assert end(kafka) > sent + 1, "there were commits in between"


def test_whoever_reads_to_an_end_gets_there_though_it_is_a_marker(kafka: KafkaServer) -> None:
    for number in (1, 2):
        made = writer(kafka)
        made.send(RAW_TRADES, b"k", str(number).encode())
        assert made.close() == 0
    (part,) = (
        p for p, (_, last) in TopicOffsets(kafka.bootstrap, {RAW_TRADES: [0, 1]}).read()[RAW_TRADES].items() if last
    )
    reader = TopicReader(kafka.bootstrap, "test")
    try:
        assert reader.bounds(RAW_TRADES, part) == (0, 4)
        assert [record.offset for record in reader.scan(RAW_TRADES, part, 0, 4)] == [0, 2]
        assert list(reader.scan(RAW_TRADES, part, 3, 4)) == [], "nothing but a marker"
        reader.assign({(RAW_TRADES, part): 0})
        wait_for("a message", lambda: bool(reader.poll(10, 0.1)) or reader.done(RAW_TRADES, part, 4), every=0)
        wait_for("the end", lambda: reader.poll(10, 0.1) == [] and reader.done(RAW_TRADES, part, 4), every=0)
        assert reader.known_end(RAW_TRADES, part) == 3, "nothing waits: no lag of 1 for ever"
    finally:
        reader.close()
    span = bulk_reader.measure_span(kafka.bootstrap, RAW_TRADES, 0)
    assert [
        value
        for _, found in bulk_reader.read_values(kafka.bootstrap, RAW_TRADES, span, lambda *_: 0)
        for value in found
    ] == [
        b"1",
        b"2",
    ]
