"""What a member makes of beats, answers and a clock that a test holds."""

import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from whale_platform.supervision.control.state_files import read_state, request_restart, requests_folder
from whale_platform.supervision.errors import LeaseRefusedError
from whale_platform.supervision.policy.service_spec import ServiceSpec
from whale_platform.supervision.processes.log_pipes import LogPipes, read_last_line
from whale_platform.supervision.runtime import heartbeat, lease
from whale_platform.supervision.supervised_service import SupervisedService
from whale_platform.supervision.supervisor import Supervisor
from whale_platform_tests.support.fake_services import wait_for_result


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def log_pipes(tmp_path: Path) -> Iterator[LogPipes]:
    made = LogPipes(tmp_path, ["sleeper"], grace_s=1.0)
    yield made
    made.close()


def sleeper(tmp_path: Path, log_pipes: LogPipes, clock: Clock) -> SupervisedService:
    argv = (sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)")
    return SupervisedService(ServiceSpec("sleeper", lambda: argv), tmp_path, log_pipes, clock)


def hangs_at(member: SupervisedService, clock: Clock, now: float) -> str:
    """What is said at `now`, after a look every five seconds on the way there."""
    while clock.now < now:
        clock.now = min(now, clock.now + 5)
        member.refresh()
    return member.build_view(()).hang_reason


@pytest.mark.process
def test_progress_counts_by_being_new_and_beats_alone_count_for_nothing(tmp_path: Path, log_pipes: LogPipes) -> None:
    clock = Clock()
    member = sleeper(tmp_path, log_pipes, clock)
    member.start()
    try:
        assert member.process is not None
        wait_for_result(
            lambda: read_last_line(tmp_path / "logs" / "sleeper.log") == "here"
        )  # its own start uses the CPU
        mine = heartbeat.Heartbeat("sleeper", pid=member.process.pid, state="ready", progress={"main": 1, "feed": 1})

        def came_round(*loops: str) -> None:
            for loop in loops:
                mine.progress[loop] += 1
            heartbeat.write_heartbeat(tmp_path, mine)
            member.refresh()

        came_round("main", "feed")
        assert (member.build_view(()).reported, hangs_at(member, clock, 1020)) == ("ready", "")
        came_round()
        assert hangs_at(member, clock, 1029) == ""
        assert "loop 'main' has not got on for 30 s, and does not wait for the CPU" in hangs_at(member, clock, 1030)
        came_round("main")
        assert "loop 'feed' has not got on for 30 s" in hangs_at(member, clock, 1030), "each loop must come round"
        came_round("feed")
        assert hangs_at(member, clock, 1050) == ""
        mine.patience["feed"] = 60.0
        came_round("main", "feed")
        assert "loop 'main'" in hangs_at(member, clock, 1085)
        came_round("main")
        assert hangs_at(member, clock, 1109) == "", "it has said that it waits for somebody"
        came_round("main")
        assert "loop 'feed'" in hangs_at(member, clock, 1110)
        clock.now = 2000.0
        member.reset_silence()
        assert hangs_at(member, clock, 2029) == ""
        assert "loop 'main'" in hangs_at(member, clock, 2030)
        member.process.signal(signal.SIGSTOP)
        came_round("main", "feed")
        assert "one of its processes is stopped" in hangs_at(member, clock, 2090)
    finally:
        member.kill("the test is over")
    assert member.build_view(()).reason == "the test is over"


@pytest.mark.process
def test_a_start_may_take_for_ever_while_it_says_something_and_not_while_it_does_nothing(
    tmp_path: Path, log_pipes: LogPipes
) -> None:
    clock = Clock()
    member = sleeper(tmp_path, log_pipes, clock)
    member.start()
    try:
        assert member.process is not None
        wait_for_result(lambda: read_last_line(tmp_path / "logs" / "sleeper.log") == "here")
        mine = heartbeat.Heartbeat("sleeper", pid=member.process.pid)
        for number in range(10):
            mine.detail = f"step {number}"
            heartbeat.write_heartbeat(tmp_path, mine)
            member.refresh()
            assert hangs_at(member, clock, clock.now + 290) == ""
        with (tmp_path / "logs" / "sleeper.log").open("a") as log:
            log.write("a line\n")
        assert hangs_at(member, clock, clock.now + 290) == ""
        assert member.status_entry("starting", "")["still_s"] == pytest.approx(285, abs=6)
        assert "nothing said for 3" in hangs_at(member, clock, clock.now + 15)
        mine.progress["main"] = 1  # as of one that asks for its broker, again and again
        heartbeat.write_heartbeat(tmp_path, mine)
        assert hangs_at(member, clock, clock.now + 290) == ""
    finally:
        member.kill("the test is over")


