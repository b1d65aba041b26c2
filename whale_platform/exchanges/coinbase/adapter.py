"""Coinbase Exchange: channel `matches`, with `heartbeat` beside it, and the REST trades of a product.

`side` is the MAKER's side, on the socket and in REST: the taker did the opposite. `sequence` counts messages of all
kinds, so its jumps mean nothing here; `trade_id` is contiguous. One unknown product refuses the whole subscription.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from whale_platform.domain import catalogue
from whale_platform.domain.catalogue import ListedPair, SymbolCatalogue
from whale_platform.domain.trade import Side, Source, Trade
from whale_platform.exchanges import frames, symbols
from whale_platform.exchanges.base import (
    Event,
    IgnoredMessage,
    Keepalive,
    LastTrade,
    SubscriptionConfirmed,
    SymbolRejected,
)
from whale_platform.exchanges.coinbase.trade_frame import match_trade_frame
from whale_platform.exchanges.errors import InvalidFrameError

_TAKER: dict[object, Side] = {"sell": "buy", "buy": "sell"}
_PRODUCT = re.compile(r"(?<![\w-])[^\W_]{1,20}-[^\W_]{1,10}(?![\w-])")


@dataclass(frozen=True, slots=True)
class Coinbase:
    """Implements `exchanges.base.Exchange`. URLs without a trailing slash; `source` marks the trades of the socket."""

    ws_url: str = "wss://ws-feed.exchange.coinbase.com"
    rest_url: str = "https://api.exchange.coinbase.com"
    name: str = "coinbase"
    source: Source = "live"
    request_headers: tuple[tuple[str, str], ...] = ()
    dense_ids: bool = True
    max_life_s: float | None = None
    keepalive: Keepalive | None = None
    history_page: int = 1000
    shows_earlier: bool = True
    history_per_second: float = 8.0  # 10 a second and address are allowed
    symbols_per_connection: int = 100
    symbols_per_message: int = 50
    messages_per_second: float = 6.0  # 8 are allowed, of all connections of an address
    listed: SymbolCatalogue = field(default_factory=SymbolCatalogue, compare=False, repr=False)

    def symbol(self, name: str) -> str | None:
        """`BTC` and `BTC/USD` -> `BTC-USD`.

        `BTC-USDC` becomes `BTC-USD`: the two products show the same trades; `coinbase:BTC-USDC` insists.
        """
        asked = symbols.parse_request(name, symbols.accepted_names(self.name))
        if asked is None:
            return None
        symbol = asked.text.replace("/", "-") if "-" in asked.text or asked.currencies else f"{asked.text}-USD"
        return symbol if asked.ours or not symbol.endswith("-USDC") else symbol[:-1]

    def unreadable(self, symbol: str) -> str | None:
        """A product's name has its base and quote in it."""
        try:
            catalogue.split_dashed(symbol)
        except ValueError as wrong:
            return str(wrong)
        return None

    def connect_url(self) -> str:
        """One address for all."""
        return self.ws_url

    def subscribe(self, symbols: Sequence[str], _number: int) -> str:
        """The first one is due within 5 s of connecting. The answer names all products that are subscribed."""
        channels = ["matches", "heartbeat"]
        return json.dumps({"type": "subscribe", "product_ids": list(symbols), "channels": channels})

    def parse(self, frame: str | bytes, received_time: int) -> list[Event]:
        """Events of one frame. Raises InvalidFrameError."""
        usual = match_trade_frame(frames.to_text(frame))
        if usual is not None and (second := frames.find_second(usual[7])) is not None:
            number, order, side, size, price, symbol, _, micros = usual.groups()
            return [
                Trade(
                    self.name,
                    symbol,
                    *self._currencies(symbol),
                    int(number),
                    Decimal(price),
                    Decimal(size),
                    _TAKER[side],
                    second * 1_000_000 + int(micros),
                    received_time,
                    self.source,
                    True,
                    order,
                )
            ]
        fields = frames.load_object(frame)
        event = fields.get("type")
        if event == "match":
            return [self._trade(fields, received_time)]
        if event == "last_match":
            return [LastTrade(self._trade(fields, received_time))]
        if event == "error":
            return find_refused_products(fields)
        if event == "subscriptions":
            return [SubscriptionConfirmed(symbols=_subscribed(fields.get("channels")))]
        if event is None:
            raise InvalidFrameError("field type is missing")
        return [IgnoredMessage(frames.name_kind(event))]

    def history_url(self, symbol: str, first_id: int, last_id: int) -> str:
        """Trades from `last_id` down; no more than are wanted."""
        limit = min(self.history_page, last_id - first_id + 1)
        return f"{self.rest_url}/products/{quote(symbol, safe='')}/trades?limit={limit}&after={last_id + 1}"

    def next_history_url(self, symbol: str, first_id: int, last_id: int, page: Sequence[Trade]) -> str | None:
        """From below the page's lowest id; None at `first_id` or after a page that is not full (the oldest trade)."""
        if len(page) < self.history_page:
            return None
        lowest = min(trade.trade_id for trade in page)
        return self.history_url(symbol, first_id, lowest - 1) if first_id < lowest <= last_id else None

    def newest_url(self, symbol: str) -> str:
        """The first of the newest page."""
        return f"{self.rest_url}/products/{quote(symbol, safe='')}/trades?limit=1"

    def parse_history(self, symbol: str, body: bytes, received_time: int, source: Source = "repair") -> list[Trade]:
        """Trades of one page. Raises InvalidFrameError, also for an error answer."""
        rows = frames.load_json(body, frames.MAX_PAGE)
        if type(rows) is not list:
            raise InvalidFrameError(f"history of {symbol} is {frames.show_value(rows)}, not a list")
        for row in rows:
            if not isinstance(row, dict):
                raise InvalidFrameError(f"a history row is {frames.show_value(row)}, not an object")
        return [self._fill(symbol, row, received_time, source) for row in rows]

    def time_url(self) -> str:
        """Return the address of the exchange's clock."""
        return f"{self.rest_url}/time"

    def parse_time(self, body: bytes) -> int:
        """Field `iso`, which has no float's rounding as `epoch` beside it has. Raises InvalidFrameError."""
        return frames.read_iso_time(frames.load_object(body), "iso")

    def check_url(self, symbol: str) -> str:
        """The product: 404 for an unknown one."""
        return f"{self.rest_url}/products/{quote(symbol, safe='')}"

    def listing_url(self) -> str:
        """Return the address of the exchange's list of symbols."""
        return f"{self.rest_url}/products"

    def parse_listing(self, body: bytes) -> list[ListedPair]:
        """Of a list of products, or of one; a product without names is left out. Raises InvalidFrameError."""
        whole = frames.load_json(body, frames.MAX_LISTING)
        rows = [whole] if isinstance(whole, dict) and "id" in whole else whole
        if type(rows) is not list:
            raise InvalidFrameError(f"the list of products is {frames.show_value(whole)}, not a list")
        found = [_pair(row) for row in rows if isinstance(row, dict)]
        return [pair for pair in found if pair is not None]

    def _currencies(self, symbol: str) -> tuple[str, str]:
        pair = self.listed.get(symbol)
        try:
            return catalogue.split_dashed(symbol) if pair is None else (pair.base, pair.quote)
        except ValueError as wrong:
            raise InvalidFrameError(f"field product_id: {wrong}") from None

    def _trade(self, fields: dict[str, Any], received_time: int) -> Trade:
        order = frames.read_text(fields, "taker_order_id") if fields.get("taker_order_id") is not None else None
        return self._fill(frames.read_text(fields, "product_id"), fields, received_time, self.source, order)

    def _fill(
        self, symbol: str, fields: dict[str, Any], received_time: int, source: Source, order: str | None = None
    ) -> Trade:
        base, quoted = self._currencies(symbol)
        return Trade(
            self.name,
            symbol,
            base,
            quoted,
            frames.read_integer(fields, "trade_id"),
            frames.read_decimal(fields, "price"),
            frames.read_decimal(fields, "size"),
            read_taker_side(fields, frames.read_text(fields, "side")),
            frames.read_iso_time(fields, "time"),
            received_time,
            source,
            True,
            order,
        )


