"""A shift against real processes: it keeps one alive, ends for its reasons, and never works beside another."""

import os
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from whale_platform.supervision import desired
from whale_platform.supervision.lease import Lease, LeaseRefused
from whale_platform.supervision.logkeeper import LogKeeper
from whale_platform.supervision.published import read_shift, request_restart
from whale_platform.supervision.shift import KeepsDying, Shift, ask_to_end, asked_to_end, let_begin
from whale_platform.supervision.spec import Spec
from whale_platform_tests.supervision.fakes import fake, marked, until

pytestmark = pytest.mark.process


def make(home: Path, spec: Spec, over: Callable[[], str | None], said: list[str]) -> Shift:
    def keeper(where: Path, names: list[str]) -> LogKeeper:
        return LogKeeper(where, names, limit=200_000, grace_s=1.0)

    return Shift(home, spec, "run-1", over, lambda state, detail: said.append(f"{state} {detail}".strip()), keeper)


def entry(home: Path) -> dict[str, Any]:
    published = read_shift(home, "one")
    return dict(published["service"]) if published else {"state": None, "pid": None}


def test_it_brings_the_service_back_restarts_on_request_and_ends_it_well(tmp_path: Path) -> None:
    said: list[str] = []

    def ready_again(*before: int) -> int:
        return int(
            until(lambda: (now := entry(tmp_path))["state"] == "ready" and now["pid"] not in before and now["pid"])
        )

    def act() -> None:
        first = ready_again()
        os.kill(first, signal.SIGKILL)
        second = ready_again(first)
        request_restart(tmp_path, "one")
        ready_again(first, second)

    with ThreadPoolExecutor(1) as pool:
        person = pool.submit(act)
        shift = make(tmp_path, fake("one", "good"), lambda: "the day is over" if person.done() else None, said)
        try:
            assert shift.run() == "the day is over"
        finally:
            shift.lease.release()
        person.result()
    assert marked(tmp_path) == []
    assert said[-1] == "stopped"
    assert any("ended by SIGKILL" in line for line in said)
    assert "last words" in (tmp_path / "logs" / "one.log").read_text()


def test_a_service_that_keeps_dying_ends_the_shift_with_its_last_words(tmp_path: Path) -> None:
    said: list[str] = []
    shift = make(tmp_path, Spec("one", lambda: ("sh", "-c", "echo no luck; exit 3")), lambda: None, said)
    try:
        with pytest.raises(KeepsDying, match="one ended 5 times in a row: ended with code 3: no luck"):
            shift.run()
    finally:
        shift.lease.release()


def test_it_waits_for_the_process_of_a_shift_that_was_killed(tmp_path: Path) -> None:
    said: list[str] = []
    other = Lease(tmp_path, "one")
    other.acquire()

    def over() -> str | None:
        if f"waiting for pid {os.getpid()}, which is the one still" in said:
            other.release()
        return "seen" if said[-1:] == ["ready"] else None

    shift = make(tmp_path, fake("one", "good"), over, said)
    try:
        assert shift.run() == "seen"
    finally:
        shift.lease.release()
    assert said[0].startswith("waiting for pid")


def test_two_shifts_never_work_at_once(tmp_path: Path) -> None:
    first = make(tmp_path, fake("one", "good"), lambda: "at once", [])
    second = make(tmp_path, fake("one", "good"), lambda: None, [])
    assert first.run() == "at once"
    try:
        with pytest.raises(LeaseRefused, match=f"already runs here as pid {os.getpid()}"):
            second.run()
        assert "refused" in (tmp_path / "run" / "one.shift.lease.log").read_text()
        assert not ask_to_end(tmp_path), "the lease is held until the process ends"
    finally:
        first.lease.release()
    assert ask_to_end(tmp_path)
    assert asked_to_end(tmp_path)
    let_begin(tmp_path)
    assert not asked_to_end(tmp_path)


def test_what_a_person_wants_is_kept_and_anything_unreadable_means_running(tmp_path: Path) -> None:
    assert desired.read(tmp_path, "sink") == desired.Desired()
    desired.write(tmp_path, "sink", False, "run x")
    kept = desired.read(tmp_path, "sink")
    assert (kept.running, kept.by, kept.since > 0) == (False, "run x", True)
    (tmp_path / "run" / "sink.desired.json").write_text("{")
    assert desired.read(tmp_path, "sink").running
