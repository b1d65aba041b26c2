"""The assets through Dagster itself, on a real database: one hour, a range in one run, and the repair."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from whale_platform.definitions import defs
from whale_platform.defs.lineage.assets import build_specs
from whale_platform.defs.reports import schedules
from whale_platform.defs.reports.assets import daily_market_report, hourly_rollups, whale_reports
from whale_platform.defs.reports.checks import (
    every_report_is_made,
    every_rollup_is_made,
    find_last_full_hours,
    page_is_its_rows,
    whales_add_up,
)
from whale_platform.defs.resources import build_resources
from whale_platform.defs.shared.partitions import RANGE_TAG, group_consecutive, partition_key
from whale_platform.settings import Settings
from whale_platform.stores.asset_tables import recomputed_hours
from whale_platform.stores.asset_tables.materialisation import HourRange, Provenance
from whale_platform_tests.stores.asset_tables.test_materialisation import some_windows, store
from whale_platform_tests.stores.builders import START, WHALE
from whale_platform_tests.support.postgres_server import query

HOUR = timedelta(hours=1)


@pytest.fixture
def stream(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Three hours of windows and one whale; the environment points there."""
    monkeypatch.setenv("WHALE_POSTGRES_DSN", database)
    monkeypatch.setenv("WHALE_HOME", str(tmp_path))
    windows = [row._replace(base=row.symbol[:3], quote="USDT", usd_via="peg:USDT") for row in some_windows(3)]
    store(database, windows, [WHALE._replace(symbol="ETHUSDT", event_time=START + timedelta(minutes=90))])
    return database


def platform() -> dict[str, dg.ConfigurableResource[Any]]:
    """The resources of the home that the environment names, as the loaded definitions have them."""
    return build_resources(home=str(Settings().home))


def run(first: str, last: str) -> dg.ExecuteInProcessResult:
    """One run over the hours from `first` to `last`."""
    return dg.materialize(
        [hourly_rollups, whale_reports],
        tags={f"{RANGE_TAG}start": first, f"{RANGE_TAG}end": last},
        resources=platform(),
        partition_key=None,
    )


def test_one_hour_is_made_with_a_report_a_picture_and_its_run(stream: str) -> None:
    done = dg.materialize([hourly_rollups, whale_reports], partition_key="2024-08-08-13:00", resources=platform())
    assert query(stream, "SELECT DISTINCT hour, run_id FROM hourly_rollups") == [(START + HOUR, done.run_id)]
    assert query(stream, "SELECT symbol, whales FROM whale_reports ORDER BY 1") == [("BTCUSDT", 0), ("ETHUSDT", 1)]
    told = {
        key.to_user_string(): done.asset_materializations_for_node(key.to_user_string())[0].metadata
        for key in (hourly_rollups.key, whale_reports.key)
    }
    assert told["hourly_rollups"]["dagster/row_count"].value == 2
    assert "binance BTCUSDT" in str(told["hourly_rollups"]["report"].value)
    assert "data:image/png" in str(told["whale_reports"]["picture"].value)


def test_a_range_is_one_run_and_making_it_twice_changes_nothing(stream: str) -> None:
    numbers = "SELECT exchange, symbol, hour, open, high, low, close, vwap, volume, trade_count FROM hourly_rollups"
    assert run("2024-08-08-12:00", "2024-08-10-11:00").success
    before = sorted(query(stream, numbers))
    assert len(before) == 6
    assert run("2024-08-08-12:00", "2024-08-10-11:00").success
    assert sorted(query(stream, numbers)) == before


def test_each_hour_of_a_range_has_its_own_numbers_and_the_last_the_picture(stream: str) -> None:
    done = run("2024-08-08-12:00", "2024-08-08-14:00")
    events = {event.partition: event for event in done.asset_materializations_for_node("whale_reports")}
    assert [events[f"2024-08-08-{hour}:00"].metadata["whales"].value for hour in (12, 13, 14)] == [0, 1, 0]
    assert [key for key, event in events.items() if "picture" in event.metadata] == ["2024-08-08-14:00"]
    first = done.asset_materializations_for_node("hourly_rollups")[0]
    assert (first.metadata["dagster/row_count"].value, first.metadata["symbols"].value) == (2, 2)
    assert "2024-08-08 12:00 UTC**, 1 hour" in str(first.metadata["report"].value)