def _pair(row: dict[str, Any]) -> ListedPair | None:
    status, trading = row.get("status"), row.get("status") == "online" and row.get("trading_disabled") is not True
    status = "trading disabled" if status == "online" and not trading else status
    return catalogue.build_pair(row.get("id"), row.get("base_currency"), row.get("quote_currency"), status, trading)


def _subscribed(channels: object) -> frozenset[str]:
    rows = [one for one in channels if isinstance(one, dict)] if isinstance(channels, list) else []
    listed = [one.get("product_ids") for one in rows if one.get("name") == "matches"]
    return frozenset(name for names in listed if isinstance(names, list) for name in names if isinstance(name, str))


def read_taker_side(fields: dict[str, Any], maker: str) -> Side:
    """The opposite of the `maker`'s side, of field `side`. Raises InvalidFrameError."""
    side = _TAKER.get(maker)
    if side is None:
        raise InvalidFrameError(f"field side is {frames.show_value(fields['side'])}, not buy or sell")
    return side


def find_refused_products(fields: dict[str, Any]) -> list[Event]:
    """Products that an error names are refused; of a refusal without a name one of those asked for last is meant.

    Raises InvalidFrameError for another error.
    """
    said = " ".join(part for part in (fields.get("message"), fields.get("reason")) if isinstance(part, str))
    products = list(dict.fromkeys(name for name in _PRODUCT.findall(said) if name == name.upper()))
    if not products and "not a valid product" in said:
        products = [""]
    if not products:
        raise InvalidFrameError(f"the exchange reports an error: {frames.show_value(said)}")
    return [SymbolRejected(product, frames.show_value(said)) for product in products]
