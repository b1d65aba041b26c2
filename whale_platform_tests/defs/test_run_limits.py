"""What keeps runs from standing in each other's way: time limits, pools, and limits by schedule, as dagster.yaml has
them."""

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.tags import MAX_RUNTIME_SECONDS_TAG, SCHEDULE_NAME_TAG
from dagster._core.test_utils import instance_for_test
from dagster._daemon.monitoring import run_monitoring
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from whale_platform.definitions import defs
from whale_platform.defs.services.jobs import SHIFT_JOBS
from whale_platform.defs.services.launcher import report_event
from whale_platform.settings import ROOT
from whale_platform.supervision.control.state_files import requests_folder

DAY_S = 86_400
CONFIG: dict[str, Any] = yaml.safe_load((ROOT / "dagster.yaml").read_text())
REPOSITORY = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("whale_platform"), "__repository__")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """One with the limits of dagster.yaml."""
    kept = {name: CONFIG[name] for name in ("concurrency", "run_monitoring")}
    launcher = CONFIG["run_launcher"] | {"config": {"home": str(tmp_path)}}
    with instance_for_test(overrides={**kept, "run_launcher": launcher}) as made:
        yield made


@pytest.fixture(scope="module")
def loaded() -> dg.Definitions:
    return defs()


def test_every_job_has_a_time_limit_but_a_shift(loaded: dg.Definitions) -> None:
    jobs = [job for job in loaded.get_repository_def().get_all_jobs() if job.name != "__ASSET_JOB"]
    limits = {job.name: int(job.tags.get(MAX_RUNTIME_SECONDS_TAG, -1)) for job in jobs}
    assert {name for name, limit in limits.items() if limit == 0} == set(SHIFT_JOBS)
    assert {name for name, limit in limits.items() if limit != 0 and not 3600 <= limit <= 2 * DAY_S} == set()
    assert len(limits) > 20


def after(
    instance: dg.DagsterInstance, job: dg.JobDefinition, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> dg.DagsterRunStatus:
    """What run monitoring makes of a run that has been at work for so long."""
    run = instance.create_run_for_job(job, tags=dict(job.tags))
    report_event(instance, run, dg.DagsterEventType.PIPELINE_START, "begun")
    [record] = instance.get_run_records(dg.RunsFilter(run_ids=[run.run_id]))
    monkeypatch.setattr(run_monitoring, "get_current_timestamp", lambda: time.time() + seconds)
    net = float(instance.run_monitoring_max_runtime_seconds)
    run_monitoring.check_run_timeout(instance, record, logging.getLogger("test"), net)
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    return found.status


def test_a_run_that_hangs_ends_and_a_shift_of_a_week_does_not(
    instance: dg.DagsterInstance, loaded: dg.Definitions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("stream_checks", "retention", "late_trades", "hourly_assets"):
        job = loaded.resolve_job_def(name)
        assert after(instance, job, 3000, monkeypatch) is dg.DagsterRunStatus.STARTED, "a slow machine is no reason"
        assert after(instance, job, DAY_S, monkeypatch) is dg.DagsterRunStatus.FAILURE
    assert after(instance, loaded.resolve_implicit_global_asset_job_def(), 3 * DAY_S, monkeypatch) is (
        dg.DagsterRunStatus.FAILURE
    ), "what is launched without a job"
    assert after(instance, SHIFT_JOBS["sink"], 7 * DAY_S, monkeypatch) is dg.DagsterRunStatus.STARTED
    assert not requests_folder(tmp_path).exists(), "to end a shift is to restart its service"


def dequeued(instance: dg.DagsterInstance, *queued: tuple[dg.JobDefinition, dict[str, str]]) -> list[str]:
    """The jobs of those runs that the daemon launches at once of these that are queued."""
    for job, tags in queued:
        origin = RemoteJobOrigin(REPOSITORY, job.name)
        queue = dg.DagsterRunStatus.QUEUED
        instance.create_run_for_job(job, status=queue, tags={**job.tags, **tags}, remote_job_origin=origin)
    with QueuedRunCoordinatorDaemon(interval_seconds=1) as daemon:
        runs = daemon._get_runs_to_dequeue(instance, instance.get_concurrency_config(), None)
    return [run.job_name for run in runs]


def test_a_second_run_of_spark_waits_in_the_queue(instance: dg.DagsterInstance, loaded: dg.Definitions) -> None:
    instance.event_log_storage.initialize_concurrency_limit_to_default("spark")
    late, remake = (loaded.resolve_job_def(name) for name in ("late_trades", "remake_hours"))
    assert dequeued(instance, (late, {}), (remake, {})) == ["late_trades"]


def test_a_schedule_whose_run_hangs_stops_no_other_schedule(
    instance: dg.DagsterInstance, loaded: dg.Definitions
) -> None:
    checks, vacuum, retention = (loaded.resolve_job_def(name) for name in ("stream_checks", "lake_vacuum", "retention"))
    tags = [{SCHEDULE_NAME_TAG: name} for name in ("checks_every_hour", "vacuum", "retention")]
    found = dequeued(instance, (checks, tags[0]), (checks, tags[0]), (vacuum, tags[1]), (retention, tags[2]))
    assert found == ["stream_checks", "lake_vacuum", "retention"]