@pytest.mark.process
def test_a_beat_of_another_process_counts_for_nothing(tmp_path: Path, log_pipes: LogPipes) -> None:
    member = sleeper(tmp_path, log_pipes, Clock())
    member.start()
    try:
        heartbeat.write_heartbeat(tmp_path, heartbeat.Heartbeat("sleeper", pid=os.getpid(), state="ready"))
        member.refresh()
        assert member.build_view(()).reported == "starting"
    finally:
        member.kill("the test is over")


def test_a_program_that_is_not_there_is_a_failed_start(tmp_path: Path, log_pipes: LogPipes) -> None:
    member = SupervisedService(
        ServiceSpec("sleeper", lambda: (str(tmp_path / "nothing"),)), tmp_path, log_pipes, Clock()
    )
    member.start()
    view = member.build_view(())
    assert not view.alive
    assert "nothing" in view.reason
    assert view.retry_at > view.now


def test_a_need_must_be_named_before_its_user(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="sleeper needs"):
        Supervisor(tmp_path, [ServiceSpec("sleeper", lambda: ("true",), needs=("kafka",))], {})


def test_the_last_line_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    assert read_last_line(log) == ""
    log.write_text("first\nlast\n\n")
    assert read_last_line(log) == "last"


def test_published_state_that_is_torn_reads_as_none(tmp_path: Path) -> None:
    assert read_state(tmp_path) is None
    (tmp_path / "run").mkdir()
    for text in ("{", "[]", ""):
        (tmp_path / "run" / "supervisor.json").write_text(text)
        assert read_state(tmp_path) is None


def test_a_request_is_a_file(tmp_path: Path) -> None:
    request_restart(tmp_path, "sink")
    assert [path.name for path in requests_folder(tmp_path).iterdir()] == ["sink"]


def test_who_holds_a_lease(tmp_path: Path) -> None:
    assert lease.find_lease_holder(tmp_path, "sink") is None
    (tmp_path / "run" / "sink2.lease.log").mkdir(parents=True)
    unlogged = lease.Lease(tmp_path, "sink2")  # its log can't be written
    unlogged.acquire()
    unlogged.release()
    mine = lease.Lease(tmp_path, "sink")
    mine.acquire()
    assert lease.find_lease_holder(tmp_path, "sink") == os.getpid()
    with pytest.raises(LeaseRefusedError, match=f"pid {os.getpid()}"):
        lease.Lease(tmp_path, "sink").acquire()
    (tmp_path / "run" / "sink.lock").write_text("")  # as for a moment after it is taken
    assert lease.find_lease_holder(tmp_path, "sink") is None, "a signal to process 0 would reach one's own group"
    mine.release()
    assert lease.find_lease_holder(tmp_path, "sink") is None
    assert "refused" in (tmp_path / "run" / "sink.lease.log").read_text()


@pytest.mark.process
def test_a_start_that_dies_late_is_a_short_life_and_a_stop_forgives_it(tmp_path: Path, log_pipes: LogPipes) -> None:
    clock = Clock()
    argv = (sys.executable, "-c", "raise SystemExit(1)")
    member = SupervisedService(ServiceSpec("sleeper", lambda: argv), tmp_path, log_pipes, clock)

    def ended() -> bool:
        member.refresh()
        return member.process is None

    for lives in (1, 2):
        member.start()
        clock.now += 60  # as a JVM takes on a slow machine until it fails
        wait_for_result(ended)
        assert member.short_lives == lives
    assert member.build_view(()).retry_at > clock.now
    assert member.stop_as_desired() and member.short_lives == 0, "who stops it and starts it again has seen to it"
