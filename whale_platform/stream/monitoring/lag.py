"""How far a query is behind, in trades and in seconds. Pure: what is sampled elsewhere (positions.py) is put together.

Behind is what is in the topic and not out yet. How old the oldest such trade is follows from when the topic was seen
to grow past its offset, so a query that stands still gets older by a second each second, whoever polls or does not.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

KEPT_SAMPLES = 3_600
RATE_OVER_S = 30.0
PartitionOffsets = Mapping[int, int]  # {partition: next offset}


@dataclass(frozen=True, slots=True)
class QueryLag:
    """`trades` in the topic that are not out, and the age in `seconds` of the oldest of them; None where unknown."""

    trades: int | None
    seconds: float | None


UNKNOWN_LAG = QueryLag(None, None)


class OffsetArrivals:
    """When each partition of the topic was seen to have grown to which end, for the last hour of samples."""

    def __init__(self) -> None:
        self._times: dict[int, list[float]] = {}
        self._ends: dict[int, list[int]] = {}

    def record(self, now: float, ends: PartitionOffsets) -> None:
        """Take a sample: `ends` at `now`, seconds of a clock that never goes back."""
        for part, end in ends.items():
            times, seen = self._times.setdefault(part, []), self._ends.setdefault(part, [])
            if len(seen) > 1 and end <= seen[-1] == seen[-2]:  # still nothing new
                times[-1] = now
                continue
            times.append(now)
            seen.append(end)
            if len(seen) > 2 * KEPT_SAMPLES:
                del times[:KEPT_SAMPLES], seen[:KEPT_SAMPLES]

    def arrival_time(self, part: int, offset: int) -> float | None:
        """When that offset came, at the earliest that is possible; None where that was before the samples begin."""
        times, seen = self._times.get(part, []), self._ends.get(part, [])
        after = bisect_right(seen, offset)
        if after == 0 or after == len(seen):
            return None
        share = (offset - seen[after - 1]) / (seen[after] - seen[after - 1])
        return times[after - 1] + share * (times[after] - times[after - 1])


def measure_lag(
    now: float,
    ends: PartitionOffsets,
    out: PartitionOffsets,
    arrivals: OffsetArrivals,
    age_of: Callable[[int, int], float | None],
) -> QueryLag:
    """What a query that has put out `out` is behind. `age_of(partition, offset)`: seconds, for what came too early."""
    waiting = {part: out.get(part, 0) for part, end in ends.items() if out.get(part, 0) < end}
    ages: list[float] = []
    for part, offset in waiting.items():
        arrived = arrivals.arrival_time(part, offset)
        age = age_of(part, offset) if arrived is None else now - arrived
        if age is None:
            return QueryLag(sum(ends[part] - offset for part, offset in waiting.items()), None)
        ages.append(age)
    return QueryLag(sum(ends[part] - offset for part, offset in waiting.items()), max(ages, default=0.0))


def find_largest_lag(found: Mapping[str, QueryLag]) -> QueryLag:
    """The most of each that is known."""
    return QueryLag(
        max((one.trades for one in found.values() if one.trades is not None), default=None),
        max((one.seconds for one in found.values() if one.seconds is not None), default=None),
    )


@dataclass(slots=True)
class EmitRate:
    """Trades a second of the last RATE_OVER_S, from a count that only grows; a count that shrinks restarts the rate."""

    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    def update(self, now: float, count: int) -> float | None:
        """Take a sample; None before there are two."""
        if self._seen and count < self._seen[-1][1]:
            self._seen.clear()
        self._seen.append((now, count))
        while len(self._seen) > 2 and now - self._seen[1][0] >= RATE_OVER_S:
            self._seen.popleft()
        (begun, first), (ended, last) = self._seen[0], self._seen[-1]
        return (last - first) / (ended - begun) if ended > begun else None
