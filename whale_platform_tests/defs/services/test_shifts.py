"""Shifts and controls as Dagster sees them, on an instance of the test itself; processes: supervision's tests."""

import json
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.launcher.base import LaunchRunContext, WorkerStatus
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._core.test_utils import instance_for_test
from dagster._daemon.monitoring import run_monitoring

from whale_platform.defs.services import launcher, sensors
from whale_platform.defs.services.jobs import CONTROL_JOBS, SHIFT_JOBS
from whale_platform.defs.shared.platform_settings import PlatformSettings
from whale_platform.files.atomic_files import write_json
from whale_platform.settings import ROOT, WORKERS
from whale_platform.supervision.control import desired_state, shift_policy
from whale_platform.supervision.control.state_changes import StateChanges
from whale_platform.supervision.control.state_files import SUPERVISOR, has_restart_request, state_path
from whale_platform.supervision.runtime.lease import Lease

LIFE = "7-1000"


def launcher_of(home: Path) -> dict[str, object]:
    """`run_launcher` of this home's dagster.yaml."""
    kept: dict[str, object] = yaml.safe_load((ROOT / "dagster.yaml").read_text())["run_launcher"]
    return kept | {"config": {"home": str(home)}}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with instance_for_test(overrides={"run_launcher": launcher_of(home)}) as made:
        yield made


class Kept:
    """The services as a supervisor publishes them. `sink` is changed by keywords."""

    def __init__(self, home: Path) -> None:
        self.home, self.lease = home, Lease(home, SUPERVISOR)
        self.lease.acquire()
        self.changes = StateChanges(home, LIFE)
        self.publish()

    def publish(self, life: str = LIFE, stopping: bool = False, **sink: Any) -> None:
        entry = {"state": "ready", "detail": "", "pid": 9, "started": time.time() - 600, "short_lives": 0, "starts": 1}
        services = dict.fromkeys(WORKERS, entry) | {"sink": entry | sink}
        told = {"pid": os.getpid(), "life": life, "at": time.time(), "stopping": stopping, "services": services}
        write_json(state_path(self.home), told)

    def change(self, state: Any, detail: str = "") -> None:
        self.changes.add("sink", state, detail)
        self.changes.write()


@pytest.fixture
def kept(home: Path) -> Iterator[Kept]:
    made = Kept(home)
    yield made
    made.lease.release()


class Sensor:
    """The sensor, asked again and again with its own cursor, as the daemon does."""

    def __init__(self, instance: dg.DagsterInstance, home: Path) -> None:
        self.instance, self.home, self.cursor = instance, home, None

    def tick(self) -> Any:
        resources = {"platform": PlatformSettings(home=str(self.home))}
        with dg.build_sensor_context(instance=self.instance, cursor=self.cursor, resources=resources) as context:
            answer: Any = sensors.shifts_sensor.evaluate_tick(context)
        self.cursor = answer.cursor or self.cursor
        return answer


def platform(home: Path) -> dict[str, PlatformSettings]:
    """The resources of this home."""
    return {"platform": PlatformSettings(home=str(home))}


def launch(instance: dg.DagsterInstance, service: str = "sink") -> str:
    """A run as the daemon launches it; its id."""
    run = instance.create_run_for_job(SHIFT_JOBS[service], tags=SHIFT_JOBS[service].tags)
    instance.run_launcher.launch_run(LaunchRunContext(run, None))
    return str(run.run_id)


def status(instance: dg.DagsterInstance, run_id: str) -> str:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return str(run.status.value)


def log(instance: dg.DagsterInstance, run_id: str) -> list[str]:
    return [
        one.user_message or (one.dagster_event and one.dagster_event.message) or "" for one in instance.all_logs(run_id)
    ]


