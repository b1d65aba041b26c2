"""Coinbase Exchange: channel `matches`, with `heartbeat` beside it, and the REST trades of a product.

`side` is the MAKER's side, on the socket and in REST: the taker did the opposite. `sequence` counts messages of all
kinds, so its jumps mean nothing here; `trade_id` is contiguous. One unknown product refuses the whole subscription.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from whale_platform.domain.trade import Side, Source, Trade
from whale_platform.exchanges import frames, symbols
from whale_platform.exchanges.base import BadFrame, Event, Ignored, LastTrade, Refused, Subscribed

_TAKER: dict[object, Side] = {"sell": "buy", "buy": "sell"}
_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(?:\.([0-9]{0,9}))?(?:Z|\+00:00)").fullmatch
_PRODUCT = re.compile(r"\b[A-Z0-9]{1,20}-[A-Z0-9]{2,10}\b")


@dataclass(frozen=True, slots=True)
class Coinbase:
    """Implements `exchanges.base.Exchange`. URLs without a trailing slash; `source` marks the trades of the socket."""

    ws_url: str = "wss://ws-feed.exchange.coinbase.com"
    rest_url: str = "https://api.exchange.coinbase.com"
    name: str = "coinbase"
    source: Source = "live"
    dense_ids: bool = True
    max_life_s: float | None = None
    history_page: int = 1000
    history_per_second: float = 8.0  # 10 a second and address are allowed

    def symbol(self, wanted: str) -> str | None:
        """See `symbols.dashed`."""
        return symbols.dashed(wanted, ("coinbase", self.name))

    def connect_url(self, _symbols: Sequence[str]) -> str:
        """One address for all: symbols come with `subscribe`."""
        return self.ws_url

    def subscribe(self, wanted: Sequence[str]) -> list[str]:
        """One message, due within 5 s of connecting."""
        channels = ["matches", "heartbeat"]
        return [json.dumps({"type": "subscribe", "product_ids": list(wanted), "channels": channels})]

    def parse(self, frame: str | bytes, received_time: int) -> list[Event]:
        """Events of one frame. Raises BadFrame."""
        fields = frames.load_object(frame)
        event = fields.get("type")
        if event == "match":
            return [self._trade(fields, received_time)]
        if event == "last_match":
            return [LastTrade(self._trade(fields, received_time))]
        if event == "error":
            return _errors(fields)
        if event == "subscriptions":
            return [Subscribed()]
        if event is None:
            raise BadFrame("field type is missing")
        return [Ignored(frames.kind(event))]

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
        """Trades of one page. Raises BadFrame, also for an error answer."""
        rows = frames.load(body, frames.MAX_PAGE)
        if type(rows) is not list:
            raise BadFrame(f"history of {symbol} is {frames.shown(rows)}, not a list")
        for row in rows:
            if not isinstance(row, dict):
                raise BadFrame(f"a history row is {frames.shown(row)}, not an object")
        return [self._fill(symbol, row, received_time, source) for row in rows]

    def time_url(self) -> str:
        """`time`."""
        return f"{self.rest_url}/time"

    def parse_time(self, body: bytes) -> int:
        """Field `iso`, which has no float's rounding as `epoch` beside it has. Raises BadFrame."""
        return _microseconds(frames.load_object(body), "iso")

    def check_url(self, symbol: str) -> str:
        """The product: 404 for an unknown one."""
        return f"{self.rest_url}/products/{quote(symbol, safe='')}"

    def _trade(self, fields: dict[str, Any], received_time: int) -> Trade:
        order = frames.text(fields, "taker_order_id") if fields.get("taker_order_id") is not None else None
        return self._fill(frames.text(fields, "product_id"), fields, received_time, self.source, order)

    def _fill(
        self, symbol: str, fields: dict[str, Any], received_time: int, source: Source, order: str | None = None
    ) -> Trade:
        try:
            base, quoted = symbols.split_dashed(symbol)
        except ValueError as wrong:
            raise BadFrame(f"field product_id: {wrong}") from None
        return Trade(
            self.name,
            symbol,
            base,
            quoted,
            frames.integer(fields, "trade_id"),
            frames.decimal(fields, "price"),
            frames.decimal(fields, "size"),
            _taker_side(fields),
            _microseconds(fields),
            received_time,
            source,
            True,
            order,
        )


def _taker_side(fields: dict[str, Any]) -> Side:
    side = _TAKER.get(frames.text(fields, "side"))
    if side is None:
        raise BadFrame(f"field side is {frames.shown(fields['side'])}, not buy or sell")
    return side


def _microseconds(fields: dict[str, Any], name: str = "time") -> int:
    parts = _TIME(frames.text(fields, name))
    if parts is None:
        raise BadFrame(f"field {name} is {frames.shown(fields[name])}, not an ISO time in UTC")
    try:
        seconds = _seconds(parts[1])
    except ValueError:
        raise BadFrame(f"field {name} is {frames.shown(fields[name])}, which no clock shows") from None
    return seconds * 1_000_000 + int((parts[2] or "").ljust(6, "0")[:6])


@lru_cache(maxsize=1024)
def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def _errors(fields: dict[str, Any]) -> list[Event]:
    """Products that an error names are refused; an error about anything else is for a person."""
    said = " ".join(part for part in (fields.get("message"), fields.get("reason")) if isinstance(part, str))
    products = list(dict.fromkeys(_PRODUCT.findall(said)))
    if not products:
        raise BadFrame(f"the exchange reports an error: {frames.shown(said)}")
    return [Refused(product, frames.shown(said)) for product in products]
