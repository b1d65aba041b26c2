"""Which threshold holds for a market at a time."""

from datetime import timedelta
from decimal import Decimal

import pytest

from whale_platform.domain.whale import (
    ALWAYS,
    ANY,
    ThresholdChange,
    ThresholdPeriod,
    TierLimits,
    build_threshold_periods,
    build_tier_limits,
    find_tier,
)

HOUR = timedelta(hours=1)
DEFAULT = Decimal(50_000)
ORDER = [("binance", "BTCUSDT"), (ANY, "BTCUSDT"), ("binance", ANY), (ANY, ANY)]


@pytest.mark.parametrize("first", range(len(ORDER)))
def test_the_most_specific_threshold_applies(first: int) -> None:
    limits = {market: Decimal(rank) for rank, market in reversed(list(enumerate(ORDER))) if rank >= first}
    found = ThresholdPeriod(ALWAYS, limits).find_limits("binance", "BTCUSDT", ALWAYS)
    assert found is not None and found.whale == first


def test_without_a_threshold_for_all_others_have_none() -> None:
    held = ThresholdPeriod(ALWAYS, {("binance", "BTCUSDT"): Decimal(1)})
    assert held.find_limits("coinbase", "BTC-USD", ALWAYS) is None
    assert held.find_least("coinbase", "BTC-USD", ALWAYS, ALWAYS + HOUR) is None


def test_what_is_taken_away_gives_way_to_the_default_and_earlier_times_keep_theirs() -> None:
    history = [
        ThresholdChange("binance", "BTCUSDT", ALWAYS + 2 * HOUR, None),
        ThresholdChange("binance", "BTCUSDT", ALWAYS + HOUR, Decimal(7)),
        ThresholdChange(ANY, ANY, ALWAYS + 3 * HOUR, Decimal(9)),
    ]
    everywhere = {(ANY, ANY): DEFAULT}
    assert build_threshold_periods(history, DEFAULT) == [
        ThresholdPeriod(ALWAYS, everywhere),
        ThresholdPeriod(ALWAYS + HOUR, everywhere | {("binance", "BTCUSDT"): Decimal(7)}),
        ThresholdPeriod(ALWAYS + 2 * HOUR, everywhere),
        ThresholdPeriod(ALWAYS + 3 * HOUR, {(ANY, ANY): Decimal(9)}),
    ]


def test_what_held_before_all_times_holds_from_the_first_on() -> None:
    assert build_threshold_periods([ThresholdChange(ANY, ANY, ALWAYS - HOUR, Decimal(3))], DEFAULT) == [
        ThresholdPeriod(ALWAYS, {(ANY, ANY): Decimal(3)})
    ]


@pytest.mark.parametrize(
    ("usd", "large", "giant", "limits"),
    [
        (10, None, None, (10, 50, 200)),
        (10, 30, None, (10, 30, 200)),
        (10, None, 80, (10, 50, 80)),
        (10, 300, None, (10, 300, 300)),
        (10, None, 20, (10, 20, 20)),
        (10, 11, 12, (10, 11, 12)),
    ],
)
def test_amounts_that_are_not_set_follow_from_the_threshold(
    usd: int, large: int | None, giant: int | None, limits: tuple[int, int, int]
) -> None:
    given = [None if one is None else Decimal(one) for one in (large, giant)]
    assert build_tier_limits(Decimal(usd), *given) == TierLimits(*map(Decimal, limits))


def test_a_tier_begins_at_its_amount() -> None:
    limits = build_tier_limits(Decimal(10), Decimal(30))
    assert [find_tier(limits, Decimal(usd)) for usd in ("10", "29.99", "30", "199.99", "200", "1e9")] == [
        *("whale", "whale", "large", "large", "giant", "giant"),
    ]


def test_the_amounts_of_the_most_specific_threshold_apply_in_its_time() -> None:
    btc = ("binance", "BTCUSDT")
    history = [
        ThresholdChange(*btc, ALWAYS + HOUR, Decimal(7), Decimal(8)),
        ThresholdChange(ANY, ANY, ALWAYS + 2 * HOUR, Decimal(9), None, Decimal(60)),
        ThresholdChange(*btc, ALWAYS + 3 * HOUR, Decimal(7)),
    ]
    periods = build_threshold_periods(history, DEFAULT)
    assert [period.find_limits(*btc, ALWAYS) for period in periods] == [
        (DEFAULT, 5 * DEFAULT, 20 * DEFAULT),
        (7, 8, 140),
        (7, 8, 140),
        (7, 35, 140),
    ]
    assert [period.find_limits("binance", "ETHUSDT", ALWAYS) for period in periods[1:3]] == [
        (DEFAULT, 5 * DEFAULT, 20 * DEFAULT),
        (9, 45, 60),
    ]
