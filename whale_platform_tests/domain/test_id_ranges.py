"""Ids as runs against a plain set."""

import sys
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale_platform.domain.id_ranges import HeldIds, IdRanges

SPANS = st.lists(st.tuples(st.integers(-5, 60), st.integers(0, 9)).map(lambda span: (span[0], span[0] + span[1])))
SPAN = st.tuples(st.integers(-10, 70), st.integers(0, 30)).map(lambda span: (span[0], span[0] + span[1]))


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
    assert sum(sys.getsizeof(getattr(runs, name)) for name in ("_firsts", "_lasts")) < 1_000


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
