"""The commands as an operator runs them: one line for each mistake, the right exit code, JSON alone on stdout."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from whale_platform.bench.harness.platform import PORT_NAMES, find_free_ports
from whale_platform.cli.app import main
from whale_platform.files.atomic_files import write_json
from whale_platform.homes import open_home
from whale_platform.supervision.control import desired_state
from whale_platform.supervision.control.state_files import SUPERVISOR, state_path
from whale_platform.supervision.runtime import heartbeat
from whale_platform.supervision.runtime.lease import Lease

ROOT = Path(__file__).resolve().parents[2]


def whale(cwd: Path, *args: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run the CLI in `cwd` with base folder `cwd/base`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WHALE_")}
    return subprocess.run(
        [sys.executable, "-m", "whale_platform.cli", *args],
        cwd=cwd,
        env={**clean, "PYTHONPATH": str(ROOT), "WHALE_HOME": str(cwd / "base"), "NO_COLOR": "1", **env},
        capture_output=True,
        text=True,
        timeout=300,
    )


def start(cwd: Path, *args: str, **env: str) -> "subprocess.Popen[str]":
    """The same without waiting for its end."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WHALE_")}
    return subprocess.Popen(
        [sys.executable, "-m", "whale_platform.cli", *args],
        cwd=cwd,
        env={**clean, "PYTHONPATH": str(ROOT), "WHALE_HOME": str(cwd / "base"), "NO_COLOR": "1", **env},
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("args", "env", "says"),
    [
        (["up", "--source", "moon"], {}, "--source moon: one of auto, live, simulator, replay"),
        (["up", "--source", "live:x"], {}, "--source live:x"),
        (["up", "--source", "replay"], {}, "--source replay needs --file"),
        (["up", "--source", "replay:nothing.gz"], {}, "--file nothing.gz: there is no such file"),
        (["up", "--file", "."], {}, "is a folder"),
        (["up", "--source", "live", "--file", "x"], {}, "only --source replay plays files"),
        (["up", "--source", "live", "--speed", "2"], {}, "--speed belongs to"),
        (["up", "--source", "live", "--times", "now"], {}, "--times belongs to"),
        (["up", "--source", "live", "--rate", "5"], {}, "--rate belongs to"),
        (["up", "--source", "simulator", "--speed", "0"], {}, "--speed 0.0: Input should be greater than 0"),
        (["up", "--source", "simulator", "--symbols", ","], {}, "--symbols names nothing"),
        (["up", "--source", "simulator", "--symbols", "B T C"], {}, "symbol 'B T C'"),
        (
            ["up", "--source", "simulator"],
            {"WHALE_KAFKA_PORT": "abc"},
            "WHALE_KAFKA_PORT=abc: Input should be a valid integer",
        ),
        (["up", "--source", "simulator"], {"WHALE_EXCHANGES": "nosuch"}, "unknown exchange 'nosuch'"),
        (
            ["up", "--source", "live"],
            {"WHALE_EXCHANGES": "coinbase,coinbase_advanced", "WHALE_SYMBOLS": "BTC"},
            "each trade of BTC-USD would count twice",
        ),
        (["up"], {"WHALE_SOURCE": "moon"}, "WHALE_SOURCE=moon: Input should be"),
        (["status"], {}, "nothing has run in"),
        (["down"], {}, "nothing has run in"),
        (["logs", "sink"], {}, "nothing has run in"),
        (["threshold", "set", "BTC", "much"], {}, "'much' is not an amount"),
    ],
)
def test_a_mistake_is_one_line_and_starts_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    args: list[str],
    env: dict[str, str],
    says: str,
) -> None:
    for name in [name for name in os.environ if name.startswith("WHALE_")]:
        monkeypatch.delenv(name)
    for name, value in {"WHALE_HOME": str(tmp_path / "base"), **env}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["whale", *args])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr()
    assert says in said.err
    assert ended.value.code == 2
    assert said.out == ""
    assert len(said.err.splitlines()) == 1
    assert not (tmp_path / "base").exists()


def test_a_mistake_has_no_traceback(tmp_path: Path) -> None:
    done = whale(tmp_path, "up", "--source", "moon")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "whale: --source moon: one of auto, live, simulator, replay, or replay:FILE\n"


