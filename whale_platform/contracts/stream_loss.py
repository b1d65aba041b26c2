"""Topic `stream_losses`: offsets of a partition that a reader can't read any more, written by the stream."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from whale_platform.contracts.field_reader import MessageFields
from whale_platform.contracts.message_contract import MessageContract, MessageField
from whale_platform.domain.names import RAW_TRADES, STREAM_LOSSES

VERSION = 1
CONTRACT = MessageContract(
    topic=STREAM_LOSSES,
    version=VERSION,
    about="Each stretch of offsets that a query of the stream could not read any more.",
    key="windows:topic-1:1:1723118400000000",
    fields=(
        MessageField("reader", "name", "the query that lost them"),
        MessageField("topic", "name", "the topic, without a prefix"),
        MessageField("partition", "integer"),
        MessageField("topic_id", "name", "the broker's id of the topic at that time"),
        MessageField("first_offset", "integer"),
        MessageField("last_offset", "integer", "null: nobody knows how many; first_offset - 1: none is lost", True),
        MessageField("cause", "name"),
        MessageField("detail", "text", "for a person"),
        MessageField("found_at", "time"),
    ),
    example={
        "v": VERSION,
        "reader": "windows",
        "topic": RAW_TRADES,
        "partition": 1,
        "topic_id": "topic-1",
        "first_offset": 7,
        "last_offset": 9,
        "cause": "expired",
        "detail": "partition 1: offsets 7 to 9 are lost (expired)",
        "found_at": 1_723_118_400_000_000,
    },
)


class LossRow(NamedTuple):
    """Offsets of a partition that a reader can't read any more; see the comments on table `stream_losses`.

    last_offset is None where nobody knows how many they were, and first_offset - 1 where none is lost.
    """

    reader: str
    topic: str
    partition: int
    topic_id: str
    first_offset: int
    last_offset: int | None
    cause: str
    detail: str
    found_at: datetime

    @property
    def key(self) -> tuple[str, str, int, str, datetime]:
        """Return the primary key."""
        return self.reader, self.topic, self.partition, self.topic_id, self.found_at


def encode_loss_key(message: Mapping[str, Any]) -> bytes:
    """Return the Kafka key: the same however often the loss is published."""
    return f"{message['reader']}:{message['topic_id']}:{message['partition']}:{message['found_at']}".encode()


def encode_loss(message: Mapping[str, Any]) -> bytes:
    """Encode one message as `build_loss` gives it."""
    return json.dumps(message).encode()


def build_loss(
    reader: str, topic_id: str, partition: int, first: int, last: int | None, cause: str, detail: str, found_at: int
) -> dict[str, Any]:
    """Return the message as a JSON object. found_at: microseconds UTC; first, last: offsets of the raw topic."""
    return {
        "v": VERSION,
        "reader": reader,
        "topic": RAW_TRADES,
        "partition": partition,
        "topic_id": topic_id,
        "first_offset": first,
        "last_offset": last,
        "cause": cause,
        "detail": detail,
        "found_at": found_at,
    }


def decode_loss(value: bytes | None, timestamp_ms: int) -> LossRow:
    """Decode one message; `timestamp_ms`: its Kafka timestamp. Raises MessageFormatError."""
    m = MessageFields(value, timestamp_ms, VERSION)
    return LossRow(
        reader=m.read_name("reader"),
        topic=m.read_name("topic"),
        partition=m.read_integer("partition"),
        topic_id=m.read_name("topic_id"),
        first_offset=m.read_integer("first_offset"),
        last_offset=m.read_integer_or_none("last_offset"),
        cause=m.read_name("cause"),
        detail=m.read_text("detail"),
        found_at=m.read_time("found_at"),
    )
