import os
import shutil
import signal
import subprocess
import sys

import psutil
import pytest

from whale_platform_tests.bootstrap.conftest import Checkout
from whale_platform_tests.support.embedded_servers import wait_until
from whale_platform_tests.support.processes import ended


def test_the_first_run_sets_up_and_hands_over(checkout: Checkout) -> None:
    done = checkout.whale("up", "--source", "simulator")
    assert (done.returncode, done.stdout) == (0, "cli ['up', '--source', 'simulator']\n")
    assert checkout.calls() == ["venv", "requirements.lock"]
    assert "done in" in done.stderr
    pth = checkout.root / ".venv" / "lib" / "python3" / "site-packages" / "whale_platform.pth"
    assert pth.read_text() == f"{checkout.root}\n"


def test_a_current_set_up_is_skipped_in_silence(checkout: Checkout) -> None:
    checkout.whale("up")
    checkout.calls()
    done = checkout.whale("status", "--json")
    assert (done.stdout, done.stderr) == ("cli ['status', '--json']\n", "")
    assert checkout.calls() == []


def test_bytecode_is_kept_whatever_the_shell_says(checkout: Checkout) -> None:
    (checkout.root / "whale_platform" / "cli" / "__main__.py").write_text("import sys; print(sys.dont_write_bytecode)")
    assert checkout.whale("up", PYTHONDONTWRITEBYTECODE="1").stdout == "False\n"


def test_another_checkout_s_environment_is_left_alone(checkout: Checkout) -> None:
    other = checkout.root / "other"
    other.mkdir()
    (other / "whale.json").write_text('{"kind": "dev", "root": "/elsewhere", "lock": "x"}')
    (checkout.root / ".venv").symlink_to(other)
    done = checkout.whale("up")
    assert done.returncode == 1 and "remove the link" in done.stderr
    assert (other / "whale.json").exists() and "venv" not in checkout.calls()


def test_no_arguments_ask_for_help(checkout: Checkout) -> None:
    assert checkout.whale().stdout == "cli ['--help']\n"


def test_a_new_lock_or_jar_list_is_followed_in_place(checkout: Checkout) -> None:
    checkout.whale("up")
    (checkout.root / "requirements.lock").write_text("nothing==2\n")
    checkout.calls()
    assert checkout.whale("up").returncode == 0
    assert checkout.calls() == ["requirements.lock"]
    (checkout.root / "whale_platform" / "toolchain" / "jars.toml").write_text("[broker]\n")
    stamp = checkout.root / ".whale" / "tools" / "jars" / "stamp"
    before = stamp.read_text()
    assert checkout.whale("up").returncode == 0
    assert stamp.read_text() != before
    assert checkout.calls() == []


def test_browser_files_are_followed_by_their_lock_and_missed_when_gone(checkout: Checkout) -> None:
    checkout.whale("up")
    checkout.whale("up")
    assert checkout.set_up() == ["run"]
    (checkout.root / "package-lock.json").write_text("{}")
    checkout.whale("up")
    checkout.whale("up")
    assert checkout.set_up() == ["run"] * 2
    modules = checkout.root / ".whale" / "tools" / "web" / "node_modules"
    shutil.rmtree(modules)
    checkout.whale("up")
    assert checkout.set_up() == ["run"] * 3
    for broken in ("", "[]", "{}"):
        (modules / ".whale.json").write_text(broken)
        assert checkout.whale("up").returncode == 0
    assert checkout.set_up() == ["run"] * 6


def test_tests_ask_for_browser_files_of_their_own_and_up_leaves_them(checkout: Checkout) -> None:
    for command in ("up", "test", "up", "test"):
        checkout.whale(command)
    assert checkout.set_up() == ["run", "dev"]


def test_up_leaves_an_environment_for_tests_as_it_is(checkout: Checkout) -> None:
    checkout.whale("up")
    checkout.calls()
    checkout.whale("test")
    assert checkout.calls() == ["requirements-dev.lock"]
    checkout.whale("up")
    assert checkout.calls() == []
    (checkout.root / "requirements-dev.lock").write_text("nothing==2\n")
    checkout.whale("up")
    assert checkout.calls() == ["requirements-dev.lock"]


def test_a_failure_is_one_line_and_the_next_run_starts_the_environment_anew(checkout: Checkout) -> None:
    failed = checkout.whale("up", UV_FAKE="fail dns error: no such host")
    assert (failed.returncode, failed.stdout) == (1, "")
    last = failed.stderr.splitlines()[-1]
    assert last.startswith("whale: installing the packages")
    assert "no such host" in last
    assert "run ./whale again" in last
    assert str(checkout.root / ".whale" / "tools" / "setup.log") in last
    assert "Traceback" not in failed.stderr
    checkout.calls()
    assert checkout.whale("up").returncode == 0
    assert checkout.calls() == ["venv", "requirements.lock"]


def test_a_moved_checkout_gets_its_environment_anew(checkout: Checkout) -> None:
    checkout.whale("up")
    checkout.root = checkout.root.rename(checkout.root.with_name("moved"))
    checkout.install_uv()
    checkout.calls()
    assert checkout.whale("up").returncode == 0
    assert checkout.calls() == ["venv", "requirements.lock"]


def test_two_at_once_set_up_once(checkout: Checkout) -> None:
    command = [sys.executable, str(checkout.root / "whale"), "up"]
    environment = checkout.environment(UV_FAKE="slow")
    both = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)
    ]
    said = [whale.communicate()[0] for whale in both]
    assert said == [b"cli ['up']\n"] * 2
    assert checkout.calls() == ["venv", "requirements.lock"]


@pytest.mark.process
@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_kill_9_in_the_middle_leaves_nothing_running_or_taken_as_good(checkout: Checkout) -> None:
    command = [sys.executable, str(checkout.root / "whale"), "up"]
    noted = checkout.root / "uv.pid"
    with subprocess.Popen(command, env=checkout.environment(UV_FAKE="hang"), stderr=subprocess.DEVNULL) as whale:
        wait_until(lambda: noted.exists() and noted.read_text().endswith("\n"), "uv")
        uv = psutil.Process(int(noted.read_text()))
        os.kill(whale.pid, signal.SIGKILL)
    wait_until(lambda: ended(uv), "uv's end")
    checkout.calls()
    done = checkout.whale("up")
    assert done.stdout == "cli ['up']\n"
    assert checkout.calls() == ["venv", "requirements.lock"]
