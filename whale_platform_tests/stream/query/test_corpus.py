"""Spark on the corpus that every other reader of raw trades is tested on (contracts/test_raw_trade_readers.py)."""

import itertools
import json
import random
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from whale_platform.contracts import raw_trade, raw_trade_looks
from whale_platform.contracts.errors import MessageFormatError
from whale_platform.contracts.written_trade import WRITTEN_PATTERN
from whale_platform.domain.sweep import SweepProgress
from whale_platform.domain.trade import Trade
from whale_platform.stream.lake_query.writer import select_lake_rows
from whale_platform.stream.query import transforms
from whale_platform_tests.contracts.corpus import EXPECTED, IN_WINDOWS, RAW_TRADES, WRITTEN, change_bytes

pytestmark = pytest.mark.server
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STATE = (
    "valueWithExtremumOrdering:string,extremumOrdering:bigint,max:decimal(38,18),min:decimal(38,18),"
    "valueWithExtremumOrdering:string,extremumOrdering:bigint,sum:decimal(38,18),isEmpty:boolean,sum:decimal(38,18),"
    "isEmpty:boolean,sum:decimal(38,18),isEmpty:boolean,sum:decimal(38,18),isEmpty:boolean,count:bigint,min:bigint,"
    "max:bigint,max:bigint,max:bigint,max:string,max:int,max:bigint"
)
# A fifth of the 200,000, which are changed at each byte: the rules for a byte are the same all along a field.
CHANGED = random.Random(1).sample(sorted({one for written in WRITTEN for one in change_bytes(written)}), 40_000)
OFFSETS = [offset for offset, case in enumerate(RAW_TRADES) if case.trade is not None]


def messages(spark: SparkSession) -> DataFrame:
    rows = [(bytearray(case.value), 3, offset) for offset, case in enumerate(RAW_TRADES)]
    return spark.createDataFrame(rows, "value binary, partition int, offset bigint")


def test_the_stream_takes_those_trades_and_makes_letters_of_the_others(spark: SparkSession) -> None:
    trades = transforms.parse_trades(transforms.add_offsets(messages(spark)), kept=transforms.OFFSET_COLUMNS)
    rows = {row.topic_offset: row for row in trades.collect()}
    assert {RAW_TRADES[offset].name for offset, row in rows.items() if row.good} == {
        case.name for case in RAW_TRADES if case.trade is not None
    }
    for offset, trade in zip(OFFSETS, EXPECTED, strict=True):
        row = rows[offset]
        assert (row.exchange, row.symbol, row.base, row.quote, row.trade_id, row.side, row.source) == (
            *(trade.exchange, trade.symbol, trade.base, trade.quote, trade.trade_id, trade.side, trade.source),
        )
        assert (row.price_exact, row.quantity_exact, row.notional_exact) == (
            trade.price,
            trade.quantity,
            trade.notional,
        )
        assert (row.event_time, row.received_time) == (trade.event_time, trade.received_time)
        assert (row.usd_via, row.usd_exact) == (trade.usd_via, trade.notional_usd if trade.usd_rate else None)
    limits = transforms.parse_thresholds(F.lit(json.dumps([{"since": 0, "limits": {"*:*": ["0.000001", "1", "2"]}}])))
    out = [(row.topic, json.loads(row.value)) for row in transforms.compute_alerts(trades, limits, "run-1").collect()]
    alerts = {
        (body["offset"], body["kind"]): Decimal(body["notional_usd"]) for topic, body in out if topic == "whale_alerts"
    }
    dollars = [pair for pair in zip(OFFSETS, EXPECTED, strict=True) if pair[1].usd_via is not None]
    assert alerts == {
        (offset, "block" if trade.block else "single_trade"): trade.notional_usd for offset, trade in dollars
    } | {(offset, "sweep"): trade.sweep.usd or trade.sweep.notional for offset, trade in dollars if trade.sweep}
    letters = [body for topic, body in out if topic == "trade_dead_letters"]
    assert len(letters) == len(RAW_TRADES) - len(EXPECTED)
    windows = transforms.compute_windows(trades, "10 minutes", "run-1").collect()
    assert sum(json.loads(row.value)["trade_count"] for row in windows) == len(IN_WINDOWS)


def test_a_message_has_the_same_fields_whether_it_is_cut_or_parsed(spark: SparkSession) -> None:
    """A blank before the object changes nothing but that the message is parsed."""
    values = [*WRITTEN, *CHANGED]
    cut, parsed = (
        [
            tuple(row)
            for row in transforms.parse_trades(
                spark.createDataFrame([(bytearray(before + value),) for value in values], "value binary")
            )
            .drop("value")
            .collect()
        ]
        for before in (b"", b" ")
    )
    assert [(value, *rows) for value, *rows in zip(values, cut, parsed, strict=True) if rows[0] != rows[1]] == []


def test_what_is_cut_is_what_the_pattern_matches(spark: SparkSession) -> None:
    """Without this the messages of all other tests could be parsed, and never be cut."""
    values = [*WRITTEN, *CHANGED]
    matches = re.compile(WRITTEN_PATTERN.encode()).fullmatch
    cut = spark._jvm.whale.WrittenTrade.cut
    assert [value for value in values if (cut(bytearray(value)) is None) != (matches(value) is None)] == []
    assert 400 < sum(matches(value) is not None for value in values) < len(values)


