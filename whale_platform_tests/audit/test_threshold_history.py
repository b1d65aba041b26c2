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
