"""The supervisor against real processes that are really killed."""

import os
import re
import signal
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from whale_platform.supervision.control import service_commands
from whale_platform.supervision.control.state_files import SUPERVISOR, read_changes, request_restart
from whale_platform.supervision.processes.managed_process import _has_living_process
from whale_platform.supervision.runtime import heartbeat, lease
from whale_platform_tests.support.cpu_limit import limit_cpu
from whale_platform_tests.support.fake_services import (
    HANGS,
    SupervisorRun,
    all_ready,
    find_marked,
    run_supervisor,
    wait_for_result,
)
from whale_platform_tests.support.processes import ended

pytestmark = pytest.mark.process


def test_starts_in_order_retries_the_one_shot_and_stops_in_reverse(tmp_path: Path) -> None:
    with run_supervisor(tmp_path, "chain") as run:
        services = run.wait(all_ready)
        assert services["first"]["detail"] == "done"
        assert (tmp_path / "tries").read_text() == "xxx"
        run.stop()
        assert run.process.returncode == 0
    order = (tmp_path / "order").read_text().splitlines()
    assert order == ["start first"] * 3 + ["start base", "start top", "stop top", "stop base"]
    assert "last words" in (tmp_path / "logs" / "top.log").read_text()
    assert {name: service["state"] for name, service in run.services().items()} == {
        "first": "stopped",
        "base": "stopped",
        "top": "stopped",
    }


def test_a_service_that_dies_comes_back_and_its_family_goes(tmp_path: Path) -> None:
    with run_supervisor(tmp_path, "family") as run:
        before = run.wait(all_ready)["parent"]["pid"]
        family = [child.pid for child in psutil.Process(before).children()]
        assert len(family) == 1
        os.kill(before, signal.SIGKILL)
        after = run.wait(lambda now: all_ready(now) and now["parent"]["pid"] != before)
        assert after["parent"]["restarts"] == 1
        assert after["parent"]["last_exit"] == -signal.SIGKILL
        assert after["one"]["restarts"] == 0
        assert before not in find_marked(tmp_path)
        assert family[0] not in find_marked(tmp_path)


def test_each_way_to_hang_is_noticed_though_beats_go_on_and_the_others_are_left_alone(tmp_path: Path) -> None:
    with run_supervisor(tmp_path, "hangs") as run:
        before = run.wait(all_ready)
        for name in ("sleeps", "loops"):
            (tmp_path / f"hang-{name}").touch()
        os.kill(before["family"]["pid"], signal.SIGSTOP)
        child = psutil.Process(before["child"]["pid"]).children()[0]
        child.suspend()
        (tmp_path / "hang-child").touch()  # it waits for its child, as a driver for its JVM

        def ended(now: dict[str, dict[str, Any]]) -> bool:
            for name in HANGS:
                if now[name]["restarts"]:
                    (tmp_path / f"hang-{name}").unlink(missing_ok=True)
            return all(now[name]["restarts"] > 0 for name in HANGS)

        run.wait(ended, 120)
        after = run.wait(all_ready)
        assert {name: after[name]["last_exit"] for name in HANGS} == dict.fromkeys(HANGS, -signal.SIGKILL)
        assert after["one"]["restarts"] == 0
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_healthy_service_that_gets_a_twentieth_of_a_core_lives(tmp_path: Path) -> None:
    """Each of its rounds takes longer than it may be silent."""
    with limit_cpu(0.05) as group, run_supervisor(tmp_path, "hard") as run:
        (tmp_path / "group").write_text(str(group))
        rounds = wait_for_result(
            lambda: (now := heartbeat.read_heartbeat(tmp_path, "hard")) and now.progress.get("main"), 900
        )
        wait_for_result(
            lambda: (now := heartbeat.read_heartbeat(tmp_path, "hard")) and now.progress["main"] >= rounds + 5, 900
        )
        assert run.services()["hard"]["restarts"] == 0


def test_its_home_is_free_when_its_process_has_ended_and_not_before(tmp_path: Path) -> None:
    with run_supervisor(tmp_path, "family") as run:
        run.wait(all_ready)
        run.process.send_signal(signal.SIGTERM)
        while lease.find_lease_holder(tmp_path, SUPERVISOR) is not None:
            time.sleep(0.001)
        assert psutil.Process(run.process.pid).status() == psutil.STATUS_ZOMBIE, (
            "whoever waits for the home waits for it"
        )


