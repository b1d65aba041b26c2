"""Limits on clients: what they may subscribe to, how often, and how many of them there may be."""

import time
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from whale_platform.api.errors import SubscriptionRejectedError
from whale_platform.api.push.fanout.whale_log import PushedWhale
from whale_platform.domain.names import WHALE_KINDS, is_symbol

TICK_TOPICS = ("trades", "windows", "tickers")  # what is thinned for slow clients
STATE_TOPICS = ("windows", "tickers")  # of which a subscription begins with the newest states, or those missed
TOPICS = (*TICK_TOPICS, "whales", "status")


@dataclass(frozen=True, slots=True)
class ClientLimits:
    """Times in seconds. `per_address` counts one client's address (api/server/trusted_proxies.py)."""

    clients: int = 600
    per_address: int = 250
    message_bytes: int = 4_096
    messages_per_s: float = 5.0
    burst: int = 20
    names: int = 100
    send_s: float = 10.0
    idle_s: float = 60.0
    heartbeat_s: float = 15.0


@dataclass(frozen=True, slots=True)
class StreamFilter:
    """Empty sets let all pass. min_notional_usd holds for whales and, by a sample's largest trade, for trades; kinds
    for whales."""

    symbols: frozenset[str] = frozenset()
    exchanges: frozenset[str] = frozenset()
    min_notional_usd: Decimal = Decimal(0)
    kinds: frozenset[str] = frozenset()

    def matches_market(self, exchange: str, symbol: str) -> bool:
        """Whether both are wanted."""
        return (not self.exchanges or exchange in self.exchanges) and (not self.symbols or symbol in self.symbols)

    def matches_whale(self, whale: PushedWhale) -> bool:
        """Whether this whale is wanted."""
        exchange, symbol, kind, _ = whale.key
        return (
            whale.notional_usd >= self.min_notional_usd
            and (not self.kinds or kind in self.kinds)
            and self.matches_market(exchange, symbol)
        )


def make_filter(symbols: Any, exchanges: Any, min_notional_usd: Any, limit: int, kinds: Any = None) -> StreamFilter:
    """From what a client sent; None where it said nothing. Raises SubscriptionRejectedError."""
    return StreamFilter(
        _parse_names("symbols", symbols, limit),
        _parse_names("exchanges", exchanges, limit),
        _parse_money(min_notional_usd),
        _parse_kinds(kinds),
    )


def _parse_names(field: str, value: Any, limit: int) -> frozenset[str]:
    if value is None:
        return frozenset()
    if not isinstance(value, list) or not all(isinstance(name, str) and is_symbol(name) for name in value):
        raise SubscriptionRejectedError(f"{field} must be a list of names")
    if len(value) > limit:
        raise SubscriptionRejectedError(f"{field} may have {limit} names at most")
    return frozenset(value)


def _parse_kinds(value: Any) -> frozenset[str]:
    if value is None:
        return frozenset()
    if not isinstance(value, list) or any(kind not in WHALE_KINDS for kind in value):
        raise SubscriptionRejectedError(f"kinds must be a list of {', '.join(WHALE_KINDS)}")
    return frozenset(value)


def _parse_money(value: Any) -> Decimal:
    if value is None:
        return Decimal(0)
    text = str(value) if type(value) in (int, str) else ""
    if not (0 < len(text) <= 30 and text.isascii() and text.replace(".", "", 1).isdigit()):
        raise SubscriptionRejectedError("min_notional_usd must be a number of dollars, as digits")
    return Decimal(text)


class ConnectionLimiter:
    """Counts who is in."""

    def __init__(self, limits: ClientLimits) -> None:
        self._limits = limits
        self._by_address: Counter[str] = Counter()
        self.count = 0
        self.refused = 0

    def acquire(self, address: str) -> None:
        """Raises SubscriptionRejectedError where there are too many; else `release` must follow."""
        limits = self._limits
        if self.count >= limits.clients or self._by_address[address] >= limits.per_address:
            self.refused += 1
            raise SubscriptionRejectedError(
                "too many clients" if self.count >= limits.clients else "too many clients of one address"
            )
        self.count += 1
        self._by_address[address] += 1

    def release(self, address: str) -> None:
        """The client of `address` has gone."""
        self.count -= 1
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]


class FrameBucket:
    """At most `burst` at once and `rate` a second in the long run."""

    def __init__(self, rate: float, burst: int) -> None:
        self._rate, self._burst = rate, burst
        self._left, self._at = float(burst), time.monotonic()

    def try_take(self, count: int = 1) -> bool:
        """Whether `count` more are within the limit."""
        now = time.monotonic()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < count:
            return False
        self._left -= count
        return True
