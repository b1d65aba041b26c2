"""Whether the lake holds an hour whole, against plain sets of ids: it has no last word where it lacks a trade."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from whale_platform.domain.id_ranges import HeldIds, IdRanges
from whale_platform.repair.completeness import find_complete, find_differing, select_within
from whale_platform.stores.asset_tables.recomputed_hours import RecomputedWhale, StreamRowSnapshot
from whale_platform.stores.quality.audit_counts import HourlyTradeCount, LedgerGap

KEY = ("binance", "BTCUSDT", datetime(2026, 1, 2, 10, tzinfo=UTC))
IDS = st.sets(st.integers(100, 130), min_size=1)


def held(ids: set[int]) -> HeldIds:
    found = HeldIds()
    for number in sorted(ids):
        found.ids.add(number, number)
    return found


def gap(first: int, last: int, state: str) -> LedgerGap:
    return LedgerGap("binance", "BTCUSDT", first, last, state, 0, "")


def is_whole(lake: set[int], counted: HourlyTradeCount | None, *gaps: LedgerGap) -> bool:
    return find_complete({KEY: held(lake)} if lake else {}, {KEY: counted} if counted else {}, gaps) == {KEY}


@given(exist=IDS, lost=st.sets(st.integers(100, 130)), doubled=st.integers(0, 5), told=st.booleans())
def test_what_lost_a_trade_that_the_stream_counted_is_not_whole(
    exist: set[int], lost: set[int], doubled: int, told: bool
) -> None:
    lake = exist - lost
    counted = HourlyTradeCount(len(exist) + doubled, min(exist), max(exist), "windows")
    holes = IdRanges(*((one, one) for one in exist)).find_gaps(min(exist), max(exist))
    gaps = [gap(first, last, "exchange_gap") for first, last in holes if told]
    whole_ids = not lost & exist and (told or len(exist) == max(exist) - min(exist) + 1)
    assert is_whole(lake, counted, *gaps) == (bool(lake) and whole_ids)


def test_a_hole_that_may_be_filled_yet_is_no_proof() -> None:
    counted = HourlyTradeCount(9, 100, 109, "windows")
    lake = set(range(100, 110)) - {104}
    assert not is_whole(lake, counted)
    assert not is_whole(lake, counted, gap(104, 104, "open"))
    assert not is_whole(lake, counted, gap(104, 104, "repaired"))
    assert is_whole(lake, counted, gap(101, 106, "unrepaired"))
    assert is_whole(lake, counted, gap(103, 104, "exchange_gap"))


def test_nothing_in_the_lake_is_no_proof() -> None:
    assert not is_whole(set(), HourlyTradeCount(5, 1, 5, "windows")), "it may have lost the file, an imported one too"
    assert is_whole({7}, None)
    assert not is_whole({7, 9}, None), "a hole is one, also where nothing is counted yet"


@given(lake=IDS, first=st.integers(90, 140), size=st.integers(0, 9))
def test_only_rows_within_the_ids_of_the_lake_are_reached(lake: set[int], first: int, size: int) -> None:
    minute = KEY[2].replace(minute=7)
    single, sweep = (*KEY[:2], "single_trade", first), (*KEY[:2], "sweep", first)
    rows = StreamRowSnapshot(
        {(*KEY[:2], minute): (1, first, first + size)},
        {single: RecomputedWhale(minute, None, first), sweep: RecomputedWhale(minute, size + 1, first + size)},
    )
    found = select_within(rows, {KEY: held(lake)})
    reached = min(lake) <= first and first + size <= max(lake)
    assert (bool(found.windows), sweep in found.whales) == (reached, reached), "also by its newest fill"
    assert (single in found.whales) == (min(lake) <= first <= max(lake))
    assert select_within(rows, {}) == StreamRowSnapshot({}, {})


def test_where_ids_have_no_order_a_row_is_reached_by_the_ids_themselves() -> None:
    lake = held({100, 500, 900})
    lake.dense = False
    state = RecomputedWhale(KEY[2], 3, 500)
    kept, ahead = (*KEY[:2], "sweep", 900), (*KEY[:2], "sweep", 300)
    found = select_within(StreamRowSnapshot({}, {kept: state, ahead: state}), {KEY: lake})
    assert found.whales == {kept: state}, "300 lies between the lake's ids and is none of them"


def test_ids_with_holes_by_design_prove_nothing() -> None:
    lake = held({100, 105})
    lake.dense = False
    assert find_complete({KEY: lake}, {KEY: HourlyTradeCount(2, 100, 105, "windows")}, []) == {KEY}
    assert find_complete({KEY: lake}, {KEY: HourlyTradeCount(3, 100, 105, "windows")}, []) == set()


def test_each_symbol_is_compared_by_itself() -> None:
    other = ("binance", "ETHUSDT", KEY[2])
    postgres = {KEY: HourlyTradeCount(12, 1, 10, "windows"), other: HourlyTradeCount(8, 1, 10, "windows")}
    assert find_differing({KEY: 10, other: 10}, postgres) == {KEY, other}, "the sums are the same"
    assert find_differing({KEY: 12, other: 8}, postgres) == set()
    assert find_differing({KEY: 12}, postgres) == {other}
