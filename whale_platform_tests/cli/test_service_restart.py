"""`whale restart --all` against a supervisor at work."""

from pathlib import Path

import pytest

from whale_platform.cli.common.errors import UserError
from whale_platform.cli.lifecycle import service_restart
from whale_platform.homes import open_home
from whale_platform.supervision.control import desired_state, service_commands
from whale_platform_tests.support.fake_services import all_ready, run_supervisor

pytestmark = pytest.mark.process


def test_all_of_this_code_is_restarted_in_turn_what_is_needed_first_and_what_is_stopped_not(tmp_path: Path) -> None:
    home = open_home(tmp_path, "live")
    with pytest.raises(UserError, match="the platform is not running"):
        service_restart.restart_all(home, print)
    said: list[str] = []
    with run_supervisor(home.path, "whole") as run:
        before = run.wait(all_ready)
        (home.path / "order").write_text("")
        service_restart.restart_all(home, said.append)
        order = (home.path / "order").read_text().splitlines()
        assert order == ["start topics", "stop sink", "start sink", "stop stream", "start stream"]
        assert [line.split() for line in said] == [[name, "restarted"] for name in ("topics", "sink", "stream")]
        assert run.services()["simulator"]["pid"] == before["simulator"]["pid"]
        desired_state.write_desired_state(home.path, "sink", False, "run x")
        desired_state.write_desired_state(home.path, "stream", False, "run x")
        run.wait(lambda now: now["stream"]["state"] == "stopped" and now["stream"]["pid"] is None)
        service_restart.restart_all(home, said.append)
        assert [line.split()[0] for line in said] == ["topics", "sink", "stream", "topics"]


def test_who_reads_a_topic_is_restarted_before_who_writes_it() -> None:
    """New code reads the messages of older code, and not the other way round."""
    order = service_commands.RESTART_ORDER
    for writer, readers in {"ingester": ("stream", "api", "sink"), "stream": ("sink", "api")}.items():
        assert all(order.index(reader) < order.index(writer) for reader in readers)
