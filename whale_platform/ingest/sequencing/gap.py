"""A gap in one symbol's trade ids, from its finding to its closing, and as a message of topic `ingest_gaps`.

A row is written again, under the same key, whenever it changes; the topic is compacted, so the last one counts. Every
id that is missing lies in exactly one row. A closed row still knows which of its ids were not published, as one of
them may yet arrive; where those are more than `MAX_RANGES` runs, the row in the topic names the first of them only.
"""

from dataclasses import dataclass, field
from typing import Literal, cast

from whale_platform.contracts.ingest_gap import GapMessage, decode_gap_message, encode_gap_message

GapCause = Literal["restart", "reconnect", "stream", "epoch"]
GapMode = Literal["inline", "background"]
GapState = Literal["open", "repaired", "exchange_gap", "unrepaired"]
IdRange = tuple[int, int]
RANGES_SHOWN = 20
MAX_RANGES = 100


@dataclass(slots=True)
class SequenceGap:
    """Ids first_id to last_id, all of them missing when it was found. Times: microseconds UTC.

    filled: how many were published after all; progress_id: the next id to look for.
    What was not published, as runs of ids: absent: the exchange's own history, which has older ones, lacks them;
    kept: seen but absurd, and quarantined; beyond: history does not reach them, so nobody knows.
    until: event time of a trade with a higher id, 0 where unknown: a later one is none of these.
    """

    first_id: int
    last_id: int
    cause: GapCause
    found_time: int
    mode: GapMode = "inline"
    state: GapState = "open"
    closed_time: int | None = None
    filled: int = 0
    progress_id: int = 0
    absent: list[IdRange] = field(default_factory=list)
    kept: list[IdRange] = field(default_factory=list)
    beyond: list[IdRange] = field(default_factory=list)
    note: str = ""
    until: int = 0

    def add_absent(self, trade_id: int) -> None:
        """The exchange's history has no `trade_id`."""
        _append_range(self.absent, trade_id, trade_id)

    def add_quarantined(self, trade_id: int) -> None:
        """`trade_id` was seen and is quarantined."""
        _append_range(self.kept, trade_id, trade_id)

    def add_beyond(self, first_id: int, last_id: int) -> None:
        """Nobody can tell of these ids any more."""
        _append_range(self.beyond, first_id, last_id)

    def add_missing(self, trade_id: int, reach: IdRange) -> None:
        """Note that history lacks `trade_id`: absent within its `reach`, else given up."""
        if reach[0] <= trade_id <= reach[1]:
            self.add_absent(trade_id)
        else:
            self.add_beyond(trade_id, trade_id)

    def record_arrival(self, trade_id: int) -> bool:
        """Count an id that was not published as published; False where it is none of those."""
        if not any(_remove_id(ranges, trade_id) for ranges in (self.absent, self.kept, self.beyond)):
            return False
        self.filled += 1
        return True

    def count_unpublished(self) -> int:
        """How many ids are known not to be published."""
        return sum(last - first + 1 for ranges in (self.absent, self.kept, self.beyond) for first, last in ranges)

    def close(self, now_us: int) -> None:
        """Settle the state from what was found."""
        whole = self.filled >= self.last_id - self.first_id + 1
        self.state = "repaired" if whole else "unrepaired" if self.kept or self.beyond else "exchange_gap"
        self.closed_time = now_us
        self.progress_id = self.last_id + 1

    def split_above(self, trade_id: int) -> "SequenceGap":
        """What of it lies above `trade_id`, as a gap of its own of which nothing was looked for yet."""
        first = trade_id + 1
        return SequenceGap(
            first, self.last_id, self.cause, self.found_time, self.mode, progress_id=first, until=self.until
        )

    def copy(self) -> "SequenceGap":
        """A copy that stands still."""
        copied = SequenceGap(**{name: getattr(self, name) for name in SequenceGap.__slots__})
        copied.absent, copied.kept, copied.beyond = list(self.absent), list(self.kept), list(self.beyond)
        return copied

    def describe(self) -> str:
        """For a person: what is still missing and why."""
        parts = [self.note] if self.note else []
        if self.absent:
            parts.append(f"not in the exchange's history: {_format_ranges(self.absent)}")
        if self.kept:
            parts.append(f"{sum(last - first + 1 for first, last in self.kept)} quarantined")
        if self.beyond:
            parts.append(f"beyond the exchange's history: {_format_ranges(self.beyond)}")
        return "; ".join(parts)


def _append_range(ranges: list[IdRange], first: int, last: int) -> None:
    if ranges and ranges[-1][1] == first - 1:
        ranges[-1] = (ranges[-1][0], last)
    else:
        ranges.append((first, last))


def _remove_id(ranges: list[IdRange], trade_id: int) -> bool:
    for index, (first, last) in enumerate(ranges):
        if first <= trade_id <= last:
            parts = (first, trade_id - 1), (trade_id + 1, last)
            ranges[index : index + 1] = [part for part in parts if part[0] <= part[1]]
            return True
    return False


def _format_ranges(ranges: list[IdRange]) -> str:
    shown = [str(a) if a == b else f"{a}-{b}" for a, b in ranges[:RANGES_SHOWN]]
    more = len(ranges) - len(shown)
    return f"{', '.join(shown)}{f' and {more} more id ranges' if more else ''}"


def encode_gap(exchange: str, symbol: str, gap: SequenceGap) -> bytes:
    """Encode the gap of a market as a message of `ingest_gaps`."""
    return encode_gap_message(
        GapMessage(
            exchange=exchange,
            symbol=symbol,
            first_id=gap.first_id,
            last_id=gap.last_id,
            cause=gap.cause,
            mode=gap.mode,
            state=gap.state,
            found_time=gap.found_time,
            closed_time=gap.closed_time,
            filled=gap.filled,
            progress_id=gap.progress_id or gap.first_id,
            detail=gap.describe(),
            absent=gap.absent[:MAX_RANGES],
            kept=gap.kept[:MAX_RANGES],
            beyond=gap.beyond[:MAX_RANGES],
            note=gap.note,
            until=gap.until,
        )
    )


def decode_gap(value: bytes) -> tuple[str, SequenceGap]:
    """Return (`exchange:symbol`, gap) of a message of `ingest_gaps`. Raises MessageFormatError."""
    row = decode_gap_message(value)
    gap = SequenceGap(
        row["first_id"],
        row["last_id"],
        cast(GapCause, row["cause"]),
        row["found_time"],
        cast(GapMode, row["mode"]),
        cast(GapState, row["state"]),
        row["closed_time"],
        row["filled"],
        row["progress_id"],
        row["absent"],
        row["kept"],
        row["beyond"],
        row["note"],
        row["until"],
    )
    return f"{row['exchange']}:{row['symbol']}", gap
