"""Which trades are absurd, whatever our clock says."""

from decimal import Decimal

import pytest

from whale_platform.domain.trade import Trade
from whale_platform.ingest.publishing.plausibility_filter import ENOUGH, SAMPLES, WIDE_US, PlausibilityFilter
from whale_platform.ingest.transport.exchange_clock import ClockLead
from whale_platform_tests.ingest.builders import trade

HOUR = 3_600_000_000


def at(event: int, received: int) -> Trade:
    return trade(1)._replace(event_time=event, received_time=received)


def settled(clock_error: int) -> PlausibilityFilter:
    """A guard that has seen trades with our clock `clock_error` behind, which the exchanges' REST sides show too."""
    lead = ClockLead(max(0, clock_error))
    guard = PlausibilityFilter(lambda: lead)
    for number in range(ENOUGH * 3):
        when = 10**15 * 2 + number * 1000
        guard.check_live(at(when, when - clock_error), monotonic_us=number * 1000)
    return guard


@pytest.mark.parametrize("clock_error", [0, 1_272_000, 10 * 60_000_000, -HOUR])
def test_good_trades_pass_whatever_the_local_clock_says_and_future_ones_do_not(clock_error: int) -> None:
    guard = settled(clock_error)
    now = 10**15 * 2 + 1_000_000
    assert guard.check_live(at(now, now - clock_error), monotonic_us=1_000_000) is None
    future = at(now + 2 * HOUR, now - clock_error)
    assert "in the future" in str(guard.check_live(future, monotonic_us=1_000_000))


def test_a_step_back_of_the_local_clock_quarantines_nothing() -> None:
    guard = settled(0)
    now = 10**15 * 2 + 1_000_000
    assert guard.check_live(at(now, now - HOUR), monotonic_us=1_000_000) is None


def test_some_mad_trades_do_not_move_the_clock() -> None:
    guard = settled(0)
    now = 10**15 * 2 + 1_000_000
    for _ in range(ENOUGH):
        assert guard.check_live(at(now + HOUR, now), monotonic_us=1_000_000) is not None


def test_a_clock_that_was_set_is_learned_from_the_newest_trades() -> None:
    """Ours: the exchanges' REST sides show it, and then the feed is believed to the second."""
    lead = [ClockLead(0)]
    guard = PlausibilityFilter(lambda: lead[0])
    now = 10**15 * 2
    for number in range(2 * ENOUGH):
        assert guard.check_live(at(now + number * 1000, now + number * 1000), monotonic_us=number * 1000) is None
    assert guard.check_live(at(now + HOUR, now), monotonic_us=1_000_000) is not None
    lead[0] = ClockLead(HOUR)
    said = [
        guard.check_live(at(now + HOUR + n * 1000, now + n * 1000), monotonic_us=1_000_000 + n * 1000)
        for n in range(SAMPLES)
    ]
    assert said[-1] is None


def test_no_feed_walks_the_clock_away() -> None:
    """3,000 trades, each 55 s later than the one before: minutes ahead at most, as the watermark is everybody's."""
    guard = settled(0)
    now = 10**15 * 2 + 1_000_000
    passed = [
        step
        for step in range(60)
        for _ in range(50)
        if guard.check_live(at(now + step * 55_000_000, now), monotonic_us=1_000_000) is None
    ]
    assert max(passed) * 55_000_000 <= WIDE_US + 60_000_000, "it went beyond what is allowed"
    assert guard.check_live(at(now, now), monotonic_us=1_000_000) is None


def test_the_first_trades_may_be_minutes_ahead_but_not_an_hour() -> None:
    now = 10**15 * 2
    assert PlausibilityFilter().check_live(at(now + 200_000_000, now), 0) is None
    assert PlausibilityFilter().check_live(at(now + HOUR, now), 0) is not None


def test_without_a_measured_clock_the_agreeing_first_trades_of_several_symbols_tell_it() -> None:
    guard, now = PlausibilityFilter(lambda: None), 10**15 * 2

    def tell(symbol: str, ahead: int, n: int) -> bool:
        one = at(now + ahead + n * 1000, now + n * 1000)._replace(symbol=symbol)
        return guard.check_live(one, n * 1000) is None

    assert [tell(*one) for one in (("A", HOUR, 0), ("A", HOUR, 1), ("MAD", 9 * HOUR, 2), ("B", HOUR, 3))] == [False] * 4
    assert [tell(*one) for one in (("C", HOUR, 4), ("A", HOUR, 5), ("MAD", 9 * HOUR, 6))] == [True, True, False]
    assert guard.is_clock_known


def test_a_feed_that_goes_wrong_after_it_was_right_does_not_agree_with_itself() -> None:
    guard, now = PlausibilityFilter(lambda: None), 10**15 * 2
    for number in range(ENOUGH):
        assert guard.check_live(at(now + number, now + number), number) is None
    for number in range(500):
        wrong = at(now + HOUR, now)._replace(symbol=f"S{number % 9}")
        found = guard.check_live(wrong, 1000)
        assert found is not None and found.future and not guard.is_clock_known


def test_a_step_back_of_a_fast_clock_is_forgotten_when_it_is_measured_again() -> None:
    lead = [ClockLead(0)]
    guard, now = PlausibilityFilter(lambda: lead[0]), 10**15 * 2
    for _ in range(ENOUGH):
        assert guard.check_live(at(now, now + HOUR), 0) is None, "ours is an hour fast"
    assert guard.check_historical(at(now + HOUR, now), 0) is None, "set back: nobody knows yet which was right"
    lead[0] = ClockLead(0)
    assert guard.check_historical(at(now + HOUR, now), 0) is not None


def test_recorded_trades_of_years_ago_pass() -> None:
    guard = settled(-365 * 24 * HOUR)
    assert guard.check_live(at(10**15 * 2, 10**15 * 2 + 365 * 24 * HOUR), 0) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"price": Decimal("NaN")},
        {"price": Decimal("1e-18")},
        {"price": Decimal("1e12")},
        {"price": Decimal("1e999999")},
        {"quantity": Decimal(0)},
        {"quantity": Decimal("-1")},
        {"quantity": Decimal("1e-999999")},
        {"quantity": Decimal("1e400")},
        {"trade_id": -1},
        {"event_time": 0},
    ],
)
def test_absurd_numbers_are_told(wrong: dict[str, object]) -> None:
    absurd = trade(1)._replace(**wrong)  # type: ignore[arg-type]
    assert PlausibilityFilter().check_historical(absurd, 0) is not None
