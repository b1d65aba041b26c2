"""A small Binance on localhost whose every trade follows from its id, with the faults a test asks for.

History (REST) and the streams show the same trades; ids in `absent` exist nowhere.
"""

import json
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import parse_qs, urlparse

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from whale_platform_tests.ingest.builders import T0


def frame(symbol: str, number: int) -> str:
    """The combined-stream frame of one trade."""
    return json.dumps({"stream": f"{symbol.lower()}@trade", "data": {"e": "trade", "s": symbol, **_live(number)}})


def _live(number: int) -> dict[str, object]:
    row = past(number)
    return {"t": number, "p": row["price"], "q": row["qty"], "T": row["time"], "m": row["isBuyerMaker"]}


def past(number: int) -> dict[str, object]:
    """A row of `historicalTrades`."""
    return {
        "id": number,
        "price": f"{1000 + number % 97}.25000000",
        "qty": f"{1 + number % 13}.50000000",
        "time": T0 + number * 1000,
        "isBuyerMaker": number % 2 == 0,
    }


class FakeBinance:
    """`trade` moves a symbol on and shows the trades to whoever listens; `answer` may replace any HTTP answer."""

    def __init__(self, *symbols: str) -> None:
        self.last: dict[str, int] = dict.fromkeys(symbols, 999)
        self.absent: set[int] = set()
        self.clients: list[ServerConnection] = []  # those that have asked for something
        self.streams: dict[ServerConnection, set[str]] = {}
        self.asked: list[list[str]] = []
        self.status: dict[str, str] = {}  # of symbols that are listed without trading
        self.mute: set[str] = set()  # streams that are never had: a message that asks for one gets an error
        self.refusals: list[list[str]] = []
        self.handshakes = 0
        self.history_requests: list[str] = []
        self.answer: Callable[[str], tuple[HTTPStatus, str] | None] = lambda path: None
        self.retry_after = self.location = ""
        self.clock_ahead_s = 0.0
        self.on_connect: Callable[[ServerConnection], None] = lambda client: None
        self._lock = threading.Lock()
        self._server: Server = serve(
            self._serve, "127.0.0.1", 0, process_request=self._request, max_size=None, compression=None
        )
        self.port = int(self._server.socket.getsockname()[1])
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def ws_url(self) -> str:
        """For the adapter."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def rest_url(self) -> str:
        """For the adapter."""
        return f"http://127.0.0.1:{self.port}"

    def trade(self, symbol: str, count: int = 1, shown: bool = True) -> None:
        """`count` trades happen; `shown`: on the streams too, else only in history."""
        with self._lock:
            for _ in range(count):
                self.last[symbol] += 1
                if shown and self.last[symbol] not in self.absent:
                    self._send(frame(symbol, self.last[symbol]), symbol)

    def say(self, text: str | bytes) -> None:
        """Send anything to everyone."""
        with self._lock:
            self._send(text)

    def drop(self, code: int = 1012) -> None:
        """Close every connection."""
        with self._lock:
            clients, self.clients = self.clients, []
        for client in clients:
            client.close(code)

    def ids(self, symbol: str, first: int = 1000) -> list[int]:
        """Every id there is, from `first` on."""
        return [number for number in range(first, self.last[symbol] + 1) if number not in self.absent]

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self.drop()
        self._thread.join(300)

    def _send(self, text: str | bytes, symbol: str = "") -> None:
        for client in list(self.clients):
            if symbol and f"{symbol.lower()}@trade" not in self.streams.get(client, ()):
                continue  # it has not asked for that one
            try:
                client.send(text)
            except (ConnectionClosed, OSError):
                self.clients.remove(client)

    def _serve(self, client: ServerConnection) -> None:
        try:
            for message in client:
                asked = json.loads(message)
                self.asked.append(asked["params"])
                if self.mute.intersection(asked["params"]):
                    self.refusals.append(asked["params"])
                    client.send(json.dumps({"code": 1, "msg": "Too many requests", "id": asked["id"]}))
                    continue
                with self._lock:
                    if client not in self.streams:
                        self.streams[client] = set()
                        self.clients.append(client)
                        self.on_connect(client)
                    self.streams[client].update(asked["params"])
                    client.send(json.dumps({"result": None, "id": asked["id"]}))
        except ConnectionClosed:
            pass
        with self._lock:
            self.streams.pop(client, None)
            if client in self.clients:
                self.clients.remove(client)

    def _request(self, client: ServerConnection, request: Request) -> Response | None:
        url = urlparse(request.path)
        if url.path == "/stream":
            self.handshakes += 1
        given = self.answer(request.path)
        if given is None and url.path == "/api/v3/historicalTrades":
            self.history_requests.append(request.path)
            query = parse_qs(url.query)
            first, limit = query.get("fromId", [None])[0], int(query["limit"][0])
            given = HTTPStatus.OK, self._history(query["symbol"][0], None if first is None else int(first), limit)
        elif given is None and url.path == "/api/v3/exchangeInfo":
            given = self._listing(parse_qs(url.query).get("symbol"))
        elif given is None and url.path == "/api/v3/time":
            now_us = int((time.time() + self.clock_ahead_s) * 1_000_000)
            given = HTTPStatus.OK, json.dumps({"serverTime": now_us})
        if given is None:
            return None
        status, body = given
        headers = Headers({"Content-Length": str(len(body.encode())), "Connection": "close"})
        if self.location:
            headers["Location"] = self.location
        if self.retry_after:
            headers["Retry-After"] = self.retry_after
        return Response(status.value, status.phrase, headers, body.encode())

    def _listing(self, symbols: list[str] | None) -> tuple[HTTPStatus, str]:
        """What `exchangeInfo` says: each symbol's quote is its last four letters."""
        if symbols is not None and symbols[0] not in self.last:
            return HTTPStatus.BAD_REQUEST, '{"code":-1121,"msg":"Invalid symbol."}'
        rows = [
            {
                "symbol": one,
                "status": self.status.get(one, "TRADING"),
                "baseAsset": one[:-4],
                "quoteAsset": one[-4:],
            }
            for one in symbols or self.last
        ]
        return HTTPStatus.OK, json.dumps({"symbols": rows})

    def _history(self, symbol: str, first: int | None, limit: int) -> str:
        with self._lock:
            if first is None:
                newest = (number for number in range(self.last[symbol], 999, -1) if number not in self.absent)
                return json.dumps([past(number) for number, _ in zip(newest, range(limit), strict=False)][::-1])
            found = (number for number in range(first, self.last[symbol] + 1) if number not in self.absent)
            return json.dumps([past(number) for number, _ in zip(found, range(limit), strict=False)])


class Market(threading.Thread):
    """Trades at about `per_second` per symbol until `stop`."""

    def __init__(self, fake: FakeBinance, per_second: int) -> None:
        super().__init__(daemon=True)
        self._fake = fake
        self._per_tick = max(1, per_second // 50)
        self._ended = threading.Event()

    def run(self) -> None:
        """Tick."""
        while not self._ended.wait(0.02):
            for symbol in self._fake.last:
                self._fake.trade(symbol, self._per_tick)

    def stop(self) -> None:
        """End."""
        self._ended.set()
        self.join(300)


def until(condition: Callable[[], bool], what: str, timeout_s: float = 300.0, pause_s: float = 0.02) -> None:
    """Wait for `condition`; fails naming `what`."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_s:.0f} s in vain for {what}"
        time.sleep(pause_s)
