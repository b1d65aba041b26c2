"""Hyperliquid's perpetuals: subscription `trades`, with the addresses of both parties.

`users` are the buyer and the seller, `side` is the taker's: B bought, A sold. `tid` is a 50-bit hash of both orders and
not contiguous; the documentation calls it unique together with coin and block time. `hash` is the transaction of the
taker's order: it groups its fills, though one transaction may hold several orders; all zeros stand for a trade without
one, as those of a TWAP have. A subscription brings older trades first, which look like all others. The REST side takes
POST alone, so there is no history, clock or list here. Trades are quoted in USDC, the currency of all margins.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from whale_platform.domain import catalogue
from whale_platform.domain.catalogue import ListedPair, SymbolCatalogue
from whale_platform.domain.trade import Side, Source, Trade
from whale_platform.exchanges import frames, symbols
from whale_platform.exchanges.base import Event, IgnoredMessage, Keepalive, SubscriptionConfirmed, SymbolRejected
from whale_platform.exchanges.errors import InvalidFrameError
from whale_platform.exchanges.no_history import NoHistory

QUOTE = "USDC"
_QUOTES = (QUOTE, "USD")  # as an operator may write it
MAX_TID = 1 << 50
_KEEPALIVE = Keepalive('{"method":"ping"}', 30.0)  # a connection that is sent nothing for 60 s is closed
_SIDES: dict[object, Side] = {"B": "buy", "A": "sell"}
_HASH = re.compile(r"0x[0-9a-fA-F]{64}").fullmatch
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}").fullmatch
_NO_TRANSACTION = "0x" + 64 * "0"
_COIN = re.compile(r'"coin":"([^"\\]+)"')


@dataclass(frozen=True, slots=True)
class Hyperliquid(NoHistory):
    """Implements `exchanges.base.Exchange`. URLs without a trailing slash; `source` marks the trades of the socket."""

    ws_url: str = "wss://api.hyperliquid.xyz"
    rest_url: str = "https://api.hyperliquid.xyz"
    name: str = "hyperliquid"
    source: Source = "live"
    request_headers: tuple[tuple[str, str], ...] = ()
    dense_ids: bool = False
    max_life_s: float | None = None
    keepalive: Keepalive | None = _KEEPALIVE
    history_page: int = 1
    shows_earlier: bool = True
    history_per_second: float = 1.0
    symbols_per_connection: int = 100  # 1,000 subscriptions and 10 connections are allowed to an address
    symbols_per_message: int = 1
    messages_per_second: float = 10.0  # 2,000 a minute are allowed to an address
    listed: SymbolCatalogue = field(default_factory=SymbolCatalogue, compare=False, repr=False)

    def symbol(self, name: str) -> str | None:
        """`BTC` and `BTC/USDC` -> `BTC`: a coin stands for its perpetual."""
        asked = symbols.parse_request(name, symbols.accepted_names(self.name))
        if asked is None:
            return None
        base, quote = asked.currencies or (asked.text, QUOTE)
        if quote in _QUOTES and "-" not in base and not catalogue.is_tether_pair(base):
            return base
        if asked.ours:
            raise ValueError(f"symbol {name!a}: this exchange writes BTC, and has perpetuals in {QUOTE} alone")
        return None

    def unreadable(self, symbol: str) -> str | None:
        """A coin's name is its base."""
        return None

    def connect_url(self) -> str:
        """One address for all."""
        return f"{self.ws_url}/ws"

    def subscribe(self, symbols: Sequence[str], _number: int) -> str:
        """One coin a message."""
        (coin,) = symbols
        return json.dumps({"method": "subscribe", "subscription": {"type": "trades", "coin": coin}})

    def parse(self, frame: str | bytes, received_time: int) -> list[Event]:
        """Events of one frame; its trades by their times. Raises InvalidFrameError."""
        fields = frames.load_object(frame)
        channel, data = fields.get("channel"), fields.get("data")
        if channel == "trades":
            if type(data) is not list or not all(type(row) is dict for row in data):
                raise InvalidFrameError(f"field data is {frames.show_value(data)}, not a list of objects")
            trades = [self._read_trade(row, received_time) for row in data]
            return [*sorted(trades, key=lambda trade: trade.event_time)]
        if channel == "subscriptionResponse":
            return [_read_confirmation(data)]
        if channel == "error":
            return [_read_error(data)]
        if channel is None:
            raise InvalidFrameError("field channel is missing")
        return [IgnoredMessage(frames.name_kind(channel))]

    def time_url(self) -> str | None:
        """None: there is no clock."""
        return None

    def parse_time(self, body: bytes) -> int:
        """Raise InvalidFrameError: nothing was requested."""
        raise InvalidFrameError("the exchange shows no clock by GET")

    def check_url(self, symbol: str) -> str | None:
        """None: a subscription tells whether there is such a coin."""
        return None

    def listing_url(self) -> str | None:
        """None: there is no list by GET."""
        return None

    def parse_listing(self, body: bytes) -> list[ListedPair]:
        """Raise InvalidFrameError: nothing was requested."""
        raise InvalidFrameError("the exchange shows no list by GET")

    def _read_trade(self, row: dict[str, Any], received_time: int) -> Trade:
        coin, number = frames.read_text(row, "coin"), frames.read_integer(row, "tid")
        if number >= MAX_TID:
            raise InvalidFrameError(f"field tid is {number}, which has more than 50 bits")
        side = _SIDES.get(frames.read_text(row, "side"))
        if side is None:
            raise InvalidFrameError(f"field side is {frames.show_value(row['side'])}, not A or B")
        transaction, users = row.get("hash"), row.get("users")
        if not isinstance(transaction, str) or not _HASH(transaction):
            raise InvalidFrameError(f"field hash is {frames.show_value(transaction)}, not the hash of a transaction")
        if type(users) is not list or len(users) != 2 or not all(type(one) is str and _ADDRESS(one) for one in users):
            raise InvalidFrameError(f"field users is {frames.show_value(users)}, not two addresses")
        return Trade(
            self.name,
            coin,
            coin,
            QUOTE,
            number,
            frames.read_decimal(row, "px"),
            frames.read_decimal(row, "sz"),
            side,
            frames.read_integer(row, "time") * 1000,
            received_time,
            self.source,
            False,
            None if transaction == _NO_TRANSACTION else transaction,
            False,
            *users,
        )


def _read_confirmation(data: object) -> Event:
    asked = data.get("subscription") if isinstance(data, dict) and data.get("method") == "subscribe" else None
    if isinstance(asked, dict) and asked.get("type") == "trades":
        return SubscriptionConfirmed(symbols=frozenset((frames.read_text(asked, "coin"),)))
    return IgnoredMessage("subscriptionResponse")


def _read_error(data: object) -> Event:
    """A refusal names its coin by the message that it repeats; without one, the last message is meant."""
    said = data if isinstance(data, str) else ""
    named = _COIN.search(said.replace(" ", ""))
    if named is not None and said.startswith("Already subscribed"):
        return SubscriptionConfirmed(symbols=frozenset((named[1],)))
    if said.startswith(("Invalid subscription", "Invalid coin")):
        return SymbolRejected("" if named is None else named[1], frames.show_value(said))
    raise InvalidFrameError(f"the exchange reports an error: {frames.show_value(data)}")
