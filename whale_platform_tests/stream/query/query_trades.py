"""Seeded trades and thresholds for the tests of the queries, and what they become in Spark."""

import json
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import reduce
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from whale_platform.domain.plausibility import explain_implausible
from whale_platform.domain.sweep import SweepTracker
from whale_platform.domain.trade import EXACT, Trade
from whale_platform.domain.whale import build_tier_limits
from whale_platform.stream.query import transforms

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


def parsed(spark: SparkSession, values: list[bytes]) -> DataFrame:
    return transforms.parse_trades(spark.createDataFrame([(value.decode(),) for value in values], "value string"))


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
