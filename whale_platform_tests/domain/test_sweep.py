"""A sweep is a run of consecutive ids of one time, side and order: the tracker against a plain grouping."""

import gzip
from collections import defaultdict
from decimal import Decimal
from itertools import groupby
from typing import cast

from hypothesis import given
from hypothesis import strategies as st

from whale_platform.domain.sweep import MOST_NOTIONAL, SweepProgress, SweepTracker
from whale_platform.domain.trade import Side, Trade
from whale_platform_tests.ingest.builders import trade
from whale_platform_tests.support.captures import binance_files, decode_frame

FILLS = st.lists(
    st.tuples(
        st.integers(1, 2),  # how far its id lies behind the one before
        st.integers(0, 1),  # how far its time does
        st.sampled_from(["buy", "sell"]),
        st.sampled_from([None, None, "a", "b"]),
        st.sampled_from([False, False, False, True]),  # a block
        st.integers(1, 3),  # its price
    ),
    max_size=40,
)


def build(fills: list[tuple[int, int, str, str | None, bool, int]], dense: bool = True) -> list[Trade]:
    out, number, time = [], 0, 1_000
    for step, later, side, order, block, price in fills:
        number, time = number + step, time + later
        one = trade(number, price=str(price))
        one = one._replace(quantity=Decimal(number), side=cast(Side, side), event_time=time)
        out.append(one._replace(dense=dense, taker_order_id=order, block=block))
    return out


def sums(order: list[Trade]) -> SweepProgress:
    levels = sum(1 for _ in groupby(order, key=lambda one: one.price))
    quantity, notional = sum(one.quantity for one in order), sum(one.notional for one in order)
    return SweepProgress(order[0].trade_id, len(order), levels, order[0].price, Decimal(quantity), Decimal(notional))


@given(FILLS)
def test_it_sums_each_maximal_run_of_consecutive_ids_up_to_each_of_its_fills(
    fills: list[tuple[int, int, str, str | None, bool, int]],
) -> None:
    trades, tracker = build(fills), SweepTracker()
    runs: list[list[Trade]] = []
    for one in trades:
        last = runs[-1][-1] if runs else None
        same = last is not None and (last.event_time, last.side, last.taker_order_id, last.trade_id + 1) == (
            *(one.event_time, one.side, one.taker_order_id, one.trade_id),
        )
        if last is None or not same or one.block or last.block:
            runs.append([])
        runs[-1].append(one)
    expected = [sums(run[:end]) if end > 1 else None for run in runs for end in range(1, len(run) + 1)]
    assert [tracker.add(one) for one in trades] == expected


@given(FILLS)
def test_without_dense_ids_the_fills_of_one_time_and_order_belong_together(
    fills: list[tuple[int, int, str, str | None, bool, int]],
) -> None:
    tracker, orders = SweepTracker(), defaultdict[object, list[Trade]](list)
    for one in build(fills, dense=False):
        found = tracker.add(one)
        if not one.block:
            order = orders[one.event_time, one.side, one.taker_order_id]
            order.append(one)
            assert found == (sums(order) if len(order) > 1 else None)
        else:
            assert found is None


def test_without_dense_ids_an_order_goes_on_behind_newer_trades() -> None:
    """A reconnection publishes the rest of what it missed behind what came meanwhile."""
    steps: list[tuple[int, int, str, str | None, bool, int]] = [(1, 0, "buy", None, False, 1)] * 2
    fills = build([*steps, (1, 1, "sell", None, False, 1)], dense=False)
    late = fills[0]._replace(trade_id=99)
    tracker = SweepTracker()
    assert [one and (one.first_id, one.fills) for one in map(tracker.add, [*fills, late])] == [
        None,
        (1, 2),
        None,
        (1, 3),
    ]


@given(FILLS, st.integers(0, 40))
def test_it_goes_on_from_the_trade_that_came_last(
    fills: list[tuple[int, int, str, str | None, bool, int]], cut: int
) -> None:
    """What a restart has is one trade with its own progress."""
    trades, whole = build(fills), SweepTracker()
    progress = [whole.add(one) for one in trades]
    cut = min(cut, len(trades))
    last = trades[cut - 1]._replace(sweep=progress[cut - 1]) if cut else None
    later = SweepTracker(last)
    assert [later.add(one) for one in trades[cut:]] == progress[cut:]


def test_what_no_message_can_hold_is_not_told() -> None:
    half = MOST_NOTIONAL / 2
    first, second = (
        one._replace(price=half, quantity=Decimal(1)) for one in build([(1, 0, "buy", None, False, 1)] * 2)
    )
    tracker = SweepTracker()
    assert tracker.add(first) is None and tracker.add(second) is None


def test_the_sweeps_of_the_captured_trades() -> None:
    trackers: dict[str, SweepTracker] = defaultdict(SweepTracker)
    last: dict[tuple[str, int], SweepProgress] = {}
    for path in binance_files():
        with gzip.open(path, "rt") as file:
            for line in file:
                frame = decode_frame(line.split(" ", 1)[1])
                if frame.get("stream", "").endswith("@trade"):
                    one = frame["data"]
                    fill = trade(one["t"], one["s"], price=one["p"])
                    side: Side = "sell" if one["m"] else "buy"
                    fill = fill._replace(quantity=Decimal(one["q"]), side=side, event_time=one["T"] * 1000)
                    found = trackers[fill.symbol].add(fill)
                    if found is not None:
                        last[fill.symbol, found.first_id] = found
    large = sorted((one for one in last.values() if one.notional >= 50_000), key=lambda one: one.notional)
    assert (len(large), sum(one.notional >= 100_000 for one in large)) == (120, 42)
    assert (large[-1].fills, large[-1].levels, round(large[-1].notional)) == (219, 110, 1_341_815)
