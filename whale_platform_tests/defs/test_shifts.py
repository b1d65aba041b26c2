"""Shifts and controls as Dagster sees them, on an instance of the test itself; processes: supervision's tests."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from whale_platform.defs import controls, shifts
from whale_platform.settings import WORKERS, Settings
from whale_platform.supervision import desired, roster
from whale_platform.supervision.lease import Lease
from whale_platform.supervision.published import requests_folder, shift_lease, shift_path

MADE_UP = "11111111-1111-1111-1111-111111111111"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("WHALE_HOME", str(tmp_path))
    (tmp_path / "run").mkdir()
    return tmp_path


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def at_work(home: Path, service: str, **entry: object) -> Lease:
    lease = Lease(home, shift_lease(service))
    lease.acquire()
    told = {"run_id": MADE_UP, "pid": os.getpid(), "at": time.time(), "service": {"state": "ready", "pid": 1, **entry}}
    shift_path(home, service).write_text(json.dumps(told))
    return lease


def tick(instance: dg.DagsterInstance, service: str = "sink") -> dg.RunRequest | dg.SkipReason:
    sensor = next(one for one in shifts.SENSORS if one.name == f"{service}_shifts")
    with dg.build_sensor_context(instance=instance) as context:
        answer = sensor(context)
    assert isinstance(answer, dg.RunRequest | dg.SkipReason)
    return answer


def test_there_is_a_job_a_sensor_and_three_controls_for_each_service() -> None:
    assert set(shifts.JOBS) == set(WORKERS)
    assert {sensor.name for sensor in shifts.SENSORS} == {f"{service}_shifts" for service in WORKERS}
    assert {job.name for job in controls.JOBS} == {
        f"{service}_{act}" for service in WORKERS for act in ("start", "stop", "restart")
    }
    assert all(job.description for job in (*shifts.JOBS.values(), *controls.JOBS))
    assert all(sensor.description for sensor in shifts.SENSORS)
    assert {job.tags["whale/service"] for job in shifts.JOBS.values()} == set(WORKERS)


def test_the_first_shift_is_asked_for_and_a_waiting_one_is_not_followed(
    home: Path, instance: dg.DagsterInstance
) -> None:
    assert tick(instance).run_key == "sink:after:none"  # type: ignore[union-attr]
    instance.create_run_for_job(shifts.JOBS["sink"])
    assert "is starting" in str(tick(instance).skip_message)  # type: ignore[union-attr]


def test_a_stopped_service_stays_stopped_until_it_is_started(home: Path, instance: dg.DagsterInstance) -> None:
    stop, start = (next(job for job in controls.JOBS if job.name == f"sink_{act}") for act in ("stop", "start"))
    assert stop.execute_in_process(instance=instance).success
    assert "stopped by run" in str(tick(instance).skip_message)  # type: ignore[union-attr]
    lease = at_work(home, "sink")
    try:
        assert start.execute_in_process(instance=instance).success
    finally:
        lease.release()
    assert isinstance(tick(instance), dg.RunRequest)


def test_a_restart_of_what_is_stopped_says_what_to_launch(home: Path, instance: dg.DagsterInstance) -> None:
    desired.write(home, "sink", False, "run x")
    restart = next(job for job in controls.JOBS if job.name == "sink_restart")
    done = restart.execute_in_process(instance=instance, raise_on_error=False)
    assert "sink is stopped: launch `sink_start` instead" in str(done.failure_data_for_node("restart_sink"))
    assert not requests_folder(home).exists()


def test_what_does_not_come_is_a_failure_that_says_where_to_look(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(controls, "WITHIN_S", 0.3)
    lease = at_work(home, "sink")
    try:
        stop = next(job for job in controls.JOBS if job.name == "sink_stop")
        done = stop.execute_in_process(instance=instance, raise_on_error=False)
    finally:
        lease.release()
    assert "not done after 0 s; see `whale status`" in str(done.failure_data_for_node("stop_sink"))


def test_a_run_without_a_process_is_reaped_and_followed(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = instance.create_run_for_job(shifts.JOBS["sink"])
    instance.report_dagster_event(
        dg.DagsterEvent(dg.DagsterEventType.PIPELINE_START.value, "sink", message="started"), run.run_id
    )
    lease = at_work(home, "sink")
    shift_path(home, "sink").write_text(json.dumps({"run_id": run.run_id, "pid": os.getpid(), "at": time.time()}))
    assert "keeps it alive" in str(tick(instance).skip_message)  # type: ignore[union-attr]
    lease.release()
    monkeypatch.setattr(roster, "TAKES_HOLD_WITHIN_S", -1.0)
    monkeypatch.setattr(roster.BACKOFF.__class__, "delay", lambda *_: 0.0)
    answer = tick(instance)
    assert isinstance(answer, dg.RunRequest)
    assert answer.run_key == f"sink:after:{run.run_id}"
    found = instance.get_run_by_id(run.run_id)
    assert found is not None
    assert found.status is dg.DagsterRunStatus.FAILURE


def test_a_shift_ends_for_its_reasons_and_not_because_storage_is_away(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shifts, "RUN_S", 0.0)
    monkeypatch.setattr(shifts, "CODE_S", 0.0)
    context = dg.build_op_context()
    monkeypatch.setattr(context.instance, "get_run_by_id", lambda _: 1 / 0)
    over = shifts.over(context, "sink")
    assert over() is None
    desired.write(home, "sink", False, "run x")
    assert over() == "stopped by run x"
    desired.write(home, "sink", True, "run y")
    monkeypatch.setattr(shifts, "deployed_code", lambda: "another")
    assert str(over()).startswith("new code: ")
    monkeypatch.undo()
    monkeypatch.setenv("WHALE_HOME", str(home))
    monkeypatch.setattr(shifts, "SHIFT_S", -1)
    assert shifts.over(context, "sink")() == "a day is over: the next shift begins afresh"
    (Settings().home / "run" / "shifts.drain").touch()
    assert over() == "Dagster is about to end"


def test_a_shift_that_speaks_again_at_a_second_look_is_not_killed(
    home: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a suspend: every sign of life looks old until the next one, a second later."""
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, _: killed.append(pid))
    run_id = MADE_UP

    def speak(at: float) -> None:
        shift_path(home, "sink").write_text(json.dumps({"run_id": run_id, "pid": os.getpid(), "at": at}))

    lease = at_work(home, "sink")
    try:
        speak(time.time() - 3600)
        monkeypatch.setattr(time, "sleep", lambda _: speak(time.time()))
        assert "the last shift is ending" in str(tick(instance).skip_message)  # type: ignore[union-attr]
        assert killed == []
        speak(time.time() - 3600)
        monkeypatch.setattr(time, "sleep", lambda _: None)
        tick(instance)
        assert set(killed) == {os.getpid()}
    finally:
        lease.release()
