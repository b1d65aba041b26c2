"""Binance spot: combined `@trade` streams and `historicalTrades`; an exchange of its protocol derives from it.

What is not a spot fill never becomes a trade: `aggTrade` and `blockTrade` count in other id spaces and are ignored
(block trades are an exchange of their own); a trade with the futures field `X` means the address is a futures one and
goes to the dead letters.
Times are milliseconds or microseconds, told apart by their size, since a `timeUnit` may be ignored by the host.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from whale_platform.domain import catalogue
from whale_platform.domain.catalogue import ListedPair, SymbolCatalogue
from whale_platform.domain.trade import Source, Trade
from whale_platform.exchanges import frames, symbols
from whale_platform.exchanges.base import (
    Event,
    IgnoredMessage,
    Keepalive,
    ServerShutdown,
    SubscriptionConfirmed,
    SymbolRejected,
)
from whale_platform.exchanges.binance.trade_frame import match_trade_frame
from whale_platform.exchanges.errors import InvalidFrameError

_MICROSECONDS_FROM = 10**14  # in µs the year 1973, in ms the year 5138
_NAMED_STREAM = re.compile(r"(\w+)@(?:trade|blockTrade)\b")
FieldNames = tuple[str, str, str, str, str]  # of id, price, quantity, whether the buyer is the maker, and time
_FRAME_FIELDS: FieldNames = ("t", "p", "q", "m", "T")
_HISTORY_FIELDS: FieldNames = ("id", "price", "qty", "isBuyerMaker", "time")


@dataclass(frozen=True, slots=True)
class Binance:
    """Implements `exchanges.base.Exchange`. URLs without a trailing slash; `source` marks the trades of the socket.

    event: the kind of the events that are its trades, and of their streams. history_call: the REST call that has them.
    """

    ws_url: str = "wss://stream.binance.com:9443"
    rest_url: str = "https://api.binance.com"
    name: str = "binance"
    source: Source = "live"
    request_headers: tuple[tuple[str, str], ...] = (("X-MBX-TIME-UNIT", "MICROSECOND"),)  # else milliseconds
    dense_ids: bool = True
    max_life_s: float | None = 23 * 3600.0  # the server cuts at 24 h
    keepalive: Keepalive | None = None
    history_page: int = 1000
    shows_earlier: bool = True
    history_per_second: float = 3.0  # weight 25 of 6,000 a minute allows 4
    symbols_per_connection: int = 200  # 1,024 streams are allowed; a lost connection shall cost few
    symbols_per_message: int = 100
    messages_per_second: float = 3.0  # 5 are allowed, pings and pongs among them
    stream_options: tuple[tuple[str, str], ...] = (("timeUnit", "MICROSECOND"),)
    listing_options: tuple[tuple[str, str], ...] = (("showPermissionSets", "false"),)  # which are most of its bytes
    listed: SymbolCatalogue = field(default_factory=SymbolCatalogue, compare=False, repr=False)
    event: str = "trade"
    history_call: str = "historicalTrades"

    def symbol(self, name: str) -> str | None:
        """`BTC` and `BTC/USDT` -> `BTCUSDT`; a name that is in the list is that symbol."""
        return symbols.find_joined_symbol(name, self.name, self.listed)

    def unreadable(self, symbol: str) -> str | None:
        """A joined symbol's base and quote are known from the list alone, but for those in USDT."""
        return symbols.explain_unreadable(symbol, self.listed)

    def connect_url(self) -> str:
        """Of combined streams, with `stream_options`."""
        return _add_options(f"{self.ws_url}/stream", self.stream_options)

    def subscribe(self, symbols: Sequence[str], number: int) -> str:
        """`SUBSCRIBE` to the symbols' trades, with `number` as its id."""
        streams = [f"{symbol.lower()}@{self.event}" for symbol in symbols]
        return json.dumps({"method": "SUBSCRIBE", "params": streams, "id": number})

    def parse(self, frame: str | bytes, received_time: int) -> list[Event]:
        """Events of a combined or raw frame. Raises InvalidFrameError."""
        usual = match_trade_frame(frames.to_text(frame))
        if usual is not None:
            symbol, number, price, quantity, time, is_maker_buyer = usual.groups()
            return [
                Trade(
                    self.name,
                    symbol,
                    *self._currencies(symbol),
                    int(number),
                    Decimal(price),
                    Decimal(quantity),
                    "sell" if is_maker_buyer == "true" else "buy",
                    _microseconds(int(time)),
                    received_time,
                    self.source,
                )
            ]
        return self._parse_json(frame, received_time)

    def _parse_json(self, frame: str | bytes, received_time: int) -> list[Event]:
        outer = frames.load_object(frame)
        stream = outer.get("stream")
        inner = outer if stream is None else outer.get("data")
        data: dict[str, Any] = inner if type(inner) is dict else {}
        event = data.get("e")
        if event == self.event:
            return [self._trade(data, received_time)]
        if event == "serverShutdown" or stream == "!serverShutdown":
            return [ServerShutdown()]
        if event is not None:
            return [IgnoredMessage(frames.name_kind(event))]
        if stream is not None:
            return [_other_stream(stream, self.event)]
        return [_answer(outer)]

    def history_url(self, symbol: str, first_id: int, last_id: int) -> str:
        """`history_call` from `first_id` up; no more than are wanted."""
        limit = min(self.history_page, last_id - first_id + 1)
        query = urlencode({"symbol": symbol, "fromId": first_id, "limit": limit})
        return f"{self.rest_url}/api/v3/{self.history_call}?{query}"

    def next_history_url(self, symbol: str, first_id: int, last_id: int, page: Sequence[Trade]) -> str | None:
        """From behind the page's highest id; None after `last_id` or a page that is not full (the newest trade)."""
        if len(page) < self.history_page:
            return None
        highest = max(trade.trade_id for trade in page)
        return self.history_url(symbol, highest + 1, last_id) if first_id <= highest < last_id else None

    def newest_url(self, symbol: str) -> str | None:
        """`historicalTrades` without an id: the newest."""
        return f"{self.rest_url}/api/v3/historicalTrades?{urlencode({'symbol': symbol, 'limit': 1})}"

    def parse_history(self, symbol: str, body: bytes, received_time: int, source: Source = "repair") -> list[Trade]:
        """Trades of one page. Raises InvalidFrameError, also for an error answer."""
        rows = frames.load_json(body, frames.MAX_PAGE)
        if type(rows) is not list:
            raise InvalidFrameError(f"history of {symbol} is {frames.show_value(rows)}, not a list")
        return [self._past(symbol, row, received_time, source) for row in rows]

    def time_url(self) -> str:
        """`time`, of weight 1."""
        return f"{self.rest_url}/api/v3/time"

    def parse_time(self, body: bytes) -> int:
        """Field `serverTime`. Raises InvalidFrameError."""
        return _microseconds(frames.read_integer(frames.load_object(body), "serverTime"))

    def check_url(self, symbol: str) -> str:
        """`exchangeInfo` of the symbol: 400 for an unknown one."""
        return _add_options(f"{self.rest_url}/api/v3/exchangeInfo", (("symbol", symbol), *self.listing_options))

    def listing_url(self) -> str:
        """`exchangeInfo`, with `listing_options`."""
        return _add_options(f"{self.rest_url}/api/v3/exchangeInfo", self.listing_options)

    def parse_listing(self, body: bytes) -> list[ListedPair]:
        """Field `symbols`; an entry without names is left out. Raises InvalidFrameError."""
        whole = frames.load_json(body, frames.MAX_LISTING)
        rows = whole.get("symbols") if isinstance(whole, dict) else None
        if type(rows) is not list:
            raise InvalidFrameError(f"the list of symbols is {frames.show_value(whole)}, not an object with symbols")
        found = [_pair(row) for row in rows if isinstance(row, dict)]
        return [pair for pair in found if pair is not None]

    def _currencies(self, symbol: str) -> tuple[str, str]:
        try:
            return catalogue.find_currencies(self.listed, symbol)
        except ValueError as unknown:
            raise InvalidFrameError(f"field s: {unknown}") from None

    def _trade(self, data: dict[str, Any], received_time: int) -> Trade:
        if "X" in data:
            raise InvalidFrameError(f"field X is {frames.show_value(data['X'])}: a futures fill, not a spot trade")
        return self._build_trade(frames.read_text(data, "s"), data, _FRAME_FIELDS, received_time, self.source)

    def _past(self, symbol: str, row: object, received_time: int, source: Source) -> Trade:
        if not isinstance(row, dict):
            raise InvalidFrameError(f"a history row is {frames.show_value(row)}, not an object")
        return self._build_trade(symbol, row, _HISTORY_FIELDS, received_time, source)

    def _build_trade(
        self, symbol: str, row: dict[str, Any], fields: FieldNames, received_time: int, source: Source
    ) -> Trade:
        base, quoted = self._currencies(symbol)
        number, price, quantity, is_maker_buyer, time = fields
        return Trade(
            self.name,
            symbol,
            base,
            quoted,
            frames.read_integer(row, number),
            frames.read_decimal(row, price),
            frames.read_decimal(row, quantity),
            "sell" if frames.read_flag(row, is_maker_buyer) else "buy",
            _microseconds(frames.read_integer(row, time)),
            received_time,
            source,
        )


