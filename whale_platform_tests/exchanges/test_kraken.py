import json
from decimal import Decimal
from typing import Any

import pytest

from whale_platform.domain.trade import Trade
from whale_platform.exchanges.base import (
    EarlierTrade,
    Event,
    IgnoredMessage,
    LastTrade,
    SubscriptionConfirmed,
    SymbolRejected,
    TimedHistory,
)
from whale_platform.exchanges.errors import InvalidFrameError
from whale_platform.exchanges.kraken.adapter import Kraken

KRAKEN = Kraken()
ROW = {
    "symbol": "MATIC/USD",
    "side": "buy",
    "price": 0.5147,
    "qty": 6423.46326,
    "ord_type": "limit",
    "trade_id": 4665846,
    "timestamp": "2023-09-25T07:48:36.925533Z",
}
TRADE = Trade(
    exchange="kraken",
    symbol="MATIC/USD",
    base="MATIC",
    quote="USD",
    trade_id=4665846,
    price=Decimal("0.5147"),
    quantity=Decimal("6423.46326"),
    side="buy",
    event_time=1695628116925533,
    received_time=7,
)
PAST = b"""{"error":[],"result":{"XXBTZUSD":[["30243.40000","0.34507674",1688669597.8277369,"b","m","",61044952],
["30243.30000","0.00376960",1688669598.2804112,"s","l","",61044953]],"last":"1688671969993150842"}}"""


def wrap(*rows: object, kind: str = "update") -> dict[str, Any]:
    return {"channel": "trade", "type": kind, "data": list(rows)}


def parse(value: object) -> list[Event]:
    return KRAKEN.parse(json.dumps(value), 7)


def test_each_row_is_a_trade_whose_side_is_the_taker_s() -> None:
    other = ROW | {"side": "sell", "trade_id": 4665847}
    assert parse(wrap(ROW, other)) == [TRADE, TRADE._replace(side="sell", trade_id=4665847)]


def test_numbers_are_read_to_their_last_digit() -> None:
    text = json.dumps(wrap(ROW)).replace("0.5147", "67890.100000000000000001").replace("6423.46326", "1e-8")
    (trade,) = KRAKEN.parse(text, 7)
    assert isinstance(trade, Trade)
    assert (str(trade.price), trade.quantity) == ("67890.100000000000000001", Decimal("0.00000001"))
    (whole,) = parse(wrap(ROW | {"price": 30000, "qty": 2}))
    assert isinstance(whole, Trade) and (whole.price, whole.quantity) == (Decimal(30000), Decimal(2))


def test_a_snapshot_is_of_the_past_and_its_newest_trade_of_each_pair_is_the_last() -> None:
    rows = [
        ROW | {"trade_id": number, "symbol": symbol} for number, symbol in ((3, "A/USD"), (9, "B/USD"), (2, "A/USD"))
    ]
    events = parse(wrap(*rows, kind="snapshot"))
    shown = [
        (type(event), event.trade.symbol, event.trade.trade_id)
        for event in events
        if isinstance(event, EarlierTrade | LastTrade)
    ]
    assert shown == [(EarlierTrade, "A/USD", 2), (LastTrade, "A/USD", 3), (LastTrade, "B/USD", 9)]
    assert parse(wrap(kind="snapshot")) == []


