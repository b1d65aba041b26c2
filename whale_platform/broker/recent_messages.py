"""What a topic has received lately: for checks and suggestions, which look at the trades themselves.

A message counts by the time it was produced. Reads up to the end as it was when asked, so it ends while others write.
"""

from collections.abc import Iterator

from whale_platform.broker.connection_errors import explain_unavailable
from whale_platform.broker.errors import BrokerError
from whale_platform.broker.reader import KafkaRecord, TopicReader
from whale_platform.broker.topics import is_reachable
from whale_platform.kafka_cluster import KafkaCluster


def read_recent_values(bootstrap: KafkaCluster, topic: str, since_ms: int, limit: int) -> Iterator[bytes]:
    """The messages of `topic` since then, of each partition the newest `limit` at most. Raises BrokerError."""
    return (record.value for record in read_recent_records(bootstrap, topic, since_ms, limit) if record.value)


def read_recent_records(
    bootstrap: KafkaCluster, topic: str, since_ms: int, limit: int | None = None
) -> Iterator[KafkaRecord]:
    """The same with where they stand; 0 ms: from the topic's start. Raises BrokerError."""
    if not is_reachable(bootstrap, 3.0):
        raise BrokerError(explain_unavailable(bootstrap))
    return _read(bootstrap, topic, since_ms, limit)


def _read(bootstrap: KafkaCluster, topic: str, since_ms: int, limit: int | None) -> Iterator[KafkaRecord]:
    reader = TopicReader(bootstrap, "whale-recent", fetch_wait_ms=50)
    try:
        for partition in reader.list_partitions(topic):
            end = reader.bounds(topic, partition)[1]
            start = reader.find_offset(topic, partition, since_ms)
            yield from reader.scan(topic, partition, start if limit is None else max(start, end - limit), end)
    finally:
        reader.close()