def _add_options(url: str, options: Sequence[tuple[str, str]]) -> str:
    return f"{url}?{urlencode(options)}" if options else url


def _pair(row: dict[str, Any]) -> ListedPair | None:
    status = row.get("status")
    return catalogue.build_pair(
        row.get("symbol"), row.get("baseAsset"), row.get("quoteAsset"), status, status == "TRADING"
    )


def _microseconds(time: int) -> int:
    return time if time >= _MICROSECONDS_FROM else time * 1000


def _other_stream(stream: object, event: str) -> Event:
    """An event without `e`: some streams have none, those of `event` always do."""
    if not isinstance(stream, str):
        raise InvalidFrameError(f"field stream is {frames.show_value(stream)}, not text")
    channel = stream.partition("@")[2]
    if channel in ("", event):
        raise InvalidFrameError("field e is missing")
    return IgnoredMessage(frames.name_kind(channel))


def _answer(response: dict[str, Any]) -> Event:
    """The answer to a control message."""
    number = response.get("id") if type(response.get("id")) is int else None
    error = response.get("error", response)
    message = error.get("msg") if isinstance(error, dict) else error
    if message is not None:
        named = _NAMED_STREAM.search(message) if isinstance(message, str) else None
        if named:
            return SymbolRejected(named[1].upper(), frames.show_value(message), number)
        raise InvalidFrameError(f"the exchange reports an error: {frames.show_value(message)}")
    if "result" in response:
        return SubscriptionConfirmed(number)
    raise InvalidFrameError("field e is missing")
