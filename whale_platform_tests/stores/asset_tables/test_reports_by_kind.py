"""Whale reports of single trades, sweeps and blocks: orders, each dollar once."""

from decimal import Decimal

import pytest

from whale_platform.contracts.whale_alert import WhaleRow
from whale_platform.stores.asset_tables import whale_reports
from whale_platform.stores.asset_tables.materialisation import HOUR, HourRange
from whale_platform.stores.quality import report_quality
from whale_platform_tests.stores.asset_tables.test_materialisation import MAKER, MINUTE, flat, store
from whale_platform_tests.stores.builders import START, SWEEP, WHALE

RATE = "0.333333333333333333"
OWN_PAIR = "binance:BTCUSDT"  # of which the rates are the sweep's own prices: its base is a dollar coin then


def test_a_report_counts_orders_by_kind_and_each_dollar_once(database: str) -> None:
    hour = HourRange(START, START + HOUR)
    first = WHALE._replace(trade_id=10, notional_usd="25000", notional="25000")
    fills = [first, first._replace(trade_id=12, sweep_first_id=10)]
    alone = WHALE._replace(trade_id=50, notional_usd="70000", notional="70000", side="sell")
    store(database, [flat(0, "1000000")], [*fills, alone])
    whale_reports.materialise_reports(database, hour, MAKER)
    (before,) = whale_reports.read_reports(database, hour)
    assert [before.whales, before.single_trades, before.notional_usd] == [3, 3, 120_000]
    block = WHALE._replace(kind="block", trade_id=11, notional_usd="900000", notional="900000")
    store(database, [], [SWEEP, block])
    assert whale_reports.find_stale_report_hours(database, hour) == [START]
    whale_reports.materialise_reports(database, hour, MAKER)
    (row,) = whale_reports.read_reports(database, hour)
    assert (row.whales, row.single_trades, row.sweeps, row.blocks) == (3, 1, 1, 1)
    assert [row.notional_usd, row.buy_usd, row.sell_usd] == [1_030_200, 960_200, 70_000]
    assert [row.whale_notional, row.share] == [130_200, Decimal("0.1302")], "a block is no part of the market"
    assert [(one["kind"], one["fills"], one["slippage_bps"]) for one in row.largest] == [
        ("block", None, None),
        ("single_trade", None, None),
        ("sweep", 3, "100"),
    ]
    assert whale_reports.find_stale_report_hours(database, hour) == []
    assert report_quality.find_wrong_reports(database, hour) == []


def test_a_report_is_made_again_when_a_sweep_grows_or_takes_in_its_fills(database: str) -> None:
    hour = HourRange(START, START + HOUR)
    store(database, [flat(0, "1000000")], [SWEEP._replace(fills=2, last_trade_id=11, notional_usd="50000")])
    whale_reports.materialise_reports(database, hour, MAKER)
    store(database, [], [SWEEP])
    assert whale_reports.find_stale_report_hours(database, hour) == [START]
    whale_reports.materialise_reports(database, hour, MAKER)
    assert whale_reports.read_reports(database, hour)[0].notional_usd == 60_200
    later = START + MINUTE
    first = WHALE._replace(trade_id=20, event_time=later, notional_usd="30100")
    store(database, [], [first, first._replace(trade_id=21, sweep_first_id=20)])
    whale_reports.materialise_reports(database, hour, MAKER)
    assert whale_reports.read_reports(database, hour)[0].whales == 3
    store(database, [], [SWEEP._replace(trade_id=20, fills=2, last_trade_id=21, event_time=later)])
    assert whale_reports.find_stale_report_hours(database, hour) == [START], "the dollars are the same"
    whale_reports.materialise_reports(database, hour, MAKER)
    assert whale_reports.read_reports(database, hour)[0].whales == 2
    assert whale_reports.find_stale_report_hours(database, hour) == []


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({}, False),
        ({"notional": "60201"}, True),
        ({"threshold_usd": "60201"}, True),
        ({"kind": "block", "price": "2", "quantity": "30100", "fills": None}, False),
        ({"kind": "block", "price": "2", "quantity": "30101", "fills": None}, True),
        ({"usd_rate": "0.5", "notional": "120400"}, False),
        ({"usd_rate": RATE, "notional": "180600"}, False),
        ({"usd_rate": "0.32", "notional": "180600"}, False),
        ({"usd_rate": "0.16", "notional": "180600"}, True),
        ({"usd_rate": "0.01", "notional": "4515000", "usd_via": OWN_PAIR, "quantity": "60200"}, False),
        ({"usd_rate": "0.01", "notional": "4515000", "usd_via": OWN_PAIR, "quantity": "60201"}, True),
        ({"kind": "block", "price": "2", "quantity": "90300", "notional": None, "usd_rate": "0.33"}, True),
        ({"kind": "block", "price": "2", "quantity": "90300", "usd_rate": RATE, "notional": "180600"}, False),
    ],
)
def test_dollars_are_the_notional_at_the_rate_that_the_whale_names(
    database: str, changes: dict[str, object], wrong: bool
) -> None:
    store(database, [], [WhaleRow(**(SWEEP._asdict() | changes))])
    assert bool(report_quality.find_wrong_alerts(database, START, START + HOUR)) == wrong
