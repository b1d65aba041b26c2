"""What one transaction of the sink writes: rows as `contracts/` decodes them, with their origins."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from whale_platform.contracts.dead_letter import DeadLetterRow
from whale_platform.contracts.ingest_gap import GapRow
from whale_platform.contracts.stream_loss import LossRow
from whale_platform.contracts.trade_window import WindowRow
from whale_platform.contracts.whale_alert import WhaleRow


class MessageRef(NamedTuple):
    """The Kafka message that a row came from."""

    topic: str
    partition: int
    offset: int


class RejectedMessage(NamedTuple):
    """A message that the sink could not store, and why: one of few reasons, so that rejects can be counted by it."""

    origin: MessageRef
    reason: str


@dataclass(slots=True)
class SinkBatch:
    """What one transaction writes: rows by primary key with their origins, and the moves of the offsets.

    offset_moves: {(topic, partition): (expected offset, next offset)}.
    """

    windows: dict[tuple[str, str, datetime], tuple[WindowRow, MessageRef]] = field(default_factory=dict)
    whales: dict[tuple[str, str, str, int], tuple[WhaleRow, MessageRef]] = field(default_factory=dict)
    gaps: dict[tuple[str, str, int], tuple[GapRow, MessageRef]] = field(default_factory=dict)
    dead_letters: dict[tuple[str, str, date], DeadLetterRow] = field(default_factory=dict)
    losses: dict[tuple[str, str, int, str, datetime], tuple[LossRow, MessageRef]] = field(default_factory=dict)
    rejects: list[RejectedMessage] = field(default_factory=list)
    offset_moves: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
