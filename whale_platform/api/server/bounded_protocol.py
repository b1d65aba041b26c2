"""uvicorn's HTTP protocol with bounds: a request that is too large or too slow ends the connection, and so may a crowd.

httptools sets none, so one client could fill the memory with a header that never ends, or hold a socket by sending
nothing. 32 kB is four times what browsers' and proxies' requests need; a body is read by one
endpoint, which bounds it further.
"""

import asyncio
from functools import partial
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from whale_platform.api.http import problems
from whale_platform.api.server.bounded_websocket import BoundedWebSocket
from whale_platform.api.server.connection_registry import SHARED_ADDRESS, ConnectionRegistry
from whale_platform.api.server.refusal_log import RefusalLog
from whale_platform.api.server.trusted_proxies import TrustedProxies

HEAD_BYTES = 32_768
BODY_BYTES = 65_536
REQUEST_S = 10.0


class BoundedProtocol(HttpToolsProtocol):
    """431 for a head over `HEAD_BYTES`; a request must be there `REQUEST_S` after its first byte, or the connection's.

    Use it as `bind_protocol` makes it.
    """

    registry: ConnectionRegistry
    proxies: TrustedProxies
    refusal_log: RefusalLog
    address = _peer = ""
    _head_bytes = _body_bytes = 0
    _in_line = _in_head = True
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a head, where there is a place."""
        super().connection_made(transport)
        self._peer = self.client[0] if self.client else ""
        self.address = SHARED_ADDRESS if self.proxies.is_trusted(self._peer) else self._peer
        if self.registry.register(self):
            self._start_timer()
        else:
            self._refuse(503, "too many connections of this address or in all: close some, and ask again in a moment")

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer, and release the connection's slot."""
        self._stop_timer()
        self.registry.unregister(self)
        super().connection_lost(exc)

    def evict(self) -> None:
        """Close at once, as `connection_registry.EvictableConnection` says."""
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Count what comes before the head is complete."""
        if self._in_head:
            self._head_bytes += len(data)
            if self._timer is None:
                self._start_timer()
            data = self._escape_request_line(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
            self._refuse_head()

    def on_headers_complete(self) -> None:
        """The head is there; nothing of a request is answered whose head is too large."""
        if self._head_bytes > HEAD_BYTES and sum(len(n) + len(v) for n, v in self.headers) > HEAD_BYTES:
            self._refuse_head()
            return
        self._in_head = False
        self.registry.mark_busy(self)
        client = self.proxies.client_address(self._peer, self.headers)
        if self.registry.move_to_address(self, client):
            super().on_headers_complete()
        else:
            self._refuse(503, "too many connections of this address: close some, and ask again in a moment", client)

    def on_body(self, body: bytes) -> None:
        """Of a request that was taken."""
        self._body_bytes += len(body)
        if self._body_bytes > BODY_BYTES:
            self.transport.close()
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The next head may come."""
        self._stop_timer()
        self._in_line = self._in_head = True
        self._head_bytes = self._body_bytes = 0
        if not self.transport.is_closing():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Idle, unless another request came with it."""
        super().on_response_complete()
        if not self.transport.is_closing() and self.cycle.response_complete:
            if self.proxies.is_trusted(self._peer):
                self.registry.move_to_address(self, SHARED_ADDRESS)
            self.registry.mark_idle(self)

    def handle_websocket_upgrade(self) -> None:
        """The socket keeps its place in the crowd, at work, until it is lost."""
        self._stop_timer()
        if self.transport.is_closing():  # it was refused, which the parser has not heard
            return
        super().handle_websocket_upgrade()
        socket = self.transport.get_protocol()
        if isinstance(socket, BoundedWebSocket):
            socket.when_lost = partial(self.registry.unregister, self)

    def send_400_response(self, msg: str) -> None:
        """What can't be read as HTTP, as a problem."""
        self._refuse(400, "this is no request of HTTP/1.1 that can be read")

    def _escape_request_line(self, data: bytes) -> bytes:
        """An address may come as it is typed: its bytes beyond ASCII, which httptools refuses, as %XX."""
        if not self._in_line:
            return data
        line, end, rest = data.partition(b"\n")
        self._in_line = not end
        if line.isascii():
            return data
        return b"".join(b"%%%02X" % byte if byte > 127 else bytes((byte,)) for byte in line) + end + rest

    def _start_timer(self) -> None:
        self._timer = self.loop.call_later(REQUEST_S, self._on_timeout)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timeout(self) -> None:
        self._timer = None
        if not self.transport.is_closing():
            self.transport.close()

    def _refuse_head(self) -> None:
        client = self.proxies.client_address(self._peer, self.headers or ())
        self._refuse(431, "send headers of less than 32 kB in all, and a shorter address", client)

    def _refuse(self, status: int, detail: str, client: str = "") -> None:
        """`client`: whose head it is; without one, who counts for the connection, be it a proxy."""
        self.refusal_log.record(client or self.address or self._peer, status)
        body = problems.encode_problem(status, detail)
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: {problems.PROBLEM_MEDIA_TYPE}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def bind_protocol(
    registry: ConnectionRegistry, refusal_log: RefusalLog, proxies: TrustedProxies
) -> type[BoundedProtocol]:
    """The protocol of one server."""
    return type(
        "BoundedProtocol", (BoundedProtocol,), {"registry": registry, "refusal_log": refusal_log, "proxies": proxies}
    )
