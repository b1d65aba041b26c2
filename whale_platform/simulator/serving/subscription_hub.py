"""Who is connected and subscribed, and the one way out to them.

A trade's payload is made once per spelling and shared by all who want it. Writing never waits: a client that leaves
more than `MAX_UNSENT` bytes unread loses its connection, never single frames.
"""

from collections.abc import Iterable

from websockets.asyncio.server import ServerConnection
from websockets.protocol import State

from whale_platform.exchanges.simulation.play import Fill, MarketKey
from whale_platform.exchanges.simulation.simulator_clients import FillEncoder, SimulatorClient
from whale_platform.simulator.serving.faults import Faults

MAX_UNSENT = 8 << 20
_BUSY = 1 << 20


class SubscriptionHub:
    """Implements `SimulatorClients`. joined: connections so far; asked: their messages."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.dropped = self.joined = self.asked = 0
        self._clients: set[SimulatorClient] = set()
        self._waiting: set[SimulatorClient] = set()
        self._listeners: dict[MarketKey, list[SimulatorClient]] = {}

    @property
    def subscribers(self) -> int:
        """Connections with at least one subscription."""
        return sum(1 for client in self._clients if client.markets)

    def join(self, exchange: str, connection: ServerConnection, encode: FillEncoder) -> SimulatorClient:
        """Register a connection, without any subscription."""
        self.joined += 1
        client = SimulatorClient(self.joined, exchange, connection, encode)
        self._clients.add(client)
        return client

    def leave(self, client: SimulatorClient) -> None:
        """Remove a connection and its subscriptions."""
        self.unsubscribe(client, tuple(client.markets))
        self._clients.discard(client)
        self._waiting.discard(client)

    def subscribe(self, client: SimulatorClient, markets: Iterable[MarketKey]) -> None:
        """From the next trade on, `client` hears `markets`."""
        for market in markets:
            if market not in client.markets:
                client.markets.add(market)
                self._listeners.setdefault(market, []).append(client)

    def unsubscribe(self, client: SimulatorClient, markets: Iterable[MarketKey]) -> None:
        """Send no more trades of `markets` to `client`."""
        for market in markets:
            if market in client.markets:
                client.markets.discard(market)
                self._listeners[market].remove(client)
                if not self._listeners[market]:
                    del self._listeners[market]

    def listening(self) -> frozenset[MarketKey]:
        """Places with at least one subscriber."""
        return frozenset(self._listeners)

    def publish(self, fill: Fill) -> None:
        """Queue `fill` for its subscribers."""
        made: dict[FillEncoder, bytes] = {}
        for client in self._listeners.get(fill.market, ()):
            payload = made.get(client.encode)
            if payload is None:
                payload = made[client.encode] = client.encode(fill)
            client.pending.append(payload)
            self._waiting.add(client)

    def say(self, client: SimulatorClient, text: str) -> None:
        """Write one message to one client, behind what is queued for it."""
        client.pending.append(text.encode())
        self._write(client)

    def flush(self) -> None:
        """Write everything that is queued."""
        while self._waiting:
            self._write(self._waiting.pop())

    def congested(self) -> bool:
        """Whether some client has a megabyte or more unread."""
        return any(_unread(client) > _BUSY for client in self._clients)

    def shed(self) -> None:
        """End the connections that congest."""
        for client in [client for client in self._clients if _unread(client) > _BUSY]:
            self._abort(client)

    def _write(self, client: SimulatorClient) -> None:
        payloads, client.pending = client.pending, []
        if client.connection.state is not State.OPEN:
            return
        transport = client.connection.transport
        payloads = self.faults.outgoing(client.exchange, client.number, payloads)
        transport.write(b"".join(map(frame_text, payloads)))
        if _unread(client) > MAX_UNSENT:
            self._abort(client)

    def _abort(self, client: SimulatorClient) -> None:
        self.dropped += 1
        client.connection.transport.abort()
        self.unsubscribe(client, tuple(client.markets))


def _unread(client: SimulatorClient) -> int:
    return client.connection.transport.get_write_buffer_size()


def frame_text(payload: bytes) -> bytes:
    """`payload` as one unmasked WebSocket text frame (the library's own path takes ten times as long)."""
    length = len(payload)
    if length < 126:
        return bytes((0x81, length)) + payload
    if length < 1 << 16:
        return b"\x81\x7e" + length.to_bytes(2, "big") + payload
    return b"\x81\x7f" + length.to_bytes(8, "big") + payload
