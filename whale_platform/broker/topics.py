"""The topics, how they are made and what identifies them.

`ensure` is safe to run at every start. It never changes the partition count of an existing topic: that would break
the order within a symbol, so it is left to a person. Ids tell a recreated topic from the old one of the same name.
"""

from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, NewTopic

from whale_platform.domain.names import DEAD_LETTERS, INGEST_GAPS, RAW_TRADES, TRADE_WINDOWS, WHALE_ALERTS

BrokerError = KafkaException  # the broker is away or refuses; other rooms catch it by this name

WEEK_MS = str(7 * 24 * 3600 * 1000)
TIMEOUT_S = 15.0

_CONFIG: dict[str, dict[str, str]] = {
    RAW_TRADES: {"retention.ms": WEEK_MS, "compression.type": "producer"},
    TRADE_WINDOWS: {"retention.ms": str(24 * 3600 * 1000)},
    WHALE_ALERTS: {"retention.ms": WEEK_MS},
    DEAD_LETTERS: {"retention.ms": WEEK_MS},
    INGEST_GAPS: {"cleanup.policy": "compact"},
}


@dataclass(frozen=True, slots=True)
class TopicInfo:
    """A topic as the broker knows it; `topic_id` changes when it is deleted and made again."""

    name: str
    topic_id: str
    partitions: int


def admin(bootstrap: str) -> AdminClient:
    """An admin client; connecting happens at the first call. The library's own log is kept quiet while it retries."""
    return AdminClient({"bootstrap.servers": bootstrap, "socket.timeout.ms": 10_000, "log_level": 2})


def ensure(bootstrap: str, partitions: int, replication: int = 1) -> list[str]:
    """Create what is missing and return its names. Raises KafkaException where the broker is away or refuses."""
    client = admin(bootstrap)
    present = client.list_topics(timeout=TIMEOUT_S).topics
    wanted = [
        NewTopic(name, 1 if name in (DEAD_LETTERS, INGEST_GAPS) else partitions, replication, config=config)
        for name, config in _CONFIG.items()
        if name not in present
    ]
    if not wanted:
        return []
    futures: dict[str, Future[Any]] = client.create_topics(wanted, operation_timeout=TIMEOUT_S)
    for future in futures.values():
        _answer(future)
    return list(futures)


def cluster_id(bootstrap: str) -> str:
    """The Kafka cluster's id. Raises KafkaException where the broker is away."""
    client = admin(bootstrap)  # held until the answer is here: a collected client cancels its requests
    return str(_answer(client.describe_cluster(request_timeout=TIMEOUT_S)).cluster_id)


def describe(bootstrap: str, names: list[str]) -> dict[str, TopicInfo]:
    """Id and partition count of each of `names` that exists; a missing topic is left out."""
    client = admin(bootstrap)
    futures = client.describe_topics(TopicCollection(names), request_timeout=TIMEOUT_S)
    found: dict[str, TopicInfo] = {}
    for name, future in futures.items():
        try:
            topic = _answer(future)
        except KafkaException as error:
            if error.args[0].name() == "UNKNOWN_TOPIC_OR_PART":
                continue
            raise
        found[name] = TopicInfo(name, str(topic.topic_id), len(topic.partitions))
    return found


def alive(bootstrap: str, timeout_s: float = 2.0) -> bool:
    """Whether a broker answers a metadata request."""
    try:
        admin(bootstrap).list_topics(timeout=timeout_s)
    except KafkaException:
        return False
    return True


def _answer(future: "Future[Any]") -> Any:
    try:
        return future.result(TIMEOUT_S + 5)
    except FutureTimeout:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT)) from None
