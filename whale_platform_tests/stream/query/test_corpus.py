"""Spark on the corpus that every other reader of raw trades is tested on (contracts/test_raw_trade_readers.py)."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from whale_platform.domain.trade import Trade
from whale_platform.stream.lake_query.writer import select_lake_rows
from whale_platform.stream.query import message_fields, transforms
from whale_platform_tests.contracts.corpus import EXPECTED, RAW_TRADES, WRITTEN, change_bytes

pytestmark = pytest.mark.server
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
STATE = (
    "valueWithExtremumOrdering:string,extremumOrdering:bigint,max:decimal(38,18),min:decimal(38,18),"
    "valueWithExtremumOrdering:string,extremumOrdering:bigint,sum:decimal(38,18),isEmpty:boolean,sum:decimal(38,18),"
    "isEmpty:boolean,sum:decimal(38,18),isEmpty:boolean,sum:decimal(38,18),isEmpty:boolean,count:bigint,min:bigint,"
    "max:bigint,max:bigint,max:bigint,max:string,max:int,max:bigint"
)
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
        assert row.usd_via == trade.usd_via
    limits = F.from_json(F.lit(json.dumps([{"since": 0, "limits": {"*:*": "0.000001"}}])), transforms.THRESHOLDS_TYPE)
    out = [(row.topic, json.loads(row.value)) for row in transforms.compute_alerts(trades, limits, "run-1").collect()]
    alerts = {body["offset"]: Decimal(body["notional_usd"]) for topic, body in out if topic == "whale_alerts"}
    assert alerts == {
        offset: trade.notional_usd
        for offset, trade in zip(OFFSETS, EXPECTED, strict=True)
        if trade.notional_usd is not None
    }
    letters = [body for topic, body in out if topic == "trade_dead_letters"]
    assert len(letters) == len(RAW_TRADES) - len(EXPECTED)
    windows = transforms.compute_windows(trades, "10 minutes", "run-1").collect()
    assert sum(json.loads(row.value)["trade_count"] for row in windows) == len(EXPECTED)


def test_a_message_that_is_cut_has_the_fields_that_are_parsed(spark: SparkSession) -> None:
    """A blank before the object changes nothing but that the message is parsed."""
    values = sorted({*(value for written in WRITTEN for value in (written, *change_bytes(written)))})
    frames = [
        spark.createDataFrame([(bytearray(before + value),) for value in values], "value binary")
        for before in (b"", b" ")
    ]
    written = message_fields.read_fields(frames[0]).where("written").count()
    assert written > 2_000 and message_fields.read_fields(frames[1]).where("written").count() == 0
    cut, parsed = (
        [tuple(row) for row in transforms.parse_trades(one, (), message_fields.LAKE_FIELDS).drop("value").collect()]
        for one in frames
    )
    assert [(value, *rows) for value, *rows in zip(values, cut, parsed, strict=True) if rows[0] != rows[1]] == []


def test_the_lake_query_writes_those_trades(spark: SparkSession, tmp_path: Path) -> None:
    rows = select_lake_rows(messages(spark)).orderBy("topic_offset").collect()

    def micros(time: datetime) -> int:
        return (time.astimezone(UTC) - EPOCH) // timedelta(microseconds=1)

    assert [
        Trade(
            *(row.exchange, row.symbol, row.base, row.quote, row.trade_id, row.price, row.quantity, row.side),
            *(micros(row.event_time), micros(row.received_time), row.source, row.dense, row.taker_order_id),
        )
        for row in rows
    ] == EXPECTED
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
