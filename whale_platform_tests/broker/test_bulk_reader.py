"""A topic read in bulk: all of it up to the end as asked, what was sent late apart, and how far back it reaches.

Offsets are counted, so the topic is no one else's: a transaction that a test of the raw trades left open is ended by
the broker later, and its marker would be the first message of the raw trades' topic as it was made again.
"""

import time

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic

from whale_platform.broker import bulk_reader
from whale_platform.broker.errors import BrokerError
from whale_platform.broker.topics import create_admin
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform_tests.support.kafka_server import KafkaServer, free_port

TOPIC = "read_in_bulk"
T = int(time.time() * 1000) - 3_600_000  # the broker deletes what is older than a week, also while a test runs


def send(bootstrap: KafkaCluster, partition: int, *millis: int) -> None:
    config = {"bootstrap.servers": str(bootstrap), "enable.idempotence": True}  # in order, also when sent again
    producer = Producer(config)
    for one in millis:
        producer.produce(TOPIC, str(one).encode(), partition=partition, timestamp=T + one)
    assert producer.flush(300) == 0


def read(bootstrap: KafkaCluster, span: bulk_reader.TopicSpan, sent_by: int) -> list[tuple[bool, list[bytes]]]:
    return list(bulk_reader.read_values(bootstrap, TOPIC, span, lambda part, offset, sent: sent > T + sent_by))


def test_all_up_to_the_end_as_it_was(kafka: KafkaServer) -> None:
    client = create_admin(kafka.bootstrap)
    client.create_topics([NewTopic(TOPIC, 2, 1)])[TOPIC].result(120)
    send(kafka.bootstrap, 0, *range(25_000))
    send(kafka.bootstrap, 1, 500, 900)
    nothing = bulk_reader.measure_span(kafka.bootstrap, TOPIC, T + 30_000)
    assert (nothing.messages, read(kafka.bootstrap, nothing, 0)) == (0, [])
    span = bulk_reader.measure_span(kafka.bootstrap, TOPIC, T + 800)
    assert span == bulk_reader.TopicSpan(T + 500, True, 24_201, {0: (800, 25_000), 1: (1, 2)})
    send(kafka.bootstrap, 0, 77)
    found = read(kafka.bootstrap, span, 20_000)
    assert [int(value) for _, values in found for value in values] == [*range(800, 25_000), 900]
    assert {int(value) for late, values in found if late for value in values} == set(range(20_001, 25_000))


def test_a_broker_that_is_away_is_said() -> None:
    with pytest.raises(BrokerError, match="no answer from Kafka"):
        bulk_reader.measure_span(KafkaCluster(f"127.0.0.1:{free_port()}"), TOPIC, 0)