def test_a_port_in_use_is_named_with_its_setting(tmp_path: Path) -> None:
    tools = _fake_tools(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ports = {
            f"WHALE_{name}_PORT": str(number)
            for name, number in zip(PORT_NAMES, find_free_ports(len(PORT_NAMES)), strict=True)
        }
        env = {**ports, "WHALE_POSTGRES_PORT": port, "WHALE_DAGSTER": "false", "WHALE_TOOLS": str(tools)}
        done = whale(tmp_path, "up", "--source", "simulator", **env)
    assert done.returncode == 2
    assert f"port {port} is in use by" in done.stderr
    assert "WHALE_POSTGRES_PORT" in done.stderr


def test_dagster_without_its_storage_is_one_line(tmp_path: Path) -> None:
    open_home(tmp_path / "base", "simulator")
    done = whale(tmp_path, "dagster", "--version", WHALE_POSTGRES_DSN="postgresql://me:secret@127.0.0.1:1/whale")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("whale: Dagster's storage can't be used: connection to server at")
    assert "secret" not in done.stderr


def test_a_home_in_use_with_other_settings_is_named_with_its_pid(tmp_path: Path) -> None:
    home = open_home(tmp_path / "base", "simulator")
    mine = Lease(home.path, SUPERVISOR)
    mine.acquire()
    write_json(state_path(home.path), {"pid": os.getpid(), "symbols": ["BTC"], "services": {}})
    done = whale(tmp_path, "up", "--source", "simulator", "--symbols", "ETH")
    mine.release()
    assert done.returncode == 2
    assert f"already running: pid {os.getpid()} in {home.path}, with other" in done.stderr
    assert "symbols" in done.stderr and "see `whale status`" in done.stderr


def test_a_second_up_joins_the_start_of_another_and_says_when_that_ends(tmp_path: Path) -> None:
    home = open_home(tmp_path / "base", "simulator")
    mine = Lease(home.path, SUPERVISOR)
    mine.acquire()
    joined = start(tmp_path, "up", "--source", "simulator", "--detach")
    assert joined.stderr is not None
    assert f"pid {os.getpid()} is at work in {home.path}: joining in" in joined.stderr.readline()
    mine.release()
    said = joined.communicate()[1]
    assert joined.returncode == 1
    assert "the start that was joined has ended" in said


def test_up_waits_for_what_is_about_to_end_and_then_starts(tmp_path: Path) -> None:
    home = open_home(tmp_path / "base", "simulator")
    mine = Lease(home.path, SUPERVISOR)
    mine.acquire()
    now = {"pid": os.getpid(), "at": time.time(), "stopping": True, "services": {}}
    write_json(state_path(home.path), now)
    waits = start(tmp_path, "up", "--source", "simulator", WHALE_TOOLS=str(tmp_path / "no tools"))
    assert waits.stderr is not None
    assert f"waiting for pid {os.getpid()}, which stops what ran in" in waits.stderr.readline()
    mine.release()
    said = waits.communicate()[1]
    assert (waits.returncode, "run ./whale" in said) == (2, True), "the jars are missing: it was about to start"


def test_option_over_environment_over_dotenv(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("WHALE_KAFKA_PORT=from-dotenv\nWHALE_REPLAY_SPEED=-1\n")
    assert "WHALE_KAFKA_PORT=from-env" in whale(tmp_path, "up", WHALE_KAFKA_PORT="from-env").stderr
    assert "WHALE_KAFKA_PORT=from-dotenv" in whale(tmp_path, "up").stderr
    ported = whale(
        tmp_path, "up", "--source", "simulator", "--speed", "-2", WHALE_KAFKA_PORT="1", WHALE_REPLAY_SPEED="3"
    )
    assert "--speed -2.0" in ported.stderr


def test_status_of_what_has_stopped(tmp_path: Path) -> None:
    open_home(tmp_path / "base", "simulator")
    done = whale(tmp_path, "status", "--json")
    assert done.returncode == 3
    state = json.loads(done.stdout)
    assert (state["running"], state["services"], state["source"]["kind"]) == (False, {}, "simulator")
    shown = whale(tmp_path, "status")
    assert "SIMULATED" in shown.stdout and "not running" in shown.stdout
    assert "\x1b" not in shown.stdout


@pytest.mark.parametrize(("second", "code"), [("ready", 0), ("degraded", 0), ("starting", 4), ("blocked", 4)])
def test_status_of_what_runs(tmp_path: Path, second: str, code: int) -> None:
    home = open_home(tmp_path / "base", "replay", [tmp_path / "f.gz"], "original")
    mine = Lease(home.path, SUPERVISOR)
    mine.acquire()
    numbers = {"state": "playing", "trades_sent": 12, "kind": "recorded"}
    heartbeat.write_heartbeat(home.path, heartbeat.Heartbeat("simulator", state="ready", numbers=numbers))
    heartbeat.write_heartbeat(home.path, heartbeat.Heartbeat("sink", pid=1, state="ready", numbers={"rows": 5}))
    entry = {
        "pid": os.getpid(),
        "started": time.time(),
        "restarts": 0,
        "last_exit": None,
        "detail": "",
        "state": "ready",
    }
    services = {"simulator": entry, "sink": {**entry, "state": second}}
    published = {"pid": os.getpid(), "at": time.time(), "stopping": False, "urls": {"kafka": "k"}, "services": services}
    write_json(state_path(home.path), published)
    done = whale(tmp_path, "status", "--json")
    mine.release()
    assert done.returncode == code
    state = json.loads(done.stdout)
    assert state["source"] == {
        "kind": "replay",
        "state": "playing",
        "trades_sent": 12,
        "files": [str(tmp_path / "f.gz")],
        "times": "original",
    }
    assert state["services"]["simulator"]["state"] == "ready"
    assert "rows" not in state["services"]["sink"], "a beat of another pid is not this service's"
    assert state["urls"] == {"kafka": "k"}


def test_what_is_stopped_as_wanted_is_all_right_and_old_code_is_named(tmp_path: Path) -> None:
    home = open_home(tmp_path / "base", "live")
    lease = Lease(home.path, SUPERVISOR)
    lease.acquire()
    entry = {"pid": os.getpid(), "started": 1.0, "restarts": 2, "last_exit": -9, "detail": "", "state": "ready"}
    services = {
        "kafka": {**entry, "code": ""},
        "sink": {**entry, "code": "aaa"},
        "stream": {**entry, "state": "stopped", "detail": "by run x", "pid": None, "started": None, "code": "aaa"},
        "ingester": {**entry, "code": "bbb"},
        "api": {**entry, "code": "aaa"},
    }
    told = {"pid": os.getpid(), "at": time.time(), "stopping": False, "checkout": "bbb", "services": services}
    write_json(state_path(home.path), told)
    desired_state.write_desired_state(home.path, "stream", False, "run x")

    done = whale(tmp_path, "status", "--json")
    found = json.loads(done.stdout)
    assert done.returncode == 0, "what is stopped as wanted is all right"
    assert (found["services"]["stream"]["state"], found["services"]["stream"]["detail"]) == ("stopped", "by run x")
    assert {name: one["old_code"] for name, one in found["services"].items() if one["old_code"]} == {
        "sink": "aaa",
        "api": "aaa",
    }
    text = " ".join(whale(tmp_path, "status").stdout.split())
    assert "sink, api: running code aaa, the checkout is bbb; `whale restart --all` takes it" in text
    assert "stream: by run x" in text
    refused = whale(tmp_path, "restart", "stream")
    assert refused.returncode == 2
    assert "stream was stopped by run x: start it with the job `stream_start` in Dagster" in refused.stderr
    lease.release()


@pytest.mark.parametrize("words", [[], ["sink", "--all"]])
def test_a_restart_is_of_one_or_of_all(tmp_path: Path, words: list[str]) -> None:
    done = whale(tmp_path, "restart", *words)
    assert done.returncode == 2
    assert "name one service, or --all" in done.stderr


def test_logs_show_the_end_across_files(tmp_path: Path) -> None:
    folder = open_home(tmp_path / "base", "live").path / "logs"
    folder.mkdir()
    (folder / "sink.log.1").write_text("one\ntwo\n")
    (folder / "sink.log").write_text("three\n")
    assert whale(tmp_path, "logs", "sink", "-n", "2").stdout == "two\nthree\n"
    wrong = whale(tmp_path, "logs", "../../home")
    assert wrong.returncode == 2
    assert "there are sink" in wrong.stderr


def _fake_tools(folder: Path) -> Path:
    """Empty jars, but for the compiler's, which `up` runs."""
    from whale_platform.settings import Settings
    from whale_platform.toolchain.jars import read_jar_list

    for jar in read_jar_list():
        path = jar.path(folder / "tools")
        path.parent.mkdir(parents=True, exist_ok=True)
        if jar.section == "compiler":
            path.symlink_to(jar.path(Settings().tools.absolute()))
        else:
            path.touch()
    return folder / "tools"
