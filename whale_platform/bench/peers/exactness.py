"""Whether the rows are right: windows computed here from the topic, with a dictionary, against what Postgres has."""

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from whale_platform.domain.names import WINDOW_SECONDS

WINDOW_US = WINDOW_SECONDS * 1_000_000
EXAMPLES = 3


class WindowKey(NamedTuple):
    """A window; start: microseconds UTC."""

    exchange: str
    symbol: str
    start: int


class WindowTotal(NamedTuple):
    """What is compared of a window."""

    trade_count: int
    volume: Decimal


def compute_windows(messages: Iterable[bytes], exchanges: Iterable[str]) -> dict[WindowKey, WindowTotal]:
    """Count and volume of each window of `exchanges`, from the values of raw trades that are in the topic once."""
    wanted, found = frozenset(exchanges), dict[WindowKey, WindowTotal]()
    for message in messages:
        row = json.loads(message)
        if row["exchange"] in wanted:
            key = WindowKey(row["exchange"], row["symbol"], row["event_time"] // WINDOW_US * WINDOW_US)
            count, volume = found.get(key, (0, Decimal(0)))
            found[key] = WindowTotal(count + 1, volume + Decimal(row["quantity"]))
    return found


def compare_windows(
    expected: Mapping[WindowKey, WindowTotal], found: Mapping[WindowKey, WindowTotal]
) -> dict[str, Any]:
    """{exact, windows, wrong, missing, extra, trades_too_many, trades_too_few, examples} of what Postgres has.

    wrong: windows whose count or volume differs; extra: rows of windows that no trade is in.
    """
    wrong = [key for key, total in expected.items() if key in found and found[key] != total]
    missing = [key for key in expected if key not in found]
    extra = [key for key in found if key not in expected]
    nothing = WindowTotal(0, Decimal(0))
    off = [found.get(key, nothing).trade_count - expected.get(key, nothing).trade_count for key in {*expected, *found}]
    return {
        "exact": not (wrong or missing or extra),
        "windows": len(expected),
        "wrong": len(wrong),
        "missing": len(missing),
        "extra": len(extra),
        "trades_too_many": sum(one for one in off if one > 0),
        "trades_too_few": -sum(one for one in off if one < 0),
        "examples": [
            _describe(key, expected.get(key), found.get(key)) for key in (*wrong, *missing, *extra)[:EXAMPLES]
        ],
    }


def _describe(key: WindowKey, expected: WindowTotal | None, found: WindowTotal | None) -> str:
    texts = ["none" if one is None else f"{one.trade_count} trades of {one.volume}" for one in (expected, found)]
    return f"{key.exchange}:{key.symbol} at {key.start}: expected {texts[0]}, found {texts[1]}"
