"""Hyperliquid's perpetuals, by its documentation and a recording of its trades."""

import json
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from whale_platform.domain.catalogue import ListedPair, SymbolCatalogue
from whale_platform.domain.plausibility import explain_implausible
from whale_platform.domain.trade import Trade
from whale_platform.exchanges.base import Event, IgnoredMessage, SubscriptionConfirmed, SymbolRejected
from whale_platform.exchanges.binance.adapter import Binance
from whale_platform.exchanges.errors import InvalidFrameError
from whale_platform.exchanges.hyperliquid.adapter import Hyperliquid
from whale_platform.exchanges.registry import assign_symbols, find_market_kind
from whale_platform_tests.support.captures import received_frames

EXCHANGE = Hyperliquid("ws://h", "http://h")
BUYER, SELLER, HASH = "0x" + 40 * "a", "0x" + 40 * "b", "0x" + 64 * "c"
ROW: dict[str, Any] = {"coin": "BTC", "side": "B", "px": "105056.0", "sz": "0.00219", "time": 1737918794873}
ROW |= {"hash": HASH, "tid": 121451470284048, "users": [BUYER, SELLER]}
TRADE = Trade(
    *("hyperliquid", "BTC", "BTC", "USDC", 121451470284048, Decimal("105056.0"), Decimal("0.00219"), "buy"),
    *(1737918794873000, 7),
    dense=False,
    taker_order_id=HASH,
    buyer=BUYER,
    seller=SELLER,
)


def wrap(row: object) -> dict[str, Any]:
    return {"channel": "trades", "data": [row]}


def parse(value: object) -> list[Event]:
    return EXCHANGE.parse(json.dumps(value), 7)


def test_each_row_is_a_trade_with_both_parties_whatever_side_took() -> None:
    assert parse(wrap(ROW)) == [TRADE]
    assert parse(wrap(ROW | {"side": "A"})) == [TRADE._replace(side="sell")]
    assert parse({"channel": "trades", "data": []}) == []


def test_the_trades_of_a_frame_are_in_the_order_of_their_times() -> None:
    later = ROW | {"tid": 5, "time": ROW["time"] + 1}
    assert [event.trade_id for event in parse(wrap(later) | {"data": [later, ROW]}) if isinstance(event, Trade)] == [
        *(ROW["tid"], 5)
    ]


def test_a_trade_without_a_transaction_has_no_order() -> None:
    assert parse(wrap(ROW | {"hash": "0x" + 64 * "0"})) == [TRADE._replace(taker_order_id=None)]


def test_every_id_of_fifty_bits_is_plausible_and_none_above() -> None:
    (trade,) = parse(wrap(ROW | {"tid": 2**50 - 1}))
    assert isinstance(trade, Trade) and explain_implausible(trade, trade.event_time) is None
    with pytest.raises(InvalidFrameError, match="field tid is 1125899906842624, which has more than 50 bits"):
        parse(wrap(ROW | {"tid": 2**50}))


