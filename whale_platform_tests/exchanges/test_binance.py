import json
from decimal import Decimal
from typing import Any

import pytest

from whale_platform.domain.trade import Trade
from whale_platform.exchanges.base import Event, IgnoredMessage, ServerShutdown, SubscriptionConfirmed, SymbolRejected
from whale_platform.exchanges.binance.adapter import Binance
from whale_platform.exchanges.errors import InvalidFrameError

BINANCE = Binance()
DATA = {
    "e": "trade",
    "E": 1723161255343,
    "s": "BTCUSDT",
    "t": 3735683259,
    "p": "61837.63000000",
    "q": "0.02000000",
    "T": 1723161255342,
    "m": True,
    "M": True,
}


def parse(value: object) -> list[Event]:
    return BINANCE.parse(json.dumps(value), 7)


def changed(**fields: Any) -> dict[str, Any]:
    return {**DATA, **fields}


TRADE = Trade(
    exchange="binance",
    symbol="BTCUSDT",
    base="BTC",
    quote="USDT",
    trade_id=3735683259,
    price=Decimal("61837.63000000"),
    quantity=Decimal("0.02000000"),
    side="sell",
    event_time=1723161255342000,
    received_time=7,
)


def test_combined_and_raw_frames_are_the_same_trade() -> None:
    assert parse(DATA) == [TRADE]
    assert parse({"stream": "btcusdt@trade", "data": DATA}) == [TRADE]
    assert BINANCE.parse(json.dumps(DATA).encode(), 7) == [TRADE]


def test_the_buyer_as_maker_means_that_the_taker_sold() -> None:
    (trade,) = parse(changed(m=False))
    assert isinstance(trade, Trade)
    assert trade.side == "buy"


def test_microseconds_are_told_from_milliseconds() -> None:
    assert parse(changed(T=1723161255342987)) == [
        TRADE._replace(event_time=1723161255342987),
    ]


def test_new_fields_are_ignored() -> None:
    assert parse(changed(b=1, a=2, new={"deep": [1]})) == [TRADE]


@pytest.mark.parametrize("name", ["s", "t", "p", "q", "T", "m"])
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(InvalidFrameError, match=f"field {name} is missing"):
        parse({key: value for key, value in DATA.items() if key != name})


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("t", [True, -1, 1.5, "1", None, 2**63, 10**4000]),
        ("T", [False, -1, 1.5, "1723161255342", None]),
        ("m", [1, 0, "true", None]),
        ("s", ["", 5, None, ["BTCUSDT"], "BTC USDT", "BTC\ud800USDT", "BTCXYZ", "X" * 65, "BTC\nUSDT"]),
        (
            "p",
            ["NaN", "Infinity", "-1", "1e400", "", " 1", "1_000", "٣", "0x1", "1e", ".5", 1, 1.5, True, None, "9" * 26],
        ),
        ("q", ["nan", "-Infinity", "-0.1", "1E-400", "1,5", [], {}, "1" * 100_000]),
    ],
)
def test_a_wrong_value_is_named(name: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(InvalidFrameError, match=f"field {name}\\b") as refused:
            parse(changed(**{name: value}))
        assert len(str(refused.value)) < 250
        str(refused.value).encode()


@pytest.mark.parametrize("text", ["0.000000000000000001", "1000000000000", "1e-18", "0", "9999999999999999999999999"])
def test_extreme_but_finite_numbers_stay_exact(text: str) -> None:
    (trade,) = parse(changed(p=text))
    assert isinstance(trade, Trade)
    assert trade.price == Decimal(text)


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{",
        "[]",
        "1",
        "null",
        '"trade"',
        "NaN",
        '{"e":NaN}',
        "[" * 100_000,
        "{" * 5_000,
        b"\xff\xfe",
        b"\x00\x01",
        "{}x",
        '{"e":"trade","e":"trade"}',
        '{"stream":"btcusdt@trade"}',
        '{"stream":"btcusdt@trade","data":[]}',
        '{"stream":5}',
        json.dumps(DATA)[:-9],
        '{"lastUpdateId":1}',
        "{}",
        "9" * 5_000,
        " " * (1 << 20) + "{}",
    ],
)
def test_what_is_no_frame_is_a_bad_frame(frame: str | bytes) -> None:
    with pytest.raises(InvalidFrameError):
        BINANCE.parse(frame, 7)


