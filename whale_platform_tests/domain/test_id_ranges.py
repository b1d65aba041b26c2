"""Ids as runs against a plain set."""

import random
import sys
from array import array
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale_platform.domain import id_ranges
from whale_platform.domain.id_ranges import HeldIds, IdRanges

if TYPE_CHECKING:
    IntArray = array[int]
else:
    IntArray = array

SPANS = st.lists(st.tuples(st.integers(-5, 60), st.integers(0, 9)).map(lambda span: (span[0], span[0] + span[1])))
SPAN = st.tuples(st.integers(-10, 70), st.integers(0, 30)).map(lambda span: (span[0], span[0] + span[1]))


@pytest.fixture(scope="module", autouse=True, params=[2, 512])
def block_runs(request: pytest.FixtureRequest) -> Iterator[int]:
    """Blocks of two runs, so that a few ids are in several blocks, and blocks as they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(id_ranges, "BLOCK_RUNS", request.param)
        yield request.param


class CountedArray(IntArray):
    """An array that counts how many of its elements are copied or moved."""

    moved = 0

    def __new__(cls, code: str, values: Iterable[int] = ()) -> "CountedArray":
        return super().__new__(cls, code, values)

    def insert(self, place: int, value: int) -> None:
        CountedArray.moved += len(self) - place
        super().insert(place, value)

    def __add__(self, other: IntArray) -> "CountedArray":
        CountedArray.moved += len(self) + len(other)
        return CountedArray("q", super().__add__(other))

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        if not isinstance(found, array):
            return found
        CountedArray.moved += len(found)
        return CountedArray("q", found)

    def __setitem__(self, key: Any, value: Any) -> None:
        CountedArray.moved += len(self) - key.start if isinstance(key, slice) else 0
        super().__setitem__(key, value)


def plain(runs: IdRanges) -> set[int]:
    return {one for first, last in runs for one in range(first, last + 1)}


@given(SPANS)
def test_adding_says_how_many_were_there_and_keeps_runs_apart(spans: list[tuple[int, int]]) -> None:
    runs, known = IdRanges(), set[int]()
    for first, last in spans:
        added = set(range(first, last + 1))
        assert runs.add(first, last) == len(added & known)
        known |= added
        assert (plain(runs), runs.count) == (known, len(known))
    found = list(runs)
    assert all(before[1] + 1 < after[0] for before, after in pairwise(found))
    if known:
        assert (runs.first, runs.last) == (min(known), max(known))


@given(SPANS, SPAN)
def test_what_is_within_and_what_is_not(spans: list[tuple[int, int]], asked: tuple[int, int]) -> None:
    runs = IdRanges(*spans)
    wanted = set(range(asked[0], asked[1] + 1))
    assert runs.count_within(*asked) == len(wanted & plain(runs))
    holes = list(runs.find_gaps(*asked))
    assert plain(IdRanges(*holes)) == wanted - plain(runs)
    assert holes == list(IdRanges(*holes)), "in order, and none touches the next"


@given(SPANS, SPANS, SPANS)
def test_joined_is_the_union_and_changes_nothing_else(
    one: list[tuple[int, int]], two: list[tuple[int, int]], three: list[tuple[int, int]]
) -> None:
    first = IdRanges(*one)
    joined = first.union(IdRanges(*two), IdRanges(*three))
    assert plain(joined) == plain(IdRanges(*one, *two, *three))
    assert plain(first) == plain(IdRanges(*one))


def test_millions_in_order_are_one_run() -> None:
    runs = IdRanges()
    for number in range(200_000):
        runs.add(5_000_000_000 + number, 5_000_000_000 + number)
    assert list(runs) == [(5_000_000_000, 5_000_199_999)]
    assert sum(sys.getsizeof(block) for blocks in (runs._firsts, runs._lasts) for block in blocks) < 1_000


def test_a_hash_moves_the_runs_of_one_block_however_many_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(id_ranges, "array", CountedArray)
    monkeypatch.setattr(id_ranges, "BLOCK_RUNS", 64)
    hashes, runs, moved = random.Random(1), IdRanges(), list[int]()
    for _ in range(3):
        before = CountedArray.moved
        for _ in range(4_000):
            number = hashes.getrandbits(50)
            runs.add(number, number)
        moved.append(CountedArray.moved - before)
    assert runs.count == 12_000 and max(moved) < 4_000 * 2 * 64
    assert moved[2] < 1.2 * moved[0], "they cost the same however many are there"


def test_a_run_backwards_and_an_id_too_large_are_refused() -> None:
    with pytest.raises(ValueError, match="no ids from 2 to 1"):
        IdRanges((2, 1))
    runs = IdRanges((1, 5))
    for first, last in ((7, 2**63), (6, 2**63), (2**63, 2**63), (3, 2**63)):
        with pytest.raises(OverflowError):
            runs.add(first, last)
    assert (list(runs), runs.count) == ([(1, 5)], 5)


def test_trades_that_are_there_twice_count_twice() -> None:
    assert HeldIds(IdRanges((1, 10)), doubled=2).trades == 12
