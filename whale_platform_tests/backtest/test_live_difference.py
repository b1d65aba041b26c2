"""The difference between the lake's alerts and the live ones, with rows made for it."""

import random
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from whale_platform.audit.threshold_history import ThresholdHistory
from whale_platform.backtest.live_difference import AlertDifference, compare_live_alerts, find_alert_difference
from whale_platform.backtest.render import describe_difference
from whale_platform.backtest.run import find_held_alerts
from whale_platform.domain.sweep import SweepTracker
from whale_platform.domain.whale import ThresholdChange, build_threshold_periods
from whale_platform.lake.analysis.alert_selection import FoundAlert
from whale_platform.settings import Settings
from whale_platform.stores.asset_tables.thresholds import read_threshold_history
from whale_platform.stores.queries.live_alerts import LiveAlert
from whale_platform_tests.lake.builders import START, lay, trade
from whale_platform_tests.support.postgres_server import database, empty_database, postgres_server, query

__all__ = ["database", "empty_database", "postgres_server"]

COLUMNS = (
    "exchange, symbol, kind, trade_id, side, price, quantity, notional_usd, threshold_usd, event_time, received_time, "
    "detected_time, source, run_id"
)
HOUR = timedelta(hours=1)
CHANGE = START + timedelta(minutes=30)
HISTORY = [ThresholdChange("*", "*", CHANGE, Decimal(2000))]
BEFORE, AFTER = CHANGE - timedelta(minutes=20), CHANGE + timedelta(minutes=20)


def found(number: int, usd: str = "5000", imported: bool = False) -> FoundAlert:
    return FoundAlert("binance", "BTCUSDT", "sweep", number, "BTC", Decimal(usd), imported)


def live(number: int, at: datetime, usd: str = "5000") -> LiveAlert:
    return LiveAlert("binance", "BTCUSDT", "sweep", number, at, Decimal(usd))


def compare(lake: list[tuple[FoundAlert, datetime]], rows: list[LiveAlert]) -> AlertDifference:
    return find_alert_difference(START, START + HOUR, lake, rows, ThresholdHistory(HISTORY, Decimal(1000)))


def test_the_same_alerts_differ_in_nothing() -> None:
    difference = compare([(found(1), BEFORE), (found(2), AFTER)], [live(2, AFTER), live(1, BEFORE)])
    assert (difference.same, difference.excused, list(difference.different)) == (2, 0, [])
    assert list(describe_difference(difference)) == ["live and lake: 2 alerts on both sides, 0 different"]


def test_what_one_side_lacks_or_has_otherwise_is_named() -> None:
    difference = compare(
        [(found(1), BEFORE), (found(2), AFTER), (found(3, "6000"), AFTER)],
        [live(2, AFTER), live(3, AFTER), live(4, AFTER)],
    )
    assert [(one.trade_id, one.why) for one in difference.different] == [
        (1, "only in the lake, with 5,000.00 dollars"),
        (3, "5,000.00 dollars live, 6,000.00 in the lake"),
        (4, "only live, with 5,000.00 dollars"),
    ]
    assert list(describe_difference(difference))[-1] == "live and lake: 2 alerts on both sides, 3 different"


def test_around_a_change_of_the_threshold_either_may_have_applied() -> None:
    near = CHANGE + timedelta(seconds=90)
    difference = compare([(found(1, "1500"), CHANGE - timedelta(minutes=1))], [live(2, near, "1500")])
    assert (difference.excused, list(difference.different)) == (2, [])
    difference = compare([(found(1, "2500"), near)], [live(2, near, "900")])
    assert [one.trade_id for one in difference.different] == [1, 2], "by neither threshold"
    difference = compare([], [live(2, AFTER, "1500")])
    assert [one.trade_id for one in difference.different] == [2], "twenty minutes later only one applies"


def test_an_import_whose_whales_nobody_has_recomputed_is_left_out() -> None:
    difference = compare([(found(1, imported=True), BEFORE)], [])
    assert (difference.excused, list(difference.different)) == (1, [])


def test_the_lake_gives_what_a_stream_over_the_same_trades_gives(tmp_path: Path) -> None:
    root, chance, time, fills = tmp_path / "lake" / "trades", random.Random(4), 0, []
    for number in range(3000):
        time += chance.choice([0, 0, 0, 3_000_000])
        quantity = str(chance.choice((1, 2, 5, 30)))
        one = trade(number, quantity=quantity)._replace(
            event_time=trade(0).event_time + time, side=chance.choice(("buy", "sell"))
        )
        fills.append(one)
    lay(root, fills)
    periods, tracker = build_threshold_periods(HISTORY, Decimal(1000)), SweepTracker()
    expected: dict[tuple[str, int], Decimal] = {}
    for fill in fills:
        at = START + timedelta(microseconds=fill.event_time - trade(0).event_time)
        threshold = Decimal(1000) if at < CHANGE else Decimal(2000)
        if fill.notional >= threshold:
            expected["single_trade", fill.trade_id] = fill.notional
        progress = tracker.add(fill)
        if progress is not None and progress.notional >= threshold:
            expected["sweep", progress.first_id] = progress.notional
    alerts = find_held_alerts(root, START, START + 2 * HOUR, periods, lambda *_: None)
    assert {(one.kind, one.trade_id): one.usd for one, _ in alerts} == expected
    assert {kind for kind, _ in expected} == {"single_trade", "sweep"}


@pytest.mark.server
def test_live_rows_are_compared_with_the_lake_by_the_thresholds_of_the_database(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHALE_POSTGRES_DSN", database)
    settings = Settings(home=tmp_path)
    lay(settings.trades_lake, [trade(number, every_s=60, quantity="500") for number in range(20)])  # 50,250 dollars
    assert read_threshold_history(database)[0][3] == Decimal(50_000)
    for number in range(1, 21):
        at = START + timedelta(minutes=number)
        values = (
            "binance",
            "BTCUSDT",
            "single_trade",
            number,
            "buy",
            100.5,
            500,
            50250,
            50000,
            at,
            at,
            at,
            "live",
            "run",
        )
        query(database, f"INSERT INTO whale_alerts ({COLUMNS}) VALUES ({', '.join(['%s'] * len(values))})", *values)
    difference = compare_live_alerts(settings, START, START + HOUR)
    assert (difference.same, [one.trade_id for one in difference.different]) == (19, [0, 20])
