"""Where block trades differ from Binance's other trades, by their documentation: none of them has been recorded."""

import json
from decimal import Decimal

import pytest

from whale_platform.domain.names import INGEST_GAPS
from whale_platform.domain.trade import Trade
from whale_platform.exchanges.base import IgnoredMessage, ServerShutdown, SubscriptionConfirmed
from whale_platform.exchanges.binance_block.adapter import BinanceBlock
from whale_platform.exchanges.errors import InvalidFrameError
from whale_platform.ingest.sequencing.gap import decode_gap
from whale_platform_tests.exchanges import test_binance
from whale_platform_tests.ingest.backfill.bench import A, Bench, history
from whale_platform_tests.ingest.fake_binance import frame

BLOCKS = BinanceBlock("ws://h", "http://h")
DATA = {"e": "blockTrade", "E": 1772506983582, "s": "BNBUSDT", "t": 582, "p": "0.052", "q": "5838", "T": 1772506983321}
DATA |= {"m": True}
ROW = {"id": 582, "price": "0.052", "qty": "5838", "quoteQty": "303.576", "time": 1772506983321, "isBuyerMaker": True}
TRADE = Trade(
    *("binance_block", "BNBUSDT", "BNB", "USDT", 582, Decimal("0.052"), Decimal(5838), "sell"),
    *(1772506983321000, 5),
    block=True,
)


def test_the_documented_block_trade_is_read_as_one_of_its_own_exchange() -> None:
    assert BLOCKS.parse(json.dumps(DATA), 5) == [TRADE]
    assert BLOCKS.parse(json.dumps({"stream": "bnbusdt@blockTrade", "data": DATA}), 5) == [TRADE]
    assert BLOCKS.parse_history("BNBUSDT", json.dumps([ROW]).encode(), 5) == [TRADE._replace(source="repair")]


def test_trades_of_the_book_are_none_of_them() -> None:
    assert BLOCKS.parse(json.dumps(test_binance.DATA), 5) == [IgnoredMessage("trade")]
    assert BLOCKS.parse(json.dumps({"stream": "btcusdt@trade", "data": test_binance.DATA}), 5) == [
        IgnoredMessage("trade")
    ]
    assert BLOCKS.parse('{"e":"serverShutdown","E":5}', 5) == [ServerShutdown()]
    assert BLOCKS.parse('{"result":null,"id":3}', 5) == [SubscriptionConfirmed(3)]
    with pytest.raises(InvalidFrameError, match="field e is missing"):
        BLOCKS.parse('{"stream":"btcusdt@blockTrade","data":{"t":5}}', 5)


@pytest.mark.parametrize("name", ["t", "p", "q", "m", "T", "s"])
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(InvalidFrameError, match=f"field {name} is missing"):
        BLOCKS.parse(json.dumps({key: value for key, value in DATA.items() if key != name}), 5)


def test_addresses() -> None:
    assert json.loads(BLOCKS.subscribe(["BNBUSDT"], 3))["params"] == ["bnbusdt@blockTrade"]
    assert (
        BLOCKS.history_url("BNBUSDT", 5, 9) == "http://h/api/v3/historicalBlockTrades?symbol=BNBUSDT&fromId=5&limit=5"
    )
    assert BLOCKS.newest_url("BNBUSDT") is None


def block_frame(number: int) -> bytes:
    return frame(A, number).replace('"trade"', '"blockTrade"').encode()


def test_the_first_block_is_published_alone_and_a_gap_is_filled_from_the_id_before() -> None:
    """Days may lie between two blocks, so the second one must not be needed; history needs an id to begin with."""
    bench = Bench(history(600), silent=(A,), exchange=BinanceBlock())
    bench.pipeline.process_frame(block_frame(582), 2 * 10**15)
    assert bench.producer.ids(A) == []
    bench.repairer.step(0.0)
    assert bench.producer.ids(A) == [582]
    assert "fromId=582&limit=1000" in bench.requests[0]
    bench.pipeline.process_frame(block_frame(586), 2 * 10**15)
    bench.repairer.step(1.0)
    assert bench.producer.ids(A) == [582, 583, 584, 585, 586]
    gap = decode_gap(bench.producer.sent[INGEST_GAPS][-1])[1]
    assert (gap.first_id, gap.last_id, gap.state) == (583, 585, "repaired")
