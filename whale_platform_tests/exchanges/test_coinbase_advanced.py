"""Coinbase Advanced, by its documentation and a recording."""

import json
from collections import Counter, defaultdict
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from whale_platform.domain.catalogue import ListedPair
from whale_platform.domain.trade import Trade
from whale_platform.exchanges.base import (
    EarlierTrade,
    Event,
    IgnoredMessage,
    LastTrade,
    MessageNumber,
    SubscriptionConfirmed,
    SymbolRejected,
)
from whale_platform.exchanges.coinbase_advanced.adapter import CoinbaseAdvanced
from whale_platform.exchanges.errors import HistoryOutOfReachError, InvalidFrameError
from whale_platform_tests.support.captures import received_frames

EXCHANGE = CoinbaseAdvanced("ws://h", "http://h")
ROW: dict[str, Any] = {"product_id": "BTC-USD", "trade_id": "1068572095", "price": "65083.67", "size": "0.00322434"}
ROW |= {"time": "2026-08-09T21:05:51.376358Z", "side": "SELL"}
TRADE = Trade(
    *("coinbase_advanced", "BTC-USD", "BTC", "USD", 1068572095, Decimal("65083.67"), Decimal("0.00322434"), "buy"),
    *(1786309551376358, 7),
)
PRODUCT = {"product_id": "BTC-USD", "base_currency_id": "BTC", "quote_currency_id": "USD", "status": "online"}
PRODUCT |= {"product_type": "SPOT"}


def wrap(*rows: object, kind: str = "update") -> dict[str, Any]:
    event = {"type": kind, "trades": [*rows]}
    return {"channel": "market_trades", "timestamp": "2026-08-09T21:05:51.45Z", "sequence_num": 136, "events": [event]}


def parse(value: object) -> list[Event]:
    return EXCHANGE.parse(json.dumps(value), 7)


def test_each_row_is_a_trade_whose_taker_did_the_opposite_of_its_side_the_oldest_first() -> None:
    newer = ROW | {"trade_id": "1068572096", "side": "BUY"}
    assert parse(wrap(newer, ROW)) == [TRADE, TRADE._replace(trade_id=1068572096, side="sell"), MessageNumber(136)]


def test_a_snapshot_tells_of_trades_of_before_each_product_by_itself() -> None:
    other = ROW | {"product_id": "ETH-USD", "trade_id": "5"}
    trades = [TRADE._replace(trade_id=TRADE.trade_id - more) for more in (2, 1, 0)]
    rows = [ROW | {"trade_id": str(trade.trade_id)} for trade in trades[::-1]]
    found = parse(wrap(*rows, other, kind="snapshot"))
    ether = TRADE._replace(symbol="ETH-USD", base="ETH", trade_id=5)
    assert found == [
        *(LastTrade(ether), EarlierTrade(trades[0]), EarlierTrade(trades[1]), LastTrade(trades[2])),
        MessageNumber(136),
    ]