def test_perpetuals_have_figures_and_a_picture_beside_those_of_spot(stream: str) -> None:
    rows = [row for row in some_windows(1) if row.symbol == "BTCUSDT"]
    perpetual = [
        row._replace(exchange="hyperliquid", symbol="BTC", base="BTC", quote="USDC", usd_via="peg:USDC") for row in rows
    ]
    before = run("2024-08-08-12:00", "2024-08-08-12:00").asset_materializations_for_node("hourly_rollups")[0].metadata
    store(stream, perpetual, [])
    after = run("2024-08-08-12:00", "2024-08-08-12:00").asset_materializations_for_node("hourly_rollups")[0].metadata
    assert {name: after[name] for name in ("trades", "symbols", "picture")} == {
        name: before[name] for name in ("trades", "symbols", "picture")
    }
    assert after["perpetual_trades"].value == sum(row.trade_count for row in rows)
    assert after["perpetual_symbols"].value == 1
    assert "data:image/png" in str(after["perpetual_picture"].value)


def test_what_is_told_of_an_hour_is_stored_once(stream: str) -> None:
    done = run("2024-08-08-12:00", "2024-08-08-12:00")
    outputs = [event for event in done.all_events if event.event_type is dg.DagsterEventType.STEP_OUTPUT]
    assert [len(event.step_output_data.metadata) for event in outputs] == [0, 0]


def test_the_columns_of_tables_stand_in_the_definitions(stream: str, ours: None) -> None:
    graph = defs().resolve_asset_graph()
    for asset in (hourly_rollups, whale_reports):
        assert "hour" in {column.name for column in graph.get(asset.key).metadata["dagster/column_schema"].columns}


def test_a_days_report_is_one_page_that_needs_nothing_else(stream: str, tmp_path: Path) -> None:
    run("2024-08-08-12:00", "2024-08-08-14:00")
    done = dg.materialize([daily_market_report], partition_key="2024-08-08", resources=platform())
    told = done.asset_materializations_for_node("daily_market_report")[0].metadata
    assert told["address"].value == "http://127.0.0.1:18000/reports/daily/2024-08-08"
    page = (tmp_path / "reports" / "market-2024-08-08.html").read_text()
    assert "in 3 of 24 hours. 1 whales moved $123,675; they bought $123,675 more" in page
    assert page.count('<img src="data:image/png;base64,') == 2
    assert ">binance BTCUSDT</td>" in page
    assert not any(word in page for word in ("http://", "https://", "<script", "<link"))


def made(job: str, key: str) -> dg.ExecuteInProcessResult:
    """One run of the job for one partition."""
    return defs().resolve_job_def(job).execute_in_process(partition_key=key, raise_on_error=False)


def page_passes() -> bool:
    """Whether the newest page is found to say what its rows say."""
    only = dg.AssetSelection.checks(page_is_its_rows)
    done = dg.materialize([page_is_its_rows], resources=platform(), selection=only)
    return done.get_asset_check_evaluations()[0].passed


def test_no_page_is_made_of_rows_that_are_wrong(stream: str, tmp_path: Path) -> None:
    page = tmp_path / "reports" / "market-2024-08-08.html"
    for wrong in (
        "UPDATE hourly_rollups SET notional = notional + 1e-8 WHERE symbol = 'BTCUSDT'",
        "UPDATE whale_reports SET buy_usd = buy_usd + 1 WHERE whales = 1",
        "UPDATE whale_reports SET whales = 0, notional_usd = 0, buy_usd = 0",
    ):
        run("2024-08-08-12:00", "2024-08-08-14:00")
        query(stream, wrong)
        assert not made("daily_assets", "2024-08-08").success
        assert not page.exists()
    run("2024-08-08-12:00", "2024-08-08-14:00")
    assert made("daily_assets", "2024-08-08").success
    assert page.exists()
    assert page_passes()
    query(stream, "UPDATE hourly_rollups SET trade_count = trade_count + 1")
    assert not page_passes()


