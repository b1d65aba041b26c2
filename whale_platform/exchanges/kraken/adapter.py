"""Kraken spot: channel `trade` of the WebSocket API v2, and the trades of its REST side.

The socket writes `BTC/USD` and `DOGE/USD`, REST `XBTUSD` and `XDGUSD`; a symbol here is the socket's. Price and
quantity are JSON numbers on the socket. `side` is the taker's, and `trade_id` counts a pair's trades. A subscription
brings the newest 50 trades of each pair, and is answered pair by pair. History is requested by time, and its errors
have status 200.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from whale_platform.domain import catalogue
from whale_platform.domain.catalogue import ListedPair, SymbolCatalogue
from whale_platform.domain.trade import Side, Source, Trade
from whale_platform.exchanges import frames, symbols
from whale_platform.exchanges.base import (
    EarlierTrade,
    Event,
    IgnoredMessage,
    Keepalive,
    LastTrade,
    SubscriptionConfirmed,
    SymbolRejected,
)
from whale_platform.exchanges.errors import InvalidFrameError
from whale_platform.exchanges.kraken.pair_names import join_rest_name, read_rest_name, split_symbol

UNKNOWN_PAIR = "EQuery:Unknown asset pair"
_NOT_SUPPORTED, _REPEATED = "not supported", "Already subscribed"
_SIDES: dict[object, Side] = {"buy": "buy", "sell": "sell", "b": "buy", "s": "sell"}
_ROW = ("price", "volume", "time", "side", "ordertype", "misc", "trade_id")
_TRADING = ("online", "limit_only", "reduce_only")


@dataclass(frozen=True, slots=True)
class Kraken:
    """Implements `exchanges.base.Exchange` and `TimedHistory`. URLs without a trailing slash.

    `source` marks the trades of the socket.
    """

    ws_url: str = "wss://ws.kraken.com"
    rest_url: str = "https://api.kraken.com"
    name: str = "kraken"
    source: Source = "live"
    request_headers: tuple[tuple[str, str], ...] = ()
    dense_ids: bool = True
    max_life_s: float | None = None
    keepalive: Keepalive | None = None  # the server sends a heartbeat a second
    history_page: int = 1000
    shows_earlier: bool = True
    history_per_second: float = 0.8  # 1 a second is allowed
    symbols_per_connection: int = 100
    symbols_per_message: int = 50
    messages_per_second: float = 2.0  # the limit varies with the load, and is not documented as a figure
    listed: SymbolCatalogue = field(default_factory=SymbolCatalogue, compare=False, repr=False)

    def symbol(self, name: str) -> str | None:
        """`BTC` and `XBT/USD` -> `BTC/USD`."""
        asked = symbols.parse_request(name, symbols.accepted_names(self.name))
        if asked is None or ("-" in asked.text and not asked.ours):
            return None
        if "-" in asked.text:
            raise ValueError(f"symbol {name!a}: this exchange writes BTC/USD, not BTC-USD")
        return read_rest_name(*(asked.currencies or (asked.text, "USD")))

    def unreadable(self, symbol: str) -> str | None:
        """A pair's name has its base and quote in it."""
        try:
            split_symbol(symbol)
        except ValueError as wrong:
            return str(wrong)
        return None

    def connect_url(self) -> str:
        """Of version 2."""
        return f"{self.ws_url}/v2"

    def subscribe(self, symbols: Sequence[str], number: int) -> str:
        """`subscribe` with a snapshot, and `number` as its `req_id`."""
        params = {"channel": "trade", "symbol": list(symbols), "snapshot": True}
        return json.dumps({"method": "subscribe", "params": params, "req_id": number})

    def parse(self, frame: str | bytes, received_time: int) -> list[Event]:
        """Events of one frame. Raises InvalidFrameError."""
        fields = frames.load_object(frame)
        channel = fields.get("channel")
        if channel is None:
            return [_read_answer(fields)]
        if channel != "trade":
            return [IgnoredMessage(frames.name_kind(channel))]
        rows = fields.get("data")
        if type(rows) is not list or not all(type(row) is dict for row in rows):
            raise InvalidFrameError(f"field data is {frames.show_value(rows)}, not a list of objects")
        trades = [self._read_trade(row, received_time) for row in rows]
        if fields.get("type") == "update":
            return list(trades)
        if fields.get("type") != "snapshot":
            raise InvalidFrameError(f"field type is {frames.show_value(fields.get('type'))}, not snapshot or update")
        return list(_list_earlier(trades))

    def history_url(self, symbol: str, _first_id: int, _last_id: int) -> str:
        """`Trades` without a time: the newest."""
        return self.newest_url(symbol)

    def next_history_url(self, symbol: str, first_id: int, last_id: int, page: Sequence[Trade]) -> str | None:
        """From the page's newest trade up, which comes again; None at `last_id` or after a page that is not full."""
        newest = max(page, key=lambda trade: trade.trade_id, default=None)
        if newest is None or newest.trade_id >= last_id or len(page) < self.history_page:
            return None
        stuck = min(trade.event_time for trade in page) == newest.event_time
        return self.history_since_url(symbol, newest.event_time + stuck)

    def history_since_url(self, symbol: str, since: int) -> str:
        """`Trades` with the nanosecond before `since`, after which it begins."""
        return f"{self.newest_url(symbol)}&since={max(0, since * 1000 - 1)}"

    def newest_url(self, symbol: str) -> str:
        """`Trades` without a time: the newest page."""
        return f"{self.rest_url}/0/public/Trades?{urlencode({'pair': join_rest_name(symbol)})}"

    def parse_history(self, symbol: str, body: bytes, received_time: int, source: Source = "repair") -> list[Trade]:
        """Trades of one page. Raises InvalidFrameError, also for an error answer."""
        result = _read_result(body, frames.MAX_PAGE)
        lists = [rows for name, rows in result.items() if name != "last"]
        if len(lists) != 1 or type(lists[0]) is not list or not all(type(row) is list for row in lists[0]):
            raise InvalidFrameError(f"history of {symbol} is {frames.show_value(result)}, not a list of lists")
        return [self._read_past(symbol, row, received_time, source) for row in lists[0]]

    def time_url(self) -> str:
        """Return the address of the exchange's clock."""
        return f"{self.rest_url}/0/public/Time"

    def parse_time(self, body: bytes) -> int:
        """The middle of the second in `unixtime`. Raises InvalidFrameError."""
        return frames.read_integer(_read_result(body, frames.MAX_FRAME), "unixtime") * 1_000_000 + 500_000

    def check_url(self, symbol: str) -> str:
        """`AssetPairs` of the pair; an unknown one is an error in a response of status 200."""
        return f"{self.listing_url()}?{urlencode({'pair': join_rest_name(symbol)})}"

    def listing_url(self) -> str:
        """`AssetPairs`, with all pairs."""
        return f"{self.rest_url}/0/public/AssetPairs"

    def parse_listing(self, body: bytes) -> list[ListedPair]:
        """By `wsname`, which is the name of version 1; a pair without one is left out. Raises InvalidFrameError."""
        rows = _read_result(body, frames.MAX_LISTING, UNKNOWN_PAIR).values()
        found = [_build_pair(row) for row in rows if isinstance(row, dict)]
        return [pair for pair in found if pair is not None]

    def _read_trade(self, row: dict[str, Any], received_time: int) -> Trade:
        symbol = frames.read_text(row, "symbol")
        try:
            base, quote = split_symbol(symbol)
        except ValueError as wrong:
            raise InvalidFrameError(f"field symbol: {wrong}") from None
        return Trade(
            self.name,
            symbol,
            base,
            quote,
            frames.read_integer(row, "trade_id"),
            frames.read_number(row, "price"),
            frames.read_number(row, "qty"),
            _read_side(row),
            frames.read_iso_time(row, "timestamp"),
            received_time,
            self.source,
        )

    def _read_past(self, symbol: str, values: list[Any], received_time: int, source: Source) -> Trade:
        row = dict(zip(_ROW, values, strict=False))
        seconds = frames.read_number(row, "time")
        if seconds > frames.MAX_INTEGER // 1_000_000:
            raise InvalidFrameError(f"field time is {frames.show_value(row['time'])}, which no clock shows")
        return Trade(
            self.name,
            symbol,
            *split_symbol(symbol),
            frames.read_integer(row, "trade_id"),
            frames.read_decimal(row, "price"),
            frames.read_decimal(row, "volume"),
            _read_side(row),
            int(seconds * 1_000_000),
            received_time,
            source,
        )


