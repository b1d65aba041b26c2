"""Thresholds suggested, minutes counted again: plain functions over raw trades."""

from decimal import Decimal
from pathlib import Path

from whale_platform.audit.recount import MinuteDifference, MinuteTotal, count_minutes, find_differences
from whale_platform.contracts.raw_trade import encode_trade
from whale_platform.domain.market import Market
from whale_platform.domain.suggestion import HOUR, SuggestionRange
from whale_platform.domain.trade import Trade
from whale_platform.domain.whale import ALWAYS, ThresholdPeriod
from whale_platform.lake.analysis.order_sizes import find_suggestions
from whale_platform.reports.suggestions import (
    NONE,
    describe_hours,
    draw_suggestions,
    render_suggestions,
)
from whale_platform_tests.lake.builders import START, lay, trade

BTC = Market("binance", "BTCUSDT")


def raw(
    trade_id: int, price: str = "1", time: int = 0, quantity: str = "1", quote: str = "USDT", symbol: str = "BTCUSDT"
) -> bytes:
    return encode_trade(
        Trade("binance", symbol, "BTC", quote, trade_id, Decimal(price), Decimal(quantity), "buy", time, time)
    )


def test_suggestions_are_found_in_the_lake_and_what_a_person_set_is_marked(tmp_path: Path) -> None:
    root = tmp_path / "lake" / "trades"
    symbols = [
        trade(number, symbol, every_s=3, quantity=str(number + 1))
        for symbol in (BTC[1], "ETHUSDT")
        for number in range(1200)
    ]
    lay(root, [*symbols, *(trade(number, "ADAUSDT") for number in range(999))])
    asked = SuggestionRange(START + HOUR, days=1, per_day=480)
    made = find_suggestions(root, asked, ThresholdPeriod(ALWAYS, {BTC: Decimal(100_000)}))
    assert [[one.symbol, one.usd, one.trades, one.largest_usd] for one in made] == [
        ["BTCUSDT", 119_000, 1200, 120_600],
        ["ETHUSDT", 119_000, 1200, 120_600],
    ], "twenty alerts an hour; 999 trades are too few"
    text = render_suggestions(made, [BTC])
    assert "binance BTCUSDT | 1,200 | $119,000 | " in text
    assert "480 a day: $119,000 gave 16.0 (16 to 16); held: $100,000 gave 205.0 (205 to 205)" in text
    assert "suggested" in text.splitlines()[-2] and "kept: set by a person" in text.splitlines()[-1]
    assert draw_suggestions(made).startswith(b"\x89PNG")
    assert render_suggestions([], []) == NONE
    assert describe_hours(made[0], asked) == ["Hours of the week are told apart from 28 days on; 1 were asked for."]


def test_minutes_are_counted_again_each_id_once_and_only_those_asked_for() -> None:
    messages = [
        raw(1, time=59_999_999),
        raw(2, time=60_000_000, quantity="0.1"),
        raw(2, time=60_000_000, quantity="0.1"),
    ]
    assert count_minutes(
        [*messages, raw(3, time=119_999_999, quantity="0.2"), raw(4, time=120_000_000)], 60_000_000, 120_000_000
    ) == {(*BTC, 60_000_000): MinuteTotal(2, Decimal("0.3"))}


def test_every_kind_of_difference_is_found() -> None:
    minutes = {(*BTC, n): MinuteTotal(n, Decimal(n)) for n in (1, 2, 3)}
    table = {**minutes, (*BTC, 2): MinuteTotal(2, Decimal("2.1")), (*BTC, 4): MinuteTotal(1, Decimal(1))}
    del table[*BTC, 1]
    assert find_differences(minutes, minutes) == []
    assert [(one.minute, one.raw is None, one.table is None) for one in find_differences(minutes, table)] == [
        (1, False, True),
        (2, False, False),
        (4, True, False),
    ]
    assert isinstance(find_differences(minutes, table)[0], MinuteDifference)
