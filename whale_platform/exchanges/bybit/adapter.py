"""Bybit spot: topic `publicTrade` of the v5 API, and the newest trades of its REST side.

A spot trade's id counts on a shard that several symbols share, so it is not contiguous per symbol:
`2290000000923750370` is number 923750370 on shard 229. The platform's id is shard * 10^10 + number, which is below
10^13; an id that does not fit is refused, so that no two ids of a symbol become one. Trades of perpetuals have UUIDs,
a tick direction `L` and symbols of the same spelling: such a frame is refused. `S` is the taker's side, times are
milliseconds. `seq` is the step of the matching engine: in recorded frames all fills of one have one time and one side,
so it groups the fills of a taker's order; that this always holds is not documented. A trade with `RPI` is one like any.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlencode

from whale_platform.domain import catalogue
from whale_platform.domain.catalogue import ListedPair, SymbolCatalogue
from whale_platform.domain.trade import Side, Source, Trade
from whale_platform.exchanges import frames, symbols
from whale_platform.exchanges.base import Event, IgnoredMessage, Keepalive, SubscriptionConfirmed, SymbolRejected
from whale_platform.exchanges.errors import HistoryOutOfReachError, InvalidFrameError

SHARD = 10**16  # in the exchange's ids
NUMBERS = 10**10  # on a shard, in the platform's ids: some ten times what they count in four years
MAX_SHARD = 1_000
_KEEPALIVE = Keepalive('{"op":"ping"}', 18.0)  # documented: one each 20 s
_SIDES: dict[object, Side] = {"Buy": "buy", "Sell": "sell"}
_ID = re.compile(r"[0-9]{1,19}").fullmatch


class FieldNames(NamedTuple):
    """Of a trade's id, symbol, side, quantity, price, time, step of the matching engine, and whether it is a block."""

    id: str
    symbol: str
    side: str
    size: str
    price: str
    time: str
    step: str
    block: str


_FRAME = FieldNames("i", "s", "S", "v", "p", "T", "seq", "BT")
_HISTORY = FieldNames("execId", "symbol", "side", "size", "price", "time", "seq", "isBlockTrade")


