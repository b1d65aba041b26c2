"""Behind a proxy, every client that the platform uses still reaches this machine directly."""

import os
import threading
import urllib.request
from collections.abc import Iterator
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from websockets.sync.client import connect
from websockets.sync.server import serve

from whale_platform import proxy_bypass
from whale_platform.embedded import dagster
from whale_platform.ingest.transport import rest_client
from whale_platform.ingest.transport.websocket import BufferedWebSocket
from whale_platform.settings import Settings
from whale_platform.supervision.processes.managed_process import child_environment
from whale_platform_tests.support.proxies import PROXIES, UPPER_CASE_PROXIES

BEHIND = [PROXIES, UPPER_CASE_PROXIES, {**PROXIES, "no_proxy": "example.org", "no_grpc_proxy": "example.org"}]


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def web() -> Iterator[int]:
    """A web server's port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.fixture
def feed() -> Iterator[int]:
    """A WebSocket server's port."""
    with serve(lambda _: None, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.socket.getsockname()[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def code_server() -> Iterator[int]:
    """A gRPC server's port."""
    server = grpc.server(futures.ThreadPoolExecutor(1))
    port: int = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None).wait()


@pytest.fixture(params=BEHIND, ids=["lower", "upper", "excepted"])
def behind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name, value in request.param.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(urllib.request, "_opener", None)  # what an earlier test has made knows its environment
    monkeypatch.setattr(
        rest_client, "OPENER", urllib.request.build_opener(rest_client._Handler)
    )  # as a process made here has it
    proxy_bypass.bypass_proxies()


@pytest.mark.usefixtures("behind")
def test_every_client_reaches_this_machine_directly(web: int, feed: int, code_server: int) -> None:
    url = f"http://127.0.0.1:{web}/"
    with urllib.request.urlopen(url, timeout=300) as answer:
        assert answer.status == 200
    assert rest_client.RestClient("binance").fetch(url, 60).body == b"{}"
    assert requests.get(url, timeout=300).status_code == 200
    assert dagster.webserver_responds(Settings(dagster_port=web))
    ours = BufferedWebSocket()
    ours.open(f"ws://127.0.0.1:{feed}")
    ours.close()
    with connect(f"ws://127.0.0.1:{feed}", open_timeout=300):
        pass
    with grpc.insecure_channel(f"127.0.0.1:{code_server}") as channel:
        grpc.channel_ready_future(channel).result(300)


@pytest.mark.usefixtures("behind")
def test_what_is_elsewhere_still_goes_by_the_proxy() -> None:
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen("http://198.51.100.1/", timeout=300)


def test_our_own_page_is_asked_for_directly_whatever_the_environment(web: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in PROXIES.items():
        monkeypatch.setenv(name, value)
    assert dagster.webserver_responds(Settings(dagster_port=web))


def test_children_get_it_and_dagsters_code_server_elsewhere_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("no_proxy", "example.org")
    assert child_environment("sink", tmp_path, {})["NO_PROXY"] == "example.org,localhost,127.0.0.1,::1"
    settings = Settings(home=tmp_path, dagster_code_host="dagster-code", dagster_dsn="postgresql://h/d")  # type: ignore[arg-type]
    assert dagster.dagster_environment(settings)["no_proxy"].split(",")[-1] == "dagster-code"


names, values = st.sampled_from(["no_proxy", "NO_PROXY", "no_grpc_proxy"]), st.sampled_from(["", "a", "a, b", "*"])


@given(st.dictionaries(names, values))
def test_no_exception_is_lost_and_twice_is_once(environ: dict[str, str]) -> None:
    once = proxy_bypass.build_no_proxy(environ)
    assert proxy_bypass.build_no_proxy({**environ, **once}) == once
    given_names = {name.strip() for value in environ.values() for name in value.split(",")} - {""}
    assert given_names <= set(",".join(once.values()).split(","))
    assert set(proxy_bypass.LOOPBACK_NAMES) <= set(once["no_proxy"].split(","))
