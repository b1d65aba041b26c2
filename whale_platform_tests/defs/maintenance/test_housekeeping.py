"""Dagster's own housekeeping: what the dry run counts is what goes, and what made partitions never does."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from whale_platform.defs.maintenance import housekeeping
from whale_platform.defs.maintenance.jobs import checkpoint_reset, dagster_housekeeping, retention
from whale_platform.defs.reports.jobs import hourly_assets
from whale_platform.defs.services.jobs import SHIFT_JOBS
from whale_platform.defs.shared.platform_settings import PlatformSettings


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def add(instance: dg.DagsterInstance, count: int) -> list[str]:
    runs = [instance.create_run_for_job(SHIFT_JOBS["sink"]) for _ in range(count)]
    for run in runs:
        instance.report_run_failed(run, "in a test")
    return [run.run_id for run in runs]


def clean(instance: dg.DagsterInstance, dry_run: bool) -> dict[str, object]:
    done = dagster_housekeeping.execute_in_process(
        instance=instance,
        resources={"platform": PlatformSettings(home="/nowhere")},
        run_config={"ops": {"delete_old_runs": {"config": {"days": 7, "keep": 3, "dry_run": dry_run}}}},
    )
    event = next(e for e in done.events_for_node("delete_old_runs") if e.event_type_value == "STEP_OUTPUT")
    return {name: value.value for name, value in event.step_output_data.metadata.items()}


def test_the_newest_stay_the_old_go_and_the_dry_run_says_so(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = add(instance, 5)
    assert clean(instance, dry_run=True)["runs"] == 0, "none of them is a week old"
    monkeypatch.setattr(housekeeping, "timedelta", lambda days: -timedelta(days=days))  # all are old from now on
    planned = clean(instance, dry_run=True)
    assert (planned["runs"], planned["dry_run"]) == (2, True)
    assert "| runs of sink | 2 |" in str(planned["plan"])
    assert len([run for run in instance.get_runs() if run.job_name == "sink"]) == 5
    assert clean(instance, dry_run=False)["runs"] == 2
    left = {run.run_id for run in instance.get_runs() if run.job_name == "sink"}
    assert left == set(made[2:])


def test_runs_that_make_partitions_are_not_in_its_care() -> None:
    assert hourly_assets.name not in housekeeping.list_upkeep_jobs()
    upkeep = {"lake_compaction", "lake_vacuum", "lake_retention", "late_trades", "suggest_thresholds", "retention"}
    upkeep |= {dagster_housekeeping.name, retention.name, checkpoint_reset.name}
    assert {"sink", "sink_stop", "stream_checks", *upkeep} <= set(housekeeping.list_upkeep_jobs())


def test_fewer_days_than_a_week_ask_for_the_home_s_name(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    done = dagster_housekeeping.execute_in_process(
        instance=instance,
        resources={"platform": PlatformSettings(home=str(tmp_path))},
        run_config={"ops": {"delete_old_runs": {"config": {"days": 1, "dry_run": False}}}},
        raise_on_error=False,
    )
    assert f"days is 1: keeping fewer than 7 has to be confirmed: set `confirm_home: {tmp_path.name}`" in str(
        done.failure_data_for_node("delete_old_runs")
    )
