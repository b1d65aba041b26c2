"""Thresholds suggested, minutes counted again: plain functions over raw trades."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale_platform.audit.recount import MinuteDifference, MinuteTotal, count_minutes, find_differences
from whale_platform.contracts.raw_trade import encode_trade
from whale_platform.domain.market import Market
from whale_platform.domain.trade import Trade
from whale_platform.reports.suggestions import (
    collect_notionals,
    draw_suggestions,
    render_suggestions,
    round_up,
    suggest_thresholds,
)

BTC = Market("binance", "BTCUSDT")


def raw(
    trade_id: int, price: str = "1", time: int = 0, quantity: str = "1", quote: str = "USDT", symbol: str = "BTCUSDT"
) -> bytes:
    return encode_trade(
        Trade("binance", symbol, "BTC", quote, trade_id, Decimal(price), Decimal(quantity), "buy", time, time)
    )


def test_the_share_asked_for_stays_under_the_suggestion() -> None:
    found = collect_notionals(raw(n, str(n)) for n in range(1, 1001))
    one = suggest_thresholds(found, Decimal("0.99"), 1000)[0]
    assert (one.usd, one.trades, one.whales, one.largest) == (Decimal(1000), 1000, 1, Decimal(1000))
    assert suggest_thresholds(found, Decimal("0.9"), 1000)[0].usd == Decimal(910)
    assert suggest_thresholds(found, Decimal("0.99"), 1001) == []


def test_trades_without_a_dollar_value_teach_nothing() -> None:
    assert collect_notionals([raw(1, "7", quote="EUR"), b"{", raw(2, "5")]) == {BTC: [Decimal(5)]}


@pytest.mark.parametrize(("share", "least"), [("0", 1), ("1", 1), ("0.5", 0)])
def test_what_makes_no_sense_is_refused(share: str, least: int) -> None:
    with pytest.raises(ValueError, match=r"between 0 and 1|not enough to learn from"):
        suggest_thresholds({}, Decimal(share), least)


@given(st.decimals(min_value="0.00000001", max_value="1e12", allow_nan=False, allow_infinity=False))
def test_rounding_goes_up_by_less_than_a_tenth(usd: Decimal) -> None:
    rounded = round_up(usd)
    assert usd <= rounded <= usd * Decimal("1.1")
    assert len(rounded.as_tuple().digits) <= 2


def test_what_a_person_set_is_marked() -> None:
    made = suggest_thresholds(
        {BTC: [Decimal(n) for n in range(10)], Market("binance", "ETHUSDT"): [Decimal(7)] * 9}, Decimal("0.5"), 1
    )
    text = render_suggestions(made, [BTC])
    assert "binance BTCUSDT | 10 | $5 | 5 (50.00 %) | $9 | suggested" in text
    assert "kept: set by a person" in text.splitlines()[-1]
    assert draw_suggestions(made).startswith(b"\x89PNG")
    assert render_suggestions([], []) == "No symbol has enough trades to learn from."


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
