"""The service as a process: it serves, beats, refuses what it must, bounds heads and ends well."""

import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx2 as httpx
import psutil
import pytest
import structlog
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from whale_platform.api.push.fanout.client_limits import ClientLimits
from whale_platform.api.server import api_keys
from whale_platform.api.service import main
from whale_platform.settings import ROOT, Settings
from whale_platform.supervision.runtime import exit_codes, heartbeat
from whale_platform.supervision.runtime.heartbeat import Heartbeat
from whale_platform.supervision.runtime.runner import ServiceContext
from whale_platform_tests.api.builders import Sink, this_minute, window
from whale_platform_tests.support.embedded_servers import free_port, port_answers
from whale_platform_tests.support.fake_services import wait_for_result

FLOOD = 1_000  # sockets that ask nothing
HELD = (
    b"",
    b"G",
    b"GET /latest HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
    b"GET /latest HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    b"POST /latest HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 60000\r\n\r\n?",
)
CONTEXTS = 20


@contextmanager
def serving(
    database: str, home: Path, port: int, files: tuple[int, int] | None = None, **more: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """files: limits of open files, soft and hard, where they are not those of the tests."""
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
        if files is not None:
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, files)
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.process
def test_it_serves_what_is_committed_and_ends_when_told(sink: Sink, database: str, tmp_path: Path) -> None:
    """With few open files, and with a Kafka that does not answer, on which the contexts of whales wait."""
    sink.fill()
    port = free_port()
    with serving(database, tmp_path, port, files=(256, 420)) as process, ThreadPoolExecutor(CONTEXTS) as asking:
        wait_for_result(
            lambda: (found := heartbeat.read_heartbeat(tmp_path, "api")) is not None and found.state == "ready", 150
        )
        url = f"http://127.0.0.1:{port}"
        assert httpx.get(f"{url}/latest").json()["symbols"][0]["price"] == "61835"
        sink.write(window(this_minute(), close="61838", trade_count=9))
        wait_for_result(lambda: httpx.get(f"{url}/latest").json()["symbols"][0]["price"] == "61838", 5)
        assert httpx.get(f"{url}/whales?limit=1").json()["next"]
        health = httpx.get(f"{url}/health").json()
        assert (health["status"], health["postgres"]["state"], health["kafka"]["state"]) == (
            "degraded",
            "ready",
            "unavailable",
        )
        assert health["services"]["sink"]["state"] == "silent"
        large_heads_are_refused(port)
        more_sockets_than_files_are_let_go(port)
        assert httpx.get(f"{url}/latest").status_code == 200
        slow_questions_keep_nobody_waiting(asking, url)
        process.send_signal(signal.SIGTERM)
        assert process.wait(300) == 0
    assert not port_answers(port)
    log = (tmp_path / "api.log").read_text()
    assert "Traceback" not in log and "GET /" not in log
    lines = [line for line in log.splitlines() if "refused" in line or "Invalid" in line]
    assert lines and len(lines) < 10 and len(log.splitlines()) < 20, log
    assert all(
        line.startswith("timestamp=20") and "level=warning" in line for line in log.splitlines() if line in lines
    )
    assert any("address=127.0.0.1 status=431" in line for line in lines)


def more_sockets_than_files_are_let_go(port: int) -> None:
    with ExitStack() as held:
        for number in range(800):  # of four addresses, or the share of one would do
            held.enter_context(socket.create_connection(("127.0.0.1", port), 10, (f"127.0.0.{3 + number % 4}", 0)))
        assert asked_from("127.0.0.2", port) == 200
        numbers = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        found = next(line for line in numbers.splitlines() if line.startswith("whale_api_connections_evicted_total"))
        assert float(found.split()[1]) >= 800 - 420


def asked_from(address: str, port: int, path: str = "/latest") -> int:
    with httpx.Client(transport=httpx.HTTPTransport(local_address=address), timeout=300) as client:
        return int(client.get(f"http://127.0.0.1:{port}{path}").status_code)


def slow_questions_keep_nobody_waiting(asking: ThreadPoolExecutor, url: str) -> None:
    """One is searched for in Kafka and eight wait; the others are sent away; who asks other things is served."""

    def context(_: int) -> tuple[int, str]:
        try:
            answer = httpx.get(f"{url}/whales/binance/BTCUSDT/2", timeout=300)
        except httpx.HTTPError:
            return 0, ""  # the server ended first
        return answer.status_code, answer.headers.get("retry-after", "")

    contexts = [asking.submit(context, number) for number in range(CONTEXTS)]
    wait_for_result(lambda: sum(one.done() for one in contexts) >= CONTEXTS - 9, 60)
    found = [one.result() for one in contexts if one.done()]
    assert found.count((503, "1")) >= CONTEXTS - 10 and {status for status, _ in found} <= {200, 503}
    with httpx.Client(timeout=300) as client:
        for path in (*["/windows?limit=1"] * 5, "/health", "/metrics"):
            assert client.get(f"{url}{path}").status_code == 200
    assert not all(one.done() for one in contexts), "the others were answered before the last of these"