@pytest.mark.parametrize("name", ["coin", "side", "px", "sz", "time", "tid"])
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(InvalidFrameError, match=f"field {name} is missing"):
        parse(wrap({key: value for key, value in ROW.items() if key != name}))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("coin", ["", 5, None, "A B"]),
        ("side", ["buy", "", None, 1]),
        ("px", [1.5, "NaN", "-1", None]),
        ("sz", [1, ""]),
        ("time", ["5", -1, 1.5]),
        ("tid", ["5", -1, None, True]),
        ("hash", ["", None, 5, "0x12", HASH + "0", "0x" + 64 * "g"]),
        ("users", [[], None, [BUYER], [BUYER, SELLER, BUYER], [BUYER, 5], [BUYER, "0x12"], {}]),
    ],
)
def test_a_wrong_value_is_named(name: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(InvalidFrameError, match=f"field {name}\\b"):
            parse(wrap(ROW | {name: value}))


def test_answers_and_refusals_name_their_coin() -> None:
    asked = {"type": "trades", "coin": "BTC"}
    assert json.loads(EXCHANGE.subscribe(["BTC"], 3)) == {"method": "subscribe", "subscription": asked}
    response = {"method": "subscribe", "subscription": asked}
    assert parse({"channel": "subscriptionResponse", "data": response}) == [
        SubscriptionConfirmed(symbols=frozenset({"BTC"}))
    ]
    assert parse({"channel": "subscriptionResponse", "data": response | {"method": "unsubscribe"}}) == [
        IgnoredMessage("subscriptionResponse")
    ]
    said = 'Invalid subscription {"type": "trades", "coin": "NOSUCH"}'
    assert parse({"channel": "error", "data": said}) == [SymbolRejected("NOSUCH", repr(said))]
    assert parse({"channel": "error", "data": "Invalid coin"}) == [SymbolRejected("", "'Invalid coin'")]
    said = 'Already subscribed: {"type":"trades","coin":"BTC"}'
    assert parse({"channel": "error", "data": said}) == [SubscriptionConfirmed(symbols=frozenset({"BTC"}))]
    assert parse({"channel": "pong"}) == [IgnoredMessage("pong")]
    nonsense: list[dict[str, Any]] = [{"channel": "error", "data": "Too many"}, {"data": []}]
    for wrong in (*nonsense, {"channel": "trades", "data": {}}):
        with pytest.raises(InvalidFrameError):
            parse(wrong)


@pytest.mark.parametrize(
    ("name", "symbol"),
    [
        *(("BTC", "BTC"), ("btc", "BTC"), ("BTC/USDC", "BTC"), ("BTC/USD", "BTC"), ("hyperliquid:BTC", "BTC")),
        *(("BTC/EUR", None), ("BTCUSDT", None), ("BTC-USD", None), ("binance:BTC", None)),
    ],
)
def test_a_coin_stands_for_its_perpetual(name: str, symbol: str | None) -> None:
    assert EXCHANGE.symbol(name) == symbol
    with pytest.raises(ValueError, match="perpetuals in USDC alone"):
        EXCHANGE.symbol("hyperliquid:BTC/EUR")


def test_a_base_is_meant_for_the_others_too_also_while_their_lists_are_unknown() -> None:
    for listed in (SymbolCatalogue(), SymbolCatalogue([ListedPair("BTCUSDT", "BTC", "USDT", "TRADING", True)])):
        found = assign_symbols([Binance(listed=listed), EXCHANGE], ["BTC", "ETHUSDT"])
        assert found == {"binance": ["BTCUSDT", "ETHUSDT"], "hyperliquid": ["BTC"]}
    assert find_market_kind("sim_hyperliquid") == "perpetual"


def test_nothing_is_shown_by_get() -> None:
    urls = (EXCHANGE.time_url(), EXCHANGE.check_url("BTC"), EXCHANGE.listing_url(), EXCHANGE.history_url("BTC", 1, 2))
    assert (*urls, EXCHANGE.newest_url("BTC")) == (None,) * 5
    for read in (EXCHANGE.parse_time, EXCHANGE.parse_listing, lambda body: EXCHANGE.parse_history("BTC", body, 7)):
        with pytest.raises(InvalidFrameError, match="shows no"):
            read(b"[]")


def test_the_recording_shows_sides_parties_and_transactions() -> None:
    frames = list(received_frames("hyperliquid_btc_20250126.gz"))
    trades = [event for frame in frames for event in EXCHANGE.parse(frame, 0)]
    assert all(isinstance(trade, Trade) for trade in trades)
    found = [trade for trade in trades if isinstance(trade, Trade)]
    assert [len(json.loads(frame)["data"]) for frame in frames] == [30, 1, 1, 1]
    assert (len(found), len({trade.trade_id for trade in found})) == (33, 33), "ids are not in order, but each is one"
    assert [trade.trade_id for trade in found] != sorted(trade.trade_id for trade in found)
    assert Counter(trade.side for trade in found) == {"buy": 21, "sell": 12}
    assert Counter(str(trade.price) for trade in found if trade.side == "buy") == {"105056.0": 21}
    assert Counter(str(trade.price) for trade in found if trade.side == "sell") == {"105055.0": 12}
    # The seller stands at the best ask where the buyer took: one maker sold to all of them.
    assert len({trade.seller for trade in found if trade.side == "buy"}) == 1
    # 11 trades have no transaction; of the others each is in one of its own here, seven of them at the same time.
    orders = Counter(trade.taker_order_id for trade in found)
    assert orders.pop(None) == 11 and set(orders.values()) == {1} and len(orders) == 22
    at = Counter((trade.event_time, trade.side) for trade in found if trade.taker_order_id is not None)
    assert max(at.values()) == 7
