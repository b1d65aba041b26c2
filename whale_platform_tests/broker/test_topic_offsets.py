"""What a broker's answer about offsets is worth while a partition has no leader yet."""

from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from whale_platform.broker.errors import BrokerError
from whale_platform.broker.topic_offsets import TopicOffsets
from whale_platform.kafka_cluster import KafkaCluster


class Client:
    """Answers each partition with the next of `offsets`."""

    def __init__(self, *offsets: int) -> None:
        self._offsets = list(offsets)

    def list_offsets(self, asked: dict[Any, Any], request_timeout: float) -> "dict[Any, Future[Any]]":
        answers = {}
        for place in asked:
            answers[place] = Future[Any]()
            answers[place].set_result(SimpleNamespace(offset=self._offsets.pop(0)))
        return answers


@pytest.mark.parametrize("unknown", [-1, -1001])
@pytest.mark.parametrize("place", range(4))
def test_an_answer_without_an_offset_is_none(unknown: int, place: int) -> None:
    """As a start it made offsets that no consumer can be assigned, which ended the stream."""
    offsets = TopicOffsets(KafkaCluster("127.0.0.1:1"), {"t": [0, 1]})
    told = [0, 0, 5, 7]
    offsets._client = Client(*told)
    assert offsets.read() == {"t": {0: (0, 5), 1: (0, 7)}}
    told[place] = unknown
    offsets._client = Client(*told)
    with pytest.raises(BrokerError):
        offsets.read()
