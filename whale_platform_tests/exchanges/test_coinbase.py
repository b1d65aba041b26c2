import json
from decimal import Decimal
from typing import Any

import pytest

from whale_platform.domain.trade import Trade
from whale_platform.exchanges.base import Event, IgnoredMessage, LastTrade, SubscriptionConfirmed, SymbolRejected
from whale_platform.exchanges.coinbase.adapter import Coinbase
from whale_platform.exchanges.errors import InvalidFrameError

COINBASE = Coinbase()
DATA = {
    "type": "match",
    "trade_id": 280232,
    "maker_order_id": "2a0d",
    "taker_order_id": "3c82",
    "side": "sell",
    "size": "985",
    "price": "0.00001305",
    "product_id": "SKL-BTC",
    "sequence": 177100030,
    "time": "2021-04-17T16:43:37.089723Z",
}
TRADE = Trade(
    exchange="coinbase",
    symbol="SKL-BTC",
    base="SKL",
    quote="BTC",
    trade_id=280232,
    price=Decimal("0.00001305"),
    quantity=Decimal("985"),
    side="buy",
    event_time=1618677817089723,
    received_time=7,
    taker_order_id="3c82",
)


def parse(value: object) -> list[Event]:
    return COINBASE.parse(json.dumps(value), 7)


def changed(**fields: Any) -> dict[str, Any]:
    return {**DATA, **fields}


def trade_of(**fields: Any) -> Trade:
    (trade,) = parse(changed(**fields))
    assert isinstance(trade, Trade)
    return trade


def test_a_match_is_a_trade_and_a_last_match_only_tells_of_one() -> None:
    assert parse(DATA) == [TRADE]
    assert parse(changed(type="last_match")) == [LastTrade(TRADE)]


def test_the_side_is_the_makers() -> None:
    assert trade_of(side="buy").side == "sell"
    assert trade_of(side="sell").side == "buy"


@pytest.mark.parametrize(
    ("time", "micros"),
    [
        ("2021-04-17T16:43:37Z", 1618677817000000),
        ("2021-04-17T16:43:37.Z", 1618677817000000),
        ("2021-04-17T16:43:37.1Z", 1618677817100000),
        ("2021-04-17T16:43:37.089Z", 1618677817089000),
        ("2021-04-17T16:43:37.000001Z", 1618677817000001),
        ("2021-04-17T16:43:37.089723999Z", 1618677817089723),
        ("2021-04-17T16:43:37.089723+00:00", 1618677817089723),
    ],
)
def test_times_are_exact_to_the_microsecond(time: str, micros: int) -> None:
    assert trade_of(time=time).event_time == micros


