"""Whatever arrives: events or InvalidFrameError, and never a trade that later stages could not carry."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whale_platform.contracts.raw_trade import LATEST_US, decode_trade, encode_trade
from whale_platform.domain.names import is_symbol
from whale_platform.domain.plausibility import FUTURE_US, explain_implausible
from whale_platform.domain.trade import Trade
from whale_platform.exchanges.base import EarlierTrade, Event, LastTrade
from whale_platform.exchanges.errors import InvalidFrameError
from whale_platform.exchanges.registry import SPECS
from whale_platform_tests.exchanges import (
    test_binance,
    test_binance_block,
    test_bybit,
    test_bybit_linear,
    test_bybit_liquidation,
    test_coinbase,
    test_coinbase_advanced,
    test_hyperliquid,
    test_kraken,
    test_okx,
)

ADAPTERS = tuple(spec.adapter() for spec in SPECS.values())
Wrap = Callable[[object], dict[str, Any]]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["1e400", "NaN", "-1", "1.5"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
SAMPLES = (test_binance.DATA, test_coinbase.DATA, test_binance_block.DATA)
# Of frames whose trades are rows.
ROWS: tuple[tuple[dict[str, Any], Wrap], ...] = tuple(
    (module.ROW, module.wrap)
    for module in (
        test_okx,
        test_kraken,
        test_bybit,
        test_bybit_linear,
        test_hyperliquid,
        test_coinbase_advanced,
        test_bybit_liquidation,
    )
)


def parse_all(frame: str | bytes) -> None:
    for adapter in ADAPTERS:
        try:
            events = adapter.parse(frame, 1)
        except InvalidFrameError as refused:
            str(refused).encode()
            continue
        for event in events:
            check(event)


def check(event: Event) -> None:
    trade = event.trade if isinstance(event, EarlierTrade | LastTrade) else event
    if isinstance(trade, Trade):
        assert trade.price.is_finite() and trade.price >= 0 and trade.quantity.is_finite() and trade.quantity >= 0
        now = min(trade.event_time, LATEST_US - FUTURE_US - 1)  # no clock shows more before the year 2286
        if explain_implausible(trade, now) is None and is_symbol(trade.symbol):
            assert decode_trade(encode_trade(trade._replace(taker_order_id=None))).price == trade.price


@given(st.binary())
def test_any_bytes(frame: bytes) -> None:
    parse_all(frame)


@given(JSON, JSON)
def test_any_answer_about_the_clock(value: Any, other: Any) -> None:
    for adapter in ADAPTERS:
        for answer in (value, {"serverTime": value, "iso": other}):
            try:
                assert adapter.parse_time(json.dumps(answer).encode()) >= 0
            except InvalidFrameError as refused:
                str(refused).encode()


@given(st.text())
def test_any_text(frame: str) -> None:
    parse_all(frame)


@given(JSON)
def test_any_json(value: Any) -> None:
    parse_all(json.dumps(value))
    for adapter in ADAPTERS:
        with pytest.raises(InvalidFrameError):
            adapter.parse_history("BTC-USD", json.dumps([value]).encode(), 1)


@given(st.sampled_from(SAMPLES), st.data())
def test_a_frame_with_one_field_replaced(sample: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(sample)))
    parse_all(json.dumps({**sample, name: data.draw(JSON)}))
    parse_all(json.dumps({"stream": data.draw(JSON), "data": {**sample, name: data.draw(JSON)}}))


@given(st.sampled_from(SAMPLES), st.data())
def test_a_frame_damaged_on_the_way(sample: dict[str, Any], data: st.DataObject) -> None:
    frame = json.dumps(sample).encode()
    start = data.draw(st.integers(0, len(frame)))
    stop = data.draw(st.integers(start, len(frame)))
    parse_all(frame[:start] + data.draw(st.binary(max_size=5)) + frame[stop:])


@given(st.sampled_from(SAMPLES), st.data())
def test_a_frame_with_a_key_twice(sample: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(sample)))
    parse_all(f"{json.dumps(sample)[:-1]},{json.dumps(name)}:{json.dumps(data.draw(JSON))}}}")


@given(st.sampled_from(ROWS), st.data())
def test_a_row_with_one_field_replaced(sample: tuple[dict[str, Any], Wrap], data: st.DataObject) -> None:
    row, wrap = sample
    changed = row | {data.draw(st.sampled_from(sorted(row))): data.draw(JSON)}
    parse_all(json.dumps(wrap(changed)))
    whole = wrap(row)
    parse_all(json.dumps(whole | {data.draw(st.sampled_from(sorted(whole))): data.draw(JSON)}))


@given(st.sampled_from(ROWS), st.data())
def test_a_row_damaged_on_the_way(sample: tuple[dict[str, Any], Wrap], data: st.DataObject) -> None:
    row, wrap = sample
    frame = json.dumps(wrap(row)).encode()
    start = data.draw(st.integers(0, len(frame)))
    stop = data.draw(st.integers(start, len(frame)))
    parse_all(frame[:start] + data.draw(st.binary(max_size=5)) + frame[stop:])
