import json
from decimal import Decimal
from typing import Any

import pytest

from whale_platform.domain.trade import Trade
from whale_platform.exchanges.base import Event, IgnoredMessage, ServerShutdown, SubscriptionConfirmed, SymbolRejected
from whale_platform.exchanges.errors import HistoryOutOfReachError, InvalidFrameError
from whale_platform.exchanges.okx.adapter import REACH_US, Okx

OKX = Okx()
ROW = {
    "instId": "BTC-USDT",
    "tradeId": "130639474",
    "px": "42219.9",
    "sz": "0.12060306",
    "side": "buy",
    "ts": "1630048897897",
    "source": "0",
}
TRADE = Trade(
    exchange="okx",
    symbol="BTC-USDT",
    base="BTC",
    quote="USDT",
    trade_id=130639474,
    price=Decimal("42219.9"),
    quantity=Decimal("0.12060306"),
    side="buy",
    event_time=1630048897897000,
    received_time=7,
)


def wrap(row: object, channel: str = "trades-all") -> dict[str, Any]:
    return {"arg": {"channel": channel, "instId": "BTC-USDT"}, "data": [row]}


def parse(value: object) -> list[Event]:
    return OKX.parse(json.dumps(value), 7)


def test_each_row_is_a_trade_whose_side_is_the_taker_s() -> None:
    assert parse(wrap(ROW)) == [TRADE]
    assert parse(wrap(ROW | {"side": "sell"})) == [TRADE._replace(side="sell")]
    both = wrap(ROW) | {"data": [ROW, ROW | {"tradeId": "130639475"}]}
    assert parse(both) == [TRADE, TRADE._replace(trade_id=130639475)]


def test_a_channel_that_sums_up_fills_never_becomes_a_trade() -> None:
    assert parse(wrap(ROW | {"count": "3"}, "trades")) == [IgnoredMessage("trades")]


@pytest.mark.parametrize("symbol", ["BTC-USDT-SWAP", "BTC-USD-220527", "BTC-USD-231229-42000-C", "BTCUSDT", "-USDT"])
def test_what_is_not_spot_is_refused(symbol: str) -> None:
    with pytest.raises(InvalidFrameError, match=f"field instId is '{symbol}', not a spot instrument"):
        parse(wrap(ROW | {"instId": symbol}))
    rows = [{"instType": "SWAP", "instId": symbol, "baseCcy": "BTC", "quoteCcy": "USDT", "state": "live"}]
    assert OKX.parse_listing(json.dumps({"code": "0", "data": rows}).encode()) == []
    assert OKX.unreadable(symbol) is not None