@pytest.mark.parametrize("name", ["trade_id", "price", "size", "side", "product_id", "time"])
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(InvalidFrameError, match=f"field {name} is missing"):
        parse({key: value for key, value in DATA.items() if key != name})


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("trade_id", [True, -1, 1.5, "1", None, 2**63]),
        ("price", ["NaN", "-1", "1e400", 1.5, None, True]),
        ("size", ["Infinity", "", "1 ", []]),
        ("side", ["SELL", "", None, 1, ["buy"]]),
        ("product_id", ["BTCUSD", "", None, "A-B-C", {}]),
        ("taker_order_id", ["", 5, "\ud800", "x" * 65, 'a"b', "a\\b"]),
        ("time", ["", 5, None, "2021-04-17", "2021-13-17T16:43:37Z", "2021-04-17T16:43:60Z", "2021-04-17T16:43:37"]),
        ("time", ["2021-04-17T16:43:37.0897239999Z", "2021-04-17T16:43:37+02:00", "٢٠٢١-04-17T16:43:37Z"]),
    ],
)
def test_a_wrong_value_is_named(name: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(InvalidFrameError, match=f"field {name}\\b"):
            parse(changed(**{name: value}))


def test_the_taker_order_may_be_absent() -> None:
    (trade,) = parse({key: value for key, value in DATA.items() if key != "taker_order_id"})
    assert isinstance(trade, Trade)
    assert trade.taker_order_id is None


def test_other_types_are_ignored_by_kind() -> None:
    assert parse({"type": "heartbeat", "last_trade_id": 0}) == [IgnoredMessage("heartbeat")]
    assert parse({"type": "tomorrow"}) == [IgnoredMessage("tomorrow")]
    assert parse({"type": "subscriptions", "channels": []}) == [SubscriptionConfirmed(symbols=frozenset())]
    rows = [{"name": "heartbeat", "product_ids": ["A-USD"]}, 5, {"name": "matches", "product_ids": ["B-USD", 5]}]
    assert parse({"type": "subscriptions", "channels": rows}) == [SubscriptionConfirmed(symbols=frozenset({"B-USD"}))]
    with pytest.raises(InvalidFrameError, match="field type is missing"):
        parse({"trade_id": 1})


def test_an_error_names_the_products_that_are_refused() -> None:
    events = parse({"type": "error", "message": "Failed to subscribe", "reason": "FOO-USD is not a valid product"})
    assert events == [SymbolRejected("FOO-USD", "'Failed to subscribe FOO-USD is not a valid product'")]
    nameless = parse({"type": "error", "message": "Failed to subscribe", "reason": " is not a valid product"})
    assert [one.symbol for one in nameless if isinstance(one, SymbolRejected)] == [""]
    other = parse({"type": "error", "message": "Failed to subscribe", "reason": "币安人生-USD is not a valid product"})
    assert [one.symbol for one in other if isinstance(one, SymbolRejected)] == ["币安人生-USD"]
    with pytest.raises(InvalidFrameError, match="Malformed"):
        parse({"type": "error", "message": "Malformed JSON"})
    with pytest.raises(InvalidFrameError):
        parse({"type": "error", "message": 5})


def test_addresses() -> None:
    ours = Coinbase("ws://h/coinbase", "http://h/coinbase")
    assert ours.connect_url() == "ws://h/coinbase"
    assert json.loads(ours.subscribe(["BTC-USD"], 1)) == {
        "type": "subscribe",
        "product_ids": ["BTC-USD"],
        "channels": ["matches", "heartbeat"],
    }
    assert ours.check_url("BTC-USD") == "http://h/coinbase/products/BTC-USD"
    assert ours.history_url("BTC-USD", 5, 7) == "http://h/coinbase/products/BTC-USD/trades?limit=3&after=8"


def test_history_rows_are_trades_with_the_makers_side() -> None:
    row = {"trade_id": 5, "price": "1.5", "size": "2", "side": "buy", "time": "2021-04-17T16:43:37.089723Z"}
    (trade,) = COINBASE.parse_history("BTC-USD", json.dumps([row]).encode(), 9)
    assert (trade.symbol, trade.trade_id, trade.side, trade.source) == ("BTC-USD", 5, "sell", "repair")


@pytest.mark.parametrize("body", [b'{"message":"NotFound"}', b"[5]", b'[{"trade_id":1}]', b"<html>"])
def test_a_history_that_is_none_is_a_bad_frame(body: bytes) -> None:
    with pytest.raises(InvalidFrameError):
        COINBASE.parse_history("BTC-USD", body, 9)


def test_its_clock_is_read() -> None:
    assert Coinbase(rest_url="http://h/coinbase").time_url() == "http://h/coinbase/time"
    assert COINBASE.parse_time(b'{"iso":"2020-05-12T08:00:51.504Z","epoch":1589270451.504}') == 1589270451504000
    assert COINBASE.parse_time(b'{"iso":"2020-05-12T08:00:51.504321Z"}') == 1589270451504321
    for body in (b'{"epoch":1589270451.504}', b'{"iso":"noon"}', b'{"iso":"2020-13-12T08:00:51Z"}', b"[]", b"<html>"):
        with pytest.raises(InvalidFrameError):
            COINBASE.parse_time(body)