@pytest.mark.parametrize("name", ["product_id", "trade_id", "price", "size", "time", "side"])
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(InvalidFrameError, match=f"field {name} is missing"):
        parse(wrap({key: value for key, value in ROW.items() if key != name}))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("product_id", ["BTCUSD", "", None]),
        ("trade_id", [1068572095, "-1", "x", "", None]),
        ("price", [1.5, "NaN", None]),
        ("size", [1, ""]),
        ("time", ["2026-08-09", 5, None]),
        ("side", ["", "UNKNOWN_ORDER_SIDE", None, 1]),
    ],
)
def test_a_wrong_value_is_named(name: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(InvalidFrameError, match=f"field {name}\\b"):
            parse(wrap(ROW | {name: value}))
    nonsense: list[dict[str, Any]] = [wrap(kind="delete"), wrap() | {"events": {}}, wrap() | {"sequence_num": "5"}]
    for frame in (*nonsense, {"events": []}):
        with pytest.raises(InvalidFrameError):
            parse(frame)


def test_other_channels_bring_their_number_and_confirmations_name_all_products() -> None:
    frame = {"channel": "heartbeats", "sequence_num": 5, "events": [{"heartbeat_counter": 41691}]}
    assert parse(frame) == [IgnoredMessage("heartbeats"), MessageNumber(5)]
    listed = {"heartbeats": ["heartbeats"], "market_trades": ["BTC-USD", "ETH-USD"]}
    assert parse({"channel": "subscriptions", "sequence_num": 6, "events": [{"subscriptions": listed}]}) == [
        *(SubscriptionConfirmed(symbols=frozenset({"BTC-USD", "ETH-USD"})), MessageNumber(6))
    ]
    assert parse({"channel": "subscriptions", "sequence_num": 7, "events": [{"subscriptions": {}}]}) == [
        *(SubscriptionConfirmed(symbols=frozenset()), MessageNumber(7))
    ]
    said = "Failed to subscribe: NOSUCH-USD is not a valid product"
    assert parse({"type": "error", "message": said}) == [SymbolRejected("NOSUCH-USD", repr(said))]
    with pytest.raises(InvalidFrameError, match="the exchange reports an error"):
        parse({"type": "error", "message": "authentication failure"})


def test_one_channel_is_subscribed_by_a_message_and_heartbeats_again_and_again() -> None:
    assert json.loads(EXCHANGE.subscribe(["BTC-USD"], 3)) == {
        "type": "subscribe",
        "product_ids": ["BTC-USD"],
        "channel": "market_trades",
    }
    assert EXCHANGE.keepalive is not None and EXCHANGE.keepalive.interval_s < 60
    assert json.loads(EXCHANGE.keepalive.message) == {"type": "subscribe", "channel": "heartbeats"}


def test_history_ends_at_its_only_page_and_is_out_of_reach_below_it_however_short_it_is() -> None:
    body = json.dumps({"trades": [ROW], "best_bid": "1"}).encode()
    page = EXCHANGE.parse_history("BTC-USD", body, 7)
    assert page == [TRADE._replace(source="repair")]
    assert EXCHANGE.next_history_url("BTC-USD", TRADE.trade_id, TRADE.trade_id + 5, page) is None
    assert EXCHANGE.next_history_url("BTC-USD", 1, 5, []) is None
    with pytest.raises(HistoryOutOfReachError, match="only the newest trades are shown"):
        EXCHANGE.next_history_url("BTC-USD", TRADE.trade_id - 1, TRADE.trade_id, page)
    for wrong in (b"[]", b'{"error":"NOT_FOUND"}', b'{"trades":[5]}', b"<html>"):
        with pytest.raises(InvalidFrameError):
            EXCHANGE.parse_history("BTC-USD", wrong, 7)
    with pytest.raises(InvalidFrameError, match="trades of another product"):
        EXCHANGE.parse_history("ETH-USD", body, 7)


def test_addresses_clock_and_list() -> None:
    market = "http://h/api/v3/brokerage/market/products"
    assert EXCHANGE.newest_url("BTC-USD") == f"{market}/BTC-USD/ticker?limit=1"
    assert EXCHANGE.history_url("BTC-USD", 5, 7) == f"{market}/BTC-USD/ticker?limit=1000"
    assert EXCHANGE.listing_url() == f"{market}?product_type=SPOT"
    assert EXCHANGE.parse_time(b'{"iso":"2021-12-31T20:00:00Z","epochMillis":"1640995200123"}') == 1640995200123000
    pair = ListedPair("BTC-USD", "BTC", "USD", "online", True)
    future = PRODUCT | {"product_id": "BIT-28JUL23-CDE", "product_type": "FUTURE"}
    body = json.dumps({"products": [PRODUCT, future, {"product_id": 5}], "num_products": 3}).encode()
    assert EXCHANGE.parse_listing(body) == [pair] == EXCHANGE.parse_listing(json.dumps(PRODUCT).encode())
    (halted,) = EXCHANGE.parse_listing(json.dumps(PRODUCT | {"trading_disabled": True}).encode())
    assert (halted.status, halted.trading) == ("trading disabled", False)


def test_the_recording_has_every_id_and_its_taker_sides_agree_with_the_ticks() -> None:
    kinds: Counter[str] = Counter()
    trades: dict[str, list[Trade]] = defaultdict(list)
    numbers: list[int] = []
    for frame in received_frames("coinbase_advanced_20260809.gz"):
        for event in EXCHANGE.parse(frame, 0):
            kinds[type(event).__name__] += 1
            if isinstance(event, MessageNumber):
                numbers.append(event.number)
            trade = event.trade if isinstance(event, EarlierTrade | LastTrade) else event
            if isinstance(trade, Trade):
                trades[trade.symbol].append(trade)
    assert kinds == {
        "EarlierTrade": 198,
        "LastTrade": 2,
        "Trade": 40,
        "IgnoredMessage": 9,
        "SubscriptionConfirmed": 5,
        "MessageNumber": 43,
    }
    assert {symbol: (found[0].trade_id, len(found)) for symbol, found in trades.items()} == {
        "BTC-USD": (1068571991, 123),
        "ETH-USD": (833140679, 117),
    }
    ticks: Counter[bool] = Counter()
    for found in trades.values():
        assert [trade.trade_id for trade in found] == [*range(found[0].trade_id, found[0].trade_id + len(found))]
        for before, after in pairwise(found):
            if after.price != before.price:
                ticks[(after.price > before.price) == (after.side == "buy")] += 1
    assert ticks == {True: 112, False: 16}, "as its side is the maker's"
    assert Counter(trade.side for found in trades.values() for trade in found) == {"buy": 126, "sell": 114}
    assert numbers == sorted(set(numbers)) and (numbers[:3], numbers[-1]) == ([0, 1, 2], 385), "other channels are cut"
