"""Clusters through Dagster itself, on a real database and a made lake."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from whale_platform.defs.reports import schedules
from whale_platform.defs.reports.clusters import whale_clusters
from whale_platform.defs.resources import build_resources
from whale_platform.defs.shared.partitions import RANGE_TAG
from whale_platform.settings import Settings
from whale_platform_tests.backtest.test_cluster_search import make_world
from whale_platform_tests.lake.builders import START, lay
from whale_platform_tests.support.postgres_server import query


@pytest.fixture
def platform(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The settings of a home of its own."""
    monkeypatch.setenv("WHALE_POSTGRES_DSN", database)
    monkeypatch.setenv("WHALE_HOME", str(tmp_path))
    return Settings()


def materialise(settings: Settings, hour: int = 0) -> dict[str, dg.MetadataValue[Any]]:
    done = dg.materialize(
        [whale_clusters],
        partition_key=f"{START + timedelta(hours=hour):%Y-%m-%d-%H:%M}",
        resources=build_resources(home=str(settings.home)),
    )
    return dict(done.asset_materializations_for_node(whale_clusters.key.to_python_identifier())[0].metadata)


def test_an_hour_has_rows_a_report_and_a_picture_and_is_replaced(platform: Settings, database: str) -> None:
    lay(platform.trades_lake, make_world())
    shown = materialise(platform)
    assert shown["most_exchanges"].value == 3 and "hyperliquid:BTC (perpetual)" in str(shown["report"].value)
    assert "data:image/png;base64," in str(shown["picture"].value)
    statement = "SELECT exchange, orders, exchanges, spot_usd, perpetual_usd, jsonb_array_length(members) FROM "
    rows = query(database, f"{statement} whale_clusters WHERE orders = 3")
    assert [tuple(row) for row in rows] == [("binance", 3, 3, 160_000, 80_000, 3)]
    materialise(platform, 1)
    materialise(platform)
    assert query(database, "SELECT count(*) FROM whale_clusters WHERE orders = 3") == [(2,)]


def test_an_hour_without_whales_has_none(platform: Settings, database: str) -> None:
    lay(platform.trades_lake, make_world())
    shown = materialise(platform, 5)
    assert shown["dagster/row_count"].value == 0 and "picture" not in shown
    assert str(shown["report"].value).startswith("No clusters")
    assert query(database, "SELECT count(*) FROM whale_clusters") == [(0,)]


def test_yesterdays_hours_are_found_again_each_night() -> None:
    time = datetime(2026, 1, 3, 2, 53, tzinfo=UTC)
    with dg.build_schedule_context(scheduled_execution_time=time) as context:
        [request] = schedules.repair_clusters.evaluate_tick(context).run_requests or []
    assert (request.tags[f"{RANGE_TAG}start"], request.tags[f"{RANGE_TAG}end"]) == (
        "2026-01-02-00:00",
        "2026-01-02-23:00",
    )
