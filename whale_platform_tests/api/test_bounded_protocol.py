"""The protocol with bounds at real sockets: who asks to become a WebSocket and is refused, alone and behind a proxy."""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from whale_platform.api.server.bounded_protocol import HEAD_BYTES, bind_protocol
from whale_platform.api.server.bounded_websocket import BoundedWebSocket
from whale_platform.api.server.connection_registry import MAX_PER_ADDRESS, ConnectionRegistry
from whale_platform.api.server.refusal_log import RefusalLog
from whale_platform.api.server.trusted_proxies import TrustedProxies

CLIENT = "198.51.100.7"
UPGRADE = (
    "GET /stream HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nX-Forwarded-For: {CLIENT}\r\n"
).encode()


class Seen(RefusalLog):
    def __init__(self) -> None:
        super().__init__()
        self.refusals: list[tuple[str, int]] = []

    def record(self, address: str, status: int, path: str = "") -> None:
        self.refusals.append((address, status))


class Busy:
    address = CLIENT

    def evict(self) -> None:
        raise AssertionError("what is at work stays")


async def accept(scope: Scope, receive: Receive, send: Send) -> None:
    assert scope["type"] == "websocket", "the refused ones never get here"
    await send({"type": "websocket.accept"})


@contextmanager
def served(crowd: ConnectionRegistry, trail: RefusalLog, *proxies: str) -> Iterator[int]:
    http = bind_protocol(crowd, trail, TrustedProxies(proxies))
    config = uvicorn.Config(accept, http=http, ws=BoundedWebSocket, loop="uvloop", lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def answered(port: int, *parts: bytes) -> bytes:
    """The first line of the answer to a head that comes in these parts."""
    with socket.create_connection(("127.0.0.1", port), 300) as client:
        for part in parts:
            client.sendall(part)
        return client.makefile("rb").readline()


def full(crowd: ConnectionRegistry) -> None:
    for one in [Busy() for _ in range(MAX_PER_ADDRESS)]:
        assert crowd.register(one)
        crowd.mark_busy(one)


@pytest.mark.parametrize(("proxies", "address"), [((), "127.0.0.1"), (("127.0.0.1",), CLIENT)])
def test_an_upgrade_with_too_large_a_head_is_refused_and_no_error(
    proxies: tuple[str, ...], address: str, caplog: pytest.LogCaptureFixture
) -> None:
    trail = Seen()
    with served(ConnectionRegistry(), trail, *proxies) as port:
        first = UPGRADE + b"X-A: " + b"a" * (HEAD_BYTES - len(UPGRADE) - 100)  # the limit falls into the last part
        assert answered(port, first, b"a" * 2_000 + b"\r\n\r\n").startswith(b"HTTP/1.1 431")
        assert answered(port, UPGRADE, b"\r\n").startswith(b"HTTP/1.1 101"), "others become one"
    assert trail.refusals == [(address, 431)]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


def test_an_upgrade_of_a_client_with_too_many_connections_is_refused_by_its_own_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    crowd, trail = ConnectionRegistry(), Seen()
    full(crowd)
    with served(crowd, trail, "127.0.0.1") as port:
        assert answered(port, UPGRADE, b"\r\n").startswith(b"HTTP/1.1 503")
    assert trail.refusals == [(CLIENT, 503)]
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
