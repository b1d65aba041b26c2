"""Bybit spot, by its documentation and by frames that others have published; the recording at hand is of perpetuals."""

import json
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from whale_platform.domain.catalogue import ListedPair, SymbolCatalogue
from whale_platform.domain.trade import Trade
from whale_platform.exchanges.base import Event, IgnoredMessage, SubscriptionConfirmed, SymbolRejected
from whale_platform.exchanges.bybit.adapter import Bybit
from whale_platform.exchanges.errors import HistoryOutOfReachError, InvalidFrameError
from whale_platform_tests.support.captures import decode_frame, received_frames

BYBIT = Bybit("ws://h", "http://h", listed=SymbolCatalogue([ListedPair("BTCUSDC", "BTC", "USDC", "Trading", True)]))
ROW: dict[str, Any] = {"i": "2290000000923750370", "T": 1761583474343, "p": "115440.7", "v": "0.00903", "S": "Buy"}
ROW |= {"seq": 89200463112, "s": "BTCUSDT", "BT": False, "RPI": False}
PAST: dict[str, Any] = {"execId": "2240000000970262766", "symbol": "BTCUSDC", "price": "114505.5", "size": "0.000036"}
PAST |= {"side": "Buy", "time": "1761520773879", "isBlockTrade": False, "isRPITrade": False, "seq": "111156078262"}
TRADE = Trade(
    *("bybit", "BTCUSDT", "BTC", "USDT", 2_290_923_750_370, Decimal("115440.7"), Decimal("0.00903"), "buy"),
    *(1761583474343000, 7),
    dense=False,
    taker_order_id="89200463112",
)
CAPTURE = "bybit_v5_20260809.gz"


def wrap(row: object) -> dict[str, Any]:
    return {"topic": "publicTrade.BTCUSDT", "ts": 1761583474344, "type": "snapshot", "data": [row]}


def parse(value: object) -> list[Event]:
    return BYBIT.parse(json.dumps(value), 7)


def respond(rows: object, code: int = 0) -> bytes:
    return json.dumps({"retCode": code, "retMsg": "OK", "result": {"category": "spot", "list": rows}}).encode()


def test_each_row_is_a_trade_whose_side_is_the_taker_s() -> None:
    assert parse(wrap(ROW)) == [TRADE]
    assert parse(wrap(ROW) | {"data": [ROW, ROW | {"i": "2290000000923750371", "S": "Sell"}]}) == [
        TRADE,
        TRADE._replace(trade_id=2_290_923_750_371, side="sell"),
    ]
    assert parse(wrap(ROW | {"RPI": True})) == [TRADE]
    assert parse(wrap({name: value for name, value in ROW.items() if name not in ("seq", "RPI")})) == [
        TRADE._replace(taker_order_id=None)
    ]


def test_a_block_trade_is_marked() -> None:
    assert parse(wrap(ROW | {"BT": True})) == [TRADE._replace(block=True)]
    (past,) = BYBIT.parse_history("BTCUSDC", respond([PAST | {"isBlockTrade": True}]), 7)
    assert past.block


def test_history_has_the_same_id_and_step_as_the_stream() -> None:
    (past,) = BYBIT.parse_history("BTCUSDC", respond([PAST]), 7)
    assert (past.trade_id, past.side, past.event_time, past.taker_order_id, past.source) == (
        *(2_240_970_262_766, "buy", 1761520773879000, "111156078262", "repair"),
    )
    live = ROW | {"i": PAST["execId"], "s": "BTCUSDC", "T": 1761520773879, "p": PAST["price"], "v": PAST["size"]}
    assert parse(wrap(live | {"seq": 111156078262})) == [past._replace(source="live")]


@pytest.mark.parametrize(
    "text",
    ["a9188a0a-82bc-50de-be60-03eedbe3cdd7", "", "-1", "1.0", "2290000010000000000", "99990000000000000001", "٢", 5],
)
def test_an_id_that_is_no_number_on_a_shard_is_refused(text: object) -> None:
    with pytest.raises(InvalidFrameError, match="field i "):
        parse(wrap(ROW | {"i": text}))


def test_two_ids_never_become_one() -> None:
    ids = [f"{shard:03d}{number:016d}" for shard in (0, 1, 229, 999) for number in (0, 1, 9_999_999_999)]
    found = [event.trade_id for text in ids for event in parse(wrap(ROW | {"i": text})) if isinstance(event, Trade)]
    assert found == sorted(set(found)) and len(found) == len(ids) and max(found) < 10**13