def test_no_whale_report_is_made_of_whales_that_can_not_be(stream: str) -> None:
    query(stream, "UPDATE whale_alerts SET price = price * 2")
    assert not made("hourly_assets", "2024-08-08-13:00").success
    rows = "SELECT (SELECT count(*) FROM whale_reports), (SELECT count(*) FROM hourly_rollups)"
    assert query(stream, rows) == [(0, 2)]
    query(stream, "UPDATE whale_alerts SET price = price / 2")
    assert made("hourly_assets", "2024-08-08-13:00").success
    assert query(stream, rows) == [(2, 2)]


def repairs(assets: int = 0) -> list[tuple[str, str]]:
    """The ranges that the repair schedule asks for, a day after the trades; assets: 0 for all, 1 for reports alone."""
    context = dg.build_schedule_context(
        scheduled_execution_time=datetime(2024, 8, 9, 12, 23, tzinfo=UTC), resources=platform()
    )
    tick = schedules.repair_hours.evaluate_tick(context)
    requests = [one for one in tick.run_requests or () if len(one.asset_selection or ()) == assets]
    return [(request.tags[f"{RANGE_TAG}start"], request.tags[f"{RANGE_TAG}end"]) for request in requests]


def test_the_repair_asks_for_exactly_the_hours_that_changed(stream: str) -> None:
    assert repairs() == [("2024-08-08-12:00", "2024-08-08-14:00")], "nothing was made yet"
    run("2024-08-08-12:00", "2024-08-08-14:00")
    assert repairs() == []
    late = next(row for row in some_windows(3) if row.window_start >= START + HOUR + timedelta(minutes=20))
    store(stream, [late._replace(trade_count=3, volume="99999999")])
    assert repairs() == [("2024-08-08-13:00", "2024-08-08-13:00")]
    run(*repairs()[0])
    assert repairs() == []


def test_prices_that_came_later_are_no_change_of_the_rollups(stream: str) -> None:
    run("2024-08-08-12:00", "2024-08-08-14:00")
    query(stream, "UPDATE whale_reports SET complete = NOT complete WHERE hour = %s", START + HOUR)
    assert repairs() == [], "the rows of the hour are those that the rollup was made from"
    assert repairs(assets=1) == [("2024-08-08-13:00", "2024-08-08-13:00")]


def test_a_run_of_the_reports_alone_is_held_back_by_wrong_whales_too(stream: str) -> None:
    run("2024-08-08-12:00", "2024-08-08-14:00")
    query(stream, "UPDATE whale_reports SET complete = NOT complete, run_id = 'before'")
    query(stream, "UPDATE whale_alerts SET price = price * 2")
    job = (
        defs()
        .resolve_job_def("hourly_assets")
        .get_subset(asset_selection={whale_reports.key}, asset_check_selection={whales_add_up.check_key})
    )
    assert not job.execute_in_process(partition_key="2024-08-08-13:00", raise_on_error=False).success
    assert query(stream, "SELECT DISTINCT run_id FROM whale_reports") == [("before",)]


def lacking(check: dg.AssetChecksDefinition) -> list[str]:
    """The hours that the check finds missing."""
    done = dg.materialize([check], resources=platform(), selection=dg.AssetSelection.checks(check))
    (found,) = done.get_asset_check_evaluations()
    hours = re.findall(r"^\| (\d.*) \|$", str(found.metadata["which"].value), re.M)
    assert found.passed == (not hours)
    return hours


