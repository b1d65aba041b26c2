"""The hand-written encoder equals json.dumps for every trade that may be published, and decode is its inverse."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale_platform.contracts.raw_trade import VERSION, decode_trade, encode_trade
from whale_platform.contracts.written_trade import NAME_PATTERN
from whale_platform.domain.decimal_text import format_decimal
from whale_platform.domain.rates import convert_to_usd
from whale_platform.domain.sweep import SweepProgress
from whale_platform.domain.trade import Trade, usd_via
from whale_platform_tests.contracts.corpus import spell_sweep

NUMBERS = st.decimals(min_value=Decimal("1e-9"), max_value=10**10, places=9) | st.decimals(
    min_value=Decimal("0.01"), max_value=10**9, places=2
)
NAMES = st.from_regex(NAME_PATTERN, fullmatch=True).filter(lambda name: name.isprintable() and len(name) < 20)
IDS = st.integers(0, 2**63 - 1)
SWEEPS = st.builds(SweepProgress, IDS, IDS, IDS, NUMBERS, NUMBERS, NUMBERS, st.none() | NUMBERS)
TRADES = st.builds(
    Trade,
    exchange=NAMES,
    symbol=NAMES,
    base=NAMES,
    quote=st.sampled_from(["USD", "USDT", "EUR"]) | NAMES,
    trade_id=st.integers(0, 2**63 - 1),
    price=NUMBERS,
    quantity=NUMBERS,
    side=st.sampled_from(["buy", "sell"]),
    event_time=st.integers(0, 10**16 - 1),
    received_time=st.integers(0, 10**16 - 1),
    source=st.sampled_from(["live", "repair", "import", "replay", "simulated"]),
    dense=st.booleans(),
    taker_order_id=st.none() | st.uuids().map(str) | st.just(""),
    block=st.booleans(),
    buyer=st.none() | st.just("") | NAMES,
    seller=st.none() | NAMES,
    sweep=st.none() | SWEEPS,
    usd_rate=st.none(),
    usd_pair=st.none(),
)
RATES = st.none() | st.tuples(NUMBERS, NAMES)


def encode_plainly(trade: Trade) -> bytes:
    """The message as json.dumps writes it."""
    row: dict[str, Any] = {
        "v": VERSION,
        "exchange": trade.exchange,
        "symbol": trade.symbol,
        "trade_id": trade.trade_id,
        "base": trade.base,
        "quote": trade.quote,
        "price": format_decimal(trade.price),
        "quantity": format_decimal(trade.quantity),
        "side": trade.side,
        "event_time": trade.event_time,
        "received_time": trade.received_time,
        "source": trade.source,
    }
    narrow = [number < 10**10 and number == round(number, 8) for number in (trade.price, trade.quantity)]
    if not all(narrow):
        row["notional"] = format_decimal(trade.notional)
    if not trade.dense:
        row["dense"] = False
    if trade.taker_order_id is not None:
        row["taker_order_id"] = trade.taker_order_id
    if trade.block:
        row["block"] = True
    row |= {name: text for name, text in (("buyer", trade.buyer), ("seller", trade.seller)) if text is not None}
    if trade.usd_rate is not None:
        row |= {"usd_rate": format_decimal(trade.usd_rate), "usd_via": trade.usd_pair}
    if trade.sweep is not None:
        row |= spell_sweep(trade.sweep)
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode()


@given(TRADES, RATES)
def test_encode_equals_json_dumps(trade: Trade, rate: tuple[Decimal, str] | None) -> None:
    trade = trade if rate is None else trade._replace(usd_rate=rate[0], usd_pair=rate[1])
    assert encode_trade(trade) == encode_plainly(trade)


@given(TRADES, RATES)
def test_decode_inverts_encode(trade: Trade, rate: tuple[Decimal, str] | None) -> None:
    if rate is not None and convert_to_usd(trade.notional, rate[0]) is not None:
        trade = trade._replace(usd_rate=rate[0], usd_pair=rate[1])
    assert decode_trade(encode_trade(trade)) == trade


@pytest.mark.parametrize("text", ["1E+3", "0.50", "0", "-0.0", "1e-18", "61837.63000000", "1E+15"])
def test_plain_is_exact_and_without_exponent(text: str) -> None:
    assert Decimal(format_decimal(Decimal(text))) == Decimal(text)
    assert "E" not in format_decimal(Decimal(text)) and not format_decimal(Decimal(text)).endswith(".0")


def test_a_coin_without_a_sure_dollar_value_has_none() -> None:
    """Two coins are called XUSD, and one of them fell below half a dollar; its amounts would be whales."""
    assert usd_via("USDT") == "peg:USDT" and usd_via("USD") == "USD"
    assert usd_via("XUSD") is None and usd_via("EUR") is None
