"""Settings of uvicorn for live clients.

A listening socket with a time-out for data that a peer never takes: without it, a stalled client's connection stays
for as long as its machine lives; and a small send buffer, so that it is soon seen to be stalled. Small WebSocket
frames in, no compression (it would cost each client's processor time and memory), pings. And a server that ends the
streams before it waits for them.
"""

import socket
from collections.abc import Callable
from typing import Any

import uvicorn

from whale_platform.api.push.app import PushApp
from whale_platform.api.server.bounded_websocket import BoundedWebSocket

USER_TIMEOUT_MS = 20_000
SEND_BUFFER = 131_072
BACKLOG = 1_024
UVICORN_OPTIONS: dict[str, Any] = {
    "ws": BoundedWebSocket,
    "ws_max_size": 65_536,
    "ws_ping_interval": 20.0,
    "ws_ping_timeout": 20.0,
    "ws_per_message_deflate": False,
}


def open_listening_socket(host: str, port: int) -> socket.socket:
    """A socket for `PushServer.serve(sockets=[…])`. Raises OSError where the address is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
    try:
        sock.bind((host, port))
        sock.listen(BACKLOG)
    except OSError:
        sock.close()
        raise
    return sock


class PushServer(uvicorn.Server):
    """Starts `push` in its loop before it listens, and ends it before it waits for its connections.

    `progress` is called by the event loop, ten times a second.
    """

    def __init__(self, config: uvicorn.Config, push: PushApp, progress: Callable[[], None] = lambda: None) -> None:
        super().__init__(config)
        self._push, self._progress = push, progress

    async def on_tick(self, counter: int) -> bool:
        """Record progress on each tick of uvicorn's loop."""
        self._progress()
        return await super().on_tick(counter)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the live push before uvicorn listens."""
        await self._push.start()
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the live push before uvicorn closes its connections."""
        self._push.disconnect_clients()
        await super().shutdown(sockets)
        await self._push.stop()