def large_heads_are_refused(port: int) -> None:
    for head in (b"X-A: " + b"a" * 10_000_000, b"X: y\r\n" * 1_000_000, b"X-A: " + b"a" * 40_000 + b"\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port), timeout=300) as client:
            answer = b""
            try:
                client.sendall(b"GET /latest HTTP/1.1\r\nHost: x\r\n" + head)
                while more := client.recv(65_536):
                    answer += more
            except OSError:
                pass  # it hung up while we were still sending
            assert b"200 OK" not in answer
            assert not answer or answer.startswith((b"HTTP/1.1 431", b"HTTP/1.1 400"))


@pytest.mark.parametrize(("asked", "why"), [({"api_host": "0.0.0.0"}, "HOST=0.0.0.0"), ({"api_cors": "*"}, "CORS=*")])
def test_it_is_open_to_others_only_with_keys_or_where_told(tmp_path: Path, asked: dict[str, str], why: str) -> None:
    found = refused(tmp_path, asked)
    assert why in found and "whale api-key add NAME" in found


def refused(home: Path, asked: Mapping[str, object], code: int = exit_codes.BLOCKED) -> str:
    context = ServiceContext(Settings.model_validate({"home": home, **asked}), Heartbeat("api"), structlog.get_logger())
    assert main(context) == code
    return context.heartbeat.detail


@pytest.mark.process
def test_it_listens_beyond_this_machine_with_keys(database: str, tmp_path: Path) -> None:
    port = free_port()
    key = api_keys.add_key(tmp_path, "one")
    with serving(database, tmp_path, port, WHALE_API_HOST="0.0.0.0"):
        wait_for_result(lambda: port_answers(port), 150)
        url = f"http://127.0.0.1:{port}/gaps"
        assert httpx.get(url).status_code == 401
        assert httpx.get(url, headers={"X-API-Key": key}).status_code == 200
        a_browser_s_socket_offers_its_key_and_goes_with_it(tmp_path, f"ws://127.0.0.1:{port}/stream", key)


def a_browser_s_socket_offers_its_key_and_goes_with_it(home: Path, url: str, key: str) -> None:
    with connect(url, subprotocols=[Subprotocol("whale"), Subprotocol(f"whale.key.{key}")], proxy=None) as socket:
        assert json.loads(socket.recv(5))["type"] == "hello" and socket.subprotocol == "whale"
        api_keys.remove_key(home, "one")
        with pytest.raises(ConnectionClosed, match="1008"):
            while True:
                socket.recv(10)
    for offered in ("whale", f"whale.key.{key}x"):
        with pytest.raises(InvalidStatus, match="403"):
            connect(url, subprotocols=[Subprotocol(offered)], proxy=None)


def test_a_port_in_use_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert "Address already in use" in refused(tmp_path, {"api_port": taken.getsockname()[1]}, exit_codes.RETRY)


@pytest.mark.process
def test_a_flood_of_sockets_is_refused_and_memory_stays_flat(sink: Sink, database: str, tmp_path: Path) -> None:
    """Idle ones, half-said heads and bodies, and more WebSockets of one address than it may have; others are served."""
    sink.fill()
    port = free_port()
    with serving(database, tmp_path, port) as process, ExitStack() as held:
        wait_for_result(
            lambda: (found := heartbeat.read_heartbeat(tmp_path, "api")) is not None and found.state == "ready", 150
        )
        url = f"http://127.0.0.1:{port}/latest"
        before = psutil.Process(process.pid).memory_info().rss
        for number in range(FLOOD):
            client = held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=300))
            client.sendall(HELD[number % len(HELD)])
        assert asked_from("127.0.0.2", port) == 200 and asked_from("127.0.0.1", port) == 200
        closed = 0
        for number in range(ClientLimits().per_address + 50):
            live = held.enter_context(connect(f"ws://127.0.0.1:{port}/stream", proxy=None, compression=None))
            try:
                assert json.loads(live.recv(10))["type"] == "hello"
            except ConnectionClosed as error:
                assert error.rcvd is not None and (error.rcvd.code, number >= ClientLimits().per_address) == (
                    1013,
                    True,
                )
                closed += 1
        assert closed == 50
        assert httpx.get(url).status_code == 200 and asked_from("127.0.0.2", port) == 200
        assert psutil.Process(process.pid).memory_info().rss - before < 60_000_000
        held.close()
        wait_for_result(lambda: httpx.get(url).status_code == 200, 10)
        with connect(f"ws://127.0.0.1:{port}/stream", proxy=None) as again:
            assert json.loads(again.recv(10))["type"] == "hello"
    assert "Traceback" not in (tmp_path / "api.log").read_text()
