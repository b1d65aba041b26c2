"""OKX spot: channel `trades-all` of the v5 API, and the trades of its REST side.

Channel `trades` of the public address sends one message for all fills of a taker order at one price, with their
`count`; `trades-all` of the business address sends each trade, so that is the one. `side` is the taker's, `tradeId` is
contiguous per instrument, times are milliseconds. What is not spot (`BTC-USDT-SWAP`, `BTC-USD-220527`: their sizes are
contracts) is refused: it has more than two parts. A connection on which nothing moves for 30 s is closed, but for the
text `ping`.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from whale_platform.domain import catalogue
from whale_platform.domain.catalogue import ListedPair, SymbolCatalogue
from whale_platform.domain.trade import Side, Source, Trade
from whale_platform.exchanges import frames, symbols
from whale_platform.exchanges.base import (
    Event,
    IgnoredMessage,
    Keepalive,
    ServerShutdown,
    SubscriptionConfirmed,
    SymbolRejected,
)
from whale_platform.exchanges.errors import HistoryOutOfReachError, InvalidFrameError

CHANNEL = "trades-all"
UNKNOWN_CHANNEL, UNKNOWN_INSTRUMENT, CLOSING = "60018", "51001", "64008"
REACH_US = 80 * 86_400_000_000  # history is documented to reach back three months
_KEEPALIVE = Keepalive("ping", 20.0)  # a connection may be silent for less than 30 s
_SIDES: dict[object, Side] = {"buy": "buy", "sell": "sell"}
_INSTRUMENT = re.compile(r"instId:([^\s,]+)")


@dataclass(frozen=True, slots=True)
class Okx:
    """Implements `exchanges.base.Exchange`. URLs without a trailing slash; `source` marks the trades of the socket."""

    ws_url: str = "wss://ws.okx.com:8443"
    rest_url: str = "https://www.okx.com"
    name: str = "okx"
    source: Source = "live"
    request_headers: tuple[tuple[str, str], ...] = ()
    dense_ids: bool = True
    max_life_s: float | None = None
    keepalive: Keepalive | None = _KEEPALIVE
    history_page: int = 100
    shows_earlier: bool = True
    history_per_second: float = 8.0  # 20 in 2 s are allowed
    symbols_per_connection: int = 100
    symbols_per_message: int = 50  # 64 KB are allowed, and 480 messages an hour and connection
    messages_per_second: float = 2.0  # 3 connections a second are allowed
    listed: SymbolCatalogue = field(default_factory=SymbolCatalogue, compare=False, repr=False)

    def symbol(self, name: str) -> str | None:
        """`BTC` and `BTC/USDT` -> `BTC-USDT`."""
        asked = symbols.parse_request(name, symbols.accepted_names(self.name))
        if asked is None:
            return None
        return asked.text.replace("/", "-") if "-" in asked.text or asked.currencies else f"{asked.text}-USDT"

    def unreadable(self, symbol: str) -> str | None:
        """An instrument's name has its base and quote in it."""
        try:
            catalogue.split_dashed(symbol)
        except ValueError as wrong:
            return str(wrong)
        return None

    def connect_url(self) -> str:
        """The business address."""
        return f"{self.ws_url}/ws/v5/business"

    def subscribe(self, symbols: Sequence[str], number: int) -> str:
        """One `subscribe`; each instrument is confirmed by itself."""
        args = [{"channel": CHANNEL, "instId": symbol} for symbol in symbols]
        return json.dumps({"id": str(number), "op": "subscribe", "args": args})

    def parse(self, frame: str | bytes, received_time: int) -> list[Event]:
        """Events of one frame. Raises InvalidFrameError."""
        if frame in ("pong", b"pong"):
            return [IgnoredMessage("pong")]
        fields = frames.load_object(frame)
        given = fields.get("arg")
        arg: dict[str, Any] = given if type(given) is dict else {}
        event = fields.get("event")
        if event is not None:
            return [_read_event(event, fields, arg)]
        if "arg" not in fields:
            raise InvalidFrameError("field arg is missing")
        if arg.get("channel") != CHANNEL:
            return [IgnoredMessage(frames.name_kind(arg.get("channel")))]
        return [
            self._read_trade(row, frames.read_text(row, "instId"), received_time, self.source)
            for row in _list_rows(fields)
        ]

    def history_url(self, symbol: str, first_id: int, last_id: int) -> str:
        """`history-trades` from `last_id` down; no more than are wanted."""
        limit = min(self.history_page, last_id - first_id + 1)
        query = urlencode({"instId": symbol, "type": 1, "after": last_id + 1, "limit": limit})
        return f"{self.rest_url}/api/v5/market/history-trades?{query}"

    def next_history_url(self, symbol: str, first_id: int, last_id: int, page: Sequence[Trade]) -> str | None:
        """From below the page's lowest id; None at `first_id`, or where the oldest trade was reached.

        Raises HistoryOutOfReachError where that one is about as old as what is shown at all.
        """
        oldest = min(page, key=lambda trade: trade.trade_id, default=None)
        if oldest is not None and oldest.trade_id <= first_id:
            return None
        if oldest is not None and len(page) >= self.history_page:
            return self.history_url(symbol, first_id, oldest.trade_id - 1) if oldest.trade_id <= last_id else None
        if oldest is None or oldest.event_time < oldest.received_time - REACH_US:
            raise HistoryOutOfReachError("only trades of the last three months are shown")
        return None

    def newest_url(self, symbol: str) -> str:
        """`trades`, one of them."""
        return f"{self.rest_url}/api/v5/market/trades?{urlencode({'instId': symbol, 'limit': 1})}"

    def parse_history(self, symbol: str, body: bytes, received_time: int, source: Source = "repair") -> list[Trade]:
        """Trades of one page. Raises InvalidFrameError, also for an error answer."""
        return [self._read_trade(row, symbol, received_time, source) for row in _read_response(body, frames.MAX_PAGE)]

    def time_url(self) -> str:
        """Return the address of the exchange's clock."""
        return f"{self.rest_url}/api/v5/public/time"

    def parse_time(self, body: bytes) -> int:
        """Field `ts`, milliseconds. Raises InvalidFrameError."""
        rows = _read_response(body, frames.MAX_FRAME)
        return frames.read_integer_text(rows[0] if rows else {}, "ts") * 1000

    def check_url(self, symbol: str) -> str:
        """The spot instrument; an unknown one is an error in a response of status 200."""
        return f"{self.listing_url()}&{urlencode({'instId': symbol})}"

    def listing_url(self) -> str:
        """All spot instruments."""
        return f"{self.rest_url}/api/v5/public/instruments?instType=SPOT"

    def parse_listing(self, body: bytes) -> list[ListedPair]:
        """Those of type `SPOT`; one without names is left out, and an unknown one. Raises InvalidFrameError."""
        found = [_build_pair(row) for row in _read_response(body, frames.MAX_LISTING, UNKNOWN_INSTRUMENT)]
        return [pair for pair in found if pair is not None]

    def _read_trade(self, row: dict[str, Any], symbol: str, received_time: int, source: Source) -> Trade:
        if row.get("instId") != symbol:
            raise InvalidFrameError(f"field instId is {frames.show_value(row.get('instId'))}, not {symbol}")
        try:
            base, quote = catalogue.split_dashed(symbol)
        except ValueError:
            raise InvalidFrameError(f"field instId is {symbol!a}, not a spot instrument") from None
        side = _SIDES.get(frames.read_text(row, "side"))
        if side is None:
            raise InvalidFrameError(f"field side is {frames.show_value(row['side'])}, not buy or sell")
        return Trade(
            self.name,
            symbol,
            base,
            quote,
            frames.read_integer_text(row, "tradeId"),
            frames.read_decimal(row, "px"),
            frames.read_decimal(row, "sz"),
            side,
            frames.read_integer_text(row, "ts") * 1000,
            received_time,
            source,
        )


