"""The simulator's Coinbase Advanced: one feed, one channel a subscription, and the public REST side.

As on the real one, a connection without a subscription after 5 s is closed, and a subscription brings the newest 100
trades of each product before it is confirmed. That one unknown product refuses the whole message, and how, is taken
from Coinbase Exchange.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import unquote

from websockets.asyncio.server import ServerConnection
from websockets.frames import CloseCode

from whale_platform.domain.catalogue import ListedPair, SymbolCatalogue, split_dashed
from whale_platform.exchanges.coinbase.simulator import SUBSCRIBE_WITHIN_S
from whale_platform.exchanges.coinbase.wire_format import format_iso_time
from whale_platform.exchanges.coinbase_advanced import wire_format
from whale_platform.exchanges.coinbase_advanced.wire_format import MessageWriter
from whale_platform.exchanges.errors import ControlRejectedError, InvalidParameterError
from whale_platform.exchanges.simulation.play import Play
from whale_platform.exchanges.simulation.rest_response import RestResponse, parse_parameters, read_number, respond_ok
from whale_platform.exchanges.simulation.simulated_exchange import SimulatedExchange
from whale_platform.exchanges.simulation.simulator_clients import SimulatorClient, SimulatorClients

SNAPSHOT_TRADES = 100
_ROOT = ["api", "v3", "brokerage"]


class CoinbaseAdvancedSimulator:
    """Implements `ExchangeSimulator`."""

    def __init__(self, name: str, play: Play, hub: SimulatorClients) -> None:
        self._name, self._play, self._hub = name, play, hub
        self._writers: dict[SimulatorClient, MessageWriter] = {}
        self._beating: set[SimulatorClient] = set()
        self._beats = 0

    def speaks(self, path: str) -> bool:
        """Whether `path` is the WebSocket address."""
        return path in ("", "/")

    def rest(self, path: str, query: str, _headers: Mapping[str, str]) -> RestResponse:
        """Return the response to one GET."""
        parts = [unquote(part) for part in path.split("/")[1:]]
        if parts == [*_ROOT, "time"]:
            now = time.time_ns() // 1000
            return respond_ok({"iso": format_iso_time(now), "epochMillis": str(now // 1000)})
        if parts[:5] != [*_ROOT, "market", "products"] or len(parts) > 7:
            return _refuse("not found")
        if len(parts) == 5:
            listed = [pair for (exchange, _), pair in sorted(self._play.pairs.items()) if exchange == self._name]
            return respond_ok({"products": [_describe(pair) for pair in listed], "num_products": len(listed)})
        pair = self._play.pairs.get((self._name, parts[5]))
        if pair is None or parts[6:] not in ([], ["ticker"]):
            return _refuse(f"Product {parts[5]} not found")
        if len(parts) == 6:
            return respond_ok(_describe(pair))
        try:
            limit = min(read_number(parse_parameters(query), "limit", 100) or 100, 1000)
        except InvalidParameterError as wrong:
            return RestResponse(HTTPStatus.BAD_REQUEST, {"error": "INVALID_ARGUMENT", "message": f"invalid {wrong}"})
        rows = [wire_format.build_row(fill) for fill in self._play.downward((self._name, parts[5]), None, limit)]
        return respond_ok({"trades": rows, "best_bid": "", "best_ask": ""})

    async def converse(self, connection: ServerConnection, _path: str, _query: str) -> None:
        """Serve one WebSocket connection until it closes."""
        writer = MessageWriter()
        client = self._hub.join(self._name, connection, writer.encode_trade)
        self._writers[client] = writer
        deadline = asyncio.get_running_loop().time() + SUBSCRIBE_WITHIN_S
        try:
            while True:
                subscribed = client.markets or client in self._beating
                async with asyncio.timeout_at(None if subscribed else deadline):
                    message = await connection.recv()
                self._hub.asked += 1
                try:
                    self._handle_message(client, message)
                except ControlRejectedError as refused:
                    self._hub.say(client, json.dumps({"type": "error", "message": str(refused)}))
        except TimeoutError:
            await connection.close(CloseCode.POLICY_VIOLATION, "Failed to subscribe in time")
        finally:
            del self._writers[client]
            self._beating.discard(client)
            self._hub.leave(client)

    def beat(self) -> None:
        """Send the heartbeats; call once a second."""
        self._beats += 1
        for client in tuple(self._beating):
            self._say(client, "heartbeats", {"current_time": str(time.time()), "heartbeat_counter": self._beats})

    def _handle_message(self, client: SimulatorClient, message: str | bytes) -> None:
        try:
            asked = json.loads(message)
        except (ValueError, RecursionError):
            raise ControlRejectedError("failure to unmarshal the message") from None
        kind = asked.get("type") if isinstance(asked, dict) else None
        if kind not in ("subscribe", "unsubscribe"):
            raise ControlRejectedError("type must be subscribe or unsubscribe")
        channel, products = asked.get("channel"), asked.get("product_ids", [])
        if channel == "heartbeats":
            (self._beating.add if kind == "subscribe" else self._beating.discard)(client)
        elif channel == "market_trades":
            self._change_trades(client, kind, products)
        else:
            raise ControlRejectedError(f"{channel} is not a valid channel")
        self._confirm(client)

    def _change_trades(self, client: SimulatorClient, kind: str, products: object) -> None:
        if not isinstance(products, list) or not products:
            raise ControlRejectedError("product_ids must be a list")
        for product in products:
            pair = self._play.pairs.get((self._name, str(product)))
            if pair is None or not pair.trading:
                raise ControlRejectedError(f"Failed to subscribe: {product} is not a valid product")
        markets = [(self._name, str(product)) for product in products]
        if kind == "unsubscribe":
            self._hub.unsubscribe(client, markets)
            return
        for market in [market for market in markets if market not in client.markets]:
            self._hub.subscribe(client, [market])
            rows = [wire_format.build_row(fill) for fill in self._play.downward(market, None, SNAPSHOT_TRADES)]
            self._say(client, "market_trades", {"type": "snapshot", "trades": rows})

    def _confirm(self, client: SimulatorClient) -> None:
        listed = {"market_trades": sorted(symbol for _, symbol in client.markets)} if client.markets else {}
        listed |= {"heartbeats": ["heartbeats"]} if client in self._beating else {}
        self._say(client, "subscriptions", {"subscriptions": listed})

    def _say(self, client: SimulatorClient, channel: str, event: dict[str, object]) -> None:
        self._hub.say(client, self._writers[client].write(channel, event))


def _refuse(message: str) -> RestResponse:
    return RestResponse(HTTPStatus.NOT_FOUND, {"error": "NOT_FOUND", "error_details": message, "message": message})


def _describe(pair: ListedPair) -> dict[str, object]:
    return {
        "product_id": pair.symbol,
        "base_currency_id": pair.base,
        "quote_currency_id": pair.quote,
        "status": pair.status,
        "trading_disabled": False,
        "product_type": "SPOT",
    }


def _find_pair(_listed: SymbolCatalogue, symbol: str) -> ListedPair:
    return ListedPair(symbol, *split_dashed(symbol), "online", True)


SIMULATED = SimulatedExchange(
    CoinbaseAdvancedSimulator,
    wire_format.build_fill,
    _find_pair,
    build_pair=None,
    trade_share=0.2,
    size_decimals=3,
)
