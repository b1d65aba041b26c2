"""Trade ids as runs: what a place holds of one symbol, in a few bytes however many trades that are.

An exchange's ids are mostly contiguous, so a day of millions is one run. Others are hashes: each id is a run of its
own, and they come in no order. Ids in order are added in constant time; any other is found by bisection and moves the
runs of one block. Ids are those that fit 64 bits with a sign, as in the lake; others raise OverflowError.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

BLOCK_RUNS = 512  # the most runs in a block: what an id out of order copies


class IdRanges:
    """A set of ids as sorted, disjoint runs that do not touch: 16 bytes a run. Not thread-safe."""

    __slots__ = ("_count", "_firsts", "_lasts", "_starts")

    def __init__(self, *runs: tuple[int, int]) -> None:
        self._starts: list[int] = []  # the first id of each block
        self._firsts: list[array[int]] = []
        self._lasts: list[array[int]] = []
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
        return self._starts[0]

    @property
    def last(self) -> int:
        """The largest id. Raises IndexError where there is none."""
        return self._lasts[-1][-1]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Every run (first, last), in order."""
        return zip(chain.from_iterable(self._firsts), chain.from_iterable(self._lasts), strict=True)

    def add(self, first: int, last: int) -> int:
        """Add the ids first..last; returns how many of them were there already. Raises ValueError for last < first."""
        if last < first:
            raise ValueError(f"no ids from {first} to {last}")
        size = last - first + 1
        if not self._starts or first > self._lasts[-1][-1] + 1:
            self._append(first, last)
            there = 0
        elif first == self._lasts[-1][-1] + 1:
            self._lasts[-1][-1] = last
            there = 0
        else:
            there = self._insert(first, last)
        self._count += size - there
        return there

    def count_within(self, first: int, last: int) -> int:
        """How many of the ids first..last are there."""
        return sum(end - begin + 1 for begin, end in self.find_ranges(first, last))

    def find_ranges(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """The runs of ids of first..last that are there, in order."""
        for block in range(max(0, bisect_right(self._starts, first) - 1), bisect_right(self._starts, last)):
            firsts, lasts = self._firsts[block], self._lasts[block]
            for place in range(bisect_left(lasts, first), bisect_right(firsts, last)):
                yield max(first, firsts[place]), min(last, lasts[place])

    def find_gaps(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """The runs of ids of first..last that are not there, in order."""
        for begin, end in self.find_ranges(first, last):
            if first < begin:
                yield first, begin - 1
            first = end + 1
        if first <= last:
            yield first, last

    def union(self, *others: "IdRanges") -> "IdRanges":
        """A new set: these ids and those of all others."""
        joined = IdRanges()
        joined._starts, joined._count = self._starts[:], self._count
        joined._firsts, joined._lasts = [one[:] for one in self._firsts], [one[:] for one in self._lasts]
        for other in others:
            for run in other:
                joined.add(*run)
        return joined

    def _append(self, first: int, last: int) -> None:
        """Add a run behind all others."""
        run = array("q", (first, last))
        if not self._starts or len(self._firsts[-1]) >= BLOCK_RUNS:
            self._starts.append(first)
            self._firsts.append(run[:1])
            self._lasts.append(run[1:])
        else:
            self._firsts[-1].append(first)
            self._lasts[-1].append(last)

    def _insert(self, first: int, last: int) -> int:
        """Add a run that is not behind all others, as one with those that it touches; how many ids were there."""
        array("q", (first, last))  # ids that do not fit change nothing
        block = max(0, bisect_right(self._starts, first - 1) - 1)
        end_block = max(0, bisect_right(self._starts, last + 1) - 1)
        place = bisect_left(self._lasts[block], first - 1)
        end = bisect_right(self._firsts[end_block], last + 1)
        there = 0
        if (block, place) != (end_block, end):
            there = self.count_within(first, last)
            first = min((first, *self._firsts[block][place : place + 1]))
            last = max(last, self._lasts[end_block][end - 1])
        elif len(self._firsts[block]) < BLOCK_RUNS:
            self._firsts[block].insert(place, first)
            self._lasts[block].insert(place, last)
            self._starts[block] = self._firsts[block][0]
            return there
        for blocks, bound in ((self._firsts, first), (self._lasts, last)):
            runs = blocks[block][:place] + array("q", (bound,)) + blocks[end_block][end:]
            half = len(runs) // 2
            blocks[block : end_block + 1] = [runs] if len(runs) <= BLOCK_RUNS else [runs[:half], runs[half:]]
        behind = len(self._starts) - end_block - 1
        self._starts[block : end_block + 1] = [one[0] for one in self._firsts[block : len(self._firsts) - behind]]
        return there


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
