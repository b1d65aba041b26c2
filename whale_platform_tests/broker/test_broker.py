"""Producer, reader and topics against a real broker."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale_platform.broker import reader as reader_module
from whale_platform.broker import topics
from whale_platform.broker.errors import BrokerError, OffsetExpiredError, ProducerStoppedError
from whale_platform.broker.producer import TradeProducer
from whale_platform.broker.reader import TopicReader
from whale_platform.domain.names import DEAD_LETTERS, INGEST_GAPS, RAW_TRADES
from whale_platform_tests.support.kafka_server import KafkaServer


def read_all(kafka: KafkaServer, topic: str) -> list[tuple[bytes | None, bytes | None]]:
    reader = TopicReader(kafka.bootstrap, "test")
    try:
        return [
            (record.key, record.value)
            for partition in reader.list_partitions(topic)
            for record in reader.scan(topic, partition, *reader.bounds(topic, partition))
        ]
    finally:
        reader.close()


def test_messages_of_one_key_stay_in_order_and_their_offsets_are_reported(kafka: KafkaServer) -> None:
    reports: list[tuple[int, int]] = []
    producer = TradeProducer(kafka.bootstrap, "test")
    send = producer.channel(RAW_TRADES, b"fake:AAA", lambda partition, offset: reports.append((partition, offset)))
    for number in range(1000):
        send(str(number).encode())
    assert producer.close() == 0
    assert [value for _, value in read_all(kafka, RAW_TRADES)] == [str(number).encode() for number in range(1000)]
    assert len({partition for partition, _ in reports}) == 1
    assert [offset for _, offset in reports] == list(range(1000))


def test_a_closed_producer_takes_nothing(kafka: KafkaServer) -> None:
    producer = TradeProducer(kafka.bootstrap, "test")
    producer.close()
    with pytest.raises(ProducerStoppedError):
        producer.send(RAW_TRADES, b"k", b"v")


def test_a_message_the_broker_can_never_take_is_fatal(kafka: KafkaServer) -> None:
    producer = TradeProducer(kafka.bootstrap, "test")
    with pytest.raises(ProducerStoppedError, match="too large"):
        producer.send(RAW_TRADES, b"k", b"v" * 2_000_000)
    assert producer.fatal is not None
    producer.close()


def test_ensure_makes_what_is_missing_once_and_ids_tell_a_recreated_topic(kafka: KafkaServer) -> None:
    assert topics.create_topics(kafka.bootstrap, partitions=2) == []
    before = topics.describe_topics(kafka.bootstrap, [RAW_TRADES, "no-such-topic"])
    assert list(before) == [RAW_TRADES]
    assert before[RAW_TRADES].partitions == 2
    kafka.fresh_topics()
    assert topics.describe_topics(kafka.bootstrap, [RAW_TRADES])[RAW_TRADES].topic_id != before[RAW_TRADES].topic_id


def test_several_may_make_the_topics_at_once(kafka: KafkaServer) -> None:
    """Each looks and then makes: whoever comes second to that is told that they are there already."""
    kafka.delete_topics()
    start = threading.Barrier(8)

    def make(_: int) -> list[str]:
        start.wait()
        return topics.create_topics(kafka.bootstrap, partitions=2)

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(make, range(8)))
    assert sorted(name for names in made for name in names) == sorted(topics.BYTE_SHARES), "each by one of them"


def test_one_more_topic_of_raw_trades_takes_messages_and_is_not_made_twice(kafka: KafkaServer) -> None:
    topics.create_raw_topic(kafka.bootstrap, "more_trades", 3)
    assert topics.describe_topics(kafka.bootstrap, ["more_trades"])["more_trades"].partitions == 3
    producer = TradeProducer(kafka.bootstrap, "test")
    producer.send("more_trades", b"k", b"v")
    assert producer.close() == 0
    with pytest.raises(BrokerError):
        topics.create_raw_topic(kafka.bootstrap, "more_trades", 3)


def test_an_offset_that_is_not_there_is_told_and_not_skipped(kafka: KafkaServer) -> None:
    reader = TopicReader(kafka.bootstrap, "test")
    reader.assign({(INGEST_GAPS, 0): 17})
    deadline = time.monotonic() + 30
    with pytest.raises(OffsetExpiredError):
        while time.monotonic() < deadline:
            reader.poll(10, 0.5)
    reader.close()


def test_a_scan_that_hears_nothing_more_says_so(kafka: KafkaServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the broker goes away for good in the midst of it."""
    producer = TradeProducer(kafka.bootstrap, "test")
    producer.send(INGEST_GAPS, b"k", b"v")
    assert producer.close() == 0
    reader = TopicReader(kafka.bootstrap, "test")
    try:
        found = reader.scan(INGEST_GAPS, 0, 0, 2)
        assert next(found).value == b"v"
        monkeypatch.setattr(reader_module, "SILENT_S", 0.2)
        with pytest.raises(BrokerError):
            next(found)
    finally:
        reader.close()


def test_bytes_are_bounded_also_of_topics_that_are_there(kafka: KafkaServer) -> None:
    assert set(topics.limit_bytes(kafka.bootstrap, 1_000_000_000)) == set(topics.BYTE_SHARES)
    assert topics.limit_bytes(kafka.bootstrap, 1_000_000_000) == [], "it is so already"
    producer = TradeProducer(kafka.bootstrap, "test")
    producer.send(INGEST_GAPS, b"k", b"v")
    assert producer.close() == 0
    assert read_all(kafka, INGEST_GAPS) == [(b"k", b"v")]
    assert topics.limit_bytes(kafka.bootstrap, 0) != []


@given(st.integers(1, 10**13), st.integers(1, 256))
def test_all_topics_full_are_within_the_bound(total: int, partitions: int) -> None:
    parts = {name: 1 if name in (DEAD_LETTERS, INGEST_GAPS) else partitions for name in topics.BYTE_SHARES}
    found = {name: topics.compute_limits(name, total, count) for name, count in parts.items()}
    assert sum(int(found[name]["retention.bytes"]) * count for name, count in parts.items()) <= total
    for settings in found.values():
        segment, kept = int(settings["segment.bytes"]), int(settings["retention.bytes"])
        assert topics.SEGMENT_BYTES[0] <= segment <= topics.SEGMENT_BYTES[1]
        assert segment <= max(kept // 4, topics.SEGMENT_BYTES[0]), "the newest segment never goes"
