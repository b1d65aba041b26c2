"""An endless loop planted in each service's own process: its beats go on, and its progress does not.

What the supervisor makes of that: supervision/test_supervisor.py. None needs a server: what is away is waited for. The
ingester alone has the simulator beside it, which lists the symbols.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from whale_platform.settings import ROOT
from whale_platform.supervision.runtime import heartbeat
from whale_platform_tests.support.embedded_servers import free_port
from whale_platform_tests.support.fake_services import wait_for_result

pytestmark = pytest.mark.process
PLANTED = """
import runpy, signal, sys
from whale_platform.api.server.push_server import PushServer

def endless(*_):
    while True:
        pass

stuck = []
on_tick = PushServer.on_tick

async def tick(self, counter):
    if stuck:
        endless()
    return await on_tick(self, counter)

PushServer.on_tick = tick
signal.signal(signal.SIGUSR1, endless)
signal.signal(signal.SIGUSR2, lambda *_: stuck.append(1))
runpy.run_module(sys.argv[1], run_name="__main__")
"""
ROOMS = {"ingester": "ingest", "sink": "sink", "simulator": "simulator", "api": "api"}
LOOPS = {"api": {"main", "event loop", "workers", "feeder"}, "ingester": {"main", "delivery reports"}}


@contextmanager
def running(service: str, home: Path, simulator_port: int) -> Iterator["subprocess.Popen[bytes]"]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WHALE_")}
    env = {
        **clean,
        "PYTHONPATH": str(ROOT),
        "WHALE_HOME": str(home),
        "WHALE_SOURCE": "simulator",
        "WHALE_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "WHALE_POSTGRES_DSN": "postgresql://nobody@127.0.0.1:1/nothing",
        "WHALE_API_PORT": str(free_port()),
        "WHALE_SIMULATOR_PORT": str(simulator_port),
    }
    argv = [sys.executable, "-c", PLANTED, f"whale_platform.{ROOMS[service]}"]
    with (home / "log").open("ab") as log, subprocess.Popen(argv, env=env, cwd=home, stderr=log) as process:
        try:
            yield process
        finally:
            process.kill()


def counts(home: Path, service: str) -> Callable[[], dict[str, int]]:
    def read() -> dict[str, int]:
        found = heartbeat.read_heartbeat(home, service)
        return found.progress if found is not None else {}

    return read


def next_beats(home: Path, service: str, count: int) -> None:
    """Wait for so many new ones."""
    seen: set[float] = set()

    def enough() -> bool:
        found = heartbeat.read_heartbeat(home, service)
        seen.update([found.at] if found is not None else [])
        return len(seen) > count

    wait_for_result(enough, 120)


@pytest.mark.parametrize("service", ROOMS)
def test_a_main_loop_that_hangs_makes_no_progress_though_beats_go_on(tmp_path: Path, service: str) -> None:
    port = free_port()
    with ExitStack() as stack:
        if service == "ingester":
            stack.enter_context(running("simulator", tmp_path, port))
        process = stack.enter_context(running(service, tmp_path, port))
        read = counts(tmp_path, service)
        wanted = LOOPS.get(service, {"main"})
        wait_for_result(lambda: set(read()) == wanted, 120)
        before = read()
        wait_for_result(lambda: all(count > before[name] for name, count in read().items()), 120)
        if service == "api":
            process.send_signal(signal.SIGUSR2)
            stands = stands_still(tmp_path, service, "event loop")
            assert read()["main"] > stands["main"], "each loop for itself"
        process.send_signal(signal.SIGUSR1)
        stands_still(tmp_path, service, "main")


def stands_still(home: Path, service: str, loop: str) -> dict[str, int]:
    """Wait until `loop` has stood still over three beats; what all stood at before those."""
    read = counts(home, service)

    def still() -> dict[str, int] | None:
        before = read()
        next_beats(home, service, 3)
        return before if read()[loop] == before[loop] else None

    found: dict[str, int] = wait_for_result(still, 120)
    return found
