"""Parses the messages of WebSocket clients; every refusal names the field.

    {"subscribe": {"topics": ["windows", "whales"], "symbols": ["BTCUSDT"], "exchanges": ["binance"],
                   "kinds": ["sweep", "block"], "min_notional_usd": "100000", "cursor": "…",
                   "since": {"epoch": "…", "seq": 17}}}
    {"unsubscribe": {"topics": ["windows"]}}
    {"ping": 7}

One message holds one of the three. A subscription replaces those of its topics; filters left out let all pass.
"""

import json
from dataclasses import dataclass
from typing import Any

from whale_platform.api.errors import InvalidCursorError, SubscriptionRejectedError
from whale_platform.api.push.fanout.client_limits import TOPICS, StreamFilter, make_filter
from whale_platform.api.push.fanout.whale_cursor import WhaleCursor, parse_cursor


@dataclass(frozen=True, slots=True)
class SubscribeMessage:
    """since: (epoch, seq) of the last message the client had; cursor: its last whale."""

    topics: tuple[str, ...]
    filter: StreamFilter
    cursor: WhaleCursor | None
    since: tuple[str, int] | None


@dataclass(frozen=True, slots=True)
class UnsubscribeMessage:
    """No more of these."""

    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PingMessage:
    """Answered by `pong` with the same number."""

    number: int


def parse_message(text: str, names: int) -> SubscribeMessage | UnsubscribeMessage | PingMessage:
    """One message. names: how many symbols or exchanges may be asked for. Raises SubscriptionRejectedError."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        raise SubscriptionRejectedError("not JSON") from None
    if not isinstance(said, dict) or len(said) != 1:
        raise SubscriptionRejectedError("say one of subscribe, unsubscribe, ping")
    verb, value = said.popitem()
    if verb == "ping" and type(value) is int and abs(value) < 2**53:
        return PingMessage(value)
    if verb == "unsubscribe" and isinstance(value, dict) and value.keys() == {"topics"}:
        return UnsubscribeMessage(_parse_topics(value["topics"]))
    if verb == "subscribe" and isinstance(value, dict):
        return _parse_subscribe(value, names)
    raise SubscriptionRejectedError("say one of subscribe, unsubscribe, ping")


def _parse_subscribe(value: dict[str, Any], names: int) -> SubscribeMessage:
    unknown = value.keys() - {"topics", "symbols", "exchanges", "kinds", "min_notional_usd", "cursor", "since"}
    if unknown:
        raise SubscriptionRejectedError("subscribe has fields that are not known")
    markets = value.get("symbols"), value.get("exchanges")
    wanted = make_filter(*markets, value.get("min_notional_usd"), names, value.get("kinds"))
    return SubscribeMessage(
        _parse_topics(value.get("topics")),
        wanted,
        _parse_optional_cursor(value.get("cursor")),
        _parse_since(value.get("since")),
    )


def _parse_topics(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not 0 < len(value) <= len(TOPICS) or any(name not in TOPICS for name in value):
        raise SubscriptionRejectedError(f"topics must be some of {', '.join(TOPICS)}")
    return tuple(value)


def _parse_optional_cursor(value: Any) -> WhaleCursor | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise SubscriptionRejectedError("cursor must be a text")
    try:
        return parse_cursor(value)
    except InvalidCursorError as error:
        raise SubscriptionRejectedError(str(error)) from None


def _parse_since(value: Any) -> tuple[str, int] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not isinstance(value.get("epoch"), str) or type(value.get("seq")) is not int:
        raise SubscriptionRejectedError("since must have epoch and seq")
    return value["epoch"], value["seq"]