@pytest.mark.parametrize("name", ["instId", "tradeId", "px", "sz", "side", "ts"])
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(InvalidFrameError, match=f"field {name} is missing"):
        parse(wrap({key: value for key, value in ROW.items() if key != name}))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("tradeId", [130639474, True, "-1", "1.5", "", "٣", None, "9" * 19, "9" * 30]),
        ("ts", [1630048897897, "1e3", " 1", None, "9" * 19]),
        ("px", ["NaN", "-1", "1e400", 1.5, None, True]),
        ("sz", ["Infinity", "", "1 ", []]),
        ("side", ["BUY", "", None, 1, ["buy"]]),
        ("instId", ["", None, 5, "\ud800", "x" * 65, 'a"b', "a\\b"]),
    ],
)
def test_a_wrong_value_is_named(name: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(InvalidFrameError, match=rf"field {name}\b"):
            parse(wrap(ROW | {name: value}))


@pytest.mark.parametrize("data", [None, {}, "x", [5], [ROW, None]])
def test_data_that_is_no_list_of_rows_is_refused(data: object) -> None:
    with pytest.raises(InvalidFrameError, match="field data is"):
        parse(wrap(ROW) | {"data": data})


def test_each_instrument_is_confirmed_or_refused_by_itself() -> None:
    arg = {"channel": "trades-all", "instId": "BTC-USDT"}
    confirmed = {"id": "12", "event": "subscribe", "arg": arg, "connId": "a4d3ae55"}
    assert parse(confirmed) == [SubscriptionConfirmed(symbols=frozenset({"BTC-USDT"}))]
    assert parse(confirmed | {"arg": {"channel": "tickers", "instId": "BTC-USDT"}}) == [IgnoredMessage("subscribe")]
    said = "Wrong URL or channel:trades-all,instId:NMR-USDT doesn't exist. Please use the correct URL, channel and …"
    refused = {"id": "12", "event": "error", "code": "60018", "msg": said, "connId": "0d0c61a5"}
    (rejected,) = parse(refused)
    assert isinstance(rejected, SymbolRejected)
    assert (rejected.symbol, rejected.number) == ("NMR-USDT", 12) and "doesn't exist" in rejected.reason
    (rejected,) = parse({key: value for key, value in refused.items() if key != "id"})
    assert isinstance(rejected, SymbolRejected) and rejected.number is None


def test_other_errors_are_errors_and_refuse_no_symbol() -> None:
    for code, said in (
        ("60014", "Requests too frequent, instId:BTC-USDT"),
        ("60012", "Invalid request: {}"),
        (5, None),
    ):
        with pytest.raises(InvalidFrameError, match="the exchange reports an error"):
            parse({"event": "error", "code": code, "msg": said})


def test_a_service_upgrade_closes_the_connection_soon() -> None:
    said = "The connection will soon be closed for a service upgrade. Please reconnect."
    assert parse({"event": "notice", "code": "64008", "msg": said, "connId": "a4d3ae55"}) == [ServerShutdown()]
    assert parse({"event": "notice", "code": "1", "msg": said}) == [IgnoredMessage("notice")]


def test_the_answer_to_a_ping_and_other_events_are_ignored() -> None:
    assert OKX.parse("pong", 7) == OKX.parse(b"pong", 7) == [IgnoredMessage("pong")]
    assert parse({"event": "channel-conn-count", "channel": "orders"}) == [IgnoredMessage("channel-conn-count")]
    for frame in ("ping", "pong ", "{}", "[]", "5"):
        with pytest.raises(InvalidFrameError):
            OKX.parse(frame, 7)


def test_addresses() -> None:
    ours = Okx("ws://h/okx", "http://h/okx")
    assert ours.connect_url() == "ws://h/okx/ws/v5/business"
    args = [{"channel": "trades-all", "instId": symbol} for symbol in ("BTC-USDT", "ETH-USDT")]
    assert json.loads(ours.subscribe(["BTC-USDT", "ETH-USDT"], 3)) == {"id": "3", "op": "subscribe", "args": args}
    history = "http://h/okx/api/v5/market/history-trades?instId=BTC-USDT&type=1"
    assert ours.history_url("BTC-USDT", 5, 7) == f"{history}&after=8&limit=3"
    assert ours.history_url("BTC-USDT", 5, 5000) == f"{history}&after=5001&limit=100"
    assert ours.check_url("BTC-USDT").endswith("/api/v5/public/instruments?instType=SPOT&instId=BTC-USDT")


def page(ids: range, age_us: int = 0) -> list[Trade]:
    return [TRADE._replace(trade_id=one, received_time=TRADE.event_time + age_us) for one in ids]


def test_history_goes_down_and_tells_what_is_too_old_from_what_never_was() -> None:
    following = OKX.next_history_url("BTC-USDT", 5, 5000, page(range(4901, 5001)))
    assert following == OKX.history_url("BTC-USDT", 5, 4900)
    assert OKX.next_history_url("BTC-USDT", 5, 5000, page(range(5, 105))) is None
    assert OKX.next_history_url("BTC-USDT", 5, 9, page(range(7, 10))) is None, "the market began with the seventh"
    for short in (page(range(7, 10), REACH_US + 1), []):
        with pytest.raises(HistoryOutOfReachError, match="three months"):
            OKX.next_history_url("BTC-USDT", 5, 9, short)


def test_responses_of_rest_are_read_and_errors_are_errors() -> None:
    body = json.dumps({"code": "0", "msg": "", "data": [ROW]}).encode()
    assert OKX.parse_history("BTC-USDT", body, 7) == [TRADE._replace(source="repair")]
    with pytest.raises(InvalidFrameError, match="field instId is 'BTC-USDT', not ETH-USDT"):
        OKX.parse_history("ETH-USDT", body, 7)
    unknown = b'{"code":"51001","msg":"Instrument ID does not exist","data":[]}'
    assert OKX.parse_listing(unknown) == []
    for wrong in (unknown, b'{"code":"50011","msg":"Too Many Requests","data":[]}', b"[]", b"{}", b"<html>", b"\xff"):
        with pytest.raises(InvalidFrameError):
            OKX.parse_history("BTC-USDT", wrong, 7)
    assert OKX.parse_time(b'{"code":"0","msg":"","data":[{"ts":"1597026383085"}]}') == 1597026383085000
    for wrong in (b'{"code":"0","data":[]}', b'{"code":"0","data":[{"ts":5}]}', b'{"code":"1","data":[{"ts":"5"}]}'):
        with pytest.raises(InvalidFrameError):
            OKX.parse_time(wrong)


def test_a_suspended_instrument_does_not_trade() -> None:
    row = {"instType": "SPOT", "instId": "OKB-USDT", "baseCcy": "OKB", "quoteCcy": "USDT", "state": "suspend"}
    (pair,) = OKX.parse_listing(
        json.dumps({"code": "0", "data": [row, {"instType": "SPOT"}, row | {"instId": 5}]}).encode()
    )
    assert (pair.symbol, pair.base, pair.quote, pair.status, pair.trading) == (
        "OKB-USDT",
        "OKB",
        "USDT",
        "suspend",
        False,
    )
