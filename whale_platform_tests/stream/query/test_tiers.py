"""Spark's thresholds and tiers against those of `domain/whale.py`."""

import json
from datetime import timedelta
from decimal import Decimal

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from whale_platform.contracts import raw_trade
from whale_platform.domain.names import WHALE_TIERS
from whale_platform.domain.trade import Trade
from whale_platform.domain.whale import ALWAYS, ThresholdChange, build_threshold_periods, find_limits, find_tier
from whale_platform.stream.query import transforms
from whale_platform.stream.query.threshold_file import encode_history
from whale_platform_tests.stream.query.query_trades import parsed, some_trades, swept

pytestmark = pytest.mark.server
HOUR = timedelta(hours=1)
WEEK_US = 168 * 3_600_000_000
HOURS = [None if hour % 10 == 0 else Decimal(1000 + 7 * hour) + Decimal("0.01") for hour in range(168)]


def test_a_whale_is_of_the_tier_that_its_time_gives_it(spark: SparkSession) -> None:
    """The truth is `domain/whale.py`; exactly an amount must occur. Some markets have amounts by hour of the week."""
    trades = swept([_spread(number, one) for number, one in enumerate(some_trades(2_000))])
    middle = ALWAYS + timedelta(microseconds=sorted(one.event_time for one in trades)[1_000])
    history = [
        ThresholdChange("*", "*", ALWAYS, Decimal(1)),
        ThresholdChange("*", "ETHUSDT", ALWAYS, Decimal("61837.63"), Decimal("123675.26"), Decimal("200000")),
        ThresholdChange("*", "*", middle, Decimal(1000), Decimal("61837.63")),
        ThresholdChange("binance", "*", middle, Decimal(1000), None, Decimal("60910065.55")),
        ThresholdChange("coinbase", "BTCUSDT", ALWAYS, Decimal(7), hours_usd=HOURS),
        ThresholdChange("*", "BTCUSDT", middle + HOUR / 3, Decimal(1000), None, Decimal(10**12), HOURS[::-1]),
    ]
    periods = build_threshold_periods(history, Decimal(7))

    def expect(trade: Trade, usd: Decimal | None) -> tuple[str, Decimal] | None:
        limits = find_limits(periods, *trade[:2], ALWAYS + timedelta(microseconds=trade.event_time))
        return None if usd is None or limits is None or usd < limits.whale else (find_tier(limits, usd), limits.whale)

    expected = {
        **{(*one[:2], "block" if one.block else "single_trade", one.trade_id): one.notional_usd for one in trades},
        **{
            (*one[:2], "sweep", one.trade_id): one.sweep.usd if one.quote == "BTC" else one.sweep.notional
            for one in trades
            if one.sweep
        },
    }
    of = {(*one[:2], one.trade_id): one for one in trades}
    tiers = {key: expect(of[(*key[:2], key[3])], usd) for key, usd in expected.items()}
    known = transforms.parse_thresholds(F.lit(json.dumps(encode_history(periods))))
    frame = parsed(spark, [raw_trade.encode_trade(one) for one in trades])
    rows = [json.loads(row.value) for row in transforms.compute_alerts(frame, known, "run").collect()]
    found = {
        (row["exchange"], row["symbol"], row["kind"], row.get("last_trade_id") or row["trade_id"]): (
            row["tier"],
            Decimal(row["threshold_usd"]),
        )
        for row in rows
    }
    assert found == {key: tier for key, tier in tiers.items() if tier is not None}
    for kind in ("single_trade", "sweep", "block"):
        assert {tier for key, (tier, _) in found.items() if key[2] == kind} == {*WHALE_TIERS}
    assert len({usd for key, (_, usd) in found.items() if key[:2] == ("coinbase", "BTCUSDT")}) > 20, "many hours"


def _spread(number: int, trade: Trade) -> Trade:
    """The trade within two weeks, a third of them at the first or last microsecond of an hour or of the week."""
    hour = WEEK_US // 168
    week = trade.event_time // WEEK_US * WEEK_US + 4 * 24 * hour  # 1970 begins on a Thursday
    times = [trade.event_time + number * 601_000_000, week + number % 168 * hour - number // 3 % 2, week - number % 2]
    return trade._replace(event_time=times[number % 3])
