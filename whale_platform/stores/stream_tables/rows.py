"""The rows that the sink stores: field names are the columns, in the order in which they are sent.

Money and quantities are decimal strings without trailing zeros ('61837.63'): they go to `numeric` columns untouched,
and no float can come between. Times are aware datetimes in UTC.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple


class MessageRef(NamedTuple):
    """The Kafka message that a row came from."""

    topic: str
    partition: int
    offset: int


class WindowRow(NamedTuple):
    """One state of a 1-minute window; see the comments on table `trade_windows`."""

    exchange: str
    symbol: str
    window_start: datetime
    open: str
    high: str
    low: str
    close: str
    price_sum: str
    volume: str
    notional: str
    buy_volume: str
    trade_count: int
    first_trade_id: int
    last_trade_id: int
    last_event_time: datetime
    source: str
    run_id: str
    updated_at: datetime
    made_from: str = "stream"
    topic_partition: int | None = None
    topic_offset: int | None = None
    base: str | None = None
    quote: str | None = None
    usd_via: str | None = None

    @property
    def key(self) -> tuple[str, str, datetime]:
        """Return the primary key."""
        return self[:3]


class WhaleRow(NamedTuple):
    """One whale; see the comments on table `whale_alerts`."""

    exchange: str
    symbol: str
    kind: str
    trade_id: int
    side: str
    price: str
    quantity: str
    notional_usd: str
    threshold_usd: str
    event_time: datetime
    received_time: datetime
    detected_time: datetime
    source: str
    run_id: str
    made_from: str = "stream"
    topic_partition: int | None = None
    topic_offset: int | None = None
    base: str | None = None
    quote: str | None = None
    usd_via: str | None = None

    @property
    def key(self) -> tuple[str, str, str, int]:
        """Return the primary key."""
        return self[:4]


class GapRow(NamedTuple):
    """One gap in a symbol's trade ids; see the comments on table `ingest_gaps`."""

    exchange: str
    symbol: str
    first_id: int
    last_id: int
    cause: str
    mode: str
    state: str
    found_time: datetime
    closed_time: datetime | None
    filled: int
    progress_id: int | None
    detail: str
    updated_at: datetime

    @property
    def key(self) -> tuple[str, str, int]:
        """Return the primary key."""
        return self[:3]


class DeadLetterRow(NamedTuple):
    """Dead letters of one exchange, kind and day (UTC): how many, and the newest one's reason and place in Kafka."""

    exchange: str
    kind: str
    day: date
    letters: int
    first_time: datetime
    last_time: datetime
    last_reason: str
    last_offset: int


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


class RejectedMessage(NamedTuple):
    """A message that the sink could not store, and why: one of few reasons, so that rejects can be counted by it."""

    origin: MessageRef
    reason: str


@dataclass(slots=True)
class SinkBatch:
    """What one transaction writes: rows by primary key with their origins, and the moves of the offsets.

    moves: {(topic, partition): (expected offset, next offset)}.
    """

    windows: dict[tuple[str, str, datetime], tuple[WindowRow, MessageRef]] = field(default_factory=dict)
    whales: dict[tuple[str, str, str, int], tuple[WhaleRow, MessageRef]] = field(default_factory=dict)
    gaps: dict[tuple[str, str, int], tuple[GapRow, MessageRef]] = field(default_factory=dict)
    dead_letters: dict[tuple[str, str, date], DeadLetterRow] = field(default_factory=dict)
    losses: dict[tuple[str, str, int, str, datetime], tuple[LossRow, MessageRef]] = field(default_factory=dict)
    rejects: list[RejectedMessage] = field(default_factory=list)
    moves: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
