"""The service as a process: it serves, beats, refuses what it must, bounds heads and ends well."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2 as httpx
import psutil
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from whale_platform.api import keys
from whale_platform.api.live.limits import Limits
from whale_platform.settings import ROOT
from whale_platform.supervision import beat, codes
from whale_platform_tests.api.samples import Sink, this_minute, window
from whale_platform_tests.embedded.conftest import answers, free_port
from whale_platform_tests.supervision.fakes import until

FLOOD = 400  # sockets that ask nothing


@contextmanager
def serving(database: str, home: Path, port: int, **more: str) -> Iterator["subprocess.Popen[bytes]"]:
    env = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "WHALE_HOME": str(home),
        "WHALE_POSTGRES_DSN": database,
        "WHALE_KAFKA_BOOTSTRAP": "127.0.0.1:1",
        "WHALE_API_PORT": str(port),
        **more,
    }
    argv = [sys.executable, "-m", "whale_platform.api"]
    with (home / "api.log").open("ab") as log, subprocess.Popen(argv, env=env, cwd=home, stderr=log) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.process
def test_it_serves_what_is_committed_and_ends_when_told(sink: Sink, database: str, tmp_path: Path) -> None:
    sink.fill()
    port = free_port()
    with serving(database, tmp_path, port) as process:
        until(lambda: (found := beat.read(tmp_path, "api")) is not None and found.state == "ready", 30)
        url = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{url}/latest").json()["symbols"][0]["price"] == "61835"
        sink.write(window(this_minute(), close="61838", trade_count=9))
        until(lambda: httpx.get(f"{url}/latest").json()["symbols"][0]["price"] == "61838", 5)
        assert httpx.get(f"{url}/whales?limit=1").json()["next"]
        health = httpx.get(f"{url}/health").json()
        assert (health["status"], health["postgres"]["state"], health["kafka"]["state"]) == (
            "degraded",
            "ready",
            "away",
        )
        assert health["services"]["sink"]["state"] == "silent"
        large_heads_are_refused(port)
        assert httpx.get(f"{url}/latest").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert not answers(port)
    log = (tmp_path / "api.log").read_text()
    assert "Traceback" not in log and "GET /" not in log


def large_heads_are_refused(port: int) -> None:
    for head in (b"X-A: " + b"a" * 10_000_000, b"X: y\r\n" * 1_000_000, b"X-A: " + b"a" * 40_000 + b"\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
            answer = b""
            try:
                client.sendall(b"GET /latest HTTP/1.1\r\nHost: x\r\n" + head)
                while more := client.recv(65_536):
                    answer += more
            except OSError:
                pass  # it hung up while we were still sending
            assert b"200 OK" not in answer
            assert not answer or answer.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))


@pytest.mark.process
def test_it_listens_beyond_this_machine_only_with_keys_or_where_told(database: str, tmp_path: Path) -> None:
    port = free_port()
    with serving(database, tmp_path, port, WHALE_API_HOST="0.0.0.0") as process:
        assert process.wait(30) == codes.BLOCKED
    found = beat.read(tmp_path, "api")
    assert found is not None and "whale api-key add NAME" in found.detail
    key = keys.add(tmp_path, "one")
    with serving(database, tmp_path, port, WHALE_API_HOST="0.0.0.0"):
        until(lambda: answers(port), 30)
        url = f"http://127.0.0.1:{port}/gaps"
        assert httpx.get(url).status_code == 401
        assert httpx.get(url, headers={"X-API-Key": key}).status_code == 200
        a_browser_s_socket_offers_its_key_and_goes_with_it(tmp_path, f"ws://127.0.0.1:{port}/stream", key)


def a_browser_s_socket_offers_its_key_and_goes_with_it(home: Path, url: str, key: str) -> None:
    with connect(url, subprotocols=[Subprotocol("whale"), Subprotocol(f"whale.key.{key}")], proxy=None) as socket:
        assert json.loads(socket.recv(5))["type"] == "hello" and socket.subprotocol == "whale"
        keys.remove(home, "one")
        with pytest.raises(ConnectionClosed, match="1008"):
            while True:
                socket.recv(10)
    for offered in ("whale", f"whale.key.{key}x"):
        with pytest.raises(InvalidStatus, match="403"):
            connect(url, subprotocols=[Subprotocol(offered)], proxy=None)


@pytest.mark.process
def test_a_port_in_use_is_said(database: str, tmp_path: Path) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        serving(database, tmp_path, taken.getsockname()[1]) as process,
    ):
        assert process.wait(30) == codes.BLOCKED
    found = beat.read(tmp_path, "api")
    assert found is not None and "Address already in use" in found.detail


@pytest.mark.process
def test_a_flood_of_sockets_is_refused_and_memory_stays_flat(sink: Sink, database: str, tmp_path: Path) -> None:
    """Idle ones, half-said heads, and more WebSockets of one address than it may have; then all is as before."""
    sink.fill()
    port = free_port()
    with serving(database, tmp_path, port) as process, ExitStack() as held:
        until(lambda: (found := beat.read(tmp_path, "api")) is not None and found.state == "ready", 30)
        url = f"http://127.0.0.1:{port}/latest"
        before = psutil.Process(process.pid).memory_info().rss
        for number in range(FLOOD):
            client = held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
            if number % 2:
                client.sendall(b"GET /latest HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        closed = 0
        for number in range(Limits().per_address + 50):
            live = held.enter_context(connect(f"ws://127.0.0.1:{port}/stream", proxy=None, compression=None))
            try:
                assert json.loads(live.recv(10))["type"] == "hello"
            except ConnectionClosed as error:
                assert error.rcvd is not None and (error.rcvd.code, number >= Limits().per_address) == (1013, True)
                closed += 1
        assert closed == 50
        assert httpx.get(url).status_code == 200
        assert psutil.Process(process.pid).memory_info().rss - before < 60_000_000
        held.close()
        until(lambda: httpx.get(url).status_code == 200, 10)
        with connect(f"ws://127.0.0.1:{port}/stream", proxy=None) as again:
            assert json.loads(again.recv(10))["type"] == "hello"
    assert "Traceback" not in (tmp_path / "api.log").read_text()
