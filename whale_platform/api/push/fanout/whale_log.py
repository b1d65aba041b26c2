"""The newest whales in the order in which this server heard of them, with where they stand in Kafka.

One log serves all clients: each keeps only the number of the last entry it was sent. A whale that the stream says again
after a restart is left out here, once for all. A sweep that has grown is an entry of its own: the same key with more
fills, and of several states that are read at once the last alone. What the log has dropped is told by
`dropped_before`: an offset below it has to be read from Kafka again. Lives in the event loop; not thread-safe.
A repetition is recognised only where the first message is among those that this server has read (`KEPT` back at its
start): a client that resumes near that edge may get an older whale twice.
"""

from bisect import bisect_left
from collections import OrderedDict, deque
from dataclasses import dataclass
from decimal import Decimal

from whale_platform.api.push.fanout.whale_cursor import WhaleCursor

KEPT = 5_000
WhaleKey = tuple[str, str, str, int]


@dataclass(frozen=True, slots=True)
class PushedWhale:
    """One whale from anywhere. body: its JSON object; time_ms: its Kafka time; fills: of a sweep, by which it grows."""

    key: WhaleKey
    notional_usd: Decimal
    time_ms: int
    body: str
    fills: int = 0


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
        self._states: OrderedDict[WhaleKey, list[tuple[int, int]]] = OrderedDict()  # (offset, fills), both growing
        self._remembered = 0

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
        newest = self._find_newest(records)
        for item in records:
            if item.offset < self.next_offsets.get(item.partition, 0):
                continue
            self.next_offsets[item.partition] = item.offset + 1
            if item.whale is None:
                continue
            if not self._remember(item.whale, item.offset):
                self.duplicates += 1
            elif newest[item.whale.key] == item.whale.fills:
                self._append(item, item.whale)
        return self.last - before

    def _find_newest(self, records: list[AlertRecord]) -> dict[WhaleKey, int]:
        """The most fills of each whale in these messages."""
        newest: dict[WhaleKey, int] = {}
        for item in records:
            if item.whale is not None:
                newest[item.whale.key] = max(item.whale.fills, newest.get(item.whale.key, 0))
        return newest

    def _append(self, item: AlertRecord, whale: PushedWhale) -> None:
        self._time_ms = max(self._time_ms, whale.time_ms)
        self.last += 1
        cursor = self.build_cursor()
        self._entries.append(WhaleLogEntry(self.last, item.partition, item.offset, whale, cursor, cursor.format_text()))
        if len(self._entries) > self._capacity:
            self._drop()

    def build_cursor(self) -> WhaleCursor:
        """The place after everything heard so far."""
        return WhaleCursor(self.topic, self._time_ms, dict(self.next_offsets))

    def list_after(self, number: int, limit: int) -> list[WhaleLogEntry]:
        """Up to `limit` entries that follow entry `number`; those already dropped are left out."""
        behind = min(self.last - number, len(self._entries))
        return [self._entries[-place] for place in range(behind, max(0, behind - limit), -1)]

    def is_repeated(self, record: AlertRecord) -> bool:
        """Whether the stream emitted this message's whale, or a later state of it, before this message.

        As far as the log remembers.
        """
        if record.whale is None:
            return False
        states = self._states.get(record.whale.key, [])
        earlier = bisect_left(states, (record.offset, 0))
        return earlier > 0 and states[earlier - 1][1] >= record.whale.fills

    def _remember(self, whale: PushedWhale, offset: int) -> bool:
        """Whether it is new: its key is, or it has more fills than ever before."""
        states = self._states.setdefault(whale.key, [])
        if states and states[-1][1] >= whale.fills:
            return False
        states.append((offset, whale.fills))
        self._remembered += 1
        while self._remembered > 2 * self._capacity:
            _, forgotten = self._states.popitem(last=False)
            self._remembered -= len(forgotten)
        return True

    def _drop(self) -> None:
        gone = self._entries.popleft()
        if gone.cursor.topic == self.topic:
            self.dropped_before[gone.partition] = max(gone.offset + 1, self.dropped_before.get(gone.partition, 0))
