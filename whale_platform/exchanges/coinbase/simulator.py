"""The simulator's Coinbase Exchange: one feed, subscriptions by message, and the REST trades of a product.

As on the real one, a connection without a subscription after 5 s is closed, one unknown product refuses the whole
subscription, and `last_trade_id` in heartbeats is 0.
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
from whale_platform.exchanges.coinbase import wire_format
from whale_platform.exchanges.errors import ControlRejectedError, InvalidParameterError
from whale_platform.exchanges.simulation.play import Play
from whale_platform.exchanges.simulation.rest_response import RestResponse, parse_parameters, read_number, respond_ok
from whale_platform.exchanges.simulation.simulated_exchange import SimulatedExchange
from whale_platform.exchanges.simulation.simulator_clients import SimulatorClient, SimulatorClients

SUBSCRIBE_WITHIN_S = 5.0
_SILENT = (
    "ticker",
    "ticker_batch",
    "level2",
    "level2_batch",
    "full",
    "status",
    "auctionfeed",
    "rfq_matches",
    "balance",
)
_CHANNELS = frozenset(("matches", "heartbeat", *_SILENT))

ProductChannels = dict[str, set[str]]


class CoinbaseSimulator:
    """Implements `ExchangeSimulator`."""

    def __init__(self, name: str, play: Play, hub: SimulatorClients) -> None:
        self._name, self._play, self._hub = name, play, hub
        self._beating: dict[SimulatorClient, ProductChannels] = {}

    def speaks(self, path: str) -> bool:
        """Whether `path` is the WebSocket address."""
        return path in ("", "/")

    def rest(self, path: str, query: str, _headers: Mapping[str, str]) -> RestResponse:
        """Return the response to one GET."""
        parts = [unquote(part) for part in path.split("/")[1:]]
        if parts == ["time"]:
            now = time.time_ns() // 1000
            return respond_ok({"iso": wire_format.format_iso_time(now), "epoch": now / 1e6})
        if parts == ["products"]:
            listed = [pair for (exchange, _), pair in sorted(self._play.pairs.items()) if exchange == self._name]
            return respond_ok([_described(pair) for pair in listed])
        pair = self._play.pairs.get((self._name, parts[1])) if len(parts) in (2, 3) and parts[0] == "products" else None
        if pair is not None:
            if len(parts) == 2:
                return respond_ok(_described(pair))
            if parts[2] == "trades":
                try:
                    return self._trades(parts[1], parse_parameters(query))
                except InvalidParameterError as wrong:
                    return RestResponse(HTTPStatus.BAD_REQUEST, {"message": f"invalid {wrong}"})
        return RestResponse(HTTPStatus.NOT_FOUND, {"message": "NotFound"})

    async def converse(self, connection: ServerConnection, _path: str, _query: str) -> None:
        """Serve one WebSocket connection until it closes."""
        client = self._hub.join(self._name, connection, wire_format.encode_match)
        channels: ProductChannels = {}
        self._beating[client] = channels
        deadline = asyncio.get_running_loop().time() + SUBSCRIBE_WITHIN_S
        try:
            while True:
                async with asyncio.timeout_at(None if channels else deadline):
                    message = await connection.recv()
                self._hub.asked += 1
                try:
                    self._control(client, channels, message)
                except ControlRejectedError as refused:
                    error = {"type": "error", "message": "Failed to subscribe", "reason": str(refused)}
                    self._hub.say(client, json.dumps(error))
        except TimeoutError:
            await connection.close(CloseCode.POLICY_VIOLATION, "Failed to subscribe in time")
        finally:
            del self._beating[client]
            self._hub.leave(client)

    def beat(self) -> None:
        """Send the heartbeats; call once a second."""
        now = wire_format.format_iso_time(time.time_ns() // 1000)
        for client, channels in tuple(self._beating.items()):
            for product in sorted(channels.get("heartbeat", ())):
                last = self._play.last((self._name, product))
                frame = {"type": "heartbeat", "last_trade_id": 0, "product_id": product}
                self._hub.say(client, json.dumps(frame | {"sequence": last.sequence if last else 0, "time": now}))

    def _control(self, client: SimulatorClient, channels: ProductChannels, message: str | bytes) -> None:
        try:
            asked = json.loads(message)
        except (ValueError, RecursionError):
            raise ControlRejectedError("Malformed JSON") from None
        kind = asked.get("type") if isinstance(asked, dict) else None
        if kind not in ("subscribe", "unsubscribe"):
            raise ControlRejectedError("type must be subscribe or unsubscribe")
        wanted = self._wanted(asked)
        matches = [(self._name, product) for product in sorted(wanted.get("matches", ()))]
        fresh = [market for market in matches if market not in client.markets] if kind == "subscribe" else []
        for name, products in wanted.items():
            have = channels.pop(name, set())
            left = have | products if kind == "subscribe" else have - products
            if left:
                channels[name] = left
        (self._hub.subscribe if kind == "subscribe" else self._hub.unsubscribe)(client, matches)
        self._hub.say(client, _subscriptions(channels))
        for market in fresh:
            last = self._play.last(market)
            if last is not None:
                self._hub.say(client, wire_format.encode_event(last, "last_match"))

    def _wanted(self, request: dict[str, object]) -> ProductChannels:
        shared, listed = request.get("product_ids", []), request.get("channels", [])
        if not isinstance(listed, list) or not listed:
            raise ControlRejectedError("channels must be a list")
        wanted: ProductChannels = {}
        for channel in listed:
            detailed = channel if isinstance(channel, dict) else {"name": channel}
            name, products = detailed.get("name"), detailed.get("product_ids", shared)
            if not isinstance(name, str) or name not in _CHANNELS:
                raise ControlRejectedError(f"{name} is not a valid channel")
            if not isinstance(products, list) or not products:
                raise ControlRejectedError("product_ids must be a list")
            for product in products:
                if not isinstance(product, str) or not self._listed(product):
                    raise ControlRejectedError(f"{product} is not a valid product")
            wanted.setdefault(name, set()).update(products)
        return wanted

    def _listed(self, product: str) -> bool:
        pair = self._play.pairs.get((self._name, product))
        return pair is not None and pair.trading

    def _trades(self, product: str, query: Mapping[str, str]) -> RestResponse:
        limit = min(read_number(query, "limit", 1000) or 1000, 1000)
        after, before = read_number(query, "after"), read_number(query, "before")
        page = self._play.downward((self._name, product), after, limit)
        if before is not None:
            page = [fill for fill in page if fill.trade_id > before]
        ends = {"CB-BEFORE": str(page[0].trade_id), "CB-AFTER": str(page[-1].trade_id)} if page else {}
        return respond_ok([wire_format.build_history_row(fill) for fill in page], ends)


def _subscriptions(channels: ProductChannels) -> str:
    listed = [{"name": name, "product_ids": sorted(products)} for name, products in channels.items()]
    return json.dumps({"type": "subscriptions", "channels": listed})


def _described(pair: ListedPair) -> dict[str, object]:
    return {
        "id": pair.symbol,
        "base_currency": pair.base,
        "quote_currency": pair.quote,
        "display_name": f"{pair.base}/{pair.quote}",
        "status": pair.status,
        "trading_disabled": False,
    }


def _find_pair(_listed: SymbolCatalogue, symbol: str) -> ListedPair:
    return ListedPair(symbol, *split_dashed(symbol), "online", True)


SIMULATED = SimulatedExchange(
    CoinbaseSimulator,
    wire_format.build_fill,
    _find_pair,
    build_pair=None,
    trade_share=0.2,
    size_decimals=3,
    read_capture=wire_format.read_capture,
)
