"""A connection to a simulated exchange, and what that exchange may do with its connections.

The simulator's `SubscriptionHub` implements it. Nothing here waits: a client that does not read loses its connection.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from websockets.asyncio.server import ServerConnection

from whale_platform.exchanges.simulation.play import Fill, MarketKey

FillEncoder = Callable[[Fill], bytes]


class SimulatorClient:
    """One WebSocket connection: what it hears (`markets`, in `encode`'s spelling) and what waits to be written."""

    def __init__(self, number: int, exchange: str, connection: ServerConnection, encode: FillEncoder) -> None:
        self.number, self.exchange, self.connection, self.encode = number, exchange, connection, encode
        self.markets: set[MarketKey] = set()
        self.pending: list[bytes] = []


class SimulatorClients(Protocol):
    """The connections of a simulated exchange. asked: messages that all of them have sent."""

    asked: int

    def join(self, exchange: str, connection: ServerConnection, encode: FillEncoder) -> SimulatorClient:
        """Register a connection, without any subscription."""

    def leave(self, client: SimulatorClient) -> None:
        """Remove a connection and its subscriptions."""

    def subscribe(self, client: SimulatorClient, markets: Iterable[MarketKey]) -> None:
        """Send the trades of `markets` to `client` from the next one on."""

    def unsubscribe(self, client: SimulatorClient, markets: Iterable[MarketKey]) -> None:
        """Send no more trades of `markets` to `client`."""

    def say(self, client: SimulatorClient, text: str) -> None:
        """Write one message to one client, behind what is queued for it."""
