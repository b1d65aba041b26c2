"""Every reader of raw trades but Spark (stream/query/test_corpus.py) on one corpus: none may see what others do not."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from functools import reduce
from itertools import islice
from pathlib import Path

import jsonschema
import pytest

from whale_platform.api.push.fanout.trade_samples import sample_trades
from whale_platform.audit.kafka_ids import count_kafka_ids
from whale_platform.audit.recount import count_minutes
from whale_platform.contracts import raw_trade, raw_trade_looks
from whale_platform.contracts.errors import MessageFormatError
from whale_platform.domain.trade import EXACT, Trade
from whale_platform.lake.duckdb import engine
from whale_platform.lake.maintenance import kafka_spool
from whale_platform_tests.contracts.corpus import (
    EXPECTED,
    IN_WINDOWS,
    RAW_TRADES,
    START_US,
    WRITTEN,
    RawTradeCase,
    change_bytes,
)
from whale_platform_tests.lake.builders import captured

VALUES = [case.value for case in RAW_TRADES]
HOUR_US = 3_600_000_000
by_name = pytest.mark.parametrize("case", RAW_TRADES, ids=[case.name for case in RAW_TRADES])


def total(numbers: Iterable[Decimal]) -> Decimal:
    return reduce(EXACT.add, numbers, Decimal(0))


@by_name
def test_decoding_gives_the_trade_or_a_reason(case: RawTradeCase) -> None:
    if case.trade is None:
        with pytest.raises(MessageFormatError):
            raw_trade.decode_trade(case.value)
    else:
        assert raw_trade.decode_trade(case.value) == case.trade


@by_name
def test_a_peek_gives_what_decoding_gives(case: RawTradeCase) -> None:
    fill, identity, trade = raw_trade_looks.read_fill(case.value), raw_trade_looks.peek_identity(case.value), case.trade
    if trade is None:
        assert (fill, identity) == (None, None)
        return
    assert fill is not None
    assert (fill.exchange, fill.symbol, fill.trade_id, fill.side, fill.event_time) == (
        *(trade.exchange, trade.symbol, trade.trade_id, trade.side, trade.event_time),
    )
    assert (Decimal(fill.price), Decimal(fill.quantity), fill.notional) == (trade.price, trade.quantity, trade.notional)
    assert (fill.notional_usd, fill.block) == (trade.notional_usd, trade.block)
    assert raw_trade_looks.peek_trade_id(case.value) == trade.trade_id
    assert raw_trade_looks.peek_event_time(case.value) == trade.event_time
    assert raw_trade_looks.peek_dense(case.value) == trade.dense
    if identity is not None:
        assert identity[1:] == (trade.trade_id, trade.event_time)
    if case.written:
        assert raw_trade_looks.peek_source(case.value) == trade.source
        assert case.value.startswith(raw_trade_looks.build_symbol_prefixes(trade.exchange, trade.symbol))
        common = trade.symbol.isascii() and trade.price >= Decimal("1e-8")
        assert identity is not None or not common, "the fast look misses what the ingester writes"


@pytest.mark.parametrize("written", WRITTEN)
def test_a_message_that_is_nearly_written_is_peeked_at_as_it_is_decoded(written: bytes) -> None:
    taken = 0
    for value in change_bytes(written):
        fill = raw_trade_looks.read_fill(value)
        identity = raw_trade_looks.peek_identity(value)
        taken += identity is not None
        try:
            trade = raw_trade.decode_trade(value)
        except MessageFormatError:
            assert (fill, identity) == (None, None), value
            continue
        assert fill is not None
        assert (fill.exchange, fill.symbol, fill.trade_id, fill.side, fill.event_time) == (
            *(trade.exchange, trade.symbol, trade.trade_id, trade.side, trade.event_time),
        )
        assert (Decimal(fill.price), Decimal(fill.quantity), fill.notional) == (
            *(trade.price, trade.quantity, trade.notional),
        )
        assert identity is None or identity[1:] == (trade.trade_id, trade.event_time)
    assert taken > 100, "most changes within a name are still a trade"


def test_the_audit_counts_those_ids() -> None:
    found = count_kafka_ids([((False, ()), VALUES)], 0, 2**62)
    ids: dict[tuple[str, str], set[int]] = defaultdict(set)
    for trade in EXPECTED:
        ids[trade.exchange, trade.symbol].add(trade.trade_id)
    counted = {
        key[:2]: {n for first, last in held.ids for n in range(first, last + 1)} for key, held in found.held.items()
    }
    assert counted == ids
    assert found.unreadable == len(VALUES) - len(EXPECTED)
    assert sum(held.doubled for held in found.held.values()) == len(EXPECTED) - sum(map(len, ids.values()))
    assert not found.held["binance", "ODDUSDT", datetime.fromtimestamp(START_US / 1e6, UTC)].dense


def test_the_recount_has_those_trades() -> None:
    found = count_minutes(VALUES, 0, 2**62)
    quantities: dict[tuple[str, str, int], dict[int, Decimal]] = defaultdict(dict)
    for trade in IN_WINDOWS:
        minute = trade.event_time // 60_000_000 * 60_000_000
        quantities[trade.exchange, trade.symbol, minute][trade.trade_id] = trade.quantity
    assert {key: (one.trades, one.quantity) for key, one in found.items()} == {
        key: (len(some), total(some.values())) for key, some in quantities.items()
    }


def test_a_fill_has_those_dollars() -> None:
    fills = [fill for value in VALUES if (fill := raw_trade_looks.read_fill(value)) is not None]
    assert [fill.notional_usd for fill in fills] == [trade.notional_usd for trade in EXPECTED]


def test_the_push_server_samples_those_trades() -> None:
    found, unread = sample_trades(VALUES)
    assert unread == len(VALUES) - len(EXPECTED)
    for (exchange, symbol), sample in found.items():
        trades = [trade for trade in IN_WINDOWS if (trade.exchange, trade.symbol) == (exchange, symbol)]
        assert sample.count == len(trades)
        assert sample.volume == total(trade.quantity for trade in trades)
        assert sample.notional == total(trade.notional for trade in trades)
        assert sample.buy_volume == total(trade.quantity for trade in trades if trade.side == "buy")
        assert sample.largest_usd == max(trade.notional_usd or Decimal(0) for trade in trades)
    assert sum(sample.count for sample in found.values()) == len(IN_WINDOWS)


def test_the_lake_restores_those_trades(tmp_path: Path) -> None:
    start = datetime.fromtimestamp(START_US // HOUR_US * HOUR_US / 1e6, UTC)
    path = tmp_path / "spool.json"
    count = kafka_spool.spool_messages(path, ((3, n, value) for n, value in enumerate(VALUES)), start)
    names = "exchange, symbol, base, quote, trade_id, price, quantity, side"
    with engine.connect(tmp_path) as connection:
        rows = connection.execute(
            f"SELECT {names}, epoch_us(event_time), epoch_us(received_time), source, dense, taker_order_id, "
            f"block, buyer, seller, NULL, usd_rate, usd_pair, usd_exact, notional_wide, topic_offset "
            f"FROM {kafka_spool.select_spooled(path)} ORDER BY topic_offset"
        ).fetchall()
    assert count == len(rows) == len(EXPECTED)
    assert [Trade(*row[:19]) for row in rows] == [trade._replace(sweep=None) for trade in EXPECTED]
    assert [row[19] for row in rows] == [trade.notional_usd if trade.usd_rate else None for trade in EXPECTED]
    assert all(wide is None or wide == EXACT.multiply(row[5], row[6]) for *row, wide, _ in rows)
    assert sum(row[-2] is not None for row in rows) == sum(trade.price < Decimal("1e-8") for trade in EXPECTED), (
        "only what decimal(18,8) can't hold"
    )
    assert [row[-1] for row in rows] == [n for n, case in enumerate(RAW_TRADES) if case.trade is not None]


def test_what_is_written_now_has_the_published_schema() -> None:
    validator = jsonschema.Draft202012Validator(raw_trade.CONTRACT.json_schema())
    for trade in EXPECTED:
        validator.validate(json.loads(raw_trade.encode_trade(trade)))
    names = [field.name for field in raw_trade.CONTRACT.fields]
    for trade in EXPECTED:
        assert list(json.loads(raw_trade.encode_trade(trade)))[1:] == [
            name for name in names if name in json.loads(raw_trade.encode_trade(trade))
        ], "fields come in the contract's order"


def test_real_trades_are_read_alike() -> None:
    trades = list(islice(captured(), 2_000))
    values = [raw_trade.encode_trade(trade) for trade in trades]
    assert [raw_trade.decode_trade(value) for value in values] == trades
    assert None not in map(raw_trade_looks.peek_identity, values), "the fast look takes real trades"
    found, unread = sample_trades(values)
    assert unread == 0
    assert {market[1]: sample.notional for market, sample in found.items()} == {
        symbol: total(trade.notional for trade in trades if trade.symbol == symbol)
        for symbol in Counter(trade.symbol for trade in trades)
    }