def test_a_start_is_ended_for_standing_still_and_not_for_taking_long(tmp_path: Path) -> None:
    with run_supervisor(tmp_path / "slow", "slow") as run:
        assert run.wait(all_ready, 120)["slow"]["restarts"] == 0
    with run_supervisor(tmp_path / "still", "still") as run:
        ended = run.wait(lambda now: now["still"]["state"] == "backoff")["still"]
        assert "its start stands still: no CPU used and nothing said for" in ended["detail"]


@pytest.mark.parametrize("ends", [signal.SIGTERM, signal.SIGKILL])
def test_a_step_of_a_start_ends_with_the_supervisor(tmp_path: Path, ends: signal.Signals) -> None:
    """Else it would go on writing into a home that somebody else starts meanwhile."""
    with run_supervisor(tmp_path, "prepares") as run:
        step = int(wait_for_result(lambda: (tmp_path / "step").exists() and (tmp_path / "step").read_text()))
        run.wait(lambda now: now["one"]["detail"] == "preparing")
        run.process.send_signal(ends)
        assert run.process.wait(150) == (0 if ends == signal.SIGTERM else -ends)
        wait_for_result(lambda: not psutil.pid_exists(step) or ended(psutil.Process(step)))
        if ends == signal.SIGTERM:
            wait_for_result(lambda: not _has_living_process(step))


def test_a_server_that_stops_answering_is_killed(tmp_path: Path) -> None:
    with run_supervisor(tmp_path, "server") as run:
        first = run.wait(lambda now: now["server"]["pid"] is not None)["server"]
        assert first["state"] == "starting"
        (tmp_path / "answers").touch()
        run.wait(all_ready)
        (tmp_path / "answers").unlink()
        run.wait(lambda now: now["server"]["restarts"] == 1)


@pytest.mark.parametrize("name", ["family", "frozen-family"])
def test_no_orphans_when_the_supervisor_is_killed(tmp_path: Path, name: str) -> None:
    with run_supervisor(tmp_path, name) as run:
        run.wait(all_ready)
        assert len(find_marked(tmp_path)) >= 2
        run.process.kill()
        run.process.wait()
        wait_for_result(lambda: not find_marked(tmp_path))


def test_the_next_supervisor_works_at_once_after_a_kill(tmp_path: Path) -> None:
    with run_supervisor(tmp_path, "frozen-family") as first:
        old = first.wait(all_ready)["parent"]["pid"]
        first.process.kill()
        first.process.wait()
        with run_supervisor(tmp_path, "frozen-family") as second:
            assert second.wait(all_ready)["parent"]["pid"] != old
            assert old not in find_marked(tmp_path)


@pytest.mark.parametrize("name", ["blocked", "blocked-prepare"])
def test_blocked_waits_for_a_person(tmp_path: Path, name: str) -> None:
    with run_supervisor(tmp_path, name) as run:
        state = run.wait(lambda now: now["stuck"]["state"] == "blocked" and now["one"]["state"] == "ready")["stuck"]
        assert state["detail"] == ("turn the key" if name == "blocked" else "install the thing")
        assert state["restarts"] == 0
        (tmp_path / "unblock").touch()
        request_restart(tmp_path, "stuck")
        if name == "blocked":
            run.wait(all_ready)


def test_restart_on_request(tmp_path: Path) -> None:
    with run_supervisor(tmp_path, "one") as run:
        before = run.wait(all_ready)["one"]["pid"]
        request_restart(tmp_path, "one")
        run.wait(lambda now: all_ready(now) and now["one"]["pid"] != before)
        assert "stop one" in (tmp_path / "order").read_text()


def test_what_a_person_stopped_stays_stopped_until_it_is_started(tmp_path: Path) -> None:
    with run_supervisor(tmp_path, "one") as run:
        first = run.wait(all_ready)["one"]["pid"]
        service_commands.complete_command(service_commands.stop_service(tmp_path, "one", "run x"))
        assert "stop one" in (tmp_path / "order").read_text()
        assert first not in find_marked(tmp_path)
        run.stop()
        with run_supervisor(tmp_path, "one") as second:
            found = second.wait(lambda now: True)["one"]
            assert (found["state"], found["detail"], found["starts"]) == ("stopped", "by run x", 0)
            service_commands.complete_command(service_commands.start_service(tmp_path, "one", "run y"))
            before = second.wait(all_ready)["one"]["pid"]
            service_commands.complete_command(service_commands.restart_service(tmp_path, "one"))
            assert second.services()["one"]["pid"] not in (None, before)


