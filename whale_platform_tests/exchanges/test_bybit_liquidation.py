"""Bybit's liquidations by their documentation; the recording has their subscriptions, and none of them came."""

import json
from collections import Counter
from decimal import Decimal
from typing import Any

import pytest

from whale_platform.contracts.raw_trade import decode_trade, encode_trade
from whale_platform.domain.catalogue import ListedPair, SymbolCatalogue
from whale_platform.domain.names import INGEST_GAPS
from whale_platform.domain.trade import Trade
from whale_platform.exchanges.base import Event, IgnoredMessage, SubscriptionConfirmed, SymbolRejected
from whale_platform.exchanges.bybit_liquidation.adapter import BybitLiquidation, build_id
from whale_platform.exchanges.errors import InvalidFrameError
from whale_platform.ingest.sequencing.gap import decode_gap
from whale_platform_tests.exchanges import test_bybit, test_bybit_linear
from whale_platform_tests.ingest.fakes import RecordingProducer, pipeline
from whale_platform_tests.support.captures import received_frames

LISTED = [ListedPair("BTCPERP", "BTC", "USDC", "Trading", True)]
LIQUIDATIONS = BybitLiquidation("ws://h", "http://h", listed=SymbolCatalogue(LISTED))
ROW: dict[str, Any] = {"T": 1739502302929, "s": "ROSEUSDT", "S": "Sell", "v": "20000", "p": "0.04499"}
TRADE = Trade(
    *("bybit_liquidation", "ROSEUSDT", "ROSE", "USDT", 0, Decimal("0.04499"), Decimal(20_000), "buy"),
    *(1739502302929000, 7),
    dense=False,
    block=True,
)
TRADE = TRADE._replace(trade_id=build_id(TRADE, 0))


def wrap(*rows: object) -> dict[str, Any]:
    return {"topic": "allLiquidation.ROSEUSDT", "type": "snapshot", "ts": 1739502303204, "data": [*rows]}


def parse(value: object) -> list[Event]:
    return LIQUIDATIONS.parse(json.dumps(value), 7)


def read_ids(*rows: dict[str, Any]) -> list[int]:
    return [event.trade_id for event in parse(wrap(*rows)) if isinstance(event, Trade)]


def test_the_documented_liquidation_is_a_trade_by_the_side_of_the_order_that_closes_the_position() -> None:
    """`Sell` is a short position, whose closing order buys."""
    assert parse(wrap(ROW)) == [TRADE]
    (long,) = parse(wrap(ROW | {"S": "Buy"}))
    assert isinstance(long, Trade) and long.side == "sell"
    assert decode_trade(encode_trade(TRADE)) == TRADE and TRADE.notional_usd == Decimal("899.8")


def test_an_id_is_the_same_whenever_the_same_is_told() -> None:
    """By another adapter, with other zeros, in another frame: so it is one trade over two connections and restarts."""
    assert TRADE.trade_id == 510_444_502_269_335
    again = BybitLiquidation().parse(json.dumps(wrap(ROW | {"p": "0.044990", "v": "20000.0"})), 9)
    assert again == [TRADE._replace(received_time=9)]
    other = ROW | {"p": "0.05"}
    assert read_ids(other, ROW) == [*read_ids(other), TRADE.trade_id]


def test_equal_liquidations_of_one_frame_are_as_many_trades() -> None:
    ids = read_ids(ROW, ROW, ROW | {"v": "1"}, ROW)
    assert len(set(ids)) == 4 and ids[0] == TRADE.trade_id
    assert read_ids(ROW, ROW, ROW) == [ids[0], ids[1], ids[3]]


def test_what_differs_in_one_field_is_another_trade() -> None:
    changes: list[dict[str, Any]] = [{}, {"T": 1739502302930}, {"s": "ROSEUSDC"}, {"S": "Buy"}, {"v": "2"}, {"p": "2"}]
    adapter = BybitLiquidation(listed=SymbolCatalogue([ListedPair("ROSEUSDC", "ROSE", "USDC", "Trading", True)]))
    found = [event for one in changes for event in adapter.parse(json.dumps(wrap(ROW | one)), 7)]
    ids = {event.trade_id for event in found if isinstance(event, Trade)}
    assert len(ids) == len(changes) and max(ids) < 2**52


