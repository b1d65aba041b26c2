"""uvicorn's HTTP protocol with bounds: a head that is too large or too slow ends the connection.

httptools sets none, so one client could fill the memory with a header that never ends, or hold a socket by sending
nothing. 32 kB is four times what browsers' and proxies' requests need.
"""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from whale_platform.api import problems

HEAD_BYTES = 32_768
HEAD_S = 10.0


class BoundedProtocol(HttpToolsProtocol):
    """431 for a head over `HEAD_BYTES`; a head must be there `HEAD_S` after its first byte, or the connection's."""

    _head_bytes = 0
    _in_head = True
    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a head."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._wait_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Count what comes before the head is complete."""
        if self._in_head:
            self._head_bytes += len(data)
            if self._late is None:
                self._wait()
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
            self._refuse()

    def on_headers_complete(self) -> None:
        """The head is there; nothing of a request is answered whose head is too large."""
        self._wait_no_more()
        if self._head_bytes > HEAD_BYTES and sum(len(n) + len(v) for n, v in self.headers) > HEAD_BYTES:
            self._refuse()
            return
        self._in_head = False
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Of a request that was taken."""
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The next head may come."""
        self._in_head, self._head_bytes = True, 0
        if not self.transport.is_closing():
            super().on_message_complete()

    def _wait(self) -> None:
        self._late = self.loop.call_later(HEAD_S, self._too_late)

    def _wait_no_more(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_late(self) -> None:
        self._late = None
        if not self.transport.is_closing():
            self.transport.close()

    def _refuse(self) -> None:
        body = problems.body(431, "send headers of less than 32 kB in all, and a shorter address")
        head = (
            f"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: {problems.MEDIA}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
