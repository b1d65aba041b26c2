"""First and next offsets of topics, from the broker: two requests, however many partitions there are.

An end counts the markers of transactions, which are no messages.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import OffsetSpec

from whale_platform.broker import topics
from whale_platform.broker.naming import add_prefix
from whale_platform.kafka_cluster import KafkaCluster

TIMEOUT_S = 5.0
OffsetRanges = dict[int, tuple[int, int]]


class TopicOffsets:
    """The partitions are those of the start; the platform never adds any. Used by one thread."""

    def __init__(self, bootstrap: KafkaCluster, partitions: Mapping[str, Sequence[int]]) -> None:
        """partitions: {topic: its partition numbers}."""
        self._bootstrap, self._client = bootstrap, topics.create_admin(bootstrap)
        self._asked = [(topic, part) for topic, parts in partitions.items() for part in parts]

    def read(self) -> dict[str, OffsetRanges]:
        """{topic: {partition: (earliest offset, next offset to be written)}}. Raises BrokerError without an answer.

        The next read is then made by a new client: this one would go by the leaders of before for ever.
        """
        starts, ends = self._request_offsets(OffsetSpec.earliest()), self._request_offsets(OffsetSpec.latest())
        found: dict[str, OffsetRanges] = {}
        try:
            for (topic, part), start, end in zip(self._asked, starts, ends, strict=True):
                found.setdefault(topic, {})[part] = (_await_offset(start), _await_offset(end))
        except KafkaException:
            self._client = topics.create_admin(self._bootstrap)
            raise
        return found

    def _request_offsets(self, spec: OffsetSpec) -> "list[Future[Any]]":
        asked = {TopicPartition(add_prefix(topic), part): spec for topic, part in self._asked}
        answers = self._client.list_offsets(asked, request_timeout=TIMEOUT_S)
        return [answers[place] for place in asked]


def _await_offset(future: "Future[Any]") -> int:
    try:
        offset = int(future.result(TIMEOUT_S + 1).offset)
    except FutureTimeout:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT)) from None
    if offset < 0:  # the client's sign for an answer without one, which a consumer can't be assigned
        raise KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE))
    return offset
