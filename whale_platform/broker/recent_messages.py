"""What a topic has received lately: for checks and suggestions, which look at the trades themselves.

A message counts by the time it was produced. Reads up to the end as it was when asked, so it ends while others write.
"""

from collections.abc import Iterator

from whale_platform.broker.connection_errors import absence
from whale_platform.broker.reader import Record, TopicReader
from whale_platform.broker.topics import BrokerError, alive
from whale_platform.kafka_cluster import KafkaCluster


def values(bootstrap: KafkaCluster, topic: str, since_ms: int, most: int) -> Iterator[bytes]:
    """The messages of `topic` since then, of each partition the newest `most` at most. Raises BrokerError."""
    return (record.value for record in records(bootstrap, topic, since_ms, most) if record.value)


def records(bootstrap: KafkaCluster, topic: str, since_ms: int, most: int | None = None) -> Iterator[Record]:
    """The same with where they stand; 0 ms: from the topic's start. Raises BrokerError."""
    if not alive(bootstrap, 3.0):
        raise BrokerError(absence(bootstrap))
    return _read(bootstrap, topic, since_ms, most)


def _read(bootstrap: KafkaCluster, topic: str, since_ms: int, most: int | None) -> Iterator[Record]:
    reader = TopicReader(bootstrap, "whale-recent", fetch_wait_ms=50)
    try:
        for partition in reader.partitions(topic):
            end = reader.bounds(topic, partition)[1]
            start = reader.place_at(topic, partition, since_ms)
            yield from reader.scan(topic, partition, start if most is None else max(start, end - most), end)
    finally:
        reader.close()