@pytest.mark.parametrize("name", ["T", "s", "S", "v", "p"])
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(InvalidFrameError, match=f"field {name} is missing"):
        parse(wrap({key: value for key, value in ROW.items() if key != name}))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("T", ["1739502302929", -1, 1.5, None]),
        ("p", [1.5, "NaN", "-1", None]),
        ("v", [1, "", "1 "]),
        ("S", ["buy", "BUY", None, 1]),
        ("s", ["", 5, "A B", "NOSUCHEUR"]),
    ],
)
def test_a_wrong_value_is_named(name: str, values: list[Any]) -> None:
    for value in values:
        with pytest.raises(InvalidFrameError, match=f"field {name}\\b"):
            parse(wrap(ROW | {name: value}))


def test_one_row_that_cannot_be_read_refuses_its_frame() -> None:
    wrong: list[object] = [5, [5], {}, [ROW, ROW | {"p": "x"}]]
    for data in wrong:
        with pytest.raises(InvalidFrameError, match=r"field (data|p) "):
            parse(wrap() | {"data": data})


def test_trades_of_the_book_are_none_of_them() -> None:
    assert parse(test_bybit_linear.wrap(test_bybit_linear.ROW)) == [IgnoredMessage("publicTrade.BTCUSDT")]
    said = "error:handler not found,topic:allLiquidation.AUSDT"
    answer = {"success": False, "ret_msg": said, "conn_id": "x", "req_id": "3", "op": "subscribe"}
    assert parse(answer) == [SymbolRejected("AUSDT", repr(said), 3)]
    seen: Counter[str] = Counter()
    for frame in received_frames(test_bybit.CAPTURE):
        seen.update(type(event).__name__ for event in LIQUIDATIONS.parse(frame, 0))
    assert seen == {SubscriptionConfirmed.__name__: 17, IgnoredMessage.__name__: 50}


def test_addresses() -> None:
    assert LIQUIDATIONS.connect_url() == "ws://h/v5/public/linear"
    assert json.loads(LIQUIDATIONS.subscribe(["BTCUSDT"], 3))["args"] == ["allLiquidation.BTCUSDT"]
    assert LIQUIDATIONS.newest_url("BTCUSDT") is None and LIQUIDATIONS.history_url("BTCUSDT", 1, 2) is None
    assert not LIQUIDATIONS.shows_earlier
    assert LIQUIDATIONS.symbol("BTC/USDC") == "BTCPERP"


def test_over_a_reconnection_each_is_published_once_and_the_time_between_is_on_record() -> None:
    """The exchange sends none of them again, so what came while nobody listened is missing."""
    producer = RecordingProducer()
    line = pipeline(LIQUIDATIONS, ("ROSEUSDT",), producer)
    first, second = ROW, ROW | {"T": ROW["T"] + 90_000, "S": "Buy"}

    def receive(*rows: dict[str, Any]) -> None:
        line.process_frame(json.dumps(wrap(*rows)).encode(), 2 * 10**15)

    line.record_connection(("ROSEUSDT",))
    receive(first, first)
    line.record_connection(("ROSEUSDT",))
    receive(first, first)
    assert producer.sent[INGEST_GAPS] == []
    line.record_connection(("ROSEUSDT",))
    receive(second)
    receive(second)
    assert producer.ids("ROSEUSDT") == [*read_ids(first, first), *read_ids(second)]
    (gap,) = [decode_gap(value)[1] for value in producer.sent[INGEST_GAPS]]
    assert (gap.first_id, gap.state, gap.cause) == (*read_ids(second), "unrepaired", "reconnect")
    assert gap.note.startswith("trades of the 90.000 s before this one may be missing")