def test_new_code_restarts_nothing_and_what_it_needs_is_done_before_a_service_runs_it(tmp_path: Path) -> None:
    checkout, order = tmp_path / "checkout", tmp_path / "order"
    checkout.write_text("aaa")
    with run_supervisor(tmp_path, "upgrade") as run:
        before = run.wait(all_ready)
        order.write_text("")
        checkout.write_text("bbb")
        told = "running code aaa, the checkout is bbb; `whale restart --all` takes it"
        wait_for_result(lambda: f"base: {told}" in [one["detail"] for one in history(tmp_path, "base")])
        now = run.services()
        assert {name: one["pid"] for name, one in now.items()} == {name: one["pid"] for name, one in before.items()}
        assert order.read_text() == ""
        os.kill(now["base"]["pid"], signal.SIGKILL)
        after = run.wait(lambda now: all_ready(now) and now["base"]["starts"] == 2)
        again, started = history(tmp_path, "first")[-1], history(tmp_path, "base")[-2]
        assert (again["state"], started["state"]) == ("ready", "starting")
        assert again["n"] < started["n"], "not before what it needs was done"
        assert {name: one["code"] for name, one in after.items()} == {"first": "bbb", "base": "bbb", "one": "aaa"}
        assert after["one"]["pid"] == before["one"]["pid"]
        checkout.write_text("ccc")
        service_commands.complete_command(
            service_commands.restart_service(tmp_path, "one")
        )  # needs nothing, but what runs new code finds the rest done for it
        run.wait(lambda now: all_ready(now) and now["first"]["code"] == "ccc")
        assert run.services()["base"]["starts"] == 2


def test_every_change_is_kept_for_those_who_look_seldom(tmp_path: Path) -> None:
    with run_supervisor(tmp_path, "one") as run:
        os.kill(run.wait(all_ready)["one"]["pid"], signal.SIGKILL)
        run.wait(lambda now: all_ready(now) and now["one"]["restarts"] == 1)
        found = history(tmp_path, "one")
        assert [one["state"] for one in found] == ["starting", "ready", "backoff", "starting", "ready"]
        assert [one["n"] for one in found] == [1, 2, 3, 4, 5]
        assert "ended by SIGKILL" in found[2]["detail"]


def history(home: Path, service: str) -> list[dict[str, Any]]:
    return list((read_changes(home) or {"services": {}})["services"].get(service, []))


def test_a_stubborn_service_and_its_family_are_killed_at_the_end(tmp_path: Path) -> None:
    with run_supervisor(tmp_path, "stubborn") as run:
        run.wait(all_ready)
        run.stop()
        assert find_marked(tmp_path) == []


def test_one_supervisor_a_home(tmp_path: Path) -> None:
    with run_supervisor(tmp_path, "one") as run:
        run.wait(all_ready)
        other = SupervisorRun(tmp_path, "one")
        said = other.process.communicate(timeout=300)[1].decode()
        assert other.process.returncode == 1
        assert f"already runs here as pid {run.process.pid}" in said
        assert all_ready(run.services())


def test_logs_turn_over_and_lose_nothing_even_when_their_keeper_dies(tmp_path: Path) -> None:
    with run_supervisor(tmp_path, "talker") as run:
        run.wait(all_ready)
        wait_for_result(lambda: (tmp_path / "logs" / "talker.log.2").exists())
        keeper = next(
            child
            for child in psutil.Process(run.process.pid).children()
            if "log_collector.py" in " ".join(child.cmdline())
        )
        keeper.suspend()
        stands = int((tmp_path / "count").read_text())
        wait_for_result(lambda: psutil.Process(keeper.pid).status() == psutil.STATUS_STOPPED)
        keeper.kill()
        wait_for_result(lambda: int((tmp_path / "count").read_text()) > stands + 2000)
        run.stop()
    files = [tmp_path / "logs" / name for name in ("talker.log.2", "talker.log.1", "talker.log")]
    assert all(file.stat().st_size <= 200_000 for file in files)
    text = "".join(file.read_text() for file in files)
    numbers = [int(found) for found in re.findall(r"line (\d+) x{40}\n", text)]
    assert numbers == list(range(numbers[0], int((tmp_path / "count").read_text())))
    assert text.endswith("last words\n")
