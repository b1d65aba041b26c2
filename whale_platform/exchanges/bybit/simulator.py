"""The simulator's Bybit: one category's address, subscriptions by message, and the REST calls of the newest trades.

As on the real one, a message with one unknown symbol is refused whole, as is one of more than ten topics; errors of
REST have status 200; and a connection that sends nothing for `IDLE_S` is closed, whatever it is sent.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection
from websockets.frames import CloseCode

from whale_platform.domain.catalogue import ListedPair, SymbolCatalogue, find_currencies
from whale_platform.exchanges.bybit import wire_format
from whale_platform.exchanges.errors import ControlRejectedError, InvalidParameterError
from whale_platform.exchanges.simulation.play import Fill, MarketKey, Play
from whale_platform.exchanges.simulation.rest_response import RestResponse, parse_parameters, read_number, respond_ok
from whale_platform.exchanges.simulation.simulated_exchange import SimulatedExchange
from whale_platform.exchanges.simulation.simulator_clients import SimulatorClient, SimulatorClients

IDLE_S = 60.0
MOST_TOPICS = 10


class BybitSimulator:
    """Implements `ExchangeSimulator`: spot; others derive from it.

    most_listed: trades that one response lists at most.
    """

    category = "spot"
    topic = "publicTrade"
    most_listed = 60

    def __init__(self, name: str, play: Play, hub: SimulatorClients) -> None:
        self._name, self._play, self._hub = name, play, hub
        self._calls: dict[str, Callable[[Mapping[str, str]], RestResponse]] = {
            "/v5/market/time": lambda _: _respond(
                {"timeSecond": str(time.time_ns() // 10**9), "timeNano": str(time.time_ns())}
            ),
            "/v5/market/instruments-info": self._list_instruments,
            "/v5/market/recent-trade": self._list_trades,
        }

    def speaks(self, path: str) -> bool:
        """Whether `path` is the address of the category."""
        return path == f"/v5/public/{self.category}"

    def rest(self, path: str, query: str, _headers: Mapping[str, str]) -> RestResponse:
        """Return the response to one GET."""
        call = self._calls.get(path)
        if call is None:
            return RestResponse(HTTPStatus.NOT_FOUND, {"message": "Not Found"})
        try:
            return call(parse_parameters(query))
        except InvalidParameterError as wrong:
            return _refuse(f"params error: {wrong}")

    async def converse(self, connection: ServerConnection, _path: str, _query: str) -> None:
        """Serve one WebSocket connection until it closes."""
        client = self._hub.join(self._name, connection, self.encode_trade)
        try:
            while True:
                async with asyncio.timeout(IDLE_S):
                    message = await connection.recv()
                self._hub.asked += 1
                self._hub.say(client, json.dumps(self._answer(client, message), separators=(",", ":")))
        except TimeoutError:
            await connection.close(CloseCode.POLICY_VIOLATION, "no ping")
        finally:
            self._hub.leave(client)

    def beat(self) -> None:
        """Nothing: the exchange sends trades alone."""

    def _answer(self, client: SimulatorClient, message: str | bytes) -> dict[str, object]:
        try:
            asked = json.loads(message)
        except (ValueError, RecursionError):
            asked = None
        fields = asked if isinstance(asked, dict) else {}
        operation, given = fields.get("op"), fields.get("req_id")
        head = {"conn_id": f"{client.number:08x}", "req_id": given if isinstance(given, str) else "", "op": operation}
        if operation == "ping":
            return {"success": True, "ret_msg": "pong"} | head
        try:
            self._change(client, operation, fields.get("args"))
        except ControlRejectedError as refused:
            return {"success": False, "ret_msg": str(refused)} | head
        return {"success": True, "ret_msg": operation} | head

    def _change(self, client: SimulatorClient, operation: object, args: object) -> None:
        if operation not in ("subscribe", "unsubscribe"):
            raise ControlRejectedError("error:request op not support")
        if not isinstance(args, list) or not args or not all(isinstance(topic, str) for topic in args):
            raise ControlRejectedError("Params Error")
        if len(args) > MOST_TOPICS:
            raise ControlRejectedError(f"args size >{MOST_TOPICS}")
        unknown = [topic for topic in args if not self._trades(self._find_market(topic))]
        if unknown:
            raise ControlRejectedError(f"Invalid symbol :[{','.join(unknown)}]")
        markets = [self._find_market(topic) for topic in args]
        (self._hub.subscribe if operation == "subscribe" else self._hub.unsubscribe)(client, markets)

    def _find_market(self, topic: str) -> MarketKey:
        kind, _, symbol = topic.partition(".")
        return self._name, symbol if kind == self.topic else ""

    def _trades(self, market: MarketKey) -> bool:
        pair = self._play.pairs.get(market)
        return pair is not None and pair.trading

    def _list_instruments(self, query: Mapping[str, str]) -> RestResponse:
        if query.get("category") != self.category:
            return _refuse("Illegal category")
        listed = {symbol: pair for (exchange, symbol), pair in self._play.pairs.items() if exchange == self._name}
        wanted = query.get("symbol")
        shown = sorted(listed) if wanted is None else [symbol for symbol in (wanted,) if symbol in listed]
        return _respond({"category": self.category, "list": [self.describe(listed[symbol]) for symbol in shown]})

    def encode_trade(self, fill: Fill) -> bytes:
        """The frame of one trade."""
        return wire_format.encode_trade(fill)

    def build_history_row(self, fill: Fill) -> dict[str, object]:
        """One trade of `recent-trade`."""
        return wire_format.build_history_row(fill, wire_format.format_id(fill.trade_id))

    def describe(self, pair: ListedPair) -> dict[str, str]:
        """One row of `instruments-info`."""
        return {"symbol": pair.symbol, "baseCoin": pair.base, "quoteCoin": pair.quote, "status": pair.status}

    def _list_trades(self, query: Mapping[str, str]) -> RestResponse:
        market = self._name, query.get("symbol", "")
        if query.get("category") != self.category or market not in self._play.pairs:
            return _refuse("params error: symbol invalid")
        limit = min(read_number(query, "limit", 60) or 60, self.most_listed)
        fills = self._play.downward(market, None, limit)
        return _respond({"category": self.category, "list": [self.build_history_row(fill) for fill in fills]})


def _respond(result: dict[str, object], code: int = 0, message: str = "OK") -> RestResponse:
    now = time.time_ns() // 1_000_000
    return respond_ok({"retCode": code, "retMsg": message, "result": result, "retExtInfo": {}, "time": now})


def _refuse(message: str) -> RestResponse:
    return _respond({}, 10001, message)


def build_pair(base: str, quote: str) -> ListedPair:
    """The pair of two currencies."""
    return ListedPair(base + quote, base, quote, "Trading", True)


def find_pair(listed: SymbolCatalogue, symbol: str) -> ListedPair:
    """The pair of a symbol. Raises ValueError where its currencies are not known."""
    return ListedPair(symbol, *find_currencies(listed, symbol), "Trading", True)


SIMULATED = SimulatedExchange(
    BybitSimulator, wire_format.build_fill, find_pair, build_pair, trade_share=0.2, size_decimals=2
)
