"""Coinbase Advanced Trade: channel `market_trades`, and the newest trades of its public REST side.

`side` is the MAKER's side: the taker did the opposite. A frame holds several trades, the newest first; a subscription
brings the newest 100 of each product. `sequence_num` counts the messages of a connection over all its channels without
a gap, so a lost message shows although its product is quiet. One channel is subscribed by a message, and `heartbeats`
beside `market_trades`, as a quiet channel is closed after 60 to 90 s. Products are named as on Coinbase Exchange.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from whale_platform.domain import catalogue
from whale_platform.domain.catalogue import ListedPair
from whale_platform.domain.trade import Source, Trade
from whale_platform.exchanges import frames
from whale_platform.exchanges.base import (
    EarlierTrade,
    Event,
    IgnoredMessage,
    Keepalive,
    LastTrade,
    MessageNumber,
    SubscriptionConfirmed,
)
from whale_platform.exchanges.coinbase.adapter import Coinbase, find_refused_products, read_taker_side
from whale_platform.exchanges.errors import HistoryOutOfReachError, InvalidFrameError

CHANNEL = "market_trades"
_KEEPALIVE = Keepalive('{"type":"subscribe","channel":"heartbeats"}', 20.0)  # again, as a subscription may end


@dataclass(frozen=True, slots=True)
class CoinbaseAdvanced(Coinbase):
    """Implements `exchanges.base.Exchange`. What is not here is as on Coinbase Exchange."""

    ws_url: str = "wss://advanced-trade-ws.coinbase.com"
    rest_url: str = "https://api.coinbase.com"
    name: str = "coinbase_advanced"
    keepalive: Keepalive | None = _KEEPALIVE
    history_page: int = 1000  # no maximum is documented
    shows_earlier: bool = True
    history_per_second: float = 5.0  # 10 a second and address are allowed

    def subscribe(self, symbols: Sequence[str], _number: int) -> str:
        """The first one is due within 5 s of connecting. The answer names all products that are subscribed."""
        return json.dumps({"type": "subscribe", "product_ids": list(symbols), "channel": CHANNEL})

    def parse(self, frame: str | bytes, received_time: int) -> list[Event]:
        """Events of one frame; its number comes last. Raises InvalidFrameError."""
        fields = frames.load_object(frame)
        if fields.get("type") == "error":
            return find_refused_products(fields)
        channel = fields.get("channel")
        if channel is None:
            raise InvalidFrameError("field channel is missing")
        number = MessageNumber(frames.read_integer(fields, "sequence_num"))
        if channel == CHANNEL:
            rows = _list_rows(fields, "events")
            return [*(event for row in rows for event in self._read_event(row, received_time)), number]
        if channel == "subscriptions":
            return [*(_read_confirmation(row) for row in _list_rows(fields, "events")), number]
        return [IgnoredMessage(frames.name_kind(channel)), number]

    def history_url(self, symbol: str, first_id: int, last_id: int) -> str:
        """The newest page, whatever is wanted."""
        return self._newest(symbol, self.history_page)

    def next_history_url(self, symbol: str, first_id: int, last_id: int, page: Sequence[Trade]) -> str | None:
        """None. Raises HistoryOutOfReachError where the page begins above `first_id`, however short it is."""
        if page and min(trade.trade_id for trade in page) > max(1, first_id):
            raise HistoryOutOfReachError("only the newest trades are shown")
        return None

    def newest_url(self, symbol: str) -> str:
        """One of the newest trades."""
        return self._newest(symbol, 1)

    def parse_history(self, symbol: str, body: bytes, received_time: int, source: Source = "repair") -> list[Trade]:
        """Trades of one page. Raises InvalidFrameError, also for an error answer."""
        rows = _list_rows(_read_object(body, frames.MAX_PAGE), "trades")
        found = [self._read_trade(row, received_time, source) for row in rows]
        if any(trade.symbol != symbol for trade in found):
            raise InvalidFrameError(f"history of {symbol} has trades of another product")
        return found

    def time_url(self) -> str:
        """Return the address of the exchange's clock."""
        return f"{self.rest_url}/api/v3/brokerage/time"

    def parse_time(self, body: bytes) -> int:
        """Field `epochMillis`. Raises InvalidFrameError."""
        return frames.read_integer_text(_read_object(body, frames.MAX_FRAME), "epochMillis") * 1000

    def check_url(self, symbol: str) -> str:
        """The product: 404 for an unknown one."""
        return f"{self.rest_url}/api/v3/brokerage/market/products/{quote(symbol, safe='')}"

    def listing_url(self) -> str:
        """All spot products."""
        return f"{self.rest_url}/api/v3/brokerage/market/products?product_type=SPOT"

    def parse_listing(self, body: bytes) -> list[ListedPair]:
        """Of a list of products, or of one; one that is not spot is left out. Raises InvalidFrameError."""
        whole = _read_object(body, frames.MAX_LISTING)
        found = [_build_pair(row) for row in ([whole] if "product_id" in whole else _list_rows(whole, "products"))]
        return [pair for pair in found if pair is not None]

    def _newest(self, symbol: str, limit: int) -> str:
        return f"{self.check_url(symbol)}/ticker?limit={limit}"

    def _read_event(self, event: dict[str, Any], received_time: int) -> list[Event]:
        kind = frames.read_text(event, "type")
        trades = [self._read_trade(row, received_time, self.source) for row in _list_rows(event, "trades")[::-1]]
        if kind == "update":
            return [*trades]
        if kind != "snapshot":
            raise InvalidFrameError(f"field type is {frames.show_value(kind)}, not snapshot or update")
        newest = {trade.symbol: trade.trade_id for trade in trades}
        return [LastTrade(one) if newest[one.symbol] == one.trade_id else EarlierTrade(one) for one in trades]

    def _read_trade(self, row: dict[str, Any], received_time: int, source: Source) -> Trade:
        symbol = frames.read_text(row, "product_id")
        return Trade(
            self.name,
            symbol,
            *self._currencies(symbol),
            frames.read_integer_text(row, "trade_id"),
            frames.read_decimal(row, "price"),
            frames.read_decimal(row, "size"),
            read_taker_side(row, frames.read_text(row, "side").lower()),
            frames.read_iso_time(row, "time"),
            received_time,
            source,
        )


def _read_confirmation(event: dict[str, Any]) -> Event:
    listed = event.get("subscriptions")
    names = listed.get(CHANNEL) if isinstance(listed, dict) else None
    return SubscriptionConfirmed(
        symbols=frozenset(name for name in names if isinstance(name, str)) if isinstance(names, list) else frozenset()
    )


def _read_object(body: bytes, limit: int) -> dict[str, Any]:
    whole = frames.load_json(body, limit)
    if type(whole) is not dict:
        raise InvalidFrameError(f"a response is {frames.show_value(whole)}, not an object")
    return whole


def _list_rows(fields: dict[str, Any], name: str) -> list[dict[str, Any]]:
    rows = fields.get(name)
    if type(rows) is not list or not all(type(row) is dict for row in rows):
        raise InvalidFrameError(f"field {name} is {frames.show_value(rows)}, not a list of objects")
    return rows


def _build_pair(row: dict[str, Any]) -> ListedPair | None:
    if row.get("product_type", "SPOT") != "SPOT":
        return None
    status, halted = row.get("status"), row.get("trading_disabled") is True or row.get("is_disabled") is True
    trading = status == "online" and not halted
    status = "trading disabled" if status == "online" and halted else status
    return catalogue.build_pair(
        row.get("product_id"), row.get("base_currency_id"), row.get("quote_currency_id"), status, trading
    )
