"""The one definition of window and whale, held against a plain Python fold of the same trades, to the last digit."""

import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from whale_platform.contracts import raw_trade
from whale_platform.domain.trade import Trade
from whale_platform.domain.whale import ALWAYS, ThresholdPeriod
from whale_platform.stream.query import transforms
from whale_platform_tests.stream.query.query_trades import (
    MINUTE,
    parsed,
    some_trades,
    thresholds,
    tiered,
    total,
)

pytestmark = pytest.mark.server


def test_a_window_says_where_the_newest_of_its_trades_lies(spark: SparkSession) -> None:
    made = [(raw_trade.encode_trade(trade).decode(), 1, offset) for offset, trade in enumerate(some_trades(100))]
    kafka = spark.createDataFrame(made, "value string, partition int, offset bigint")
    frame = transforms.parse_trades(transforms.add_offsets(kafka), kept=transforms.OFFSET_COLUMNS)
    bodies = [json.loads(row.value) for row in transforms.compute_windows(frame, "10 minutes", "run-1").collect()]
    assert list(bodies[0])[-3:] == ["partition", "offset", "run_id"], "positions.py relies on it"
    assert {body["partition"] for body in bodies} == {1}
    assert max(body["offset"] for body in bodies) == 99
    assert sum(body["trade_count"] for body in bodies) == 100


