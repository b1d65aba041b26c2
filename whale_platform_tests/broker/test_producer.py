"""What the producer tells of a failure, whichever of librdkafka's threads meets it first."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from whale_platform.broker import producer
from whale_platform.broker.errors import ProducerStoppedError
from whale_platform.domain.names import RAW_TRADES
from whale_platform.kafka_cluster import KafkaCluster


class FencedLibrary:
    """librdkafka once a second process has claimed the id: `produce` fails before `poll` tells why."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._refused = threading.Event()

    def init_transactions(self, timeout_s: float) -> None: ...
    def begin_transaction(self) -> None: ...

    def produce(self, *args: Any, on_delivery: Any) -> None:
        on_delivery(KafkaError(KafkaError._PURGE_QUEUE), self)
        self._refused.set()
        raise KafkaException(KafkaError(KafkaError._FATAL, "Unable to produce message: Local: Fatal error"))

    def poll(self, timeout_s: float) -> int:
        if self._refused.wait(timeout_s):
            raise KafkaException(KafkaError(KafkaError._FENCED, "fenced by a newer instance", fatal=True))
        return 0

    def flush(self, timeout_s: float) -> int:
        return 0

    def __len__(self) -> int:
        return 0

    def topic(self) -> str:
        return RAW_TRADES


@pytest.fixture
def fenced(monkeypatch: pytest.MonkeyPatch) -> Iterator[producer.TradeProducer]:
    monkeypatch.setattr(producer, "Producer", FencedLibrary)
    made = producer.TradeProducer(KafkaCluster("127.0.0.1:1"), "test", writer="test-writer")
    made.claim()
    yield made
    made.close()


def test_who_sends_is_told_of_the_other_process_and_not_of_a_fatal_error(fenced: producer.TradeProducer) -> None:
    """The service ends at the first reason it reads, and waits for the other process by `fenced` alone."""
    with pytest.raises(ProducerStoppedError, match="another process has begun as test-writer"):
        fenced.send(RAW_TRADES, b"k", b"v")
    assert fenced.fenced