@pytest.mark.parametrize("name", ["symbol", "trade_id", "price", "qty", "side", "timestamp"])
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(InvalidFrameError, match=f"field {name} is missing"):
        parse(wrap({key: value for key, value in ROW.items() if key != name}))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("trade_id", [True, -1, 1.5, "1", None, 2**63]),
        ("price", ["0.5147", -1.5, True, None, [1.5], 1e300]),
        ("qty", ["1", -0.1, {}, 10**400]),
        ("side", ["BUY", "", None, 1, ["buy"]]),
        ("symbol", ["", None, 5, "MATICUSD", "A/B/C", "/USD", "A/", "\ud800", "x" * 65, 'a"/b']),
        ("timestamp", ["", 5, None, "2021-04-17", "2021-13-17T16:43:37Z", "2021-04-17T16:43:37+02:00"]),
    ],
)
def test_a_wrong_value_is_named(name: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(InvalidFrameError, match=rf"field {name}\b"):
            parse(wrap(ROW | {name: value}))


def test_what_is_no_list_of_trades_is_refused() -> None:
    wrongs: list[dict[str, Any]] = [{"data": None}, {"data": {}}, {"data": [5]}, {"type": "tomorrow"}, {"type": None}]
    for wrong in wrongs:
        with pytest.raises(InvalidFrameError, match=r"field (data|type) is"):
            parse(wrap(ROW) | wrong)


def test_each_pair_is_confirmed_or_refused_by_itself() -> None:
    result = {"channel": "trade", "snapshot": True, "symbol": "BTC/USD"}
    times = {"time_in": "2026-09-24T03:54:28.829165Z", "time_out": "2026-09-24T03:54:28.829217Z"}
    confirmed = {"method": "subscribe", "req_id": 9, "result": result, "success": True, **times}
    assert parse(confirmed) == [SubscriptionConfirmed(symbols=frozenset({"BTC/USD"}))]
    refused = {"error": "Currency pair not supported XBT/EUR", "method": "subscribe", "req_id": 9, "success": False}
    assert parse(refused | {"symbol": "XBT/EUR"} | times) == [
        SymbolRejected("XBT/EUR", "'Currency pair not supported XBT/EUR'", 9)
    ]
    again = refused | {"error": "Already subscribed", "symbol": "BTC/USD"}
    assert parse(again) == [SubscriptionConfirmed(symbols=frozenset({"BTC/USD"}))]


def test_other_errors_are_errors_and_refuse_no_symbol() -> None:
    for wrong in (
        {"error": "Malformed request", "method": "error", "success": False},
        {"Error": "Exceeded msg rate"},
        {"error": "Exceeded msg rate", "method": "subscribe", "success": False, "symbol": "BTC/USD"},
        {"error": 5, "symbol": "BTC/USD"},
        {},
    ):
        with pytest.raises(InvalidFrameError, match="the exchange reports an error"):
            parse(wrong)


def test_heartbeats_and_other_channels_are_ignored() -> None:
    assert parse({"channel": "heartbeat"}) == [IgnoredMessage("heartbeat")]
    assert parse({"channel": "status", "type": "update", "data": [{"system": "online"}]}) == [IgnoredMessage("status")]
    assert parse({"method": "pong", "req_id": 1}) == [IgnoredMessage("pong")]
    assert parse({"method": "unsubscribe", "success": True, "result": {}}) == [IgnoredMessage("unsubscribe")]


def test_addresses() -> None:
    ours = Kraken("ws://h/kraken", "http://h/kraken")
    assert ours.connect_url() == "ws://h/kraken/v2"
    params = {"channel": "trade", "symbol": ["BTC/USD", "DOGE/EUR"], "snapshot": True}
    assert json.loads(ours.subscribe(["BTC/USD", "DOGE/EUR"], 3)) == {
        "method": "subscribe",
        "params": params,
        "req_id": 3,
    }
    trades = "http://h/kraken/0/public/Trades?pair="
    assert isinstance(ours, TimedHistory)
    assert ours.history_url("DOGE/BTC", 5, 7) == ours.newest_url("DOGE/BTC") == f"{trades}XDGXBT"
    assert ours.history_since_url("ETH/USD", 1_688_669_597_827_736) == f"{trades}ETHUSD&since=1688669597827735999"
    assert ours.history_since_url("ETH/USD", 0) == f"{trades}ETHUSD&since=0"
    assert ours.check_url("BTC/USD") == "http://h/kraken/0/public/AssetPairs?pair=XBTUSD"


def test_history_goes_up_from_a_page_that_is_full() -> None:
    ours = Kraken(history_page=3)
    page = [TRADE._replace(trade_id=one, event_time=1000 * one) for one in (7, 5, 6)]
    assert ours.next_history_url("BTC/USD", 5, 9, page) == ours.history_since_url("BTC/USD", 7000)
    assert ours.next_history_url("BTC/USD", 5, 7, page) is None
    assert ours.next_history_url("BTC/USD", 5, 9, page[:2]) is None, "it would show more if there were more"
    assert ours.next_history_url("BTC/USD", 5, 9, []) is None
    moment = [one._replace(event_time=7000) for one in page]
    assert ours.next_history_url("BTC/USD", 5, 9, moment) == ours.history_since_url("BTC/USD", 7001), "else for ever"


def test_past_trades_have_the_names_of_the_socket_and_exact_times() -> None:
    first, second = KRAKEN.parse_history("BTC/USD", PAST, 7)
    assert first == Trade(
        "kraken",
        "BTC/USD",
        "BTC",
        "USD",
        61044952,
        Decimal("30243.40000"),
        Decimal("0.34507674"),
        "buy",
        1688669597827736,
        7,
        "repair",
    )
    assert (second.side, second.event_time) == ("sell", 1688669598280411)
    assert KRAKEN.parse_history("BTC/USD", b'{"error":["WGeneral:Old"],"result":{"X":[],"last":"0"}}', 7) == []


@pytest.mark.parametrize(
    "body",
    [
        '{"error":["EQuery:Unknown asset pair"]}',
        '{"error":["EAPI:Rate limit exceeded"],"result":{}}',
        '{"error":[],"result":{"last":"0"}}',
        '{"error":[],"result":{"A":[],"B":[],"last":"0"}}',
        '{"error":[],"result":{"A":[5],"last":"0"}}',
        '{"error":[],"result":{"A":[["1","1",1e30,"b","l","",5]]}}',
        '{"error":[],"result":{"A":[["1","1",1.5,"b","l",""]]}}',
        '{"error":[],"result":[]}',
        '{"error":5,"result":{"A":[]}}',
        "[]",
        "{}",
        "<html>",
    ],
)
def test_what_is_no_page_of_history_is_refused(body: str) -> None:
    with pytest.raises(InvalidFrameError):
        KRAKEN.parse_history("BTC/USD", body.encode(), 7)


def test_the_clock_is_known_to_half_a_second() -> None:
    assert KRAKEN.parse_time(b'{"error":[],"result":{"unixtime":1688669448,"rfc1123":"x"}}') == 1688669448500000
    for body in (
        b'{"error":[],"result":{"unixtime":1.5}}',
        b'{"error":[],"result":{}}',
        b'{"error":["EService:Busy"]}',
    ):
        with pytest.raises(InvalidFrameError):
            KRAKEN.parse_time(body)


def test_pairs_are_listed_by_their_names_on_the_socket() -> None:
    rows = {
        "XXBTZUSD": {"altname": "XBTUSD", "wsname": "XBT/USD", "base": "XXBT", "quote": "ZUSD", "status": "online"},
        "XDGXBT": {"altname": "XDGXBT", "wsname": "XDG/XBT", "status": "cancel_only"},
        "XETHXXBT.d": {"altname": "ETHXBT.d", "status": "online"},
        "A": {"wsname": "A/B/C", "status": "online"},
        "B": {"wsname": 5, "status": "online"},
        "C": {"wsname": "C/USD"},
        "D": 5,
    }
    listed = KRAKEN.parse_listing(json.dumps({"error": [], "result": rows}).encode())
    shown = [(pair.symbol, pair.base, pair.quote, pair.status, pair.trading) for pair in listed]
    assert shown == [("BTC/USD", "BTC", "USD", "online", True), ("DOGE/BTC", "DOGE", "BTC", "cancel_only", False)]
    assert KRAKEN.parse_listing(b'{"error":["EQuery:Unknown asset pair"]}') == []
    for body in (b'{"error":["EAPI:Rate limit exceeded"]}', b'{"error":[],"result":[]}', b"[]", b"{}"):
        with pytest.raises(InvalidFrameError):
            KRAKEN.parse_listing(body)


def test_older_names_mean_the_same_pair() -> None:
    assert {KRAKEN.symbol(name) for name in ("BTC", "XBT", "XBT/USD", "kraken:btc", "kraken:BTC/USD")} == {"BTC/USD"}
    assert KRAKEN.symbol("XDG/XBT") == "DOGE/BTC"
    assert KRAKEN.symbol("BTC-USD") is None
    with pytest.raises(ValueError, match="this exchange writes BTC/USD"):
        KRAKEN.symbol("kraken:BTC-USD")