@pytest.mark.parametrize("name", ["i", "T", "p", "v", "S", "BT"])
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(InvalidFrameError, match=f"field {name} is missing"):
        parse(wrap({key: value for key, value in ROW.items() if key != name}))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("T", ["1761583474343", -1, 1.5, None]),
        ("p", [1.5, "NaN", "-1", None]),
        ("v", [1, "", "1 "]),
        ("S", ["buy", "BUY", None, 1]),
        ("BT", ["false", 0, None]),
        ("seq", ["5", -1, None]),
        ("s", ["", 5, "A B", "NOSUCHEUR"]),
    ],
)
def test_a_wrong_value_is_named(name: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(InvalidFrameError, match=f"field {name}\\b"):
            parse(wrap(ROW | {name: value}))


def test_answers_are_read_by_their_number_and_refusals_by_their_topics() -> None:
    head = {"conn_id": "x", "req_id": "3", "op": "subscribe"}
    assert parse({"success": True, "ret_msg": "subscribe", **head}) == [SubscriptionConfirmed(3)]
    assert parse({"success": True, "ret_msg": "", **head, "req_id": ""}) == [SubscriptionConfirmed(None)]
    assert parse({"success": True, "ret_msg": "pong", "conn_id": "x", "op": "ping"}) == [IgnoredMessage("ping")]
    said = "Invalid symbol :[publicTrade.AUSDT,publicTrade.BUSDT]"
    assert parse({"success": False, "ret_msg": said, **head}) == [
        SymbolRejected("AUSDT", repr(said), 3),
        SymbolRejected("BUSDT", repr(said), 3),
    ]
    said = "error:handler not found,topic:publicTrade.AUSDT"
    assert parse({"success": False, "ret_msg": said, **head}) == [SymbolRejected("AUSDT", repr(said), 3)]
    said = "error:already subscribed,topic:publicTrade.AUSDT"
    assert parse({"success": False, "ret_msg": said, **head}) == [SubscriptionConfirmed(symbols=frozenset({"AUSDT"}))]
    with pytest.raises(InvalidFrameError, match="the exchange reports an error: 'args size >10'"):
        parse({"success": False, "ret_msg": "args size >10", **head})
    assert parse({"topic": "orderbook.50.BTCUSDT", "data": {}}) == [IgnoredMessage("orderbook.50.BTCUSDT")]
    with pytest.raises(InvalidFrameError, match="field topic is missing"):
        parse({"data": []})


def test_history_ends_at_its_only_page_and_is_out_of_reach_below_it() -> None:
    page = BYBIT.parse_history("BTCUSDC", respond([PAST]), 5)
    assert BYBIT.next_history_url("BTCUSDC", 1, 20, page) is None
    page = [page[0]._replace(trade_id=trade_id) for trade_id in range(76, 16, -1)]
    assert BYBIT.next_history_url("BTCUSDC", 17, 20, page) is None
    with pytest.raises(HistoryOutOfReachError, match="only the newest 60 are shown"):
        BYBIT.next_history_url("BTCUSDC", 16, 20, page)
    for body in (respond([5]), respond({}), respond([], 10001), b"[]", b"<html>", b'{"retCode":0,"result":5}'):
        with pytest.raises(InvalidFrameError):
            BYBIT.parse_history("BTCUSDC", body, 5)


def test_addresses_clock_and_list() -> None:
    assert BYBIT.connect_url() == "ws://h/v5/public/spot"
    assert json.loads(BYBIT.subscribe(["BTCUSDT"], 3)) == {
        "req_id": "3",
        "op": "subscribe",
        "args": ["publicTrade.BTCUSDT"],
    }
    assert BYBIT.newest_url("BTCUSDT") == "http://h/v5/market/recent-trade?category=spot&symbol=BTCUSDT&limit=60"
    body = b'{"retCode":0,"retMsg":"OK","result":{"timeSecond":"1688639403","timeNano":"1688639403423213947"}}'
    assert BYBIT.parse_time(body) == 1688639403423213
    rows = [{"symbol": "BTCUSDC", "baseCoin": "BTC", "quoteCoin": "USDC", "status": "Trading", "innovation": "0"}]
    assert BYBIT.parse_listing(respond([*rows, {"symbol": 5}])) == [
        ListedPair("BTCUSDC", "BTC", "USDC", "Trading", True)
    ]
    assert BYBIT.parse_listing(respond([])) == []


def test_no_frame_of_a_perpetual_becomes_a_spot_trade() -> None:
    """All trades of the recording are of perpetuals, whose symbols are spelt like those of spot."""
    seen: Counter[str] = Counter()
    for frame in received_frames(CAPTURE):
        if '"topic":"publicTrade.' not in frame:
            seen.update(type(event).__name__ for event in BYBIT.parse(frame, 0))
            continue
        with pytest.raises(InvalidFrameError, match="a fill of a perpetual, not of spot"):
            BYBIT.parse(frame, 0)
        seen["refused"] += 1
        seen["trades"] += len(decode_frame(frame)["data"])
    assert seen == {"SubscriptionConfirmed": 17, "refused": 50, "trades": 115}


def test_all_fills_of_a_step_have_one_time_and_one_side() -> None:
    """What lets `seq` stand for the taker's order; spot and perpetuals have it alike."""
    rows = [row for frame in received_frames(CAPTURE) for row in decode_frame(frame).get("data", ())]
    steps = {(row["s"], row["seq"]): (row["T"], row["S"]) for row in rows}
    assert len(rows) == 115 and len(steps) == 58
    assert all(steps[row["s"], row["seq"]] == (row["T"], row["S"]) for row in rows)
    assert Counter(row["S"] for row in rows) == {"Sell": 102, "Buy": 13}