def test_windows_equal_a_plain_fold_to_the_last_digit(spark: SparkSession) -> None:
    trades = some_trades(2_000)
    groups: dict[tuple[str, str, int], list[Trade]] = defaultdict(list)
    for trade in trades:
        groups[trade.exchange, trade.symbol, trade.event_time // MINUTE * MINUTE].append(trade)

    rows = transforms.compute_windows(
        parsed(spark, [raw_trade.encode_trade(trade) for trade in trades]), "10 minutes", "run-1"
    ).collect()

    assert len(rows) == len(groups)
    for row in rows:
        body = json.loads(row.value)
        assert list(body)[:5] == ["v", "exchange", "symbol", "window_start", "trade_count"]  # sink/fold.py relies on it
        fills = sorted(groups[body["exchange"], body["symbol"], body["window_start"]], key=lambda trade: trade.trade_id)
        assert row.key == f"{body['exchange']}:{body['symbol']}"
        expected: dict[str, Any] = {
            "open": fills[0].price,
            "close": fills[-1].price,
            "high": max(fill.price for fill in fills),
            "low": min(fill.price for fill in fills),
            "price_sum": total(fill.price for fill in fills),
            "volume": total(fill.quantity for fill in fills),
            "notional": total(fill.notional for fill in fills),
            "buy_volume": total(fill.quantity for fill in fills if fill.side == "buy"),
        }
        assert {name: Decimal(body[name]) for name in expected} == expected
        assert body["trade_count"] == len(fills)
        assert (body["first_trade_id"], body["last_trade_id"]) == (fills[0].trade_id, fills[-1].trade_id)
        assert body["last_event_time"] == max(fill.event_time for fill in fills)
        assert (body["v"], body["source"], body["run_id"]) == (1, "live", "run-1")
        told = (fills[0].base, fills[0].quote, fills[0].usd_via)
        assert (body["base"], body["quote"], body["usd_via"]) == told


def test_whales_are_the_fills_at_or_over_the_most_specific_threshold(spark: SparkSession, tmp_path: Path) -> None:
    table = {"*:*": "100000", "*:ETHUSDT": "50000", "coinbase:*": "70000", "binance:ETHUSDT": "61837.63"}
    trades = some_trades(2_000)

    usd = {(name.split(":")[0], name.split(":")[1]): Decimal(usd) for name, usd in table.items()}

    def threshold(trade: Trade) -> Decimal:
        limits = ThresholdPeriod(ALWAYS, usd).find_limits(trade.exchange, trade.symbol, ALWAYS)
        assert limits is not None
        return limits.whale

    expected = {
        (trade.exchange, trade.symbol, trade.trade_id): (trade.notional_usd, threshold(trade))
        for trade in trades
        if trade.notional_usd is not None and trade.notional_usd >= threshold(trade)
    }
    assert any(usd == limit for usd, limit in expected.values()), "the case of exactly the threshold must occur"

    rows = transforms.compute_alerts(
        parsed(spark, [raw_trade.encode_trade(trade) for trade in trades]), thresholds(spark, tmp_path, table), "run-1"
    ).collect()

    bodies = [json.loads(row.value) for row in rows]
    assert {row.topic for row in rows} == {"whale_alerts"}
    assert all(body["kind"] == "single_trade" for body in bodies)
    found = {
        (body["exchange"], body["symbol"], body["trade_id"]): (
            Decimal(body["notional_usd"]),
            Decimal(body["threshold_usd"]),
        )
        for body in bodies
    }
    assert len(bodies) == len(found)
    assert found == expected


def test_a_whale_is_judged_by_the_threshold_of_its_time(spark: SparkSession, tmp_path: Path) -> None:
    trades = [one for one in some_trades(2_000) if one.notional_usd is not None]
    times = sorted({one.event_time for one in trades})
    held: list[dict[str, Any]] = [
        {"since": -5, "limits": {"*:*": "100000000000000000000"}},  # does not fit, which harms no other period
        {"since": 0, "limits": {"*:*": "60000"}},
        {"since": times[len(times) // 3], "limits": {"*:*": "99999999", "binance:ETHUSDT": "20000"}},
        {"since": times[2 * len(times) // 3], "limits": {"*:*": "20000"}},
    ]

    def limit(trade: Trade) -> Decimal:
        now = [one["limits"] for one in held if one["since"] <= trade.event_time][-1]
        return Decimal(now.get(f"{trade.exchange}:{trade.symbol}", now["*:*"]))

    file = tmp_path / "thresholds.json"
    file.write_text(json.dumps([one | {"limits": tiered(one["limits"])} for one in held]))
    known = spark.read.text(str(file), wholetext=True).select(transforms.parse_thresholds(F.col("value"))).scalar()
    values = [(1, number, raw_trade.encode_trade(one)) for number, one in enumerate(trades)]
    kafka = spark.createDataFrame(values, "partition int, offset bigint, value binary")
    rows = transforms.compute_alerts(
        transforms.parse_trades(transforms.add_offsets(kafka), kept=transforms.OFFSET_COLUMNS), known, "run-1"
    ).collect()
    found = {(body["partition"], body["offset"]) for body in (json.loads(row.value) for row in rows)}
    assert found == {
        (1, number) for number, one in enumerate(trades) if one.notional_usd and one.notional_usd >= limit(one)
    }
    assert 0 < len(found) < len(trades)


def test_positions_come_beside_the_alerts_whatever_they_are(spark: SparkSession, tmp_path: Path) -> None:
    """Where executors are elsewhere, the query says how far it has read; its alerts are the same."""
    values = [b"{" if number % 30 == 0 else raw_trade.encode_trade(one) for number, one in enumerate(some_trades(200))]
    rows = [(2, number, value) for number, value in enumerate(values)]
    kafka = spark.createDataFrame(rows, "partition int, offset bigint, value binary")
    trades = transforms.parse_trades(transforms.add_offsets(kafka), kept=transforms.OFFSET_COLUMNS)
    limit = thresholds(spark, tmp_path, {"*:*": "100000"})
    plain = [tuple(row) for row in transforms.compute_alerts(trades, limit, "run-1").collect()]
    found = [tuple(row) for row in transforms.compute_alerts(trades, limit, "run-1", positions=True).collect()]
    assert {row[0] for row in plain} == {"whale_alerts", "trade_dead_letters"}
    assert [row for row in found if row[0] != "stream_positions"] == plain
    assert [row[2] for row in found if row[0] == "stream_positions"] == [
        f'{{"partition":2,"offset":{offset},"run_id":"run-1"}}'
        for offset in range(0, len(values), transforms.POSITION_EVERY)
    ]


def test_a_raw_message_that_does_not_parse_becomes_a_dead_letter(spark: SparkSession, tmp_path: Path) -> None:
    good = some_trades(1)[0]
    row = json.loads(raw_trade.encode_trade(good))
    odd: list[dict[str, Any]] = [
        {"v": 3},
        {"exchange": None},
        {"symbol": 'a"b'},
        {"source": "a\\b"},
        {"side": "BUY"},
        {"trade_id": "1"},
        {"event_time": None},
        {"price": "0"},
        {"quantity": "-1"},
        {"price": "NaN"},
        {"price": '1","low":"0'},
        {"price": "1.123456789"},
    ]
    values = [
        b"{",
        b"null",
        b"[]",
        *[json.dumps(row | change).encode() for change in odd],
        raw_trade.encode_trade(good),
    ]

    frame = parsed(spark, values)
    letters = transforms.compute_alerts(frame, thresholds(spark, tmp_path, {"*:*": "1e30"}), "run-1").collect()

    assert {row.topic for row in letters} == {"trade_dead_letters"}
    reasons = {json.loads(row.value)["frame"]: json.loads(row.value)["reason"] for row in letters}
    assert reasons.keys() == {value.decode() for value in values[:-1]}
    assert reasons["{"] == "not a raw trade of schema version 1 or 2"
    assert reasons[values[3].decode()] == "raw trade of schema version 3; this code reads versions 1 and 2"
    assert [
        json.loads(row.value)["trade_count"] for row in transforms.compute_windows(frame, "10 minutes", "r").collect()
    ] == [1]
