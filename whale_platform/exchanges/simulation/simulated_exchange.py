"""What the simulator's machine needs of an exchange to play it: a server, its spelling, its list, its recordings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from websockets.asyncio.server import ServerConnection

from whale_platform.domain.catalogue import ListedPair, SymbolCatalogue
from whale_platform.domain.trade import Side
from whale_platform.exchanges.simulation.play import Fill, MarketKey, Play
from whale_platform.exchanges.simulation.rest_response import RestResponse
from whale_platform.exchanges.simulation.simulator_clients import SimulatorClients


@dataclass(frozen=True, slots=True)
class CapturedTrade:
    """One trade and when the capture received it, ns UTC. `new`: False for one that only tells what was before."""

    received_ns: int
    fill: Fill
    new: bool = True


class ExchangeSimulator(Protocol):
    """One exchange's half of the simulator; paths come without the exchange's name in front."""

    def speaks(self, path: str) -> bool:
        """Whether `path` is a WebSocket address."""

    def rest(self, path: str, query: str, headers: Mapping[str, str]) -> RestResponse:
        """Return the response to one GET."""

    async def converse(self, connection: ServerConnection, path: str, query: str) -> None:
        """Serve one WebSocket connection until it closes."""

    def beat(self) -> None:
        """Send what the exchange sends once a second; called so often."""


class FillBuilder(Protocol):
    """How an exchange writes a generated trade."""

    def __call__(
        self, market: MarketKey, trade_id: int, price: str, size: str, side: Side, time: int, order: int
    ) -> Fill:
        """Return the trade. price, size: plain decimals. time: µs UTC. order: number of its taker's order."""


@dataclass(frozen=True, slots=True)
class SimulatedExchange:
    """One exchange's simulated side, as its module `simulator` describes it in `SIMULATED`.

    serve: builds its server from its name, what is played and the clients.
    trade_share: its part of all generated trades, before normalising. size_decimals: more of them than a dollar needs.
    build_pair: the listed pair of two currencies; None where symbols can be read without a list.
    find_pair: the pair of a symbol, by a list where there is one; raises ValueError where its currencies are not known.
    read_capture: the trade of a recording's line, by the exchange's name, and None for every other line; raises
    ValueError, KeyError, TypeError or AttributeError for a trade that can't be read. None: it has no recordings.
    recorded_listing: name of the file beside a recording that holds the exchange's own list, as its adapter reads it.
    """

    serve: Callable[[str, Play, SimulatorClients], ExchangeSimulator]
    build_fill: FillBuilder
    find_pair: Callable[[SymbolCatalogue, str], ListedPair]
    build_pair: Callable[[str, str], ListedPair] | None
    trade_share: float
    size_decimals: int = 0
    read_capture: Callable[[str, str], CapturedTrade | None] | None = None
    recorded_listing: str | None = None
