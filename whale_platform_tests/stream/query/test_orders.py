"""Orders in the stream, and the same windows and whales from the lake, for ids that are contiguous and for others."""

import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from whale_platform.contracts import raw_trade, whale_alert
from whale_platform.domain.sweep import SweepTracker
from whale_platform.domain.trade import Side, Trade
from whale_platform.domain.whale import build_threshold_periods
from whale_platform.lake.analysis import hour_values
from whale_platform.lake.delta import table
from whale_platform.lake.delta.table import HOUR
from whale_platform.stream import batch_recompute
from whale_platform.stream.query import transforms
from whale_platform.stream.query.threshold_file import encode_history
from whale_platform_tests.lake.builders import lay
from whale_platform_tests.stream.query.query_trades import (
    START,
    parsed,
    some_trades,
    swept,
    thresholds,
)

pytestmark = pytest.mark.server


def test_without_contiguous_ids_a_window_opens_and_closes_by_time_and_arrival(
    spark: SparkSession, tmp_path: Path
) -> None:
    first = some_trades(1)[0]._replace(symbol="BTC", dense=False, event_time=START)
    made = [(900, 0, 10), (5, 0, 11), (700, 9, 12), (300, 9, 13), (100, 4, 14)]  # id, later by, price
    trades = [
        first._replace(trade_id=number, event_time=START + later, price=Decimal(price)) for number, later, price in made
    ]
    laid = [(0, number, raw_trade.encode_trade(one)) for number, one in enumerate(trades)]
    frame = spark.createDataFrame(laid, "partition int, offset bigint, value binary")
    kafka = transforms.parse_trades(transforms.add_offsets(frame), kept=transforms.OFFSET_COLUMNS)
    (row,) = transforms.compute_windows(kafka, "10 minutes", "run").collect()
    found = json.loads(row.value)
    assert (Decimal(found["open"]), Decimal(found["close"])) == (Decimal(10), Decimal(13))
    root = tmp_path / "lake" / "trades"
    lay(root, trades)
    hour = datetime.fromtimestamp(START // 3_600_000_000 * 3600, UTC)
    with hour_values.open_hours(root, hour, hour + HOUR, hour) as lake:
        (minute,) = lake.read_minutes(hour, hour + HOUR, distinct=True).values()
    assert (minute.sums.open, minute.sums.close) == (Decimal(10), Decimal(13))


def test_a_sweep_is_told_from_the_fill_on_that_takes_it_over_the_threshold(spark: SparkSession, tmp_path: Path) -> None:
    first = some_trades(1)[0]._replace(exchange="binance", symbol="BTCUSDT", quote="USDT", trade_id=1, event_time=START)
    tracker, fills = SweepTracker(), list[Trade]()
    for number, price in enumerate((100, 100, 101, 103)):
        one = first._replace(trade_id=1 + number, price=Decimal(price), quantity=Decimal(2), side="buy")
        fills.append(one._replace(sweep=tracker.add(one)))
    limits = thresholds(spark, tmp_path, {"*:*": ["602", "603", "809"]})
    rows = transforms.compute_alerts(parsed(spark, [raw_trade.encode_trade(one) for one in fills]), limits, "run")
    found = [json.loads(row.value) for row in rows.collect()]
    said = ("kind", "trade_id", "last_trade_id", "fills", "levels", "side")
    assert [[body[name] for name in said] for body in found] == [
        ["sweep", 1, 3, 3, 2, "buy"],
        ["sweep", 1, 4, 4, 3, "buy"],
    ]
    assert [body["tier"] for body in found] == ["whale", "large"], "the fill that makes it a large one says so"
    numbers = ("price", "first_price", "quantity", "notional", "notional_usd")
    assert [[Decimal(body[name]) for name in numbers] for body in found] == [
        [101, 100, 6, 602, 602],
        [103, 100, 8, 808, 808],
    ]


def test_a_whale_names_the_order_that_it_continues(spark: SparkSession, tmp_path: Path) -> None:
    """Ids are hashes here: an order is known by its first one alone."""
    first = some_trades(1)[0]._replace(exchange="bybit", symbol="BTCUSDT", quote="USDT", event_time=START, dense=False)
    tracker, values = SweepTracker(), list[bytes]()
    fills: list[tuple[int, Side]] = [(900, "buy"), (200, "sell"), (300, "buy"), (500, "buy")]
    for trade_id, side in fills:
        one = first._replace(trade_id=trade_id, price=Decimal(100), quantity=Decimal(7), side=side)
        values.append(raw_trade.encode_trade(one, tracker.add(one)))
    limits = thresholds(spark, tmp_path, {"*:*": "700"})
    rows = [json.loads(row.value) for row in transforms.compute_alerts(parsed(spark, values), limits, "run").collect()]
    assert {(body["kind"], body["trade_id"], body.get("sweep_first_id")) for body in rows} == {
        ("single_trade", 900, None),
        ("single_trade", 200, None),
        ("single_trade", 300, 900),
        ("single_trade", 500, 900),
        ("sweep", 900, None),
    }
    decoded = [whale_alert.decode_whale(json.dumps(body).encode(), START // 1000) for body in rows]
    assert [one.sweep_first_id for one in decoded] == [body.get("sweep_first_id") for body in rows]


def test_the_lake_gives_the_windows_and_whales_of_the_stream(spark: SparkSession, tmp_path: Path) -> None:
    root, trades = tmp_path / "trades", swept(some_trades(2_000))
    lay(root, trades)
    laid = [(0, number, raw_trade.encode_trade(trade)) for number, trade in enumerate(trades)]
    frame = spark.createDataFrame(laid, "partition int, offset bigint, value binary")
    kafka = transforms.parse_trades(transforms.add_offsets(frame), kept=transforms.OFFSET_COLUMNS)
    streamed = {row.value for row in transforms.compute_windows(kafka, "10 minutes", "run").collect()}
    paths = [file.path for file in table.list_files(table.open_table(root))]
    again = {_plain(value) for value in batch_recompute.recompute_windows(spark, root, paths, "run")}
    assert again == {_plain(value.encode()) for value in streamed}
    usd = build_threshold_periods([], Decimal("1000"))
    thresholds = transforms.parse_thresholds(F.lit(json.dumps(encode_history(usd))))
    alerts = {row.value for row in transforms.compute_alerts(kafka, thresholds, "run").collect()}
    assert len(alerts) > 100
    kinds = Counter(json.loads(value)["kind"] for value in alerts)
    assert min(kinds["single_trade"], kinds["sweep"], kinds["block"]) > 20
    assert {json.loads(value)["kind"] for value in alerts if '"usd_via":"binance:BTCUSDT"' in value} == kinds.keys()
    assert {_plain(value) for value in batch_recompute.recompute_whales(spark, root, paths, usd, "run")} == {
        _plain(value.encode()) for value in alerts
    }


def test_an_aggregate_of_several_fills_is_no_whale(spark: SparkSession, tmp_path: Path) -> None:
    root, trades = tmp_path / "trades", some_trades(200)
    lay(root, trades)
    files = [str(root / file.path) for file in table.list_files(table.open_table(root))]
    fills = F.when(F.col("trade_id") % 2 == 0, 2).otherwise(1)
    spark.read.parquet(*files).withColumn("fills", fills).write.parquet(str(tmp_path / "imported"))
    found = list(
        batch_recompute.recompute_whales(
            spark, tmp_path, ["imported"], build_threshold_periods([], Decimal("0.01")), "run"
        )
    )
    assert found and {json.loads(value)["trade_id"] % 2 for value in found} == {1}


def _plain(value: bytes) -> str:
    """The message with decimals as the sink reads them: without trailing zeros."""
    row = json.loads(value)
    return json.dumps({name: _number(one) if isinstance(one, str) else one for name, one in row.items()})


def _number(text: str) -> str:
    return text.rstrip("0").rstrip(".") if text.replace(".", "", 1).isdigit() and "." in text else text


def test_a_liquidation_is_a_whale_of_its_own_kind_and_in_no_window(spark: SparkSession, tmp_path: Path) -> None:
    root, usd = tmp_path / "trades", build_threshold_periods([], Decimal(1000))
    names = {"binance": "single_trade", "binance_block": "block", "bybit": "block", "bybit_liquidation": "liquidation"}
    names |= {"sim_bybit_liquidation": "liquidation"}
    first = some_trades(1)[0]._replace(symbol="BTCUSDT", quote="USDT", price=Decimal(70_000), quantity=Decimal(1))
    trades = [first._replace(exchange=name, block=kind != "single_trade") for name, kind in names.items()]
    lay(root, trades)
    frame = parsed(spark, [raw_trade.encode_trade(one) for one in trades])
    known = transforms.parse_thresholds(F.lit(json.dumps(encode_history(usd))))
    alerts = [row.value for row in transforms.compute_alerts(frame, known, "run").collect()]
    paths = [file.path for file in table.list_files(table.open_table(root))]
    again = [value.decode() for value in batch_recompute.recompute_whales(spark, root, paths, usd, "run")]
    for some in (alerts, again):
        assert {body["exchange"]: body["kind"] for body in map(json.loads, some)} == names
        assert len(some) == len(names)
    (window,) = transforms.compute_windows(frame, "10 minutes", "run").collect()
    assert json.loads(window.value)["exchange"] == "binance"
