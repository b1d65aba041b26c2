"""A WebSocket client that costs next to nothing, so that two hundred of them measure the server and not themselves.

Benchmarks and tests share it; it reads `/stream` alone, and asserts where it is refused.
"""

import asyncio
import socket
import time
from typing import cast

_HEAD = b"GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
_KEYS = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
RESPONSE_S = 600


class MinimalWebSocketClient(asyncio.Protocol):
    """Subscribes to everything; `whales` is (time of arrival, frame) of each whale."""

    def __init__(self) -> None:
        self.whales: list[tuple[float, bytes]] = []
        self.frames = 0
        self.upgraded = asyncio.Event()
        self.subscribed = asyncio.Event()
        self.lost = asyncio.Event()
        self._data = b""
        self._upgraded = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the socket."""
        self.transport = cast(asyncio.Transport, transport)
        self.transport.write(_HEAD + _KEYS)

    def subscribe(self) -> None:
        """Ask for the topics."""
        text = b'{"subscribe":{"topics":["whales","windows","trades"]}}'
        self.transport.write(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)

    def connection_lost(self, exc: Exception | None) -> None:
        """The server has hung up."""
        self.lost.set()

    def data_received(self, data: bytes) -> None:
        """Take the frames apart; a server does not mask them."""
        self._data += data
        if not self._upgraded:
            head, found, rest = self._data.partition(b"\r\n\r\n")
            if not found:
                return
            assert b" 101 " in head, head
            self._data, self._upgraded = rest, True
            self.upgraded.set()
        place, now = 0, time.time()
        while len(self._data) - place >= 4:
            size, begin = self._data[place + 1], place + 2
            if size == 126:
                size, begin = int.from_bytes(self._data[begin : begin + 2], "big"), begin + 2
            elif size == 127:
                size, begin = int.from_bytes(self._data[begin : begin + 8], "big"), begin + 8
            if begin + size > len(self._data):
                break
            self.frames += 1
            if self._data.startswith(b'{"type":"whale"', begin):
                self.whales.append((now, self._data[begin : begin + size]))
            elif self._data.startswith(b'{"type":"subscribed"', begin):
                self.subscribed.set()
            place = begin + size
        self._data = self._data[place:]


async def connect_reader(port: int) -> MinimalWebSocketClient:
    """A client that reads."""
    client = (await asyncio.get_running_loop().create_connection(MinimalWebSocketClient, "127.0.0.1", port))[1]
    await asyncio.wait_for(client.upgraded.wait(), RESPONSE_S)
    client.subscribe()
    await asyncio.wait_for(client.subscribed.wait(), RESPONSE_S)
    return client


async def connect_stalled(port: int) -> MinimalWebSocketClient:
    """A client that asks for everything and never reads."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    sock.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(sock, ("127.0.0.1", port))
    client = (await loop.create_connection(MinimalWebSocketClient, sock=sock))[1]
    await asyncio.wait_for(client.upgraded.wait(), RESPONSE_S)
    client.transport.pause_reading()
    client.subscribe()
    return client
