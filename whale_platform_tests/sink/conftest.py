"""The database fixtures for this folder, the sink's stage, and hands on the topics."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition

from whale_platform.broker import topics
from whale_platform.kafka_cluster import KafkaCluster
from whale_platform_tests.sink.real_sink import Stage, until
from whale_platform_tests.support.kafka_server import KafkaServer
from whale_platform_tests.support.postgres_server import (
    database,
    empty_database,
    own_postgres,
    postgres_server,
)

__all__ = ["database", "empty_database", "own_postgres", "postgres_server"]


def recreate(broker: KafkaCluster, names: list[str]) -> None:
    """Delete these topics where they are, and make them again, with other ids."""
    old = topics.describe_topics(broker, names)
    if old:
        client = topics.create_admin(broker)
        for future in client.delete_topics(list(old)).values():
            future.result(300)
        until(lambda: not topics.describe_topics(broker, names), "the topics' end")
    topics.create_topics(broker, 2)
    until(lambda: len(topics.describe_topics(broker, names)) == len(names), "the topics")


def delete_before(broker: KafkaCluster, topic: str, partition: int, offset: int) -> None:
    """Let the messages before `offset` expire now."""
    client = topics.create_admin(broker)
    for future in client.delete_records([TopicPartition(topic, partition, offset)]).values():
        future.result(300)


@pytest.fixture
def stage(kafka: KafkaServer, database: str, tmp_path: Path) -> Iterator[Stage]:
    """The sink's process, not yet started, between the broker and a database that stays up."""
    stage = Stage(kafka.bootstrap, database, tmp_path)
    yield stage
    if stage.alive():
        stage.end()
