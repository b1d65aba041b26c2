"""What the topic itself says was published, per symbol: the truth after any kind of death.

`SymbolTail` folds trade ids in topic order. An id above the last one that leaves ids out opens a gap; an id inside a
gap was backfilled, or came late, and divides it. Of a symbol whose ids are not contiguous the newest ids are kept.
"""

from bisect import bisect_right
from dataclasses import dataclass, field

from whale_platform.contracts.errors import MessageFormatError
from whale_platform.contracts.raw_trade import decode_trade
from whale_platform.contracts.raw_trade_looks import peek_dense, peek_event_time
from whale_platform.domain.trade import Trade
from whale_platform.ingest.sequencing.sparse_sequencer import REMEMBERED


@dataclass(slots=True)
class SymbolTail:
    """One symbol: the highest id and the gaps below it as (first, last), ascending.

    `first` is the lowest id the fold can speak of; None for a topic read from its beginning, until a trade is seen.
    `late`: ids seen that neither lie above the last one nor inside a gap: copies, or late trades of closed rows.
    `newest`: the message of the highest id, None where it was not read; `time`: what else tells its event time;
    `latest`: a time after that where neither tells it, 0 where nothing does. `recent`: of a symbol whose ids are not
    contiguous, event time by id of the trades published last, in that order, and `last` is the id of the newest one.
    """

    last: int | None = None
    missing: list[tuple[int, int]] = field(default_factory=list)
    first: int | None = None
    newest: bytes | None = None
    time: int = 0
    latest: int = 0
    late: set[int] = field(default_factory=set)
    recent: dict[int, int] | None = None

    def add(self, trade_id: int, message: bytes | None = None) -> None:
        """The next message of this symbol in the topic."""
        if self.recent is not None or (self.last is None and message is not None and not peek_dense(message)):
            self._add_recent(trade_id, message)
            return
        if self.last is None or trade_id > self.last:
            if self.last is None:
                self.first = trade_id if self.first is None else self.first
            elif trade_id > self.last + 1:
                self.missing.append((self.last + 1, trade_id - 1))
            self.last, self.newest = trade_id, message
        else:
            self._remove_missing(trade_id)

    def list_published(self, first: int, last: int) -> list[int]:
        """Return the ids from `first` to `last` that are known to be in the topic.

        Where the topic was not read from its beginning, these are the late ones.
        """
        found = [one for one in self.late if first <= one <= last]
        if self.last is None or self.first is None or self.first < 0:
            return found
        number = max(first, self.first)
        for low, high in (*self.missing, (self.last + 1, self.last + 1)):
            found += range(number, min(low, last + 1))
            number = max(number, high + 1)
        return found

    def read_newest_time(self) -> int:
        """Event time of the highest id, microseconds UTC; 0 where it is not known."""
        return (peek_event_time(self.newest) if self.newest is not None else None) or self.time

    def read_newest(self) -> Trade | None:
        """Return the trade of the highest id; None where it is not known."""
        try:
            newest = None if self.newest is None else decode_trade(self.newest)
        except MessageFormatError:
            return None
        return newest if newest is not None and newest.trade_id == self.last else None

    def _add_recent(self, trade_id: int, message: bytes | None) -> None:
        recent = self.recent = {} if self.recent is None else self.recent
        event_time = (peek_event_time(message) if message is not None else None) or 0
        if event_time >= self.read_newest_time():
            self.last, self.newest = trade_id, message
        recent[trade_id] = event_time
        if len(recent) > REMEMBERED:
            del recent[next(iter(recent))]

    def _remove_missing(self, trade_id: int) -> None:
        index = bisect_right(self.missing, trade_id, key=lambda id_range: id_range[0]) - 1
        if index >= 0 and trade_id <= self.missing[index][1]:
            first, last = self.missing[index]
            parts = (first, trade_id - 1), (trade_id + 1, last)
            self.missing[index : index + 1] = [part for part in parts if part[0] <= part[1]]
        else:
            self.late.add(trade_id)
