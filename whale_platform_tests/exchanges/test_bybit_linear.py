"""Where Bybit's perpetuals differ from its spot trades, by recorded frames and the documented list."""

import json
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from whale_platform.domain.catalogue import ListedPair, SymbolCatalogue
from whale_platform.domain.trade import Trade
from whale_platform.exchanges.base import Event, SubscriptionConfirmed
from whale_platform.exchanges.bybit_linear.adapter import BybitLinear
from whale_platform.exchanges.errors import HistoryOutOfReachError, InvalidFrameError
from whale_platform_tests.exchanges import test_bybit
from whale_platform_tests.support.captures import decode_frame, received_frames

LISTED = [ListedPair("BTCUSDT", "BTC", "USDT", "Trading", True), ListedPair("BTCPERP", "BTC", "USDC", "Trading", True)]
LINEAR = BybitLinear("ws://h", "http://h", listed=SymbolCatalogue(LISTED))
UUID = "a9188a0a-82bc-50de-be60-03eedbe3cdd7"
ROW: dict[str, Any] = {"T": 1786310819680, "s": "BTCUSDT", "S": "Sell", "v": "0.004", "p": "65114.20"}
ROW |= {"L": "MinusTick", "i": UUID, "BT": False, "RPI": False, "seq": 753843954913}
PAST: dict[str, Any] = {"execId": UUID, "symbol": "BTCUSDT", "price": "65114.20", "size": "0.004", "side": "Sell"}
PAST |= {"time": "1786310819680", "isBlockTrade": False, "isRPITrade": False, "seq": "753843954913"}
TRADE = Trade(
    *("bybit_linear", "BTCUSDT", "BTC", "USDT", 0xE6003EEDBE3CDD7 % 2**52, Decimal("65114.20"), Decimal("0.004")),
    *("sell", 1786310819680000, 7),
    dense=False,
    taker_order_id="753843954913",
)
wrap = test_bybit.wrap


def parse(value: object) -> list[Event]:
    return LINEAR.parse(json.dumps(value), 7)


def respond(rows: object) -> bytes:
    return json.dumps({"retCode": 0, "retMsg": "OK", "result": {"category": "linear", "list": rows}}).encode()


def test_a_trade_is_known_by_the_end_of_its_uuid_which_history_has_too() -> None:
    assert parse(wrap(ROW)) == [TRADE]
    assert LINEAR.parse_history("BTCUSDT", respond([PAST]), 7) == [TRADE._replace(source="repair")]
    assert parse(wrap(ROW | {"BT": True})) == [TRADE._replace(block=True)]


@pytest.mark.parametrize("text", ["2290000000923750370", "", UUID.upper(), UUID[:-1], f"{UUID}0", "x" * 36, 5, None])
def test_an_id_that_is_no_uuid_is_refused(text: object) -> None:
    """Those of spot are numbers, so an address of spot gives no perpetual."""
    with pytest.raises(InvalidFrameError, match="field i "):
        parse(wrap(ROW | {"i": text}))
    with pytest.raises(InvalidFrameError, match="field i is '2290000000923750370', not the UUID"):
        parse(wrap(test_bybit.ROW))
    with pytest.raises(InvalidFrameError, match="field execId is '2240000000970262766', not the UUID"):
        LINEAR.parse_history("BTCUSDC", respond([test_bybit.PAST]), 7)


@pytest.mark.parametrize("name", ["i", "T", "p", "v", "S", "s", "BT"])
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(InvalidFrameError, match=f"field {name} is missing"):
        parse(wrap({key: value for key, value in ROW.items() if key != name}))


def test_addresses_are_those_of_the_category() -> None:
    assert LINEAR.connect_url() == "ws://h/v5/public/linear"
    assert LINEAR.newest_url("BTCUSDT") == "http://h/v5/market/recent-trade?category=linear&symbol=BTCUSDT&limit=1000"
    assert LINEAR.listing_url() == "http://h/v5/market/instruments-info?category=linear&limit=1000"
    assert LINEAR.check_url("BTCUSDT") == "http://h/v5/market/instruments-info?category=linear&symbol=BTCUSDT"
    assert json.loads(LINEAR.subscribe(["BTCUSDT"], 3))["args"] == ["publicTrade.BTCUSDT"]


def test_only_perpetuals_are_listed_and_a_contract_that_expires_cannot_be_requested() -> None:
    row = {"symbol": "BTCPERP", "baseCoin": "BTC", "quoteCoin": "USDC", "status": "Trading"}
    dated = {"symbol": "BTCUSDT-26MAR27", "baseCoin": "BTC", "quoteCoin": "USDT", "status": "Trading"}
    rows = [row | {"contractType": "LinearPerpetual"}, dated | {"contractType": "LinearFutures"}]
    assert LINEAR.parse_listing(respond(rows)) == [LISTED[1]]
    assert [LINEAR.symbol(name) for name in ("BTC", "BTC/USDC", "BTCPERP")] == ["BTCUSDT", "BTCPERP", "BTCPERP"]
    with pytest.raises(ValueError, match="this exchange writes BTCUSDT"):
        LINEAR.symbol("bybit_linear:BTCUSDT-26MAR27")


def test_history_is_whole_where_the_page_is_not_full_or_holds_the_trade() -> None:
    page = [TRADE._replace(trade_id=number) for number in range(5_000, 4_000, -1)]
    assert LINEAR.next_history_url("BTCUSDT", 17, 20, page[:-1]) is None
    assert LINEAR.next_history_url("BTCUSDT", 4_500, 9_000, page) is None
    with pytest.raises(HistoryOutOfReachError, match="only the newest 1000 are shown"):
        LINEAR.next_history_url("BTCUSDT", 9_000, 9_001, page)


def test_every_recorded_trade_is_read_with_an_id_of_its_own() -> None:
    read: list[Trade] = []
    other: Counter[str] = Counter()
    shown: list[dict[str, Any]] = []
    adapter = BybitLinear()
    for frame in received_frames(test_bybit.CAPTURE):
        shown += decode_frame(frame).get("data", [])
        for event in adapter.parse(frame, 0):
            if isinstance(event, Trade):
                read.append(event)
            else:
                other[type(event).__name__] += 1
    assert other == {SubscriptionConfirmed.__name__: 17}
    assert len(read) == len({(one.symbol, one.trade_id) for one in read}) == 115
    wanted = [(one["s"], Decimal(one["p"]), Decimal(one["v"]), one["S"].lower(), one["T"] * 1000) for one in shown]
    assert [(one.symbol, one.price, one.quantity, one.side, one.event_time) for one in read] == wanted
    assert len({(one.symbol, one.taker_order_id) for one in read}) == 58
    ids = [one.trade_id for one in read if one.symbol == "SOLUSDT"]
    assert ids != sorted(ids) and max(ids) < 2**52


def test_the_recorded_uuids_are_of_the_version_whose_last_bits_are_those_of_a_hash() -> None:
    rows = [row for frame in received_frames(test_bybit.CAPTURE) for row in decode_frame(frame).get("data", ())]
    assert {row["i"][14] for row in rows} == {"5"} and len(rows) == 115
