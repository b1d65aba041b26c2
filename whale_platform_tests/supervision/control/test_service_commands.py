"""Stop, start, restart against a supervisor that is only its files; with real processes: test_supervisor."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from whale_platform.files.atomic_files import write_json
from whale_platform.supervision.control import desired_state, service_commands
from whale_platform.supervision.control.state_files import (
    SUPERVISOR,
    has_restart_request,
    pop_restart_request,
    state_path,
)
from whale_platform.supervision.errors import CommandRefusedError
from whale_platform.supervision.runtime.lease import Lease


class Files:
    """A supervisor's files. `publish` counts its time up."""

    def __init__(self, home: Path) -> None:
        self.home, self.at = home, 0.0
        self.lease = Lease(home, SUPERVISOR)
        self.lease.acquire()

    def publish(self, state: str, starts: int = 1, pid: int | None = 7, detail: str = "") -> None:
        self.at += 1
        entry = {"state": state, "pid": pid, "starts": starts, "detail": detail}
        write_json(state_path(self.home), {"pid": os.getpid(), "at": self.at, "services": {"sink": entry}})


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    made = Files(tmp_path)
    yield made
    made.lease.release()


def goes_on(steps: Any) -> bool:
    """Whether it still waits."""
    return next(steps, "done") != "done"


def test_a_restart_is_done_when_a_new_process_works_and_not_before(files: Files) -> None:
    files.publish("blocked")
    steps = service_commands.restart_service(files.home, "sink")
    assert goes_on(steps)
    assert pop_restart_request(files.home, "sink")
    assert goes_on(steps), "blocked was said before the request was taken"
    files.publish("starting")
    assert goes_on(steps)
    files.publish("ready", starts=1)
    assert goes_on(steps), "the old process"
    files.publish("degraded", starts=2)
    assert not goes_on(steps)


@pytest.mark.parametrize("state", ["blocked", "backoff"])
def test_a_restart_that_fails_says_why(files: Files, state: str) -> None:
    files.publish("ready")
    steps = service_commands.restart_service(files.home, "sink")
    next(steps)
    pop_restart_request(files.home, "sink")
    next(steps)
    files.publish(state, starts=2, detail="no key")
    with pytest.raises(CommandRefusedError, match=f"sink is {state}: no key; see `whale logs sink`"):
        next(steps)


def test_a_stop_is_done_when_the_process_has_ended_and_a_start_when_it_works(files: Files) -> None:
    files.publish("ready")
    steps = service_commands.stop_service(files.home, "sink", "run x")
    assert goes_on(steps)
    assert desired_state.read_desired_state(files.home, "sink").by == "run x"
    files.publish("stopped")
    assert goes_on(steps), "it is ending"
    files.publish("stopped", pid=None)
    assert not goes_on(steps)
    with pytest.raises(CommandRefusedError, match="was stopped by run x: start it with the job `sink_start`"):
        next(service_commands.restart_service(files.home, "sink"))
    assert not has_restart_request(files.home, "sink")
    steps = service_commands.start_service(files.home, "sink", "run y")
    assert goes_on(steps)
    assert desired_state.read_desired_state(files.home, "sink").running
    files.publish("ready", starts=2)
    assert not goes_on(steps)


def test_starting_what_has_failed_is_a_restart(files: Files) -> None:
    files.publish("blocked")
    next(service_commands.start_service(files.home, "sink", "run x"))
    assert has_restart_request(files.home, "sink")


def test_without_a_supervisor_it_says_who_keeps_the_services(files: Files) -> None:
    files.publish("ready")
    with pytest.raises(CommandRefusedError, match="there is no service 'kafka': one of sink"):
        next(service_commands.stop_service(files.home, "kafka", "run x"))
    files.lease.release()
    for act in (
        service_commands.start_service(files.home, "sink", "x"),
        service_commands.stop_service(files.home, "sink", "x"),
    ):
        with pytest.raises(CommandRefusedError, match=r"start it with `whale up`.*`docker compose up -d sink`"):
            next(act)
    assert desired_state.read_desired_state(files.home, "sink") == desired_state.DesiredState(), (
        "nothing is noted that nobody obeys"
    )


def test_what_no_longer_moves_is_given_up(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    clock = {"now": 0.0}
    monkeypatch.setattr(time, "monotonic", lambda: clock["now"])

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock["now"] += 10
        if len(slept) < 50:
            files.publish("starting")

    monkeypatch.setattr(time, "sleep", sleep)
    files.publish("starting")
    with pytest.raises(CommandRefusedError, match="nothing has changed for 120 s"):
        service_commands.complete_command(service_commands.start_service(files.home, "sink", "run x"))
    assert len(slept) > 60, "a supervisor that publishes is waited for, however long a start takes"


def test_what_a_person_wants_is_kept_and_anything_unreadable_means_running(tmp_path: Path) -> None:
    assert desired_state.read_desired_state(tmp_path, "sink") == desired_state.DesiredState()
    desired_state.write_desired_state(tmp_path, "sink", False, "run x")
    kept = desired_state.read_desired_state(tmp_path, "sink")
    assert (kept.running, kept.by, kept.since > 0) == (False, "run x", True)
    (tmp_path / "run" / "sink.desired.json").write_text("{")
    assert desired_state.read_desired_state(tmp_path, "sink").running
