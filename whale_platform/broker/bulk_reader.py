"""Reads a whole topic as fast as the broker delivers it, and finds how far back the topic reaches.

For those who count millions: messages come as bare values in batches, since a `Record` each would halve the speed. It
reads up to the end as it was when asked, so it ends while others write. An outage is not waited out: it raises
BrokerError.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from typing import TypeVar

from confluent_kafka import KafkaError, TopicPartition

from whale_platform.broker.connection_errors import explain_unavailable
from whale_platform.broker.errors import BrokerError
from whale_platform.broker.naming import add_prefix
from whale_platform.broker.reader import SILENT_S, TIMEOUT_S, TopicReader, create_consumer
from whale_platform.broker.topics import is_reachable
from whale_platform.kafka_cluster import KafkaCluster

BATCH_MESSAGES = 10_000
Kind = TypeVar("Kind")


@dataclass(frozen=True, slots=True)
class TopicSpan:
    """A topic as it is now.

    since_ms: the oldest message's time in that partition which reaches back least, None for a topic without messages;
    whole: whether no message has ever left it; messages: how many there are from the time asked for on, markers of
    transactions included.
    """

    since_ms: int | None
    whole: bool
    messages: int
    offset_ranges: dict[int, tuple[int, int]]


def measure_span(bootstrap: KafkaCluster, topic: str, from_ms: int) -> TopicSpan:
    """The span of `topic`, from `from_ms` on (0 ms: all of it). Raises BrokerError."""
    if not is_reachable(bootstrap, TIMEOUT_S):
        raise BrokerError(explain_unavailable(bootstrap))
    reader = TopicReader(bootstrap, "whale-bulk")
    begun, whole, places = list[int](), True, dict[int, tuple[int, int]]()
    try:
        for partition in reader.list_partitions(topic):
            low, high = reader.bounds(topic, partition)
            whole = whole and low == 0
            places[partition] = (max(low, reader.find_offset(topic, partition, from_ms)) if from_ms else low, high)
            if low < high:
                begun += [first.timestamp_ms for first in islice(reader.scan(topic, partition, low, high), 1)]
    finally:
        reader.close()
    return TopicSpan(max(begun, default=None), whole, sum(end - start for start, end in places.values()), places)


def read_values(
    bootstrap: KafkaCluster, topic: str, span: TopicSpan, kind: Callable[[int, int, int], Kind]
) -> Iterator[tuple[Kind, list[bytes]]]:
    """The messages of `span` in batches: (`kind(partition, offset, ms when sent)`, values). Raises BrokerError."""
    reading = create_consumer(bootstrap, "whale-bulk", 100)
    try:
        for partition, (place, end) in span.offset_ranges.items():
            reading.assign([TopicPartition(add_prefix(topic), partition, place)])
            heard = time.monotonic()
            while place < end:
                messages = []
                for message in reading.consume(
                    min(BATCH_MESSAGES, end - place), 0.5
                ):  # waits for that many, or that long
                    heard = time.monotonic()
                    if (error := message.error()) is None:
                        messages.append(message)
                    elif error.code() != KafkaError._PARTITION_EOF:
                        raise BrokerError(error)
                    elif message.offset() >= end:
                        place = end  # what was asked for beyond the last message are markers of transactions
                if not messages and time.monotonic() - heard > SILENT_S:
                    raise BrokerError(KafkaError(KafkaError._TIMED_OUT))
                if not messages:
                    continue
                place = max(place, messages[-1].offset() + 1)
                if place > end:
                    messages = [message for message in messages if message.offset() < end]
                for found, some in groupby(
                    messages, lambda message: kind(message.partition(), message.offset(), message.timestamp()[1])
                ):
                    yield found, [message.value() or b"" for message in some]
    finally:
        reading.close()
