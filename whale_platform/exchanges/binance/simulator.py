"""The simulator's Binance: `/stream`, `/ws`, their control messages, and the REST calls of gap repair.

As on the real one, an unknown stream is accepted and stays silent, and times are milliseconds unless microseconds are
asked for (`timeUnit=MICROSECOND`, in REST the header `X-MBX-TIME-UNIT`).
"""

import json
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import ClassVar
from urllib.parse import unquote

from websockets.asyncio.server import ServerConnection

from whale_platform.domain.catalogue import ListedPair, SymbolCatalogue, find_currencies
from whale_platform.exchanges.binance import wire_format
from whale_platform.exchanges.errors import InvalidParameterError
from whale_platform.exchanges.simulation.play import MarketKey, Play
from whale_platform.exchanges.simulation.rest_response import RestResponse, parse_parameters, read_number, respond_ok
from whale_platform.exchanges.simulation.simulated_exchange import SimulatedExchange
from whale_platform.exchanges.simulation.simulator_clients import FillEncoder, SimulatorClient, SimulatorClients

_ENCODERS = {
    (False, False): wire_format.encode_raw_ms,
    (False, True): wire_format.encode_raw_us,
    (True, False): wire_format.encode_combined_ms,
    (True, True): wire_format.encode_combined_us,
}


class BinanceSimulator:
    """Implements `ExchangeSimulator`.

    stream: how the names of the streams end that bring trades; encoders: of their frames, by (combined, microseconds).
    """

    stream = "@trade"
    encoders: ClassVar[Mapping[tuple[bool, bool], FillEncoder]] = _ENCODERS

    def __init__(self, name: str, play: Play, hub: SimulatorClients) -> None:
        self._name, self._play, self._hub = name, play, hub
        self._calls: dict[str, Callable[[Mapping[str, str], bool], RestResponse]] = {
            "/api/v3/ping": lambda *_: respond_ok({}),
            "/api/v3/time": lambda _, micro: respond_ok({"serverTime": _now(micro)}),
            "/api/v3/exchangeInfo": self._info,
            "/api/v3/historicalTrades": self._history,
        }

    def speaks(self, path: str) -> bool:
        """Whether `path` is one of the WebSocket addresses."""
        return path == "/stream" or path == "/ws" or path.startswith("/ws/")

    def rest(self, path: str, query: str, headers: Mapping[str, str]) -> RestResponse:
        """Return the response to one GET."""
        call = self._calls.get(path)
        if call is None:
            return RestResponse(HTTPStatus.NOT_FOUND, {"code": -1000, "msg": "Unknown path."})
        try:
            return call(parse_parameters(query), headers.get("X-MBX-TIME-UNIT", "").upper() == "MICROSECOND")
        except InvalidParameterError as wrong:
            return _refusal(-1100, f"Illegal characters found in parameter '{wrong}'.")

    async def converse(self, connection: ServerConnection, path: str, query: str) -> None:
        """Serve one WebSocket connection until it closes."""
        given, combined = parse_parameters(query), path == "/stream"
        names = given.get("streams", "") if combined else unquote(path.removeprefix("/ws"))
        encode = self.encoders[combined, given.get("timeUnit", "").upper() == "MICROSECOND"]
        client = self._hub.join(self._name, connection, encode)
        streams = {name: None for name in names.split("/") if name}
        try:
            self._hub.subscribe(client, self._find_markets(streams))
            async for message in connection:
                self._hub.asked += 1
                self._hub.say(client, json.dumps(self._control(client, streams, message)))
        finally:
            self._hub.leave(client)

    def beat(self) -> None:
        """Nothing: the exchange sends trades alone."""

    def _control(self, client: SimulatorClient, streams: dict[str, None], message: str | bytes) -> dict[str, object]:
        try:
            asked = json.loads(message)
        except (ValueError, RecursionError):
            return {"code": 3, "msg": "Invalid JSON"}
        if not isinstance(asked, dict):
            return {"code": 2, "msg": "Invalid request: not an object"}
        method, names, asked_id = asked.get("method"), asked.get("params", []), asked.get("id")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return {"code": 2, "msg": "Invalid request: params must be strings", "id": asked_id}
        if method == "LIST_SUBSCRIPTIONS":
            return {"result": list(streams), "id": asked_id}
        if method == "SUBSCRIBE":
            streams.update(dict.fromkeys(names))
            self._hub.subscribe(client, self._find_markets(names))
        elif method == "UNSUBSCRIBE":
            for name in names:
                streams.pop(name, None)
            self._hub.unsubscribe(client, self._find_markets(names))
        else:
            return {"code": 2, "msg": "Invalid request: unknown method", "id": asked_id}
        return {"result": None, "id": asked_id}

    def _find_markets(self, streams: Mapping[str, None] | list[str]) -> list[MarketKey]:
        found = (stream.removesuffix(self.stream).upper() for stream in streams if stream.endswith(self.stream))
        return [(self._name, symbol) for symbol in found if self._trades(symbol)]

    def _trades(self, symbol: str) -> bool:
        pair = self._play.pairs.get((self._name, symbol))
        return pair is not None and pair.trading

    def _info(self, query: Mapping[str, str], micro: bool) -> RestResponse:
        symbol = query.get("symbol")
        listed = {name: pair for (exchange, name), pair in self._play.pairs.items() if exchange == self._name}
        if symbol is not None and symbol not in listed:
            return _refusal(-1121, "Invalid symbol.")
        shown = [symbol] if symbol is not None else sorted(listed)
        described = [_described(listed[one]) for one in shown]
        return respond_ok({"timezone": "UTC", "serverTime": _now(micro), "symbols": described})

    def _history(self, query: Mapping[str, str], micro: bool) -> RestResponse:
        symbol = query.get("symbol")
        if symbol is None:
            return refuse_parameter("symbol")
        if (self._name, symbol) not in self._play.pairs:
            return _refusal(-1121, "Invalid symbol.")
        limit = min(read_number(query, "limit", 500) or 500, 1000)
        first = read_number(query, "fromId")
        market = (self._name, symbol)
        if first is None:
            page = self._play.downward(market, None, limit)[::-1]
        else:
            page = self._play.upward(market, first, limit)
        return respond_ok([wire_format.build_history_row(fill, micro) for fill in page])


def _described(pair: ListedPair) -> dict[str, str]:
    return {"symbol": pair.symbol, "status": pair.status, "baseAsset": pair.base, "quoteAsset": pair.quote}


def _refusal(code: int, message: str) -> RestResponse:
    return RestResponse(HTTPStatus.BAD_REQUEST, {"code": code, "msg": message})


def refuse_parameter(name: str) -> RestResponse:
    """Refuse a request that lacks a mandatory parameter."""
    return _refusal(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def _now(micro: bool) -> int:
    return time.time_ns() // (1_000 if micro else 1_000_000)


def build_pair(base: str, quote: str) -> ListedPair:
    """Two currencies, joined."""
    return ListedPair(base + quote, base, quote, "TRADING", True)


def find_pair(listed: SymbolCatalogue, symbol: str) -> ListedPair:
    """By the list, and of USDT by the name. Raises ValueError."""
    return ListedPair(symbol, *find_currencies(listed, symbol), "TRADING", True)


SIMULATED = SimulatedExchange(
    BinanceSimulator,
    wire_format.build_fill,
    find_pair,
    build_pair,
    trade_share=0.8,
    read_capture=wire_format.read_capture,
    recorded_listing="exchangeInfo.json",
)
