"""Reads topics by explicit offsets, without consumer groups: each reader keeps its own offsets.

The sink keeps it in Postgres beside the rows, the ingester in its positions file. An offset that has expired raises
`OffsetExpiredError` with the exact range that is gone: nothing is skipped silently.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from whale_platform.broker import connection_errors
from whale_platform.broker.errors import OffsetExpiredError
from whale_platform.broker.naming import add_prefix, strip_prefix
from whale_platform.kafka_cluster import KafkaCluster

TIMEOUT_S = 15.0
SILENT_S = 30.0  # for those who read up to an end, and so know that there is more


@dataclass(frozen=True, slots=True)
class KafkaRecord:
    """One message; `timestamp_ms` is the producer's."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None


def create_consumer(bootstrap: KafkaCluster, client_id: str, fetch_wait_ms: int, fetch_min_bytes: int = 1) -> Consumer:
    """A consumer that is told where to read, and commits nothing.

    The broker answers a fetch once it has `fetch_min_bytes`, or `fetch_wait_ms` after it was asked.
    """
    return Consumer(
        {
            **bootstrap.librdkafka_config(),
            "client.id": client_id,
            "group.id": add_prefix(f"unused-{client_id}"),
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "enable.partition.eof": True,  # an end may be the marker of a transaction, which no message shows
            "isolation.level": "read_uncommitted",
            "fetch.wait.max.ms": fetch_wait_ms,
            "fetch.min.bytes": fetch_min_bytes,
            "queued.max.messages.kbytes": 16_384,
            "fetch.queue.backoff.ms": 5,  # the default waits a second whenever that queue is full
            "reconnect.backoff.max.ms": 1_000,
            "log_level": 2,
            "error_cb": partial(connection_errors.note_error, bootstrap),
        }
    )


class TopicReader:
    """Reads the given partitions from the given offsets. Not thread-safe."""

    def __init__(
        self,
        bootstrap: KafkaCluster,
        client_id: str,
        fetch_wait_ms: int = 5,
        timeout_s: float = TIMEOUT_S,
        fetch_min_bytes: int = 1,
    ) -> None:
        """timeout_s: how long a question to the broker may take; reading waits as long as `poll` says."""
        self._timeout_s = timeout_s
        self._consumer = create_consumer(bootstrap, client_id, fetch_wait_ms, fetch_min_bytes)
        self._next: dict[tuple[str, int], int] = {}
        self._read_ends: dict[tuple[str, int], int] = {}

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """(earliest offset, next offset to be written). Raises BrokerError where the broker is unavailable."""
        low, high = self._consumer.get_watermark_offsets(
            TopicPartition(add_prefix(topic), partition), timeout=self._timeout_s
        )
        return int(low), int(high)

    def find_offset(self, topic: str, partition: int, timestamp_ms: int) -> int:
        """Offset of the first message produced at or after that time; the next one to be written where none is.

        Raises BrokerError where the broker is unavailable.
        """
        asked = TopicPartition(add_prefix(topic), partition, timestamp_ms)
        found = int(self._consumer.offsets_for_times([asked], timeout=self._timeout_s)[0].offset)
        return found if found >= 0 else self.bounds(topic, partition)[1]

    def list_partitions(self, topic: str) -> list[int]:
        """Partition numbers of `topic`. Raises BrokerError where the topic is missing or the broker is unavailable."""
        name = add_prefix(topic)
        meta = self._consumer.list_topics(name, timeout=self._timeout_s).topics[name]
        if meta.error is not None:
            raise KafkaException(meta.error)
        return sorted(meta.partitions)

    def assign(self, offsets: dict[tuple[str, int], int]) -> None:
        """Start at `offsets`: {(topic, partition): offset}."""
        self._next, self._read_ends = dict(offsets), {}
        self._consumer.assign(
            [TopicPartition(add_prefix(topic), part, offset) for (topic, part), offset in offsets.items()]
        )

    def poll(self, limit: int, timeout_s: float) -> list[KafkaRecord]:
        """Up to `limit` messages: waits up to `timeout_s` for the first, then takes what is there already.

        It waits for a broker that is unavailable. Raises OffsetExpiredError where an assigned offset has expired, and
        BrokerError for other errors of the topic.
        """
        first = self._consumer.poll(timeout_s)
        if first is None:
            return []
        out: list[KafkaRecord] = []
        for message in (first, *(self._consumer.consume(limit - 1, 0) if limit > 1 else ())):
            error = message.error()
            if error is None:
                record = KafkaRecord(
                    strip_prefix(message.topic()),
                    message.partition(),
                    message.offset(),
                    message.timestamp()[1],
                    message.key(),
                    message.value(),
                )
                self._next[record.topic, record.partition] = record.offset + 1
                out.append(record)
            elif error.code() == KafkaError._PARTITION_EOF:
                self._read_ends[strip_prefix(message.topic()), message.partition()] = message.offset()
            elif error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
                raise OffsetExpiredError(error.str())
            elif not error.retriable() and error.code() not in _OUTAGE:
                raise KafkaException(error)
        return out

    def done(self, topic: str, partition: int, end: int) -> bool:
        """Whether `poll` has given every message before offset `end`, since `assign`."""
        part = (topic, partition)
        return max(self._next.get(part, 0), self._read_ends.get(part, 0)) >= end

    def known_end(self, topic: str, partition: int) -> int | None:
        """The next offset to be written, as the last fetch told; None before the first. Asks nobody, costs nothing.

        Where `poll` has given everything it is the offset after the last message: no marker counts as one that waits.
        """
        high = int(self._consumer.get_watermark_offsets(TopicPartition(add_prefix(topic), partition), cached=True)[1])
        if 0 <= high <= self._read_ends.get((topic, partition), -1):
            return self._next[topic, partition]
        return high if high >= 0 else None

    def scan(self, topic: str, partition: int, start: int, end: int) -> Iterator[KafkaRecord]:
        """Every message of one partition with start <= offset < end; the reader's assignment is replaced.

        Raises BrokerError after `SILENT_S` without any: the broker is unavailable for that long.
        """
        self.assign({(topic, partition): start})
        heard = time.monotonic()
        while not self.done(topic, partition, end):
            found = self.poll(10_000, 0.5)
            if not found and time.monotonic() - heard > SILENT_S:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT))
            for record in found:
                if record.offset >= end:
                    return
                yield record
            if found:
                heard = time.monotonic()

    def close(self) -> None:
        """Leave; the broker forgets this reader."""
        self._consumer.close()


_OUTAGE = frozenset(
    {
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TIMED_OUT,
        KafkaError._RESOLVE,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
    }
)
