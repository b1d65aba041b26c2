"""Which threshold may have applied: the most specific of its time, both around a change, and none that is a guess."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from whale_platform.reports.limits import Limits, Threshold

START = datetime(2026, 11, 21, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
BTC = ("binance", "BTCUSDT")
ANY = Threshold("*", "*", Decimal(50_000), START - 24 * HOUR)


def test_the_most_specific_of_its_time_applies_and_both_around_a_change() -> None:
    own = Threshold(*BTC, Decimal(10_000), START)
    limits = Limits([ANY, own], {}, history=True)
    assert limits.possible(*BTC, START - HOUR) == {Decimal(50_000)}
    assert limits.possible(*BTC, START + timedelta(minutes=3)) == {Decimal(50_000), Decimal(10_000)}
    assert limits.possible(*BTC, START + HOUR) == {Decimal(10_000)}
    assert limits.possible("coinbase", "BTC-USD", START + HOUR) == {Decimal(50_000)}
    assert limits.floor(*BTC, START - HOUR, START) == Decimal(10_000)
    assert limits.floor(*BTC, START - 3 * HOUR, START - 2 * HOUR) == Decimal(50_000)


def test_the_first_for_any_symbol_holds_before_it_too_as_recorded_trades_are_older() -> None:
    assert Limits([ANY], {}, history=True).possible(*BTC, START - 1000 * HOUR) == {Decimal(50_000)}
    assert Limits([], {}).possible(*BTC, START) == frozenset()


def test_what_held_before_the_last_change_is_what_alerts_are_stamped_with_where_no_history_says_it() -> None:
    rows, stamps = [ANY._replace(since=START)], {BTC: {Decimal(70_000)}}
    assert Limits(rows, stamps).possible(*BTC, START - HOUR) == {Decimal(50_000), Decimal(70_000)}
    assert Limits(rows, stamps).possible(*BTC, START + HOUR) == {Decimal(50_000)}
    assert Limits(rows, stamps, history=True).possible(*BTC, START - HOUR) == {Decimal(50_000)}
