"""What keeps waiting what can wait: heartbeats, and what a supervisor at work says of those that send none."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from whale_platform.files.atomic_files import write_json
from whale_platform.supervision.control import overload, state_files
from whale_platform.supervision.runtime import heartbeat
from whale_platform.supervision.runtime.lease import Lease

Told = dict[str, Any]


@pytest.fixture
def supervised(tmp_path: Path) -> Iterator[Path]:
    """A home whose supervisor is this process."""
    lease = Lease(tmp_path, "supervisor")
    lease.acquire()
    yield tmp_path
    lease.release()


def publish(home: Path, **states: str) -> None:
    services = {name: {"state": state, "detail": ""} for name, state in states.items()}
    write_json(state_files.state_path(home), {"pid": os.getpid(), "at": time.time(), "services": services})


def tell(home: Path, service: str, state: heartbeat.ServiceState = "ready", age_s: float = 0.0, **numbers: Any) -> None:
    told = {"service": service, "state": state, "at": time.time() - age_s, "numbers": numbers}
    write_json(heartbeat.heartbeat_path(home, service), told)


def test_where_nobody_keeps_a_stream_it_is_not_waited_for(tmp_path: Path) -> None:
    assert overload.explain_pressure(tmp_path) is None
    tell(tmp_path, "stream", "starting", age_s=overload.FRESH_S + 5)
    publish(tmp_path, stream="starting")
    assert overload.explain_pressure(tmp_path) is None, "that supervisor has ended"


@pytest.mark.parametrize("state", ["waiting", "starting", "backoff"])
def test_a_service_that_is_not_at_work_yet_is_waited_for(supervised: Path, state: str) -> None:
    publish(supervised, stream=state, sink="ready")
    assert overload.explain_pressure(supervised) == f"stream is {state}"
    publish(supervised, stream="ready", sink=state)
    tell(supervised, "stream")
    assert overload.explain_pressure(supervised) == f"sink is {state}"


def test_a_heartbeat_that_is_missing_or_old_is_a_reason_where_the_service_is_kept(supervised: Path) -> None:
    publish(supervised, stream="ready")
    assert overload.explain_pressure(supervised) == "stream has not sent a heartbeat for 30 s"
    tell(supervised, "stream", age_s=overload.FRESH_S + 5)
    assert overload.explain_pressure(supervised) == "stream has not sent a heartbeat for 30 s"
    tell(supervised, "stream", "starting")
    assert overload.explain_pressure(supervised) == "stream is starting"
    tell(supervised, "stream")
    assert overload.explain_pressure(supervised) is None


@pytest.mark.parametrize("state", ["stopped", "blocked"])
def test_what_a_person_has_to_start_is_not_waited_for(supervised: Path, state: str) -> None:
    publish(supervised, stream=state, sink="ready")
    tell(supervised, "stream", behind_since=time.time() - 60)
    tell(supervised, "sink", lag=overload.SINK_LAG)
    assert overload.explain_pressure(supervised) is None


def test_whoever_is_behind_is_a_reason(tmp_path: Path) -> None:
    tell(tmp_path, "sink", lag=overload.SINK_LAG + 1)
    assert overload.explain_pressure(tmp_path) == "sink is 10,001 messages behind"
    tell(tmp_path, "stream", behind_since=time.time() - 60)
    assert str(overload.explain_pressure(tmp_path)).startswith("stream has been behind for 6")