@pytest.mark.parametrize("marker", ["INSURANCE_FUND", "ADL", "MARKET", None])
def test_a_futures_fill_never_becomes_a_trade(marker: object) -> None:
    with pytest.raises(InvalidFrameError, match="field X"):
        parse(changed(X=marker))


@pytest.mark.parametrize("kind", ["aggTrade", "blockTrade", "bookTicker", "tomorrow"])
def test_other_events_are_ignored_by_kind(kind: str) -> None:
    assert parse(changed(e=kind)) == [IgnoredMessage(kind)]
    assert parse({"stream": f"btcusdt@{kind}", "data": {"u": 1}}) == [IgnoredMessage(kind)]


def test_a_kind_is_short_and_printable() -> None:
    kinds: list[object] = ["x" * 1000, "\ud800", 5, {}, ""]
    for kind in kinds:
        assert parse({"e": kind}) == [IgnoredMessage("unnamed")]


def test_the_shutdown_notice_in_both_forms() -> None:
    notice = {"e": "serverShutdown", "E": 1770123456789}
    assert parse(notice) == [ServerShutdown()]
    assert parse({"stream": "!serverShutdown", "data": notice}) == [ServerShutdown()]


def test_answers_to_control_messages() -> None:
    assert parse({"result": None, "id": 7}) == [SubscriptionConfirmed(7)]
    assert parse({"result": None, "id": "7"}) == [SubscriptionConfirmed()]
    (refused,) = parse({"code": 2, "msg": "Invalid request: unknown stream foobtc@trade", "id": 8})
    assert isinstance(refused, SymbolRejected)
    assert (refused.symbol, refused.number) == ("FOOBTC", 8)
    for error in ({"code": 2, "msg": "Invalid request"}, {"error": {"code": 3, "msg": "Invalid JSON"}, "id": 1}):
        with pytest.raises(InvalidFrameError, match="Invalid"):
            parse(error)


def test_addresses() -> None:
    ours = Binance("ws://h/binance", "http://h/binance")
    assert ours.connect_url() == "ws://h/binance/stream?timeUnit=MICROSECOND"
    assert json.loads(ours.subscribe(["BTCUSDT", "币安人生USDT"], 7)) == {
        "method": "SUBSCRIBE",
        "params": ["btcusdt@trade", "币安人生usdt@trade"],
        "id": 7,
    }
    info = "http://h/binance/api/v3/exchangeInfo?"
    assert ours.check_url("BTCUSDT") == f"{info}symbol=BTCUSDT&showPermissionSets=false"
    assert ours.listing_url() == f"{info}showPermissionSets=false"
    url = "http://h/binance/api/v3/historicalTrades?symbol=BTCUSDT&fromId=5&limit="
    assert ours.history_url("BTCUSDT", 5, 7) == f"{url}3"
    assert ours.history_url("BTCUSDT", 5, 5000) == f"{url}1000"


def test_history_rows_are_trades() -> None:
    row = {"id": 5, "price": "1.5", "qty": "2", "quoteQty": "3", "time": 1723161255342, "isBuyerMaker": False}
    (trade,) = BINANCE.parse_history("BTCUSDT", json.dumps([row]).encode(), 9)
    assert (trade.trade_id, trade.side, trade.source, trade.event_time) == (5, "buy", "repair", 1723161255342000)


@pytest.mark.parametrize("body", [b'{"code":-1121,"msg":"Invalid symbol."}', b"[5]", b'[{"id":1}]', b"<html>", b"\xff"])
def test_a_history_that_is_none_is_a_bad_frame(body: bytes) -> None:
    with pytest.raises(InvalidFrameError):
        BINANCE.parse_history("BTCUSDT", body, 9)


def test_its_clock_is_read_in_either_unit() -> None:
    assert Binance(rest_url="http://h/binance").time_url() == "http://h/binance/api/v3/time"
    assert BINANCE.parse_time(b'{"serverTime":1499827319559}') == 1499827319559000
    assert BINANCE.parse_time(b'{"serverTime":1499827319559123}') == 1499827319559123
    for body in (b'{"serverTime":"1499827319559"}', b'{"serverTime":1.5}', b"{}", b"[]", b"<html>", b"\xff"):
        with pytest.raises(InvalidFrameError):
            BINANCE.parse_time(body)
