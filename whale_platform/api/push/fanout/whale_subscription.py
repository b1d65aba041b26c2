"""One client's subscription to whales: the missed ones, then the new ones; each once, whenever it was cut off.

A sweep comes again, under the same key, when it has more fills: never with as many or fewer than it was sent with. It
need not come with each number of fills in between.

The log answers first. Offsets that the log has dropped are read from Kafka again, and what Kafka has dropped too, or
what a recreated topic has lost, comes from the tables by time, announced by a `gap`: only after one may a whale come
a second time (of the last `OVERLAP_MS` before the cut, or where the client is cut off again meanwhile). Where the
past can't be read now it is tried again later, and nothing newer is sent before it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from whale_platform.api.errors import HistoryExpiredError, HistoryUnavailableError
from whale_platform.api.push.fanout.whale_cursor import WhaleCursor
from whale_platform.api.push.fanout.whale_log import (
    AlertRecord,
    PushedWhale,
    WhaleKey,
    WhaleLog,
    WhaleLogEntry,
)

OVERLAP_MS = 5_000
RETRY_S = 2.0
BATCH_SIZE = 500
WhalePredicate = Callable[[PushedWhale], bool]


class HistoryReader(Protocol):
    """Whales that the log no longer has."""

    async def read_kafka(self, partition: int, start: int, end: int, limit: int) -> list[AlertRecord]:
        """The messages from `start` on, before `end`. Raises HistoryExpiredError, HistoryUnavailableError."""

    async def read_tables(self, since_ms: int, limit: int) -> list[PushedWhale] | None:
        """Whales detected since then, oldest first; None: more than `limit`. Raises HistoryUnavailableError."""


@dataclass(frozen=True, slots=True)
class WhaleDelivery:
    """What goes to the client: a whale (`body`) or, where `gap` says why, a notice. cursor: the place after it."""

    cursor: str
    body: str = ""
    gap: str = ""
    since_ms: int = 0


class WhaleSubscription:
    """Begins after `cursor`, or now."""

    def __init__(
        self, log: WhaleLog, history: HistoryReader, matches: WhalePredicate, cursor: WhaleCursor | None
    ) -> None:
        self._log, self._history, self._matches = log, history, matches
        self._cursor = cursor
        self._number = 0
        self._started = self._aligned = False
        self._seen: dict[WhaleKey, int] = {}  # fills with which it was sent
        self._seen_until = 0
        self._retry_at = 0.0
        self._last_reason = ""
        self.trouble = ""
        if cursor is None and log.ready:
            self._start_now()

    def wait_s(self, heartbeat_s: float) -> float:
        """How long to wait for news before `next_deliveries` is to be called again."""
        return min(RETRY_S, heartbeat_s) if self.trouble else heartbeat_s

    @property
    def cursor(self) -> str:
        """The place reached, also past whales that were not wanted; empty where that is not known yet."""
        return self._cursor.format_text() if self._cursor else ""

    async def next_deliveries(self, limit: int = BATCH_SIZE) -> list[WhaleDelivery]:
        """What comes next; empty where nothing is there now."""
        if not self._log.ready or time.monotonic() < self._retry_at:
            return []
        try:
            out = [] if self._started else await self._start()
            while not out and (missed := await self._read_backlog()) is not None:
                out = missed
        except HistoryUnavailableError as error:
            self.trouble, self._retry_at = str(error), time.monotonic() + RETRY_S
            return []
        self.trouble = ""
        return out or self._read_log(limit)

    async def _start(self) -> list[WhaleDelivery]:
        log = self._log
        if self._cursor is None:
            self._start_now()
            return []
        if self._cursor.topic != log.topic:
            out = await self._read_tables("the topic was recreated")
            self._cursor = WhaleCursor(log.topic, self._cursor.time_ms)
            self._started = True
            return out
        self._started = True
        # A forged cursor may name other partitions.
        ours = {p: place for p, place in self._cursor.offsets.items() if p in log.next_offsets}
        self._cursor = replace(self._cursor, offsets=ours)
        ahead = {p: log.next_offsets[p] for p, place in self._cursor.offsets.items() if place > log.next_offsets[p]}
        if not ahead:
            return []
        self._cursor = replace(self._cursor, offsets=self._cursor.offsets | ahead)
        return [self._build_gap("the topic has lost its newest messages", self._cursor.time_ms)]

    def _start_now(self) -> None:
        self._cursor, self._number, self._aligned, self._started = self._log.build_cursor(), self._log.last, True, True

    async def _read_backlog(self) -> list[WhaleDelivery] | None:
        """A part of what the log has dropped; None where it has all."""
        assert self._cursor is not None
        if self._cursor.topic != self._log.topic and not self._log.list_after(self._number, 1):
            self._cursor = WhaleCursor(self._log.topic, self._cursor.time_ms)
        if self._cursor.topic != self._log.topic:
            return None
        for partition, floor in self._log.dropped_before.items():
            place = self._cursor.offsets.get(partition, 0)
            if place >= floor:
                continue
            self._aligned = False
            try:
                found = await self._history.read_kafka(partition, place, floor, BATCH_SIZE)
            except HistoryExpiredError as error:
                out = await self._read_tables("Kafka no longer has them") if partition in self._cursor.offsets else []
                self._advance(partition, max(error.low, place + 1), 0)
                return out
            out = [sent for item in found if (sent := self._deliver(item))]
            if not found:
                self._advance(partition, floor, 0)
            return out
        return None

    def _read_log(self, limit: int) -> list[WhaleDelivery]:
        out: list[WhaleDelivery] = []
        while not out and (entries := self._log.list_after(self._number, limit)):
            for entry in entries:
                self._number = entry.number
                if self._aligned:
                    self._cursor = entry.cursor
                    if not self._has_seen(entry) and self._matches(entry.whale):
                        out.append(WhaleDelivery(entry.cursor_text, entry.whale.body))
                else:
                    out += self._align(entry)
        return out

    def _align(self, entry: WhaleLogEntry) -> list[WhaleDelivery]:
        assert self._cursor is not None
        if entry.cursor.topic != self._cursor.topic:
            if entry.cursor.topic != self._log.topic:
                return []
            self._cursor = WhaleCursor(entry.cursor.topic, self._cursor.time_ms)
        sent = None
        if entry.offset >= self._cursor.offsets.get(entry.partition, 0):
            sent = self._deliver(AlertRecord(entry.partition, entry.offset, entry.whale))
        if all(place <= entry.cursor.offsets.get(p, 0) for p, place in self._cursor.offsets.items()):
            self._aligned = True
            self._seen_until = self._log.last
            if entry.number == self._seen_until:
                self._seen.clear()
            self._last_reason = ""
        return [sent] if sent else []

    def _has_seen(self, entry: WhaleLogEntry) -> bool:
        """Whether it was sent from before the log, which does not know that the stream emitted it again."""
        seen = self._was_sent(entry.whale)
        if entry.number >= self._seen_until:
            self._seen.clear()
        return seen

    def _was_sent(self, whale: PushedWhale) -> bool:
        """Whether it was sent as it is, or with more fills."""
        return self._seen.get(whale.key, -1) >= whale.fills

    def _deliver(self, record: AlertRecord) -> WhaleDelivery | None:
        whale = record.whale
        self._advance(record.partition, record.offset + 1, whale.time_ms if whale else 0)
        if whale is None or self._was_sent(whale) or self._log.is_repeated(record):
            return None
        self._seen[whale.key] = whale.fills
        return WhaleDelivery(self._format_cursor(), whale.body) if self._matches(whale) else None

    async def _read_tables(self, reason: str) -> list[WhaleDelivery]:
        assert self._cursor is not None
        since_ms = max(0, self._cursor.time_ms - OVERLAP_MS)
        whales = await self._history.read_tables(since_ms, 10 * BATCH_SIZE)
        reason = reason if whales is not None else f"{reason}, and the tables can't send them"
        out = [] if reason == self._last_reason else [self._build_gap(reason, since_ms)]
        self._last_reason = reason
        for whale in whales or ():
            if self._was_sent(whale):
                continue
            self._seen[whale.key] = whale.fills
            self._cursor = replace(self._cursor, time_ms=max(self._cursor.time_ms, whale.time_ms))
            if self._matches(whale):
                out.append(WhaleDelivery(self._format_cursor(), whale.body))
        return out

    def _build_gap(self, reason: str, since_ms: int) -> WhaleDelivery:
        return WhaleDelivery(self._format_cursor(), gap=reason, since_ms=since_ms)

    def _advance(self, partition: int, next_offset: int, time_ms: int) -> None:
        assert self._cursor is not None
        self._cursor = replace(
            self._cursor,
            time_ms=max(time_ms, self._cursor.time_ms),
            offsets=self._cursor.offsets | {partition: next_offset},
        )

    def _format_cursor(self) -> str:
        assert self._cursor is not None
        return self._cursor.format_text()
