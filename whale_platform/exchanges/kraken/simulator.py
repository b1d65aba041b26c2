"""The simulator's Kraken: version 2 of the socket, subscriptions pair by pair, and the REST calls of gap repair.

As on the real one, a connection is greeted by the system's status, a subscription brings the newest 50 trades, one that
repeats is an error, a heartbeat comes each second, `wsname` is the older name, and errors of REST have status 200.
"""

import json
import time
from collections.abc import Callable, Mapping
from email.utils import formatdate
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection

from whale_platform.domain.catalogue import ListedPair, SymbolCatalogue
from whale_platform.exchanges.coinbase.wire_format import format_iso_time
from whale_platform.exchanges.errors import InvalidParameterError
from whale_platform.exchanges.kraken import wire_format
from whale_platform.exchanges.kraken.pair_names import split_symbol
from whale_platform.exchanges.simulation.play import MarketKey, Play
from whale_platform.exchanges.simulation.rest_response import RestResponse, parse_parameters, read_number, respond_ok
from whale_platform.exchanges.simulation.simulated_exchange import SimulatedExchange
from whale_platform.exchanges.simulation.simulator_clients import SimulatorClient, SimulatorClients

SNAPSHOT_TRADES = 50
PAGE_TRADES = 1000
_FIRST_NAMES = {"BTC": "XBT", "DOGE": "XDG"}