@dataclass(frozen=True, slots=True)
class Bybit:
    """Implements `exchanges.base.Exchange`. URLs without a trailing slash; `source` marks the trades of the socket."""

    ws_url: str = "wss://stream.bybit.com"
    rest_url: str = "https://api.bybit.com"
    name: str = "bybit"
    source: Source = "live"
    request_headers: tuple[tuple[str, str], ...] = ()
    dense_ids: bool = False
    max_life_s: float | None = None
    keepalive: Keepalive | None = _KEEPALIVE
    history_page: int = 60  # of spot; others have 1,000
    shows_earlier: bool = True
    history_per_second: float = 10.0  # 600 in 5 s are allowed to an address
    symbols_per_connection: int = 200  # 21,000 characters of topics are allowed
    symbols_per_message: int = 10  # documented for spot
    messages_per_second: float = 5.0  # no limit is documented but for 500 connections in 5 minutes
    category: str = "spot"
    topic: str = "publicTrade"
    listed: SymbolCatalogue = field(default_factory=SymbolCatalogue, compare=False, repr=False)

    def symbol(self, name: str) -> str | None:
        """`BTC` and `BTC/USDT` -> `BTCUSDT`; a name that is in the list is that symbol."""
        return symbols.find_joined_symbol(name, self.name, self.listed)

    def unreadable(self, symbol: str) -> str | None:
        """A joined symbol's base and quote are known from the list alone, but for those in USDT."""
        return symbols.explain_unreadable(symbol, self.listed)

    def connect_url(self) -> str:
        """The address of the category."""
        return f"{self.ws_url}/v5/public/{self.category}"

    def subscribe(self, symbols: Sequence[str], number: int) -> str:
        """One `subscribe`, with `number` as its id; one unknown symbol refuses it whole."""
        return json.dumps(
            {"req_id": str(number), "op": "subscribe", "args": [f"{self.topic}.{symbol}" for symbol in symbols]}
        )

    def parse(self, frame: str | bytes, received_time: int) -> list[Event]:
        """Events of one frame. Raises InvalidFrameError, also for a trade of another category."""
        fields = frames.load_object(frame)
        topic = fields.get("topic")
        if topic is None:
            return self._read_answer(fields)
        if not isinstance(topic, str) or topic.partition(".")[0] != self.topic:
            return [IgnoredMessage(frames.name_kind(topic))]
        return [
            self._read_trade(row, frames.read_text(row, "s"), _FRAME, received_time, self.source)
            for row in list_rows(fields, "data")
        ]

    def history_url(self, symbol: str, first_id: int, last_id: int) -> str | None:
        """The newest page, whatever is wanted."""
        return self.newest_url(symbol)

    def next_history_url(self, symbol: str, first_id: int, last_id: int, page: Sequence[Trade]) -> str | None:
        """None: there is no other page. Raises HistoryOutOfReachError where a full one begins above `first_id`."""
        if len(page) >= self.history_page and min(trade.trade_id for trade in page) > first_id:
            raise HistoryOutOfReachError(f"only the newest {self.history_page} are shown")
        return None

    def newest_url(self, symbol: str) -> str | None:
        """`recent-trade`, one page."""
        return self._market("recent-trade", symbol=symbol, limit=self.history_page)

    def parse_history(self, symbol: str, body: bytes, received_time: int, source: Source = "repair") -> list[Trade]:
        """Trades of one page. Raises InvalidFrameError, also for an error answer."""
        rows = _read_response(body, frames.MAX_PAGE)
        return [self._read_trade(row, symbol, _HISTORY, received_time, source) for row in rows]

    def time_url(self) -> str | None:
        """Return the address of the exchange's clock."""
        return f"{self.rest_url}/v5/market/time"

    def parse_time(self, body: bytes) -> int:
        """Field `timeNano`. Raises InvalidFrameError."""
        return frames.read_integer_text(_read_result(body, frames.MAX_FRAME), "timeNano") // 1000

    def check_url(self, symbol: str) -> str | None:
        """The instrument; of an unknown one the list is empty."""
        return self._market("instruments-info", symbol=symbol)

    def listing_url(self) -> str | None:
        """All spot instruments, which come on one page."""
        return self._market("instruments-info")

    def parse_listing(self, body: bytes) -> list[ListedPair]:
        """The pairs of the list; one without names is left out. Raises InvalidFrameError."""
        found = [self._build_pair(row) for row in _read_response(body, frames.MAX_LISTING)]
        return [pair for pair in found if pair is not None]

    def _market(self, call: str, **query: object) -> str:
        return f"{self.rest_url}/v5/market/{call}?{urlencode({'category': self.category, **query})}"

    def _read_trade(
        self, row: dict[str, Any], symbol: str, names: FieldNames, received_time: int, source: Source
    ) -> Trade:
        trade_id = self._read_id(row, names.id)
        if row.get(names.symbol) != symbol:
            raise InvalidFrameError(f"field {names.symbol} is {frames.show_value(row.get(names.symbol))}, not {symbol}")
        try:
            base, quote = catalogue.find_currencies(self.listed, symbol)
        except ValueError as unknown:
            raise InvalidFrameError(f"field {names.symbol}: {unknown}") from None
        side = _SIDES.get(frames.read_text(row, names.side))
        if side is None:
            raise InvalidFrameError(f"field {names.side} is {frames.show_value(row[names.side])}, not Buy or Sell")
        read_integer = frames.read_integer if names is _FRAME else frames.read_integer_text
        return Trade(
            self.name,
            symbol,
            base,
            quote,
            trade_id,
            frames.read_decimal(row, names.price),
            frames.read_decimal(row, names.size),
            side,
            read_integer(row, names.time) * 1000,
            received_time,
            source,
            False,
            str(read_integer(row, names.step)) if names.step in row else None,
            frames.read_flag(row, names.block),
        )

    def _read_id(self, row: dict[str, Any], name: str) -> int:
        if "L" in row:
            raise InvalidFrameError(f"field L is {frames.show_value(row['L'])}: a fill of a perpetual, not of spot")
        text = frames.read_text(row, name)
        if not _ID(text):
            raise InvalidFrameError(f"field {name} is {frames.show_value(text)}, not the number of a spot trade")
        shard, number = divmod(int(text), SHARD)
        if shard >= MAX_SHARD or number >= NUMBERS:
            raise InvalidFrameError(f"field {name} is {text}: its shard or its number is larger than any known one")
        return shard * NUMBERS + number

    def _build_pair(self, row: dict[str, Any]) -> ListedPair | None:
        status = row.get("status")
        return catalogue.build_pair(
            row.get("symbol"), row.get("baseCoin"), row.get("quoteCoin"), status, status == "Trading"
        )

    def _read_answer(self, fields: dict[str, Any]) -> list[Event]:
        """The answer to a message of ours."""
        operation, said, given = fields.get("op"), fields.get("ret_msg"), fields.get("req_id")
        number = int(given) if isinstance(given, str) and given.isdecimal() and len(given) < 19 else None
        if fields.get("success") is False:
            found = re.findall(rf"{self.topic}\.([^\s,\]]+)", said) if isinstance(said, str) else []
            named = list(dict.fromkeys(found))
            if not named:
                raise InvalidFrameError(f"the exchange reports an error: {frames.show_value(said)}")
            if "already subscribed" in str(said):
                return [SubscriptionConfirmed(symbols=frozenset(named))]
            return [SymbolRejected(symbol, frames.show_value(said), number) for symbol in named]
        if operation == "subscribe":
            return [SubscriptionConfirmed(number)]
        if operation is None:
            raise InvalidFrameError("field topic is missing")
        return [IgnoredMessage(frames.name_kind(operation))]


def _read_result(body: bytes, limit: int) -> dict[str, Any]:
    whole = frames.load_json(body, limit)
    if type(whole) is not dict or type(whole.get("retCode")) is not int:
        raise InvalidFrameError(f"a response is {frames.show_value(whole)}, not an object with retCode")
    result = whole.get("result")
    if whole["retCode"] != 0 or type(result) is not dict:
        code, said = whole["retCode"], frames.show_value(whole.get("retMsg"))
        raise InvalidFrameError(f"the exchange reports an error: {code} {said}")
    return result


def _read_response(body: bytes, limit: int) -> list[dict[str, Any]]:
    return list_rows(_read_result(body, limit), "list")


def list_rows(fields: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows = fields.get(name)
    if type(rows) is not list or not all(type(row) is dict for row in rows):
        raise InvalidFrameError(f"field {name} is {frames.show_value(rows)}, not a list of objects")
    return rows
