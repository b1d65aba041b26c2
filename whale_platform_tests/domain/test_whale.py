"""Which threshold holds for a market at a time."""

from datetime import timedelta
from decimal import Decimal

import pytest

from whale_platform.domain.whale import ALWAYS, ANY, ThresholdPeriod, build_threshold_periods, find_threshold

HOUR = timedelta(hours=1)
DEFAULT = Decimal(50_000)
ORDER = [("binance", "BTCUSDT"), (ANY, "BTCUSDT"), ("binance", ANY), (ANY, ANY)]


@pytest.mark.parametrize("first", range(len(ORDER)))
def test_the_most_specific_threshold_applies(first: int) -> None:
    limits = {market: Decimal(rank) for rank, market in reversed(list(enumerate(ORDER))) if rank >= first}
    assert find_threshold(limits, "binance", "BTCUSDT") == first


def test_without_a_threshold_for_all_others_have_none() -> None:
    assert find_threshold({("binance", "BTCUSDT"): Decimal(1)}, "coinbase", "BTC-USD") is None


def test_what_is_taken_away_gives_way_to_the_default_and_earlier_times_keep_theirs() -> None:
    history = [
        ("binance", "BTCUSDT", ALWAYS + 2 * HOUR, None),
        ("binance", "BTCUSDT", ALWAYS + HOUR, Decimal(7)),
        (ANY, ANY, ALWAYS + 3 * HOUR, Decimal(9)),
    ]
    everywhere = {(ANY, ANY): DEFAULT}
    assert build_threshold_periods(history, DEFAULT) == [
        ThresholdPeriod(ALWAYS, everywhere),
        ThresholdPeriod(ALWAYS + HOUR, everywhere | {("binance", "BTCUSDT"): Decimal(7)}),
        ThresholdPeriod(ALWAYS + 2 * HOUR, everywhere),
        ThresholdPeriod(ALWAYS + 3 * HOUR, {(ANY, ANY): Decimal(9)}),
    ]


def test_what_held_before_all_times_holds_from_the_first_on() -> None:
    assert build_threshold_periods([(ANY, ANY, ALWAYS - HOUR, Decimal(3))], DEFAULT) == [
        ThresholdPeriod(ALWAYS, {(ANY, ANY): Decimal(3)})
    ]
