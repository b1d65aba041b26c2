"""What is suggested for a market, from its orders by hand."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale_platform.domain.hours_of_week import get_hour_of_week
from whale_platform.domain.suggestion import (
    HOUR,
    MarketOrders,
    OrderSize,
    SuggestionRange,
    explain_missing_hours,
    round_up,
    suggest_threshold,
)

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
ASKED = SuggestionRange(MONDAY, days=4, per_day=10)


def market(sizes: list[OrderSize], hours: int = 96, trades: int = 5_000, least: int = 0) -> MarketOrders:
    return MarketOrders("binance", "BTCUSDT", hours, trades, sorted(sizes, reverse=True), Decimal(least))


# the orders of each of four days: so many of 1,000 dollars on, in steps of 1,000
DAYS = [OrderSize(Decimal(1_000 * number), day, 0) for day in range(4) for number in range(1, 100)]


def test_each_choice_gives_its_alerts_a_day_and_says_what_it_gave() -> None:
    found = suggest_threshold(market(DAYS), ASKED, [Decimal(98_500)])
    assert found is not None
    assert [found.usd, found.largest_usd, len(found.hours_of_week)] == [90_000, 99_000, 0]
    assert [[one.per_day, one.usd, one.alerts] for one in found.choices] == [
        [1, 99_000, [1, 1, 1, 1]],
        [5, 95_000, [5, 5, 5, 5]],
        [10, 90_000, [10, 10, 10, 10]],
        [20, 80_000, [20, 20, 20, 20]],
        [50, 50_000, [50, 50, 50, 50]],
        [None, 98_500, [1, 1, 1, 1]],
    ], "a hundred a day there are not; and what holds now beside them"


def test_days_differ_and_a_market_counts_from_its_first_hour_on() -> None:
    late = [OrderSize(size.usd, 3, 0) for size in DAYS if size.day == 3]
    found = suggest_threshold(market(late, hours=24), ASKED)
    assert found is not None
    assert [one.alerts for one in found.choices if one.per_day == 10] == [[0, 0, 0, 10]]


def test_what_holds_below_the_orders_that_were_looked_at_is_not_counted() -> None:
    found = suggest_threshold(market(DAYS, least=1_000), ASKED, [Decimal(999)])
    assert found is not None and found.choices[-1].alerts is None
    counted = suggest_threshold(market(DAYS, least=1_000), ASKED, [Decimal(1_000)])
    assert counted is not None and counted.choices[-1].alerts == [99] * 4


def test_too_little_to_learn_from() -> None:
    assert suggest_threshold(market(DAYS, trades=999), ASKED) is None
    assert suggest_threshold(market(DAYS, hours=2), ASKED) is None, "two hours for ten a day"
    assert suggest_threshold(market(DAYS[:39]), ASKED) is None, "fewer orders than alerts"
    with pytest.raises(ValueError, match="at least 1"):
        SuggestionRange(MONDAY, days=0)


def test_hours_of_the_week_are_told_apart_from_four_weeks_on() -> None:
    asked = SuggestionRange(MONDAY, days=28, per_day=48)
    hours = [MONDAY - number * HOUR for number in range(1, 28 * 24 + 1)]
    sizes = [
        OrderSize(Decimal(1_000 * number * (10 if hour.hour == 14 else 1)), 0, get_hour_of_week(hour))
        for hour in hours
        for number in range(1, 10)
    ]
    found = suggest_threshold(market(sizes, hours=len(hours)), asked)
    assert found is not None
    assert len(found.hours_of_week) == 168
    by_hour = {one.hour_of_week: one.usd for one in found.hours_of_week}
    assert [by_hour[13], by_hour[14]] == [8_000, 80_000], "two an hour: of 4 times 9 orders the eighth"
    flat = {one.hour_of_week: one.alerts for one in found.hours_of_week}
    assert flat[14] == 4 * 9 and flat[13] == sum(number * 1_000 >= found.usd for number in range(1, 10)) * 4
    (chosen,) = [one for one in found.choices if one.by_hour]
    assert [chosen.per_day, chosen.usd, chosen.alerts] == [48, 8_000, [28 * 24 * 2, *[0] * 27]], "two an hour"
    assert explain_missing_hours(len(hours), 28) is None
    for missing, told in ((23, 168), (24, 0)):
        fewer = suggest_threshold(market(sizes, hours=len(hours) - missing), asked)
        assert fewer is not None and len(fewer.hours_of_week) == told
    assert (
        explain_missing_hours(100, 28) == "Hours of the week are told apart from 28 days of trades on; there are 4.2."
    )
    assert explain_missing_hours(100, 7) == "Hours of the week are told apart from 28 days on; 7 were asked for."


def test_of_few_orders_an_hour_the_suggestion_by_hour_gives_about_as_many_as_were_asked_for() -> None:
    asked = SuggestionRange(MONDAY, days=28, per_day=10)
    sizes = [
        OrderSize(Decimal(10_007 + 1_013 * number), day, 24 * (day % 7) + hour)
        for day in range(28)
        for hour in range(24)
        for number in range(3)
    ]
    found = suggest_threshold(market(sizes, hours=28 * 24), asked)
    assert found is not None
    (chosen,) = [one for one in found.choices if one.by_hour]
    assert chosen.alerts is not None and 5 * 28 <= sum(chosen.alerts) <= 24 * 28, "unround sizes, and ties of four"


def test_what_the_amounts_of_hours_gave_is_told_as_far_as_all_orders_are_there() -> None:
    asked = SuggestionRange(MONDAY, days=28, per_day=24)
    sizes = [
        OrderSize(Decimal(1_000 * number), day, 24 * (day % 7) + hour)
        for day in range(28)
        for hour in range(24)
        for number in ((1, 2, 3) if hour else (2, 3))
    ]
    assert asked.most_of_hour == 4, "one of each of four weeks"
    held = [Decimal(3_000)] * 168
    held[24 * 6 + 23], held[0] = Decimal(2_000), Decimal(1)

    def count(least: int) -> object:
        found = suggest_threshold(market(sizes, hours=28 * 24, least=least), asked, held)
        assert found is not None and found.choices[-1].by_hour and found.choices[-1].per_day is None
        assert found.choices[-1].usd == min(held)
        return found.choices[-1].alerts

    assert count(0) == [25, 24, 24, 24, 24, 24, 25] * 4
    assert count(2_000) is None, "on Mondays at 00:00 there may be more from a dollar on"
    held[0] = Decimal(3_000)
    assert count(3_000) is None, "on Sundays at 23:00 only those from 3,000 dollars on are all there"
    held[24 * 6 + 23] = Decimal(3_000)
    assert count(4_000) == [24] * 28, "of each hour more are there than of the market"


@given(st.decimals(min_value="0.00000001", max_value="1e12", allow_nan=False, allow_infinity=False))
def test_rounding_goes_up_by_less_than_a_hundredth(usd: Decimal) -> None:
    rounded = round_up(usd)
    assert usd <= rounded <= usd * Decimal("1.01")
    assert len(rounded.as_tuple().digits) <= 3
