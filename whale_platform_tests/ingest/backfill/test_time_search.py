"""A history that is requested by time: what is wanted is found in few requests, whatever the rate of trades was."""

from bisect import bisect_left
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale_platform.domain.trade import Trade
from whale_platform.ingest.backfill.time_search import NEAR_IDS, search_by_time
from whale_platform_tests.ingest.builders import T0, trade

PAGE = 1_000


class Past:
    """Trades by id and time, both ascending; pages of `size` from a time on, and what was requested."""

    def __init__(self, times: Sequence[tuple[int, int]], size: int = PAGE) -> None:
        self.ids, self.times, self.size = [one for one, _ in times], [when for _, when in times], size
        self.requests: list[int] = []

    def page(self, start: int) -> list[Trade]:
        stop = start + self.size
        rows = zip(self.ids[start:stop], self.times[start:stop], strict=True)
        return [trade(number)._replace(event_time=when) for number, when in rows]

    def search(self, first_id: int) -> list[int]:
        """Ids of the page to go on from."""
        search = search_by_time(first_id, self.page(max(0, len(self.ids) - self.size)), str)
        try:
            since = int(next(search))
            while True:
                self.requests.append(since)
                since = int(search.send(self.page(bisect_left(self.times, since))))
        except StopIteration as found:
            return [one.trade_id for one in found.value]

    def check(self, first_id: int, near: int = NEAR_IDS) -> None:
        ids = self.search(first_id)
        older = [one for one in self.ids if one <= first_id]
        assert not ids or ids[0] <= first_id or not older
        assert not older or ids[-1] >= first_id - near or not [one for one in self.ids if ids[-1] < one <= first_id]


def pace(*parts: tuple[int, int]) -> list[tuple[int, int]]:
    """Trades with ids from 1 on: so many at a pause of so many µs, part after part."""
    when, found = T0, list[tuple[int, int]]()
    for count, pause in parts:
        for _ in range(count):
            when += pause
            found.append((len(found) + 1, when))
    return found


STEADY = pace((200_000, 100_000))
BURST = pace((20_000, 10_000_000), (60_000, 1_000), (3_000, 10_000_000))
QUIET_NIGHT = pace((60_000, 1_000), (1, 36_000_000_000), (5_000, 100_000))


@pytest.mark.parametrize(("times", "most"), [(STEADY, 4), (BURST, 24), (QUIET_NIGHT, 24)])
@pytest.mark.parametrize("back", [10, 999, 1_001, 3_500, 4_990, 30_000, 59_000, 62_000])
def test_an_id_is_found_in_few_requests(times: Sequence[tuple[int, int]], most: int, back: int) -> None:
    past = Past(times)
    past.check(len(past.ids) - back)
    assert len(past.requests) <= (0 if back < PAGE else most), past.requests


def test_what_lies_before_the_oldest_trade_ends_there() -> None:
    past = Past([(number + 50_000, when) for number, when in STEADY[:5_000]])
    assert past.search(7)[0] == 50_001
    assert past.requests[-1] == 0 and len(past.requests) < 40


def test_nothing_is_requested_of_an_empty_history() -> None:
    past = Past([])
    assert past.search(7) == [] and past.requests == []


@given(
    st.lists(st.tuples(st.integers(1, 400), st.sampled_from([0, 1, 1_000, 10**7, 10**10])), min_size=1, max_size=12),
    st.sets(st.integers(1, 4_000), max_size=1_500),
    st.integers(1, 4_000),
)
def test_it_ends_whatever_the_pauses_and_the_holes(
    parts: list[tuple[int, int]], absent: set[int], first_id: int
) -> None:
    """A page is smaller here than what is walked, and may lie within one microsecond."""
    past = Past([one for one in pace(*parts) if one[0] not in absent], size=20)
    past.check(first_id)
    assert len(past.requests) < 90