def _read_event(event: object, fields: dict[str, Any], arg: dict[str, Any]) -> Event:
    if event == "subscribe" and arg.get("channel") == CHANNEL:
        return SubscriptionConfirmed(symbols=frozenset((frames.read_text(arg, "instId"),)))
    if event == "notice" and fields.get("code") == CLOSING:
        return ServerShutdown()
    if event != "error":
        return IgnoredMessage(frames.name_kind(event))
    code, said = fields.get("code"), fields.get("msg")
    named = _INSTRUMENT.search(said) if code == UNKNOWN_CHANNEL and isinstance(said, str) else None
    if named is None:
        raise _build_error(fields)
    number = fields.get("id")
    return SymbolRejected(
        named[1], frames.show_value(said), int(number) if isinstance(number, str) and number.isdecimal() else None
    )


def _read_response(body: bytes, limit: int, empty: str = "0") -> list[dict[str, Any]]:
    """The rows of a REST response; none where its code is `empty`."""
    whole = frames.load_json(body, limit)
    if type(whole) is not dict:
        raise InvalidFrameError(f"a response is {frames.show_value(whole)}, not an object")
    if whole.get("code") not in ("0", empty):
        raise _build_error(whole)
    return _list_rows(whole)


def _build_error(fields: dict[str, Any]) -> InvalidFrameError:
    code, said = (frames.show_value(fields.get(name)) for name in ("code", "msg"))
    return InvalidFrameError(f"the exchange reports an error: {code} {said}")


def _list_rows(fields: dict[str, Any]) -> list[dict[str, Any]]:
    rows = fields.get("data")
    if type(rows) is not list or not all(type(row) is dict for row in rows):
        raise InvalidFrameError(f"field data is {frames.show_value(rows)}, not a list of objects")
    return rows


def _build_pair(row: dict[str, Any]) -> ListedPair | None:
    if row.get("instType") != "SPOT":
        return None
    state = row.get("state")
    return catalogue.build_pair(row.get("instId"), row.get("baseCcy"), row.get("quoteCcy"), state, state == "live")