def test_an_old_hour_that_is_made_again_does_not_hide_one_that_is_missing(stream: str) -> None:
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    moved = [row._replace(window_start=row.window_start + (end - 8 * HOUR - START)) for row in some_windows(3)]
    store(stream, moved, [])
    hours = [f"{end - number * HOUR:%Y-%m-%d %H:%M}" for number in (8, 7, 6)]
    run("2024-08-08-12:00", "2024-08-08-14:00")
    assert lacking(every_rollup_is_made) == lacking(every_report_is_made) == hours
    run(partition_key(end - 8 * HOUR), partition_key(end - 7 * HOUR))
    assert lacking(every_rollup_is_made) == hours[2:]


def stale_days() -> list[str]:
    """The days whose pages the schedule asks for, a day after the trades."""
    context = dg.build_schedule_context(
        scheduled_execution_time=datetime(2024, 8, 10, 12, 28, tzinfo=UTC), resources=platform()
    )
    tick = schedules.repair_days.evaluate_tick(context)
    return [request.tags["dagster/partition"] for request in tick.run_requests or ()]


def test_a_days_page_follows_the_repair_of_its_hours(stream: str, tmp_path: Path) -> None:
    assert stale_days() == [], "nothing was made yet"
    run("2024-08-08-12:00", "2024-08-08-14:00")
    assert stale_days() == ["2024-08-08"], "a day that was over before anything was made of it, as after an import"
    dg.materialize([daily_market_report], partition_key="2024-08-08", resources=platform())
    assert stale_days() == []
    lake = [row._replace(trade_count=1, source="import") for row in some_windows(1)]
    keys = [("binance", symbol, START) for symbol in ("BTCUSDT", "ETHUSDT")]
    hour = HourRange(START, START + HOUR)
    recomputed_hours.store_recomputed(
        stream, hour, lake, [], keys, Provenance("recompute-1", "abc"), recomputed_hours.read_row_snapshot(stream, hour)
    )
    assert stale_days() == ["2024-08-08"]
    before = (tmp_path / "reports" / "market-2024-08-08.md").read_text()
    dg.materialize([daily_market_report], partition_key="2024-08-08", resources=platform())
    assert (tmp_path / "reports" / "market-2024-08-08.md").read_text() != before
    assert stale_days() == []


def test_a_database_that_is_away_is_told_and_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHALE_POSTGRES_DSN", "postgresql://nobody:secret@127.0.0.1:1/none")
    context = dg.build_schedule_context(
        scheduled_execution_time=datetime(2024, 8, 9, 12, 23, tzinfo=UTC), resources=platform()
    )
    tick = schedules.repair_hours.evaluate_tick(context)
    assert not tick.run_requests
    assert "the database can't be read" in str(tick.skip_message)
    assert "secret" not in str(tick.skip_message)


def test_neighbouring_hours_are_one_stretch() -> None:
    hours = [START, START + HOUR, START + 3 * HOUR]
    alone = partition_key(START + 3 * HOUR)
    assert (
        group_consecutive(hours)
        == group_consecutive(reversed(hours))
        == [(partition_key(START), partition_key(START + HOUR)), (alone, alone)]
    )
    assert group_consecutive([]) == []


def test_the_lineage_goes_from_the_exchanges_to_the_reports() -> None:
    graph = defs().resolve_asset_graph()
    found = {key.to_user_string() for key in graph.get_ancestor_asset_keys(whale_reports.key)}
    assert {"exchange/binance", "topic/raw_crypto_trades", "topic/whale_alerts", "table/trade_windows"} <= found
    assert all(graph.get(key).owners and graph.get(key).group_name != "default" for key in graph.get_all_asset_keys())


def test_generated_trades_have_their_own_exchanges_in_the_lineage() -> None:
    names = [spec.key.to_user_string() for spec in build_specs(Settings.model_validate({"source": "simulator"}))]
    assert names[:2] == ["exchange/sim_binance", "exchange/sim_coinbase"]


def test_a_check_outside_of_a_partition_looks_at_24_full_hours() -> None:
    assert find_last_full_hours().count == 24
