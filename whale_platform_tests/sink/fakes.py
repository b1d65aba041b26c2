"""Doubles for the two ends of the sink: a reader over lists, a store in memory, both failing when told to."""

from collections.abc import Callable, Iterable

from whale_platform.broker.reader import KafkaRecord
from whale_platform.broker.topics import TopicInfo
from whale_platform.contracts.stream_loss import LossRow
from whale_platform.domain.names import TRADE_WINDOWS
from whale_platform.sink.resume_offsets import TopicIdentity
from whale_platform.stores.errors import OffsetConflictError
from whale_platform.stores.stream_tables.rows import SinkBatch
from whale_platform.stores.stream_tables.sink_store import StoredOffset

IDENTITY = TopicIdentity("cluster", {TRADE_WINDOWS: TopicInfo(TRADE_WINDOWS, "topic-1", 1)})


class Log:
    """The messages of partition 0 of `trade_windows`, as the broker holds them; outlives its readers."""

    def __init__(self, records: Iterable[KafkaRecord], low: int = 0) -> None:
        self.records = list(records)
        self.low = low
        self.polled = 0
        self.open_readers = 0
        self.troubles: list[Exception] = []
        self.troubles_after: list[Exception] = []
        self.when_empty: Callable[[], None] = lambda: None

    def reader(self) -> "LogReader":
        """A fresh reader."""
        return LogReader(self)


class LogReader:
    """Reads a `Log`, two messages a poll; raises the next of `troubles` first, of `troubles_after` in the middle."""

    def __init__(self, log: Log) -> None:
        self._log = log
        log.open_readers += 1
        self._place = -1
        self.closed = False

    def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        return self._log.low, len(self._log.records)

    def assign(self, places: dict[tuple[str, int], int]) -> None:
        self._place = places[TRADE_WINDOWS, 0]

    def poll(self, most: int, timeout_s: float) -> list[KafkaRecord]:
        assert not self.closed
        self._log.polled += 1
        if self._log.troubles:
            raise self._log.troubles.pop(0)
        if self._log.troubles_after and self._place > 2:
            raise self._log.troubles_after.pop(0)
        found = self._log.records[self._place : self._place + 2]
        self._place += len(found)
        if not found:
            self._log.when_empty()
        return found

    def known_end(self, topic: str, partition: int) -> int | None:
        return len(self._log.records)

    def close(self) -> None:
        self.closed = True
        self._log.open_readers -= 1


class MemoryStore:
    """Keeps what was written; raises the next of `troubles`, before or (like a commit whose answer was lost) after."""

    def __init__(self) -> None:
        self.stored: dict[tuple[str, int], StoredOffset] = {}
        self.losses: list[LossRow] = []
        self.counts: dict[str, int] = {}
        self.rejects = 0
        self.opened = self.closed = 0
        self.refuse_open: list[Exception] = []
        self.before_write: list[Exception] = []
        self.after_write: list[Exception] = []

    def open(self) -> "MemoryStore":
        """What the sink calls to connect."""
        if self.refuse_open:
            raise self.refuse_open.pop(0)
        self.opened += 1
        return self

    def read_offsets(self) -> dict[tuple[str, int], StoredOffset]:
        return dict(self.stored)

    def store_offsets(self, places: dict[tuple[str, int], StoredOffset], losses: list[LossRow]) -> None:
        self.stored.update(places)
        self.losses.extend(losses)

    def write(self, batch: SinkBatch) -> dict[str, int]:
        if self.before_write:
            raise self.before_write.pop(0)
        for part, (expected, place) in batch.offset_moves.items():
            if self.stored[part].next_offset != expected:
                raise OffsetConflictError("another sink moved the offsets")
            self.stored[part] = StoredOffset(place, self.stored[part].topic_id, self.stored[part].cluster_id)
        for row, _ in batch.windows.values():
            self.counts[row.symbol] = max(self.counts.get(row.symbol, 0), row.trade_count)
        self.rejects += len(batch.rejects)
        if self.after_write:
            raise self.after_write.pop(0)
        return {TRADE_WINDOWS: len(batch.windows)}

    def close(self) -> None:
        """Only counted."""
        self.closed += 1
