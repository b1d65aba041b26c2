"""Fixtures that several rooms share."""

from collections.abc import Iterator

import pytest

from whale_platform_tests.kafka_server import KafkaServer, start_kafka


@pytest.fixture(scope="session")
def kafka_session() -> Iterator[KafkaServer]:
    """One broker for the whole run."""
    server = start_kafka()
    yield server
    server.close()


@pytest.fixture
def kafka(kafka_session: KafkaServer) -> KafkaServer:
    """A running broker with empty topics."""
    kafka_session.fresh_topics()
    return kafka_session