class KrakenSimulator:
    """Implements `ExchangeSimulator`."""

    def __init__(self, name: str, play: Play, hub: SimulatorClients) -> None:
        self._name, self._play, self._hub = name, play, hub
        self._clients: set[SimulatorClient] = set()
        self._calls: dict[str, Callable[[Mapping[str, str]], RestResponse]] = {
            "/0/public/Time": lambda _: _tell_time(),
            "/0/public/AssetPairs": self._list_pairs,
            "/0/public/Trades": self._list_trades,
        }

    def speaks(self, path: str) -> bool:
        """Whether `path` is the address of version 2."""
        return path == "/v2"

    def rest(self, path: str, query: str, _headers: Mapping[str, str]) -> RestResponse:
        """Return the response to one GET."""
        call = self._calls.get(path)
        if call is None:
            return RestResponse(HTTPStatus.NOT_FOUND, {"error": ["EGeneral:Unknown method"]})
        try:
            return call(parse_parameters(query))
        except InvalidParameterError:
            return respond_ok({"error": ["EGeneral:Invalid arguments"]})

    async def converse(self, connection: ServerConnection, _path: str, _query: str) -> None:
        """Serve one WebSocket connection until it closes."""
        client = self._hub.join(self._name, connection, wire_format.encode_update)
        self._clients.add(client)
        status = {"version": "2.0.10", "system": "online", "api_version": "v2", "connection_id": client.number}
        self._hub.say(client, json.dumps({"channel": "status", "type": "update", "data": [status]}))
        try:
            async for message in connection:
                self._hub.asked += 1
                self._handle_message(client, message)
        finally:
            self._clients.discard(client)
            self._hub.leave(client)

    def beat(self) -> None:
        """Send the heartbeats; call once a second."""
        for client in [client for client in self._clients if client.markets]:
            self._hub.say(client, '{"channel":"heartbeat"}')

    def _handle_message(self, client: SimulatorClient, message: str | bytes) -> None:
        received = _now()
        try:
            asked = json.loads(message)
        except (ValueError, RecursionError):
            asked = None
        asked = asked if isinstance(asked, dict) else {}
        method, given = asked.get("method"), asked.get("params")
        params = given if isinstance(given, dict) else {}
        pairs = params.get("symbol") if params.get("channel") == "trade" else None
        if method not in ("subscribe", "unsubscribe") or not isinstance(pairs, list):
            self._answer(client, {"error": "Malformed request", "method": "error", "success": False}, received)
            return
        number = {"req_id": asked["req_id"]} if type(asked.get("req_id")) is int else {}
        wants_snapshot = params.get("snapshot") is True
        for symbol in pairs:
            market = self._name, str(symbol)
            refusal = self._find_refusal(client, market, method)
            if refusal:
                answer = {"error": refusal, "method": method, "success": False, "symbol": symbol}
                self._answer(client, answer | number, received)
                continue
            result = {"channel": "trade", "symbol": symbol}
            result |= {"snapshot": wants_snapshot} if method == "subscribe" else {}
            (self._hub.subscribe if method == "subscribe" else self._hub.unsubscribe)(client, [market])
            self._answer(client, {"method": method, "result": result, "success": True} | number, received)
            if method == "subscribe" and wants_snapshot:
                newest = self._play.downward(market, None, SNAPSHOT_TRADES)[::-1]
                self._hub.say(client, wire_format.encode_trades("snapshot", newest))

    def _find_refusal(self, client: SimulatorClient, market: MarketKey, method: str) -> str:
        pair = self._play.pairs.get(market)
        if pair is None or not pair.trading:
            return f"Currency pair not supported {market[1]}"
        if (market in client.markets) == (method == "subscribe"):
            return "Already subscribed" if method == "subscribe" else "Subscription Not Found"
        return ""

    def _answer(self, client: SimulatorClient, fields: dict[str, object], received: str) -> None:
        self._hub.say(client, json.dumps(fields | {"time_in": received, "time_out": _now()}))

    def _name_markets(self) -> dict[str, MarketKey]:
        """What is played, by its name in REST."""
        mine = (market for market in self._play.pairs if market[0] == self._name)
        return {_name_first(self._play.pairs[market]).replace("/", ""): market for market in mine}

    def _list_pairs(self, query: Mapping[str, str]) -> RestResponse:
        listed = {name: self._play.pairs[market] for name, market in self._name_markets().items()}
        names = query["pair"].split(",") if "pair" in query else sorted(listed)
        if any(name not in listed for name in names):
            return _refuse("EQuery:Unknown asset pair")
        return _respond({name: _describe(name, listed[name]) for name in names})

    def _list_trades(self, query: Mapping[str, str]) -> RestResponse:
        name = query.get("pair", "")
        market = self._name_markets().get(name)
        if market is None:
            return _refuse("EQuery:Unknown asset pair")
        count = min(read_number(query, "count", PAGE_TRADES) or PAGE_TRADES, PAGE_TRADES)
        since_ns = int(since) if (since := query.get("since", "")).isdecimal() else None
        if since_ns is None:
            page = self._play.downward(market, None, count)[::-1]
        else:
            page = self._play.upward(market, self._find_first_after(market, since_ns), count)
        last = str(page[-1].time * 1000 if page else since_ns or time.time_ns())
        return _respond({name: [wire_format.build_history_row(fill) for fill in page], "last": last})

    def _find_first_after(self, market: MarketKey, since_ns: int) -> int:
        """The lowest id of a trade after `since_ns`; times ascend with ids."""
        newest = self._play.last(market)
        low, high = 0, newest.trade_id + 1 if newest is not None else 0
        while low < high:
            middle = (low + high) // 2
            found = self._play.upward(market, middle, 1)
            if found and found[0].time * 1000 <= since_ns:
                low = found[0].trade_id + 1
            else:
                high = middle
        return low


def _respond(result: dict[str, object]) -> RestResponse:
    return respond_ok({"error": [], "result": result})


def _refuse(error: str) -> RestResponse:
    return respond_ok({"error": [error]})


def _tell_time() -> RestResponse:
    now = int(time.time())
    return _respond({"unixtime": now, "rfc1123": formatdate(now)})


def _now() -> str:
    return format_iso_time(time.time_ns() // 1000)


def _name_first(pair: ListedPair) -> str:
    """A pair's name of version 1."""
    return "/".join(_FIRST_NAMES.get(currency, currency) for currency in (pair.base, pair.quote))


def _describe(name: str, pair: ListedPair) -> dict[str, object]:
    older = _name_first(pair)
    return {
        "altname": name,
        "wsname": older,
        "base": older.split("/")[0],
        "quote": older.split("/")[1],
        "status": pair.status,
    }


def _find_pair(_listed: SymbolCatalogue, symbol: str) -> ListedPair:
    return ListedPair(symbol, *split_symbol(symbol), "online", True)


SIMULATED = SimulatedExchange(
    KrakenSimulator,
    wire_format.build_fill,
    _find_pair,
    build_pair=None,
    trade_share=0.1,
    size_decimals=3,
)
