"""Trade ids as runs: what a place holds of one symbol, in a few bytes however many trades that are.

An exchange's ids are mostly contiguous, so a day of millions is one run. Ids in order are added in constant time; any
other by bisection. Ids are those that fit 64 bits with a sign, as in the lake; others raise OverflowError.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field


class IdRanges:
    """A set of ids as sorted, disjoint runs that do not touch: 16 bytes a run. Not thread-safe."""

    __slots__ = ("_count", "_firsts", "_lasts")

    def __init__(self, *runs: tuple[int, int]) -> None:
        self._firsts, self._lasts = array("q"), array("q")
        self._count = 0
        for run in runs:
            self.add(*run)

    @property
    def count(self) -> int:
        """Return how many ids the ranges hold."""
        return self._count

    @property
    def first(self) -> int:
        """The smallest id. Raises IndexError where there is none."""
        return self._firsts[0]

    @property
    def last(self) -> int:
        """The largest id. Raises IndexError where there is none."""
        return self._lasts[-1]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Every run (first, last), in order."""
        return zip(self._firsts, self._lasts, strict=True)

    def add(self, first: int, last: int) -> int:
        """Add the ids first..last; returns how many of them were there already. Raises ValueError for last < first."""
        if last < first:
            raise ValueError(f"no ids from {first} to {last}")
        firsts, lasts, size = self._firsts, self._lasts, last - first + 1
        if not firsts or first > lasts[-1] + 1:
            run = array("q", (first, last))
            firsts.append(run[0])
            lasts.append(run[1])
            self._count += size
            return 0
        if first == lasts[-1] + 1:
            lasts[-1] = last
            self._count += size
            return 0
        there = self.count_within(first, last)
        begin, end = bisect_left(lasts, first - 1), bisect_right(firsts, last + 1)
        if begin < end:
            first, last = min(first, firsts[begin]), max(last, lasts[end - 1])
        firsts[begin:end], lasts[begin:end] = array("q", (first,)), array("q", (last,))
        self._count += size - there
        return there

    def count_within(self, first: int, last: int) -> int:
        """How many of the ids first..last are there."""
        return sum(end - begin + 1 for begin, end in self.find_ranges(first, last))

    def find_ranges(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """The runs of ids of first..last that are there, in order."""
        for place in range(bisect_left(self._lasts, first), bisect_right(self._firsts, last)):
            yield max(first, self._firsts[place]), min(last, self._lasts[place])

    def find_gaps(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """The runs of ids of first..last that are not there, in order."""
        for place in range(bisect_left(self._lasts, first), bisect_right(self._firsts, last)):
            if first < self._firsts[place]:
                yield first, self._firsts[place] - 1
            first = self._lasts[place] + 1
        if first <= last:
            yield first, last

    def union(self, *others: "IdRanges") -> "IdRanges":
        """A new set: these ids and those of all others."""
        joined = IdRanges()
        joined._firsts, joined._lasts, joined._count = self._firsts[:], self._lasts[:], self._count
        for other in others:
            for run in other:
                joined.add(*run)
        return joined


@dataclass(slots=True)
class HeldIds:
    """What one place holds of one symbol in one hour.

    doubled: how many trades are there once more than their ids; dense: whether the symbol's ids have no holes by
    design; alone: those of `ids` that other places need not have (imported into the lake, or on the way).
    """

    ids: IdRanges = field(default_factory=IdRanges)
    doubled: int = 0
    dense: bool = True
    alone: IdRanges = field(default_factory=IdRanges)

    @property
    def trades(self) -> int:
        """Trades as they are counted there, those that are there twice counted twice."""
        return self.ids.count + self.doubled
