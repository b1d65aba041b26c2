"""The one definition of window and whale, held against a plain Python fold of the same trades, to the last digit."""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from whale_platform.contracts import raw_trade, whale_alert
from whale_platform.domain.plausibility import explain_implausible
from whale_platform.domain.sweep import SweepTracker
from whale_platform.domain.trade import EXACT, Side, Trade
from whale_platform.domain.whale import build_threshold_periods, build_tier_limits, find_threshold
from whale_platform.lake.analysis import hour_values
from whale_platform.lake.delta import table
from whale_platform.lake.delta.table import HOUR
from whale_platform.stream import batch_recompute
from whale_platform.stream.query import transforms
from whale_platform.stream.query.threshold_file import encode_history
from whale_platform_tests.lake.builders import lay

pytestmark = pytest.mark.server
MINUTE = 60_000_000
START = 1_723_161_254_000_000


def some_trades(count: int) -> list[Trade]:
    """Seeded trades over several symbols and minutes, with the widest and narrowest numbers that pass the limits."""
    dice = random.Random(7)
    prices = ["0.000000000001", "1000000000", "123675.26", "61837.63", "0.00001305", "99999.99999999", "1"]
    sizes = ["0.00000001", "123456789.12345678", "985", "0.5", "0.00001"]
    ids: dict[str, int] = defaultdict(lambda: 3_735_683_259)
    out: list[Trade] = []
    while len(out) < count:
        symbol = dice.choice(["BTCUSDT", "ETHUSDT", "SKL-BTC"])
        trade = Trade(
            exchange=dice.choice(["binance", "coinbase"]),
            symbol=symbol,
            base="SKL" if symbol == "SKL-BTC" else symbol[:3],
            quote="BTC" if symbol == "SKL-BTC" else "USDT",
            trade_id=ids[symbol],
            price=Decimal(dice.choice(prices)),
            quantity=Decimal(dice.choice(sizes)),
            side=dice.choice(["buy", "sell"]),
            event_time=START + dice.randrange(5 * MINUTE),
            received_time=START + dice.randrange(5 * MINUTE),
        )
        if explain_implausible(trade, START + 10 * MINUTE) is None:
            ids[symbol] += 1
            out.append(trade)
    return out


def swept(trades: list[Trade]) -> list[Trade]:
    """The trades with dense ids by exchange, every other one of the time of the one before, as an ingester writes them.

    Some are blocks, some of an exchange without dense ids.
    """
    dice, out = random.Random(3), []
    last: dict[tuple[str, str], Trade] = {}
    trackers: dict[tuple[str, str], SweepTracker] = defaultdict(SweepTracker)
    for one in trades:
        market = (one.exchange, one.symbol)
        before = last.get(market)
        number = 1 if before is None else before.trade_id + dice.choice([1, 1, 1, 2])
        one = one._replace(trade_id=number, block=dice.random() < 0.05, dense=market[0] == "binance")
        if before is not None and dice.random() < 0.7:
            one = one._replace(event_time=before.event_time, side=before.side)
        if one.exchange == "coinbase":
            one = one._replace(taker_order_id=dice.choice("ab"))
        if one.quote == "BTC" and dice.random() < 0.8:
            rated = one._replace(usd_rate=Decimal("61837.123456789"), usd_pair="binance:BTCUSDT")
            one = one if rated.notional_usd is None else rated
        last[market] = one
        out.append(one._replace(sweep=trackers[market].add(one)))
    return out


def total(numbers: Iterable[Decimal]) -> Decimal:
    """An exact sum: the default context would round beyond 28 digits."""
    return reduce(EXACT.add, numbers, Decimal(0))


def test_a_window_says_where_the_newest_of_its_trades_lies(spark: SparkSession) -> None:
    made = [(raw_trade.encode_trade(trade).decode(), 1, offset) for offset, trade in enumerate(some_trades(100))]
    kafka = spark.createDataFrame(made, "value string, partition int, offset bigint")
    frame = transforms.parse_trades(transforms.add_offsets(kafka), kept=transforms.OFFSET_COLUMNS)
    bodies = [json.loads(row.value) for row in transforms.compute_windows(frame, "10 minutes", "run-1").collect()]
    assert list(bodies[0])[-3:] == ["partition", "offset", "run_id"], "positions.py relies on it"
    assert {body["partition"] for body in bodies} == {1}
    assert max(body["offset"] for body in bodies) == 99
    assert sum(body["trade_count"] for body in bodies) == 100


def parsed(spark: SparkSession, values: list[bytes]) -> DataFrame:
    return transforms.parse_trades(spark.createDataFrame([(value.decode(),) for value in values], "value string"))


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


def tiered(table: Mapping[str, str | list[str]]) -> dict[str, list[str]]:
    """The table as the copy has it: single amounts with those that follow from them."""
    return {
        market: usd if isinstance(usd, list) else [str(one) for one in build_tier_limits(Decimal(usd))]
        for market, usd in table.items()
    }


def thresholds(spark: SparkSession, folder: Path, table: Mapping[str, str | list[str]]) -> Any:
    file = folder / "thresholds.json"
    file.write_text(json.dumps([{"since": 0, "limits": tiered(table)}]))
    return spark.read.text(str(file), wholetext=True).select(transforms.parse_thresholds(F.col("value"))).scalar()


def test_whales_are_the_fills_at_or_over_the_most_specific_threshold(spark: SparkSession, tmp_path: Path) -> None:
    table = {"*:*": "100000", "*:ETHUSDT": "50000", "coinbase:*": "70000", "binance:ETHUSDT": "61837.63"}
    trades = some_trades(2_000)

    limits = {(name.split(":")[0], name.split(":")[1]): Decimal(usd) for name, usd in table.items()}

    def threshold(trade: Trade) -> Decimal:
        usd = find_threshold(limits, trade.exchange, trade.symbol)
        assert usd is not None
        return usd

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
