"""Whose request it is behind a proxy: by headers alone here, and through a real TLS-terminating one."""

import asyncio
import socket
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from starlette.types import Receive, Scope, Send
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from whale_platform.api.server.connection_registry import MAX_PER_ADDRESS, SHARED_ADDRESS, ConnectionRegistry
from whale_platform.api.server.trusted_proxies import ForwardedMiddleware, TrustedProxies
from whale_platform.settings import Settings
from whale_platform.supervision.runtime import heartbeat
from whale_platform_tests.api.test_service import serving
from whale_platform_tests.support.certificates import Authority
from whale_platform_tests.support.embedded_servers import free_port
from whale_platform_tests.support.fake_services import wait_for_result

PROXY = TrustedProxies(("10.0.0.0/8", "127.0.0.1", "2001:db8::/32"))


@pytest.mark.parametrize(
    ("peer", "told", "client"),
    [
        ("203.0.113.9", ["198.51.100.7"], "203.0.113.9"),  # nobody whom we trust
        ("10.1.2.3", ["198.51.100.7"], "198.51.100.7"),
        (
            "10.1.2.3",
            ["1.1.1.1, 198.51.100.7"],
            "198.51.100.7",
        ),  # the first is the client's own invention
        ("10.1.2.3", ["198.51.100.7, 10.9.9.9"], "198.51.100.7"),  # two proxies
        ("10.1.2.3", ["198.51.100.7", "10.9.9.9"], "198.51.100.7"),
        ("127.0.0.1", ["198.51.100.7:4100"], "198.51.100.7"),
        ("::ffff:10.1.2.3", ["[2a00::7]:4100"], "2a00::7"),
        ("10.1.2.3", [], "10.1.2.3"),
        ("10.1.2.3", ["unknown"], "10.1.2.3"),
        ("10.1.2.3", ["198.51.100.7, \xff"], "10.1.2.3"),
        ("10.1.2.3", ["10.9.9.9"], "10.9.9.9"),  # a proxy's own request
        ("unix:", ["198.51.100.7"], "unix:"),
    ],
)
def test_the_client_is_the_last_address_that_is_no_trusted_proxy(peer: str, told: list[str], client: str) -> None:
    assert PROXY.client_address(peer, [(b"x-forwarded-for", text.encode("latin-1")) for text in told]) == client


@pytest.mark.parametrize(
    ("kind", "peer", "told", "scheme"),
    [
        ("http", "10.0.0.1", b"https", "https"),
        ("websocket", "10.0.0.1", b"https", "wss"),
        ("websocket", "10.0.0.1", b"http", "ws"),
        ("http", "10.0.0.1", b"https, http", "http"),
        ("http", "203.0.113.9", b"https", "http"),
    ],
)
def test_the_scheme_is_what_a_trusted_proxy_says(kind: str, peer: str, told: bytes, scheme: str) -> None:
    seen: list[Scope] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)

    plain = "ws" if kind == "websocket" else "http"
    scope = {"type": kind, "client": (peer, 1), "scheme": plain, "headers": [(b"x-forwarded-proto", told)]}
    unused: Any = None
    asyncio.run(ForwardedMiddleware(app, PROXY)(scope, unused, unused))
    assert seen[0]["scheme"] == scheme


def test_what_is_no_network_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"proxy\.example is no address or network"):
        Settings.model_validate({"api_proxies": "10.0.0.0/8,proxy.example"})


class One:
    def __init__(self, address: str) -> None:
        self.address = address
        self.evicted = False

    def evict(self) -> None:
        self.evicted = True


def test_a_proxy_may_have_many_connections_and_each_of_its_clients_may_not() -> None:
    crowd = ConnectionRegistry()
    ours = [One(SHARED_ADDRESS) for _ in range(MAX_PER_ADDRESS + 50)]
    assert all(crowd.register(one) for one in ours), "the proxy's own are bounded by all places alone"
    for one in ours:
        crowd.mark_busy(one)
    greedy = [crowd.move_to_address(one, "198.51.100.7") for one in ours]
    assert greedy == [True] * MAX_PER_ADDRESS + [False] * 50
    assert crowd.move_to_address(ours[-1], "198.51.100.8"), "another client is let in"
    for one in ours:
        crowd.move_to_address(one, SHARED_ADDRESS)
        crowd.mark_idle(one)
    assert not any(one.evicted for one in ours)
    for one in ours:
        crowd.unregister(one)
    assert crowd.read_metrics()["api_connections"] == crowd.read_metrics()["api_connections_idle"] == 0
    assert not crowd._of_address