def _read_side(row: dict[str, Any]) -> Side:
    side = _SIDES.get(frames.read_text(row, "side"))
    if side is None:
        raise InvalidFrameError(f"field side is {frames.show_value(row['side'])}, not buy or sell")
    return side


def _list_earlier(trades: Sequence[Trade]) -> Iterator[Event]:
    """Of each symbol by id; the newest is the last."""
    newest = {trade.symbol: trade.trade_id for trade in sorted(trades, key=lambda trade: trade.trade_id)}
    for trade in sorted(trades, key=lambda trade: trade.trade_id):
        yield LastTrade(trade) if trade.trade_id == newest[trade.symbol] else EarlierTrade(trade)


def _read_answer(fields: dict[str, Any]) -> Event:
    """The answer to a message, for one pair."""
    if fields.get("success") is True:
        result = fields.get("result")
        if fields.get("method") != "subscribe" or type(result) is not dict or result.get("channel") != "trade":
            return IgnoredMessage(frames.name_kind(fields.get("method")))
        return SubscriptionConfirmed(symbols=frozenset((frames.read_text(result, "symbol"),)))
    if "error" not in fields and "method" in fields:
        return IgnoredMessage(frames.name_kind(fields["method"]))
    said, symbol = fields.get("error", fields), fields.get("symbol")
    if isinstance(said, str) and isinstance(symbol, str):
        if said == _REPEATED:
            return SubscriptionConfirmed(symbols=frozenset((symbol,)))
        if _NOT_SUPPORTED in said:
            number = fields.get("req_id")
            return SymbolRejected(symbol, frames.show_value(said), number if type(number) is int else None)
    raise InvalidFrameError(f"the exchange reports an error: {frames.show_value(said)}")


def _read_result(body: bytes, limit: int, empty: str = "") -> dict[str, Any]:
    """What a REST response holds; nothing where its error is `empty`."""
    whole = frames.load_json(body, limit)
    if type(whole) is not dict:
        raise InvalidFrameError(f"a response is {frames.show_value(whole)}, not an object")
    said, result = whole.get("error"), whole.get("result")
    if said == [empty]:
        return {}
    if type(said) is not list or any(not isinstance(one, str) or one[:1] != "W" for one in said):  # W: a warning
        raise InvalidFrameError(f"the exchange reports an error: {frames.show_value(said)}")
    if type(result) is not dict:
        raise InvalidFrameError(f"field result is {frames.show_value(result)}, not an object")
    return result


def _build_pair(row: dict[str, Any]) -> ListedPair | None:
    name, status = row.get("wsname"), row.get("status")
    try:
        symbol = read_rest_name(*split_symbol(name if isinstance(name, str) else ""))
    except ValueError:
        return None
    return catalogue.build_pair(symbol, *split_symbol(symbol), status, status in _TRADING)
