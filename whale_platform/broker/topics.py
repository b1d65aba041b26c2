"""The topics, how they are created and what identifies them.

`create_topics` is safe to run at every start. It never changes the partition count of an existing topic: that would
break the order within a symbol, so it is left to a person. Ids tell a recreated topic from the old one of the same
name. `limit_bytes` keeps all of them together under a number of bytes: age alone bounds nothing when trades are many.
"""

import time
from collections.abc import Collection
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from whale_platform.broker import connection_errors
from whale_platform.broker.naming import add_prefix, strip_prefix
from whale_platform.domain.names import (
    DEAD_LETTERS,
    INGEST_GAPS,
    RAW_TRADES,
    STREAM_LOSSES,
    STREAM_POSITIONS,
    TRADE_WINDOWS,
    WHALE_ALERTS,
)
from whale_platform.kafka_cluster import KafkaCluster

KafkaAdmin: TypeAlias = AdminClient

WEEK_MS = str(7 * 24 * 3600 * 1000)
TIMEOUT_S = 15.0
MAX_COPIES = 3

CONFIG: dict[str, dict[str, str]] = {
    RAW_TRADES: {"retention.ms": WEEK_MS, "compression.type": "producer"},
    TRADE_WINDOWS: {"retention.ms": str(24 * 3600 * 1000), "segment.ms": str(3600 * 1000)},
    WHALE_ALERTS: {"retention.ms": WEEK_MS},
    DEAD_LETTERS: {"retention.ms": WEEK_MS},
    INGEST_GAPS: {"cleanup.policy": "compact"},
    STREAM_LOSSES: {"cleanup.policy": "compact"},
    STREAM_POSITIONS: {"retention.ms": str(3600 * 1000), "segment.ms": str(3600 * 1000)},
}
# Of the bytes that all topics may take together. The ledgers are compacted; old lines go only beyond their share.
BYTE_SHARES = {
    RAW_TRADES: 0.6,
    TRADE_WINDOWS: 0.25,
    WHALE_ALERTS: 0.05,
    DEAD_LETTERS: 0.05,
    INGEST_GAPS: 0.03,
    STREAM_LOSSES: 0.01,
    STREAM_POSITIONS: 0.01,
}
ONE_PARTITION = (DEAD_LETTERS, INGEST_GAPS, STREAM_LOSSES, STREAM_POSITIONS)
SEGMENT_BYTES = 1024 * 1024, 128 * 1024 * 1024  # the least that Kafka takes, the most that is worth having
SEGMENTS = 8  # of a full partition: Kafka deletes whole ones, and never the newest


@dataclass(frozen=True, slots=True)
class TopicInfo:
    """A topic of this platform, by the platform's own name; `topic_id` changes when it is deleted and made again."""

    name: str
    topic_id: str
    partitions: int


def create_admin(bootstrap: KafkaCluster) -> KafkaAdmin:
    """An admin client; connecting happens at the first call. The library's own log is kept quiet while it retries.

    One that is kept finds a broker that is back within half a second.
    """
    config: dict[str, Any] = {**bootstrap.librdkafka_config(), "socket.timeout.ms": 10_000, "log_level": 2}
    config |= {"reconnect.backoff.ms": 100, "reconnect.backoff.max.ms": 500}
    return AdminClient({**config, "error_cb": partial(connection_errors.note_error, bootstrap)})


