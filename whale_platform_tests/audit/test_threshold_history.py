"""Which threshold may have applied: the most specific of its time, and both around a change."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from whale_platform.audit.threshold_history import ThresholdHistory
from whale_platform.domain.whale import ThresholdChange

START = datetime(2026, 11, 21, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
BTC = ("binance", "BTCUSDT")
ANY = ThresholdChange("*", "*", START - 24 * HOUR, Decimal(50_000))
DEFAULT = Decimal(70_000)


def test_the_most_specific_of_its_time_applies_and_both_around_a_change() -> None:
    changes = [ThresholdChange(*BTC, START, Decimal(10_000)), ThresholdChange(*BTC, START + 5 * HOUR, None)]
    limits = ThresholdHistory([ANY, *changes], DEFAULT)
    assert limits.find_possible(*BTC, START - HOUR) == {Decimal(50_000)}
    assert limits.find_possible(*BTC, START + timedelta(minutes=3)) == {Decimal(50_000), Decimal(10_000)}
    assert limits.find_possible(*BTC, START + HOUR) == {Decimal(10_000)}
    assert limits.find_possible(*BTC, START + 6 * HOUR) == {Decimal(50_000)}
    assert limits.find_possible("coinbase", "BTC-USD", START + HOUR) == {Decimal(50_000)}
    assert limits.find_floor(*BTC, START - HOUR, START) == Decimal(10_000)
    assert limits.find_floor(*BTC, START - 3 * HOUR, START - 2 * HOUR) == Decimal(50_000)


def test_the_default_holds_before_any_was_set() -> None:
    assert ThresholdHistory([ANY], DEFAULT).find_possible(*BTC, START - 1000 * HOUR) == {DEFAULT}
    assert ThresholdHistory([], DEFAULT).find_possible(*BTC, START) == {DEFAULT}


def test_around_a_change_a_whale_may_be_of_either_tier() -> None:
    limits = ThresholdHistory([ANY, ThresholdChange(*BTC, START, Decimal(50_000), Decimal(60_000))], DEFAULT)
    usd = Decimal(70_000)
    assert limits.find_possible_tiers(*BTC, START - HOUR, usd) == {"whale"}
    assert limits.find_possible_tiers(*BTC, START, usd) == {"whale", "large"}
    assert limits.find_possible_tiers(*BTC, START + HOUR, usd) == {"large"}
    assert limits.find_possible_tiers(*BTC, START, Decimal(1)) == set(), "it is none"


def test_the_hour_of_the_week_is_that_of_the_order_and_both_thresholds_apply_around_a_change() -> None:
    sunday = datetime(2026, 11, 22, 23, tzinfo=UTC)
    hours = [*[None] * 167, Decimal(9_000)]
    changes = [ThresholdChange(*BTC, sunday + HOUR / 2, Decimal(10_000), None, None, hours)]
    limits = ThresholdHistory([ANY, *changes], DEFAULT)
    assert limits.find_possible(*BTC, sunday + timedelta(minutes=15)) == {Decimal(50_000)}
    assert limits.find_possible(*BTC, sunday + timedelta(minutes=35)) == {Decimal(50_000), Decimal(9_000)}
    assert limits.find_possible(*BTC, sunday + timedelta(minutes=59, seconds=59)) == {Decimal(9_000)}
    assert limits.find_possible(*BTC, sunday + HOUR) == {Decimal(10_000)}, "no sway at the end of an hour"
    assert limits.find_floor(*BTC, sunday, sunday + HOUR) == Decimal(9_000)
    assert limits.find_floor(*BTC, sunday + HOUR, sunday + 2 * HOUR) == Decimal(10_000)
    assert limits.find_possible_tiers(*BTC, sunday + HOUR / 2, Decimal(45_000)) == {"large"}
    assert limits.find_possible_tiers(*BTC, sunday + HOUR, Decimal(45_000)) == {"whale"}
