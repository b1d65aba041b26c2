"""The simulator's Hyperliquid: subscriptions by message, each with the newest trades before it. No REST by GET.

As on the real one, a connection that is sent nothing for `IDLE_S` is closed; a ping brings a pong.
"""

import asyncio
import json
from collections.abc import Mapping
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection
from websockets.frames import CloseCode

from whale_platform.domain.catalogue import ListedPair, SymbolCatalogue
from whale_platform.exchanges.hyperliquid import wire_format
from whale_platform.exchanges.simulation.play import Play
from whale_platform.exchanges.simulation.rest_response import RestResponse
from whale_platform.exchanges.simulation.simulated_exchange import SimulatedExchange
from whale_platform.exchanges.simulation.simulator_clients import SimulatorClient, SimulatorClients

IDLE_S = 60.0
SHOWN = 30  # trades before a subscription, as in a recording


class HyperliquidSimulator:
    """Implements `ExchangeSimulator`."""

    def __init__(self, name: str, play: Play, hub: SimulatorClients) -> None:
        self._name, self._play, self._hub = name, play, hub

    def speaks(self, path: str) -> bool:
        """Whether `path` is the WebSocket address."""
        return path == "/ws"

    def rest(self, path: str, query: str, _headers: Mapping[str, str]) -> RestResponse:
        """Refuse: only POST is answered."""
        return RestResponse(HTTPStatus.METHOD_NOT_ALLOWED if path == "/info" else HTTPStatus.NOT_FOUND, None)

    async def converse(self, connection: ServerConnection, _path: str, _query: str) -> None:
        """Serve one WebSocket connection until it closes."""
        client = self._hub.join(self._name, connection, wire_format.encode_trade)
        try:
            while True:
                try:
                    async with asyncio.timeout(IDLE_S):
                        message = await connection.recv()
                except TimeoutError:
                    if client.markets:  # their trades are sent to it
                        continue
                    await connection.close(CloseCode.NORMAL_CLOSURE, "Inactive")
                    return
                self._hub.asked += 1
                self._handle_message(client, message)
        finally:
            self._hub.leave(client)

    def beat(self) -> None:
        """Nothing: the exchange sends trades alone."""

    def _handle_message(self, client: SimulatorClient, message: str | bytes) -> None:
        try:
            asked = json.loads(message)
        except (ValueError, RecursionError):
            asked = None
        method = asked.get("method") if isinstance(asked, dict) else None
        if method == "ping":
            self._say(client, "pong", None)
            return
        wanted = asked.get("subscription") if method in ("subscribe", "unsubscribe") else None
        if not isinstance(wanted, dict):
            text = message if isinstance(message, str) else message.decode(errors="replace")
            self._say(client, "error", f"Error parsing JSON into valid websocket request: {text}")
            return
        market = self._name, str(wanted.get("coin"))
        if wanted.get("type") != "trades" or market not in self._play.pairs:
            self._say(client, "error", f"Invalid subscription {json.dumps(wanted, separators=(',', ':'))}")
        elif method == "unsubscribe":
            self._hub.unsubscribe(client, [market])
            self._say(client, "subscriptionResponse", {"method": method, "subscription": wanted})
        elif market in client.markets:
            self._say(client, "error", f"Already subscribed: {json.dumps(wanted, separators=(',', ':'))}")
        else:
            self._hub.subscribe(client, [market])
            self._say(client, "subscriptionResponse", {"method": method, "subscription": wanted})
            self._hub.say(client, wire_format.encode_trades(self._play.downward(market, None, SHOWN)[::-1]))

    def _say(self, client: SimulatorClient, channel: str, data: object) -> None:
        fields = {"channel": channel} if data is None else {"channel": channel, "data": data}
        self._hub.say(client, json.dumps(fields, separators=(",", ":")))


def _find_pair(_listed: SymbolCatalogue, symbol: str) -> ListedPair:
    return ListedPair(symbol, symbol, "USDC", "perpetual", True)


SIMULATED = SimulatedExchange(
    HyperliquidSimulator,
    wire_format.build_fill,
    _find_pair,
    build_pair=None,
    trade_share=0.15,
    size_decimals=2,
)