def test_there_is_a_job_and_three_controls_for_each_service() -> None:
    assert set(SHIFT_JOBS) == set(WORKERS)
    assert {job.name for job in CONTROL_JOBS} == {
        f"{service}_{act}" for service in WORKERS for act in ("start", "stop", "restart")
    }
    assert all(job.description for job in (*SHIFT_JOBS.values(), *CONTROL_JOBS))
    assert {job.tags["whale/service"] for job in SHIFT_JOBS.values()} == set(WORKERS)


def test_a_shift_shows_what_happens_once_and_ends_after_a_day_without_a_process(
    kept: Kept, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    sensor = Sensor(instance, kept.home)
    asked = sensor.tick().run_requests
    assert {one.job_name: one.run_key for one in asked} == {name: f"{name}:after:none" for name in WORKERS}
    kept.change("starting")
    kept.change("ready")
    run_id = launch(instance)
    sensor.tick()
    kept.change("backoff", "ended by SIGKILL")
    kept.change("ready")
    for _ in range(2):
        sensor.tick()
    told = [line for line in log(instance, run_id) if line.startswith("sink ")]
    assert told == ["sink starting", "sink ready", "sink backoff: ended by SIGKILL", "sink ready"]
    levels = {one.user_message: one.level for one in instance.all_logs(run_id)}
    assert int(levels["sink backoff: ended by SIGKILL"]) > int(levels["sink ready"])
    assert status(instance, run_id) == "STARTED"
    with monkeypatch.context() as patch:
        patch.setattr(shift_policy, "SHIFT_S", -1.0)
        sensor.tick()
    assert status(instance, run_id) == "SUCCESS"
    assert "The shift is over: a day is over; the service runs on, and the next run follows it." in log(
        instance, run_id
    )
    assert not has_restart_request(kept.home, "sink")
    asked = sensor.tick().run_requests
    assert f"sink:after:{run_id}" in {one.run_key for one in asked}
    second = launch(instance)
    kept.change("degraded", "slow")
    sensor.tick()
    assert [line for line in log(instance, second) if line.startswith("sink ")] == ["sink degraded: slow"]


def test_terminating_a_shift_asks_for_a_restart(kept: Kept, instance: dg.DagsterInstance) -> None:
    run_id = launch(instance)
    assert instance.run_launcher.terminate(run_id)
    assert has_restart_request(kept.home, "sink")
    assert status(instance, run_id) == "CANCELED"
    assert not instance.run_launcher.terminate(run_id), "it is over"
    assert f"sink:after:{run_id}" in {one.run_key for one in Sensor(instance, kept.home).tick().run_requests}


def test_a_service_that_keeps_dying_fails_its_shift_and_begins_none(kept: Kept, instance: dg.DagsterInstance) -> None:
    run_id = launch(instance)
    kept.publish(state="backoff", detail="ended with code 3: no luck", short_lives=5)
    Sensor(instance, kept.home).tick()
    assert status(instance, run_id) == "FAILURE"
    assert "The sink keeps dying: it ended 5 times in a row: ended with code 3: no luck." in log(instance, run_id)
    assert "sink" not in {one.job_name for one in Sensor(instance, kept.home).tick().run_requests}


def test_shifts_end_with_the_supervisor_they_followed(kept: Kept, instance: dg.DagsterInstance) -> None:
    run_id = launch(instance)
    kept.publish(life="8-2000")
    Sensor(instance, kept.home).tick()
    assert status(instance, run_id) == "SUCCESS"
    second = launch(instance)
    kept.lease.release()
    answer = Sensor(instance, kept.home).tick()
    assert status(instance, second) == "SUCCESS"
    assert not answer.run_requests
    assert "no supervisor keeps the services of this home" in str(answer.skip_message)


def test_without_a_supervisor_a_launched_shift_fails_with_one_sentence(
    home: Path, instance: dg.DagsterInstance
) -> None:
    run_id = launch(instance)
    assert status(instance, run_id) == "FAILURE"
    assert any(
        "the services start with `whale up`, or with `docker compose up`" in line for line in log(instance, run_id)
    )
    done = SHIFT_JOBS["sink"].execute_in_process(instance=instance, resources=platform(home), raise_on_error=False)
    assert "No supervisor keeps the sink" in str(done.failure_data_for_node("show_sink"))


def test_executed_by_a_command_line_it_says_how_the_service_is(kept: Kept, instance: dg.DagsterInstance) -> None:
    done = SHIFT_JOBS["sink"].execute_in_process(instance=instance, resources=platform(kept.home))
    assert f"sink ready (pid 9), kept by the supervisor {os.getpid()}" in log(instance, done.run_id)


def test_another_instance_of_dagster_follows_nothing(kept: Kept) -> None:
    with dg.DagsterInstance.ephemeral() as foreign:
        answer = Sensor(foreign, kept.home).tick()
    assert not answer.run_requests
    assert "this is not the platform's own Dagster: it follows no services" in str(answer.skip_message)


def test_a_stopped_service_has_no_shift_until_it_is_started(kept: Kept, instance: dg.DagsterInstance) -> None:
    run_id = launch(instance)
    desired_state.write_desired_state(kept.home, "sink", False, "run x")
    Sensor(instance, kept.home).tick()
    assert "The shift is over: stopped by run x." in log(instance, run_id)
    assert "sink" not in {one.job_name for one in Sensor(instance, kept.home).tick().run_requests}
    restart, start = (next(job for job in CONTROL_JOBS if job.name == f"sink_{act}") for act in ("restart", "start"))
    done = restart.execute_in_process(instance=instance, resources=platform(kept.home), raise_on_error=False)
    assert "was stopped by run x: start it with the job `sink_start`" in str(done.failure_data_for_node("restart_sink"))
    assert start.execute_in_process(instance=instance, resources=platform(kept.home)).success
    assert "sink" in {one.job_name for one in Sensor(instance, kept.home).tick().run_requests}


def test_the_controls_say_who_keeps_the_services_where_no_supervisor_does(
    home: Path, instance: dg.DagsterInstance
) -> None:
    stop = next(job for job in CONTROL_JOBS if job.name == "sink_stop")
    done = stop.execute_in_process(instance=instance, resources=platform(home), raise_on_error=False)
    assert "`docker compose up -d sink`" in str(done.failure_data_for_node("stop_sink"))


def test_a_run_that_takes_ten_minutes_to_start_is_left_alone(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does on a few tenths of a core."""
    kept = yaml.safe_load((ROOT / "dagster.yaml").read_text())["run_monitoring"]
    with instance_for_test(overrides={"run_launcher": launcher_of(home), "run_monitoring": kept}) as slow:
        run = slow.create_run_for_job(CONTROL_JOBS[0])
        launcher.report_event(slow, run, dg.DagsterEventType.PIPELINE_STARTING, "begins")
        [record] = slow.get_run_records(dg.RunsFilter(run_ids=[run.run_id]))
        monkeypatch.setattr(run_monitoring, "get_current_timestamp", lambda: time.time() + 600)
        run_monitoring.monitor_starting_run(slow, record, logging.getLogger("test"))
        [record] = slow.get_run_records(dg.RunsFilter(run_ids=[run.run_id]))
        assert record.dagster_run.status is dg.DagsterRunStatus.STARTING


def test_a_job_whose_code_server_is_gone_is_found_out_by_run_monitoring(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = instance.run_launcher
    assert isinstance(made, launcher.ServiceLauncher)
    assert made.supports_check_run_worker_health
    by_hand = instance.create_run_for_job(CONTROL_JOBS[0])
    assert made.check_run_worker_health(by_hand).status is WorkerStatus.RUNNING
    socket = json.dumps({"host": "localhost", "socket": str(home / "none.sock")})
    launched = instance.create_run_for_job(CONTROL_JOBS[0], tags={GRPC_INFO_TAG: socket})
    assert made.check_run_worker_health(launched).status is WorkerStatus.RUNNING, "no answer proves nothing"
