"""The simulator as a process of its own: ended by `kill -9`, started again, stopped by SIGTERM."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from whale_platform.simulator.service import state_path
from whale_platform.supervision.runtime import heartbeat
from whale_platform_tests.simulator.harness import Running, context_of, settings, trades


@contextmanager
def started(running: Running) -> Iterator[subprocess.Popen[bytes]]:
    given = running.context.settings
    process = subprocess.Popen(
        [sys.executable, "-m", "whale_platform.simulator"],
        env=os.environ | given.environment(),
        stderr=subprocess.DEVNULL,
    )
    try:
        while (found := heartbeat.read_heartbeat(given.home, "simulator")) is None or (found.pid, found.state) != (
            process.pid,
            "ready",
        ):
            assert process.poll() is None
            time.sleep(0.02)
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.process
def test_kill_9_and_restart_give_each_id_one_content(tmp_path: Path) -> None:
    running = Running(context_of(settings(tmp_path, simulator_rate=2000)))
    seen: dict[int, set[tuple[str, str, bool]]] = {}

    def note(count: int, client: object) -> None:
        for one in trades(client, count):
            seen.setdefault(one["t"], set()).add((one["p"], one["q"], one["m"]))

    with started(running) as process, running.connect("/binance/ws/btcusdt@trade") as client:
        while (
            not state_path(tmp_path).exists()
            or json.loads(state_path(tmp_path).read_text())["places"]["binance:BTCUSDT"][0] == 0
        ):
            note(100, client)
        note(500, client)
        before = max(seen)
        process.send_signal(signal.SIGKILL)
        process.wait()
    with started(running) as process, running.connect("/binance/ws/btcusdt@trade") as client:
        while max(seen) < before + 500:
            note(100, client)
        process.send_signal(signal.SIGTERM)
        assert process.wait(300) == 0
    assert all(len(contents) == 1 for contents in seen.values())
    assert json.loads(state_path(tmp_path).read_text())["places"]["binance:BTCUSDT"][0] >= max(seen)
