"""The simulator's OKX: the business address, subscriptions by message, and the REST calls of gap repair.

As on the real one, each channel of a message is confirmed or refused by itself, `ping` is answered by `pong`, errors of
REST have status 200, and a connection on which nothing has moved for 30 s is closed.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection

from whale_platform.domain.catalogue import ListedPair, SymbolCatalogue, split_dashed
from whale_platform.exchanges.errors import InvalidParameterError
from whale_platform.exchanges.okx import wire_format
from whale_platform.exchanges.simulation.play import MarketKey, Play
from whale_platform.exchanges.simulation.rest_response import RestResponse, parse_parameters, read_number, respond_ok
from whale_platform.exchanges.simulation.simulated_exchange import SimulatedExchange
from whale_platform.exchanges.simulation.simulator_clients import SimulatorClient, SimulatorClients

IDLE_S = 30.0
CLOSE_IDLE = 4004
_NO_INSTRUMENT = "Instrument ID, Instrument ID code, or Spread ID doesn't exist."


class OkxSimulator:
    """Implements `ExchangeSimulator`."""

    def __init__(self, name: str, play: Play, hub: SimulatorClients) -> None:
        self._name, self._play, self._hub = name, play, hub
        self._calls: dict[str, Callable[[Mapping[str, str]], RestResponse]] = {
            "/api/v5/public/time": lambda _: _respond([{"ts": str(time.time_ns() // 1_000_000)}]),
            "/api/v5/public/instruments": self._list_instruments,
            "/api/v5/market/trades": lambda query: self._list_trades(query, 500),
            "/api/v5/market/history-trades": lambda query: self._list_trades(query, 100),
        }

    def speaks(self, path: str) -> bool:
        """Whether `path` is the business address."""
        return path == "/ws/v5/business"

    def rest(self, path: str, query: str, _headers: Mapping[str, str]) -> RestResponse:
        """Return the response to one GET."""
        call = self._calls.get(path)
        if call is None:
            return RestResponse(HTTPStatus.NOT_FOUND, {"code": "404", "msg": "Not Found", "data": {}})
        try:
            return call(parse_parameters(query))
        except InvalidParameterError as wrong:
            return _refuse("51000", f"Parameter {wrong} error")

    async def converse(self, connection: ServerConnection, _path: str, _query: str) -> None:
        """Serve one WebSocket connection until it closes."""
        client = self._hub.join(self._name, connection, wire_format.encode_trade)
        try:
            while True:
                before = self._list_newest(client)
                try:
                    async with asyncio.timeout(IDLE_S):
                        message = await connection.recv()
                except TimeoutError:
                    if self._list_newest(client) == before:
                        await connection.close(CLOSE_IDLE, "No data received in 30s")
                        return
                    continue
                self._hub.asked += 1
                self._handle_message(client, message)
        finally:
            self._hub.leave(client)

    def beat(self) -> None:
        """Nothing: the exchange sends trades alone."""

    def _list_newest(self, client: SimulatorClient) -> list[tuple[MarketKey, int]]:
        newest = [(market, self._play.last(market)) for market in sorted(client.markets)]
        return [(market, fill.trade_id) for market, fill in newest if fill is not None]

    def _handle_message(self, client: SimulatorClient, message: str | bytes) -> None:
        if message == "ping":
            self._hub.say(client, "pong")
            return
        try:
            asked = json.loads(message)
        except (ValueError, RecursionError):
            asked = None
        args = (
            asked.get("args") if isinstance(asked, dict) and asked.get("op") in ("subscribe", "unsubscribe") else None
        )
        if not isinstance(args, list) or not args or not all(isinstance(arg, dict) for arg in args):
            text = message if isinstance(message, str) else message.decode(errors="replace")
            self._say(client, {"event": "error", "code": "60012", "msg": f"Invalid request: {text}"})
            return
        given = {"id": asked["id"]} if isinstance(asked.get("id"), str) else {}
        for arg in args:
            channel, symbol = arg.get("channel"), arg.get("instId")
            market = self._name, str(symbol)
            if channel != "trades-all" or not self._is_live(market):
                refusal = f"Wrong URL or channel:{channel},instId:{symbol} doesn't exist. Please use the correct URL, "
                refusal += "channel and parameters referring to API document."
                self._say(client, given | {"event": "error", "code": "60018", "msg": refusal})
                continue
            (self._hub.subscribe if asked["op"] == "subscribe" else self._hub.unsubscribe)(client, [market])
            self._say(client, given | {"event": asked["op"], "arg": {"channel": channel, "instId": symbol}})

    def _say(self, client: SimulatorClient, fields: dict[str, object]) -> None:
        self._hub.say(client, json.dumps(fields | {"connId": f"{client.number:08x}"}, separators=(",", ":")))

    def _is_live(self, market: MarketKey) -> bool:
        pair = self._play.pairs.get(market)
        return pair is not None and pair.trading

    def _list_instruments(self, query: Mapping[str, str]) -> RestResponse:
        if "instType" not in query:
            return _refuse("50014", "Parameter instType can not be empty.", HTTPStatus.BAD_REQUEST)
        listed = {symbol: pair for (exchange, symbol), pair in self._play.pairs.items() if exchange == self._name}
        wanted = query.get("instId")
        if wanted is not None and (query["instType"] != "SPOT" or wanted not in listed):
            return _refuse("51001", _NO_INSTRUMENT)
        shown = [wanted] if wanted is not None else sorted(listed)
        return _respond([_describe(listed[symbol]) for symbol in shown] if query["instType"] == "SPOT" else [])

    def _list_trades(self, query: Mapping[str, str], most: int) -> RestResponse:
        market = self._name, query.get("instId", "")
        if market not in self._play.pairs:
            return _refuse("51001", _NO_INSTRUMENT)
        limit = min(read_number(query, "limit", 100) or 100, most)
        page = self._play.downward(market, read_number(query, "after"), limit)
        return _respond([wire_format.build_history_row(fill) for fill in page])


def _respond(rows: list[dict[str, str]]) -> RestResponse:
    return respond_ok({"code": "0", "msg": "", "data": rows})


def _refuse(code: str, message: str, status: HTTPStatus = HTTPStatus.OK) -> RestResponse:
    return RestResponse(status, {"code": code, "msg": message, "data": []})


def _describe(pair: ListedPair) -> dict[str, str]:
    return {
        "instType": "SPOT",
        "instId": pair.symbol,
        "baseCcy": pair.base,
        "quoteCcy": pair.quote,
        "state": pair.status,
    }


def _find_pair(_listed: SymbolCatalogue, symbol: str) -> ListedPair:
    return ListedPair(symbol, *split_dashed(symbol), "live", True)


SIMULATED = SimulatedExchange(
    OkxSimulator,
    wire_format.build_fill,
    _find_pair,
    build_pair=None,
    trade_share=0.3,
    size_decimals=3,
)
