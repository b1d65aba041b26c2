"""The job on a real database: the dry run says what the real one then does."""

from pathlib import Path

import dagster as dg
import pytest

from whale_platform.defs.maintenance.jobs import retention
from whale_platform.defs.maintenance.retention import render_plan
from whale_platform.defs.maintenance.schedules import build_retention_schedule
from whale_platform.defs.resources import build_resources
from whale_platform.settings import Settings
from whale_platform.stores.asset_tables import rollups, whale_reports
from whale_platform.stores.asset_tables.retention import StreamTableDay
from whale_platform_tests.stores.asset_tables.test_materialisation import MAKER, some_windows, store
from whale_platform_tests.stores.asset_tables.test_retention import ALL
from whale_platform_tests.stores.builders import START, WHALE
from whale_platform_tests.support.postgres_server import query


@pytest.fixture
def stream(database: str) -> str:
    """A rolled up day years ago."""
    store(database, some_windows(3), [WHALE])
    rollups.materialise_rollups(database, ALL, MAKER)
    whale_reports.materialise_reports(database, ALL, MAKER)
    return database


def run(home: Path, dsn: str, **config: object) -> dg.ExecuteInProcessResult:
    return retention.execute_in_process(
        run_config={"ops": {"let_old_days_go": {"config": config}}},
        resources=build_resources(home=str(home), postgres_dsn=dsn),
        raise_on_error=False,
    )


def windows(dsn: str) -> int:
    return int(query(dsn, "SELECT count(*) FROM trade_windows")[0][0])


def test_the_dry_run_is_the_default_and_the_real_one_does_what_it_said(stream: str, tmp_path: Path) -> None:
    before = windows(stream)
    assert run(tmp_path, stream).success
    assert windows(stream) == before
    assert run(tmp_path, stream, dry_run=False).success
    assert windows(stream) == 0
    assert len(rollups.read_rollups(stream, ALL)) == 6


def test_fewer_days_than_a_week_ask_for_the_home_s_name(stream: str, tmp_path: Path) -> None:
    before = windows(stream)
    assert run(tmp_path, stream, days=1).success, "looking is allowed"
    for config, why in (
        ({}, f"days is 1: keeping fewer than 7 has to be confirmed: set `confirm_home: {tmp_path.name}`"),
        ({"confirm_home": "live"}, f"confirm_home is 'live', but this home is '{tmp_path.name}'"),
    ):
        done = run(tmp_path, stream, days=1, dry_run=False, **config)
        assert why in str(done.failure_data_for_node("let_old_days_go"))
    assert windows(stream) == before
    assert run(tmp_path, stream, days=1, dry_run=False, confirm_home=tmp_path.name).success
    assert windows(stream) == 0


def test_negative_days_are_refused_with_a_sentence(stream: str, tmp_path: Path) -> None:
    done = run(tmp_path, stream, days=-1, dry_run=False)
    assert not done.success
    assert "days is -1: keep at least 1" in str(done.failure_data_for_node("let_old_days_go"))
    assert windows(stream) > 0


def test_the_plan_is_a_table() -> None:
    days = [StreamTableDay(START.date(), 1000, 2), StreamTableDay(START.date(), 1, 0, "3 hours are not rolled up")]
    lines = render_plan(days, dry_run=True).splitlines()
    assert lines[2:] == [
        "| 2024-08-08 | 1,000 | 2 | would go |",
        "| 2024-08-08 | 1 | 0 | would stay: 3 hours are not rolled up |",
    ]
    assert render_plan([], dry_run=True) == "No day is old enough to be deleted."


def test_replayed_days_are_old_from_the_start_and_stay(ours: None) -> None:
    live, replay = (
        build_retention_schedule(Settings.model_validate({"source": source})) for source in ("live", "replay")
    )
    assert (live.default_status.value, replay.default_status.value) == ("RUNNING", "STOPPED")