class TlsProxy(socketserver.ThreadingTCPServer):
    """Ends TLS and passes one request a connection on, with the headers that every proxy adds."""

    daemon_threads, block_on_close = False, True

    def __init__(self, folder: Path, target: int) -> None:
        super().__init__(("127.0.0.1", 0), _PassOn)
        self.authority, self.port, self.target = Authority(folder), self.server_address[1], target
        server = self.authority.pair("proxy")
        self.tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.tls.load_cert_chain(server.certificate, server.key)

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self.serve_forever)
        thread.start()
        try:
            yield
        finally:
            self.shutdown()
            thread.join()
            self.server_close()


class _PassOn(socketserver.BaseRequestHandler):
    server: TlsProxy

    def handle(self) -> None:
        with self.server.tls.wrap_socket(self.request, server_side=True) as client:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1)
            more = f"X-Forwarded-For: {self.client_address[0]}\r\nX-Forwarded-Proto: https\r\n\r\n"
            with socket.create_connection(("127.0.0.1", self.server.target), 60) as there:
                there.settimeout(None)
                there.sendall(head[:-2] + more.encode())
                back = threading.Thread(target=_copy, args=(there, client))
                back.start()
                _copy(client, there)
                back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


def asked(port: int, source: str, tls: ssl.SSLContext | None, *headers: str) -> int:
    """The status of `/latest`, asked from that address of this machine."""
    plain = socket.create_connection(("127.0.0.1", port), 60, (source, 0))
    with plain if tls is None else tls.wrap_socket(plain, server_hostname="localhost") as sock:
        host = f"localhost:{port}"
        lines = ["GET /latest HTTP/1.1", f"Host: {host}", "Connection: close", *headers, "", ""]
        sock.sendall("\r\n".join(lines).encode())
        answer = sock.recv(64)
        while sock.recv(65_536):
            pass
    return int(answer.split()[1])


@pytest.mark.process
def test_behind_a_tls_proxy_each_client_has_its_own_limits_and_its_own_origin(database: str, tmp_path: Path) -> None:
    port = free_port()
    proxy = TlsProxy(tmp_path / "proxy", port)
    tls = ssl.create_default_context(cafile=str(proxy.authority.ca))
    more: dict[str, str] = {"WHALE_API_PROXIES": "127.0.0.1", "WHALE_API_RATE": "0.001", "WHALE_API_HOSTS": "localhost"}
    with serving(database, tmp_path, port, None, **more), proxy.running():
        wait_for_result(
            lambda: (found := heartbeat.read_heartbeat(tmp_path, "api")) is not None and found.state == "ready", 300
        )
        first = [asked(proxy.port, "127.0.0.3", tls) for _ in range(3)]
        assert first[0] == 200 and first[-1] == 429, "the limit is the client's"
        assert asked(proxy.port, "127.0.0.4", tls) == 200, "and not the proxy's"
        invented = [asked(proxy.port, "127.0.0.3", tls, f"X-Forwarded-For: 198.51.100.{n}") for n in range(2)]
        assert invented == [429, 429], "what a client says of itself is not believed"
        direct = [asked(port, "127.0.0.9", None, f"X-Forwarded-For: 198.51.100.{n}") for n in range(3)]
        assert direct[0] == 200 and direct[-1] == 429, "nor what comes past the proxy"
        secure, plain = f"https://localhost:{proxy.port}", f"http://localhost:{proxy.port}"
        url = f"wss://localhost:{proxy.port}/stream"
        with connect(url, ssl=tls, origin=Origin(secure), source_address=("127.0.0.5", 0), open_timeout=60) as live:
            live.send('{"subscribe": {"topics": ["status"]}}')
            assert live.recv(60)
        for foreign, address in ((plain, "127.0.0.6"), ("https://elsewhere.example", "127.0.0.7")):
            with pytest.raises(InvalidStatus, match="403"):
                connect(url, ssl=tls, origin=Origin(foreign), source_address=(address, 0), open_timeout=60)
