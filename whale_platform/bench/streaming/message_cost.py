"""What a raw trade costs by the version of its message: bytes, and CPU to encode, decode, look at and parse by Spark.

The versions alternate in each round, so that a machine whose speed wanders slows both; medians of the rounds are told.
Trades that are fills of one order have its sums in version 2, as the ingester writes them: also the generated ones.
"""

import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import psutil
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from whale_platform.contracts import raw_trade, raw_trade_looks
from whale_platform.domain.decimal_text import format_decimal
from whale_platform.domain.sweep import SweepTracker
from whale_platform.domain.trade import Trade
from whale_platform.settings import Settings
from whale_platform.stream.query import transforms
from whale_platform.stream.spark import session as spark_session

WARM_ROUNDS = 2
COPIES = 4  # of each message in what Spark reads
FILLS = (1, 1, 6)  # of an order, each as often: three of four trades have company, as at Binance
TICKS = (0, 0, 1)  # from fill to fill


def spell_version_1(trade: Trade) -> bytes:
    """Return the message as it was written before version 2."""
    usd = trade.notional_usd
    row = {
        "v": 1,
        "exchange": trade.exchange,
        "symbol": trade.symbol,
        "trade_id": trade.trade_id,
        "dense": trade.dense,
        "base": trade.base,
        "quote": trade.quote,
        "price": format_decimal(trade.price),
        "quantity": format_decimal(trade.quantity),
        "notional": format_decimal(trade.notional),
        "notional_usd": None if usd is None else format_decimal(usd),
        "usd_via": trade.usd_via,
        "side": trade.side,
        "event_time": trade.event_time,
        "received_time": trade.received_time,
        "source": trade.source,
        "taker_order_id": trade.taker_order_id,
    }
    return json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode()


def fill_orders(orders: Iterable[Trade]) -> Iterator[Trade]:
    """Yield the fills of these orders, each of which is told by its first one; ids have no gaps in each symbol."""
    dice, ids = random.Random(1), Counter[str]()
    for order in orders:
        price, tick = order.price, Decimal("0.01") if order.side == "buy" else Decimal("-0.01")
        for _ in range(dice.choice(FILLS)):
            yield order._replace(trade_id=ids[order.symbol], price=price)
            ids[order.symbol] += 1
            price = max(price + tick * dice.choice(TICKS), Decimal("0.01"))


def follow_orders(trades: Sequence[Trade]) -> list[Trade]:
    """Return the trades with the sums of their orders, of which each one's first fill has none."""
    trackers: dict[str, SweepTracker] = defaultdict(SweepTracker)
    return [one._replace(sweep=trackers[f"{one.exchange}:{one.symbol}"].add(one)) for one in trades]


def measure_messages(settings: Settings, trades: Sequence[Trade], rounds: int) -> dict[str, Any]:
    """Return figures by version: bytes a message, and microseconds of CPU a trade. `settings.home`: for Spark."""
    trades = follow_orders(trades)
    values = {1: list(map(spell_version_1, trades)), 2: list(map(raw_trade.encode_trade, trades))}
    times: dict[int, dict[str, list[float]]] = {version: {} for version in values}
    for _ in range(rounds):
        for version, messages in values.items():
            for name, work in (("decode", raw_trade.decode_trade), ("look", raw_trade_looks.read_fill)):
                times[version].setdefault(name, []).append(_time_each(work, messages))
        times[2].setdefault("encode", []).append(_time_each(raw_trade.encode_trade, trades))
    session = spark_session.build_session(settings, master="local[1]")
    try:
        frames = {version: _read(session, settings.home / str(version), some) for version, some in values.items()}
        java = next(one for one in psutil.Process().children(recursive=True) if "java" in one.name())
        for number in range(rounds + WARM_ROUNDS):
            for version, frame in frames.items():
                for name, build in STAGES:
                    took = _time_spark(java, build(frame), len(trades) * COPIES)
                    if number >= WARM_ROUNDS:
                        times[version].setdefault(name, []).append(took)
    finally:
        session.stop()
    return {
        "trades": len(trades),
        "with_sums": sum(one.sweep is not None for one in trades),
        "rounds": rounds,
        "versions": {
            str(version): {
                "bytes": round(sum(map(len, values[version])) / len(trades), 1),
                "cpu_us": {name: round(median(some), 2) for name, some in measured.items()},
            }
            for version, measured in times.items()
        },
    }


def _read(session: SparkSession, path: Path, messages: Sequence[bytes]) -> DataFrame:
    rows = [(bytearray(message), 0, offset) for offset, message in enumerate(messages)]
    session.createDataFrame(rows, "value binary, partition int, offset bigint").write.parquet(str(path))
    frame = session.read.parquet(*[str(path)] * COPIES).cache()
    frame.count()
    return frame


def _parse(frame: DataFrame) -> DataFrame:
    trades = transforms.parse_trades(transforms.add_offsets(frame), kept=transforms.OFFSET_COLUMNS)
    return trades.where("good").drop("value")


def _compute_windows(frame: DataFrame) -> DataFrame:
    trades = transforms.parse_trades(transforms.add_offsets(frame), kept=transforms.OFFSET_COLUMNS)
    return transforms.compute_windows(trades, "10 minutes", "bench")


def _compute_alerts(frame: DataFrame) -> DataFrame:
    trades = transforms.parse_trades(transforms.add_offsets(frame), kept=transforms.OFFSET_COLUMNS)
    text = F.lit('[{"since":0,"limits":{"*:*":["50000","250000","1000000"]}}]')
    thresholds = frame.sparkSession.range(1).select(transforms.parse_thresholds(text)).scalar()  # as a query has them
    return transforms.compute_alerts(trades, thresholds, "bench")


STAGES = (("spark_parse", _parse), ("spark_windows", _compute_windows), ("spark_whales", _compute_alerts))


def _time_spark(java: psutil.Process, frame: DataFrame, count: int) -> float:
    before = java.cpu_times()
    frame.write.format("noop").mode("overwrite").save()
    after = java.cpu_times()
    return float(after.user + after.system - before.user - before.system) / count * 1e6


def _time_each(work: Callable[[Any], object], items: Sequence[object]) -> float:
    begun = time.process_time()
    for item in items:
        work(item)
    return (time.process_time() - begun) / len(items) * 1e6
