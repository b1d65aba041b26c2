"""The scorecard and the comparison with live alerts through Dagster itself, on a real database and a made lake."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from whale_platform.defs.quality.alert_checks import SETTLED_AFTER, alerts_are_the_back_tests
from whale_platform.defs.reports.scorecard import whale_scorecard
from whale_platform.defs.resources import build_resources
from whale_platform.lake.analysis import alert_tables
from whale_platform.settings import Settings
from whale_platform_tests.backtest.worlds import START, lay_world
from whale_platform_tests.lake.builders import lay, trade
from whale_platform_tests.support.postgres_server import query

WHALE_ROW = """
INSERT INTO whale_alerts (exchange, symbol, kind, trade_id, side, price, quantity, notional_usd, threshold_usd,
    event_time, received_time, detected_time, source, run_id)
VALUES ('binance', 'BTCUSDT', 'single_trade', %s, 'buy', 100.5, 1000, 100500, 50000, %s, now(), now(), 'live', 'run')
"""


@pytest.fixture
def platform(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a home of its own."""
    monkeypatch.setenv("WHALE_POSTGRES_DSN", database)
    monkeypatch.setenv("WHALE_HOME", str(tmp_path))
    return Settings()


def materialise(settings: Settings) -> dict[str, dg.MetadataValue[Any]]:
    done = dg.materialize(
        [whale_scorecard], partition_key=f"{START:%Y-%m-%d}", resources=build_resources(home=str(settings.home))
    )
    return dict(done.asset_materializations_for_node(whale_scorecard.key.to_python_identifier())[0].metadata)


def test_a_day_has_a_file_a_report_and_a_picture(platform: Settings) -> None:
    whales = lay_world(platform.trades_lake, 10, 3, planted_bp=8)
    shown = materialise(platform)
    assert shown["rules"].value == 8 and shown["edges"].value
    assert "edge: " in str(shown["report"].value) and "data:image/png;base64," in str(shown["picture"].value)
    path = platform.home / "reports" / f"scorecard-{START:%Y-%m-%d}.json"
    found = json.loads(path.read_text())
    assert found["rules"][0]["alerts"] == whales, "by the threshold that held"
    assert path.with_suffix(".md").read_text().startswith("# Whale scorecard")


def test_a_lake_without_these_days_is_said_to_have_none(platform: Settings) -> None:
    lay(platform.trades_lake, [trade(0)])
    shown = materialise(platform)
    assert (shown["trades"].value, shown["edges"].value) == (0, 0) and "picture" not in shown


def check(settings: Settings) -> dg.AssetCheckEvaluation:
    only = dg.AssetSelection.checks(alerts_are_the_back_tests)
    done = dg.materialize(
        [alerts_are_the_back_tests], resources=build_resources(home=str(settings.home)), selection=only
    )
    return done.get_asset_check_evaluations()[0]


def test_live_alerts_are_checked_against_the_lake(platform: Settings) -> None:
    assert check(platform).metadata["compared"].value == "there is no lake yet"
    hour = (datetime.now(UTC) - SETTLED_AFTER).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
    first = int(hour.timestamp()) * 1_000_000
    trades = [trade(n, quantity="1000")._replace(event_time=first + n * alert_tables.MINUTE_US) for n in range(9)]
    lay(platform.trades_lake, trades)
    for number in range(9):
        query(str(platform.dsn()), WHALE_ROW, number, hour + timedelta(minutes=number))
    whole = check(platform)
    assert whole.passed and whole.metadata["same"].value == 9
    query(str(platform.dsn()), "DELETE FROM whale_alerts WHERE trade_id = 4")
    lacking = check(platform)
    assert not lacking.passed and lacking.metadata["different"].value == 1
    assert "only in the lake" in str(lacking.metadata["which"].value)
