"""The newest whales in the order in which this server heard of them, with where they stand in Kafka.

One log serves all clients: each keeps only the number of the last entry it was sent. A whale that the stream says again
after a restart is left out here, once for all. What the log has dropped is told by `dropped_before`: an offset below it
has to be read from Kafka again. Lives in the event loop; not thread-safe.
A repetition is recognised only where the first message is among those that this server has read (`KEPT` back at its
start): a client that resumes near that edge may get an older whale twice.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass
from decimal import Decimal

from whale_platform.api.push.fanout.whale_cursor import WhaleCursor

KEPT = 5_000
WhaleKey = tuple[str, str, str, int]


@dataclass(frozen=True, slots=True)
class PushedWhale:
    """One whale from anywhere. body: its JSON object; time_ms: its Kafka time."""

    key: WhaleKey
    notional_usd: Decimal
    time_ms: int
    body: str


@dataclass(frozen=True, slots=True)
class AlertRecord:
    """A message of the topic; `whale` is None where it could not be read, which moves the place all the same."""

    partition: int
    offset: int
    whale: PushedWhale | None


@dataclass(frozen=True, slots=True)
class WhaleLogEntry:
    """A whale of the log. `cursor` is the place after it, for whoever has had all before it."""

    number: int
    partition: int
    offset: int
    whale: PushedWhale
    cursor: WhaleCursor
    cursor_text: str


class WhaleLog:
    """Holds `capacity` whales. `ready` once it has caught up with the topic's end for the first time."""

    def __init__(self, capacity: int = KEPT) -> None:
        self.ready = False
        self.topic = ""
        self.next_offsets: dict[int, int] = {}
        self.dropped_before: dict[int, int] = {}
        self.last = 0
        self.duplicates = 0
        self._time_ms = 0
        self._capacity = capacity
        self._entries: deque[WhaleLogEntry] = deque()
        self._keys: OrderedDict[WhaleKey, int] = OrderedDict()  # the offset of its first message

    def start_from(self, topic: str, offsets: dict[int, int]) -> None:
        """Entries come from these offsets on. A new topic id forgets all offsets; a jump moves the floor."""
        if topic != self.topic:
            self.topic, self.next_offsets, self.dropped_before = topic, {}, {}
        for partition, place in offsets.items():
            if place != self.next_offsets.get(partition):
                self.next_offsets[partition] = self.dropped_before[partition] = place

    def add(self, records: list[AlertRecord]) -> int:
        """Append what is new; how many that were."""
        before = self.last
        for item in records:
            if item.offset < self.next_offsets.get(item.partition, 0):
                continue
            self.next_offsets[item.partition] = item.offset + 1
            if item.whale is None:
                continue
            if item.whale.key in self._keys:
                self.duplicates += 1
                continue
            self._remember(item.whale.key, item.offset)
            self._time_ms = max(self._time_ms, item.whale.time_ms)
            self.last += 1
            cursor = self.build_cursor()
            self._entries.append(
                WhaleLogEntry(self.last, item.partition, item.offset, item.whale, cursor, cursor.format_text())
            )
            if len(self._entries) > self._capacity:
                self._drop()
        return self.last - before

    def build_cursor(self) -> WhaleCursor:
        """The place after everything heard so far."""
        return WhaleCursor(self.topic, self._time_ms, dict(self.next_offsets))

    def list_after(self, number: int, limit: int) -> list[WhaleLogEntry]:
        """Up to `limit` entries that follow entry `number`; those already dropped are left out."""
        behind = min(self.last - number, len(self._entries))
        return [self._entries[-place] for place in range(behind, max(0, behind - limit), -1)]

    def is_repeated(self, record: AlertRecord) -> bool:
        """Whether the stream emitted this message's whale before, as far as the log remembers."""
        return record.whale is not None and self._keys.get(record.whale.key, record.offset) < record.offset

    def _remember(self, key: WhaleKey, offset: int) -> None:
        self._keys[key] = offset
        if len(self._keys) > 2 * self._capacity:
            self._keys.popitem(last=False)

    def _drop(self) -> None:
        gone = self._entries.popleft()
        if gone.cursor.topic == self.topic:
            self.dropped_before[gone.partition] = max(gone.offset + 1, self.dropped_before.get(gone.partition, 0))