def test_the_fields_are_those_that_python_decodes(spark: SparkSession) -> None:
    values = [*CHANGED, *(case.value for case in RAW_TRADES)]
    frame = spark.createDataFrame([(bytearray(value),) for value in values], "value binary")
    rows = transforms.parse_trades(frame).collect()

    def decode(value: bytes) -> Trade | None:
        try:
            return raw_trade.decode_trade(value)
        except MessageFormatError:
            return None

    def read(row: Row) -> Trade | None:
        if not row.good:
            return None
        return Trade(
            *(row.exchange, row.symbol, row.base, row.quote, row.trade_id, row.price_exact, row.quantity_exact),
            *(row.side, row.event_time, row.received_time, row.source, row.dense, row.taker_order_id),
            *(row.block, row.buyer, row.seller, read_sweep(row), Decimal(row.usd_rate) if row.usd_rate else None),
            row.usd_pair,
        )

    def read_sweep(row: Row) -> SweepProgress | None:
        if row.sweep_fills is None:
            return None
        price, quantity = Decimal(row.sweep_first_price), Decimal(row.sweep_quantity)
        sums = row.sweep_fills, row.sweep_levels, price, quantity, row.sweep_notional, row.sweep_usd
        return SweepProgress(row.sweep_first_id, *sums)

    pairs = [(value, decode(value), read(row)) for value, row in zip(values, rows, strict=True)]
    assert [one for one in pairs if one[1] != one[2]] == []
    assert [
        (value, trade.notional, row.notional_exact)
        for (value, trade, _), row in zip(pairs, rows, strict=True)
        if trade is not None and trade.notional != row.notional_exact
    ] == []


def test_no_message_harms_the_ones_behind_it(spark: SparkSession) -> None:
    """Field names of equal hashes, then new ones: they broke Jackson's table of names, which all parsers share."""
    colliding = ["".join(parts) for parts in itertools.islice(itertools.product(("AB", "B!"), repeat=10), 300)]
    fields = json.loads(WRITTEN[0])
    poison = [json.dumps(dict.fromkeys(some, 1) | fields).encode() for some in (colliding[:150], colliding)]
    later = [json.dumps({f"new{number}": 1} | fields).encode() for number in range(500)]
    deep = b"[" * 5_000 + b"]" * 5_000
    odd = [WRITTEN[0][:-1] + b',"x":' + value + b"}" for value in (b"NaN", b"-INF", b"+Infinity", b"1" * 4_000, deep)]
    values = [*poison, *later, *odd]
    rows = transforms.parse_trades(
        spark.createDataFrame([(bytearray(value),) for value in values], "value binary").coalesce(1)
    ).collect()
    assert [row.good for row in rows] == [*(True for _ in (*poison, *later)), False, False, False, True, False]
    for value, row in zip(values, rows, strict=True):
        assert (raw_trade_looks.read_fill(value) is not None) == row.good, value[:100]


def test_a_record_without_a_value_is_no_trade(spark: SparkSession) -> None:
    (row,) = transforms.parse_trades(spark.createDataFrame([(None,)], "value binary")).collect()
    assert row.good is False and row.value is None and row.exchange is None


def test_the_lake_query_writes_those_trades(spark: SparkSession, tmp_path: Path) -> None:
    rows = select_lake_rows(messages(spark)).orderBy("topic_offset").collect()

    def micros(time: datetime) -> int:
        return (time.astimezone(UTC) - EPOCH) // timedelta(microseconds=1)

    assert [
        Trade(
            *(row.exchange, row.symbol, row.base, row.quote, row.trade_id, row.price, row.quantity, row.side),
            *(micros(row.event_time), micros(row.received_time), row.source, row.dense, row.taker_order_id),
            *(row.block, row.buyer, row.seller, None, row.usd_rate, row.usd_pair),
        )
        for row in rows
    ] == [trade._replace(sweep=None) for trade in EXPECTED]
    assert [row.topic_offset for row in rows] == OFFSETS


def test_the_state_of_windows_stays_as_the_checkpoints_have_it(spark: SparkSession, tmp_path: Path) -> None:
    """A query that finds another form of state in its checkpoint refuses to start: raise its version then."""
    source, checkpoint = str(tmp_path / "source"), str(tmp_path / "checkpoint")
    messages(spark).write.parquet(source)
    stream = spark.readStream.schema("value binary, partition int, offset bigint").parquet(source)
    trades = transforms.parse_trades(transforms.add_offsets(stream), kept=transforms.OFFSET_COLUMNS)
    writer = transforms.compute_windows(trades, "10 minutes", "run").writeStream.outputMode("update").format("noop")
    writer.option("checkpointLocation", checkpoint).trigger(availableNow=True).start().awaitTermination()
    state = spark.read.format("statestore").load(checkpoint).schema
    assert state["key"].dataType.simpleString() == (
        "struct<window:struct<start:timestamp,end:timestamp>,exchange:string,symbol:string>"
    )
    assert state["value"].dataType.simpleString() == f"struct<{STATE}>"
