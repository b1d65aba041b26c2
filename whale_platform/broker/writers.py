"""The transactional ids of processes: each registers its own with the broker, so that others find and fence it.

A transactional id refuses a second writer of the same name, and nobody of another name that writes the same keys. The
broker lists no transactional ids, but it lists consumer groups: a writer keeps a group of its own name, whose offset
means nothing. The broker forgets a group a week after its last offset, so a writer registers again now and then.

Whoever claims its id, registers, lists, and then fences those it must not share keys with is safe from them: of two
that begin at once, the later one to register finds the other.
"""

import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, TypeVar

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException, Producer, TopicPartition

from whale_platform.broker import topics
from whale_platform.broker.naming import add_prefix, read_prefix, strip_prefix
from whale_platform.domain.names import INGEST_GAPS
from whale_platform.kafka_cluster import KafkaCluster

TIMEOUT_S = 15.0
PATIENCE_S, AGAIN_S = 60.0, 0.2  # for a broker that has only just begun to keep groups, or to lead them
_NOT_YET = (
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)
T = TypeVar("T")


def register_writer(bootstrap: KafkaCluster, name: str) -> None:
    """Let `list_writers` list this writer for a week from now on. Raises BrokerError."""
    client = topics.create_admin(bootstrap)

    def ask() -> None:
        place = TopicPartition(add_prefix(INGEST_GAPS), 0, 0)
        group = ConsumerGroupTopicPartitions(add_prefix(name), [place])
        for future in client.alter_consumer_group_offsets([group], request_timeout=TIMEOUT_S).values():
            for done in _await_result(future).topic_partitions:
                if done.error is not None:
                    raise KafkaException(done.error)

    _retry_until_ready(ask)


def list_writers(bootstrap: KafkaCluster) -> list[str]:
    """The groups of this platform, writers among them. Raises BrokerError, also where one broker did not answer."""
    client = topics.create_admin(bootstrap)

    def ask() -> list[str]:
        found = _await_result(client.list_consumer_groups(request_timeout=TIMEOUT_S))
        if found.errors:
            raise found.errors[0]
        return sorted(strip_prefix(one.group_id) for one in found.valid if one.group_id.startswith(read_prefix()))

    return _retry_until_ready(ask)


def fence_writer(bootstrap: KafkaCluster, name: str) -> None:
    """Make the broker refuse whatever the present writer of that name still sends. Raises BrokerError."""
    config = {
        **bootstrap.librdkafka_config(),
        "client.id": "whale-fence",
        "transactional.id": add_prefix(name),
        "log_level": 2,
    }
    Producer(config).init_transactions(TIMEOUT_S)


def _retry_until_ready(request: Callable[[], T]) -> T:
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return request()
        except KafkaException as error:
            if error.args[0].code() not in _NOT_YET or time.monotonic() >= until:
                raise
        time.sleep(AGAIN_S)


def _await_result(future: "Future[Any]") -> Any:
    try:
        return future.result(TIMEOUT_S + 5)
    except FutureTimeout:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT)) from None