def create_topics(
    bootstrap: KafkaCluster,
    partitions: int,
    replication: int | None = None,
    min_insync: int | None = None,
    unused: Collection[str] = (),
) -> list[str]:
    """Create what is missing, other than `unused`; return its names there: of those that others create meanwhile, none.

    `replication`: copies of each partition; None: MOST_COPIES, or as many as the cluster has brokers. `min_insync`: how
    many of them must have a message before it counts as written; None: the greater half, so that no message hangs on
    one broker alone. Raises KafkaException where the broker is unavailable or refuses, or where too few brokers are up
    yet.
    """
    client = create_admin(bootstrap)
    cluster = client.list_topics(timeout=TIMEOUT_S)
    present, brokers = cluster.topics, len(cluster.brokers)
    copies = replication or min(MAX_COPIES, max(brokers, len(bootstrap.servers.split(","))))
    least = {"min.insync.replicas": str(min_insync or (copies + 1) // 2), "unclean.leader.election.enable": "false"}
    wanted = [
        NewTopic(add_prefix(name), 1 if name in ONE_PARTITION else partitions, copies, config=config | least)
        for name, config in CONFIG.items()
        if add_prefix(name) not in present and name not in unused
    ]
    if not wanted:
        return []
    if (min_insync or 1) > copies:
        reason = f"{min_insync} copies must have each message (WHALE_TOPIC_MIN_INSYNC), and there are to be {copies}"
        raise KafkaException(KafkaError(KafkaError.INVALID_REPLICATION_FACTOR, reason))
    if copies > brokers:  # with fewer copies the topics would stay at that for good
        reason = f"{copies} copies of each topic are wanted, and {brokers} of the brokers are up"
        raise KafkaException(KafkaError(KafkaError.INVALID_REPLICATION_FACTOR, reason))
    futures: dict[str, Future[Any]] = client.create_topics(wanted, operation_timeout=TIMEOUT_S)
    return [name for name, future in futures.items() if _was_created(future)]


def create_raw_topic(bootstrap: KafkaCluster, name: str, partitions: int) -> None:
    """Create one more topic with the settings of `raw_crypto_trades` and a single copy of each partition.

    Raises KafkaException where it exists, or the broker is unavailable or refuses.
    """
    client = create_admin(bootstrap)
    topic = NewTopic(add_prefix(name), partitions, 1, config=CONFIG[RAW_TRADES])
    for future in client.create_topics([topic], operation_timeout=TIMEOUT_S).values():
        _await_result(future)
    _wait_for_topics(bootstrap, [name])


def limit_bytes(bootstrap: KafkaCluster, total_bytes: int, unused: Collection[str] = ()) -> list[str]:
    """Let all topics but `unused` take `total_bytes` together at most (0: any number); the names of those changed.

    Kafka looks twice a minute and deletes whole segments, so it can be more by what came meanwhile. Raises
    KafkaException where the broker is unavailable or refuses.
    """
    names = [name for name in BYTE_SHARES if name not in unused]
    client, present = create_admin(bootstrap), _wait_for_topics(bootstrap, names)
    wanted = {name: compute_limits(name, total_bytes, found.partitions) for name, found in present.items()}
    resources = [ConfigResource(ResourceType.TOPIC, add_prefix(name)) for name in wanted]
    changes = []
    for resource, future in client.describe_configs(resources, request_timeout=TIMEOUT_S).items():
        now = _await_result(future)
        differs = {key: text for key, text in wanted[strip_prefix(resource.name)].items() if now[key].value != text}
        if differs:
            entries = [
                ConfigEntry(key, text, incremental_operation=AlterConfigOpType.SET) for key, text in differs.items()
            ]
            changes.append(ConfigResource(ResourceType.TOPIC, resource.name, incremental_configs=entries))
    if changes:
        for future in client.incremental_alter_configs(changes, request_timeout=TIMEOUT_S).values():
            _await_result(future)
    return [change.name for change in changes]


def compute_limits(name: str, total_bytes: int, partitions: int) -> dict[str, str]:
    """The settings of a topic that keep it within its share of `total_bytes` (0: any number)."""
    more = {"cleanup.policy": "compact,delete", "retention.ms": "-1"} if name in (INGEST_GAPS, STREAM_LOSSES) else {}
    more = more | {key: text for key, text in CONFIG[name].items() if key == "segment.ms"}
    smallest, largest = SEGMENT_BYTES
    each = int(total_bytes * BYTE_SHARES[name]) // partitions
    if not total_bytes:
        return {**more, "retention.bytes": "-1", "segment.bytes": str(largest)}
    return {
        **more,
        "retention.bytes": str(each),
        "segment.bytes": str(min(largest, max(smallest, each // SEGMENTS))),
    }


def fetch_cluster_id(bootstrap: KafkaCluster) -> str:
    """The Kafka cluster's id. Raises KafkaException where the broker is unavailable."""
    client = create_admin(bootstrap)  # held until the answer is here: a collected client cancels its requests
    return str(_await_result(client.describe_cluster(request_timeout=TIMEOUT_S)).cluster_id)


def describe_topics(bootstrap: KafkaCluster, names: list[str]) -> dict[str, TopicInfo]:
    """Id and partition count of each of `names` that exists; a missing topic is left out."""
    client = create_admin(bootstrap)
    futures = client.describe_topics(TopicCollection([add_prefix(name) for name in names]), request_timeout=TIMEOUT_S)
    found: dict[str, TopicInfo] = {}
    for name, future in futures.items():
        try:
            topic = _await_result(future)
        except KafkaException as error:
            if error.args[0].name() == "UNKNOWN_TOPIC_OR_PART":
                continue
            raise
        found[strip_prefix(name)] = TopicInfo(strip_prefix(name), str(topic.topic_id), len(topic.partitions))
    return found


def is_reachable(bootstrap: KafkaCluster, timeout_s: float = 5.0, client: KafkaAdmin | None = None) -> bool:
    """Whether a broker answers a metadata request; `connection_errors.explain_unavailable` says why not.

    It is asked by `client`, where there is one that is kept for this.
    """
    try:
        client = create_admin(bootstrap) if client is None else client  # one that sends nothing is false
        client.list_topics(timeout=timeout_s)
    except KafkaException as error:
        connection_errors.note_error(bootstrap, error.args[0])  # of a client that could not even be made
        if client is not None:
            client.poll(0)  # what went wrong is told there
        return False
    connection_errors.forget_error(bootstrap)
    return True


def _wait_for_topics(bootstrap: KafkaCluster, names: list[str]) -> dict[str, TopicInfo]:
    """Describe topics that exist: a broker may know of one only a while after it has made it."""
    present, deadline = describe_topics(bootstrap, names), time.monotonic() + TIMEOUT_S
    while len(present) < len(names):
        if time.monotonic() >= deadline:
            raise KafkaException(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
        time.sleep(0.1)
        present = describe_topics(bootstrap, names)
    return present


def _was_created(future: "Future[Any]") -> bool:
    """Whether it was this request; another starter's, or this one's that was sent twice, is as good."""
    try:
        _await_result(future)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            raise
        return False
    return True


def _await_result(future: "Future[Any]") -> Any:
    try:
        return future.result(TIMEOUT_S + 5)
    except FutureTimeout:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT)) from None
