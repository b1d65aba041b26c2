"""Upkeep steps back: its runs are nicer than the services, and its schedules wait while the stream is behind."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import dagster as dg
import pytest

from whale_platform.definitions import defs
from whale_platform.defs.lake.schedules import compaction_hourly
from whale_platform.defs.recompute.schedules import late_trades_hourly
from whale_platform.defs.services.jobs import SHIFT_JOBS
from whale_platform.defs.shared import upkeep
from whale_platform.defs.shared.platform_settings import PlatformSettings
from whale_platform.files.atomic_files import write_json
from whale_platform.settings import ROOT
from whale_platform.supervision.control import overload, state_files
from whale_platform.supervision.runtime import heartbeat
from whale_platform.supervision.runtime.lease import Lease

SCHEDULES = (compaction_hourly, late_trades_hourly)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def behind(home: Path, seconds: float | None, age_s: float = 0.0) -> None:
    """The stream's heartbeat of `age_s` ago."""
    since = None if seconds is None else time.time() - seconds
    told = heartbeat.Heartbeat(
        "stream", state="degraded", detail="windows are 9 trades behind", numbers={"behind_since": since}
    )
    heartbeat.write_heartbeat(home, told)
    if age_s:
        told.at -= age_s
        write_json(
            heartbeat.heartbeat_path(home, "stream"), {"service": "stream", "at": told.at, "numbers": told.numbers}
        )


def ask(home: Path, schedule: dg.ScheduleDefinition) -> object:
    """What the schedule asks for now: a run, or why not."""
    found = schedule.evaluate_tick(dg.build_schedule_context(resources={"platform": PlatformSettings(home=str(home))}))
    return found.skip_message or len(found.run_requests or [])


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda schedule: schedule.name)
def test_upkeep_waits_while_the_stream_is_behind_but_not_for_ever(home: Path, schedule: dg.ScheduleDefinition) -> None:
    assert ask(home, schedule) == 1, "nobody has beaten"
    behind(home, None)
    assert ask(home, schedule) == 1
    behind(home, 60)
    told = re.fullmatch(
        r"the stream has been behind for (\d+) s, so upkeep waits: windows are 9 trades behind",
        str(ask(home, schedule)),
    )
    assert told and int(told[1]) >= 60
    behind(home, 60, age_s=overload.FRESH_S + 5)
    assert ask(home, schedule) == 1, "it is not there any more"
    behind(home, overload.LONGEST_WAIT_S + 1)
    assert ask(home, schedule) == 1


def test_late_trades_are_left_to_the_service_where_one_is_kept(home: Path) -> None:
    lease = Lease(home, "supervisor")
    lease.acquire()
    for state, found in (("ready", "the service `repair` does this here"), ("stopped", "1")):
        services = {"repair": {"state": state, "detail": ""}}
        write_json(state_files.state_path(home), {"pid": os.getpid(), "at": time.time(), "services": services})
        assert str(ask(home, late_trades_hourly)).startswith(found)
    lease.release()
    publish = {"pid": os.getpid(), "at": time.time(), "services": {"repair": {"state": "ready"}}}
    write_json(state_files.state_path(home), publish)
    assert ask(home, late_trades_hourly) == 1, "that supervisor has ended"


RUN = """
import os, sys, dagster as dg
from whale_platform.defs.shared.upkeep import upkeep_executor
@dg.op
def tell(): print("nice", os.nice(0))
@dg.job(executor_def=upkeep_executor)
def upkeep(): tell()
if __name__ == "__main__":
    with dg.instance_for_test() as instance:
        assert dg.execute_job(dg.reconstructable(upkeep), instance).success
"""


def test_a_run_of_upkeep_steps_back_and_a_shift_does_not(tmp_path: Path) -> None:
    (tmp_path / "niced.py").write_text(RUN)
    env = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    done = subprocess.run(
        [sys.executable, tmp_path / "niced.py"], env=env, cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert f"nice {max(os.nice(0), upkeep.NICE)}" in done.stdout
    assert defs().executor is upkeep.upkeep_executor
    assert {job.executor_def for job in SHIFT_JOBS.values()} == {dg.in_process_executor}
