"""Trades as Binance spells them: socket frames, REST rows, lines of recordings (`<ns> <frame>`).

Fields stand in the order of real frames, so a recorded trade leaves here byte for byte as it was captured.
"""

import json
import re
from typing import Any

from whale_platform.domain.trade import Side
from whale_platform.exchanges.simulation.captured_fields import read_decimal_text
from whale_platform.exchanges.simulation.play import Fill, MarketKey
from whale_platform.exchanges.simulation.simulated_exchange import CapturedTrade

_LINE = re.compile(r"([0-9]{16,19}) (\{.*\})\s*").fullmatch
_MICROSECONDS_FROM = 10**14
_DECIMALS = 8


def build_fill(market: MarketKey, trade_id: int, price: str, size: str, side: Side, time: int, order: int) -> Fill:
    """A generated trade; prices and sizes have 8 decimals."""
    return Fill(market, trade_id, _padded(price), _padded(size), side, time, time)


def read_capture(exchange: str, line: str) -> CapturedTrade | None:
    """The trade of a recording's line, if it holds one; ValueError and the like where it can't be read."""
    parts = _LINE(line) if '"trade"' in line else None
    if parts is None:
        return None
    frame = json.loads(parts[2])
    data = frame.get("data", frame)
    return CapturedTrade(int(parts[1]), _read_event(exchange, data)) if data.get("e") == "trade" else None


def encode_event(fill: Fill, micro: bool) -> str:
    """A raw `trade` event; times in µs or ms."""
    unit = 1 if micro else 1000
    return (
        f'{{"e":"trade","E":{fill.sent_time // unit},"s":"{fill.market[1]}","t":{fill.trade_id},"p":"{fill.price}",'
        f'"q":"{fill.size}","T":{fill.time // unit},"m":{"true" if fill.side == "sell" else "false"},"M":true}}'
    )


def encode_combined(fill: Fill, micro: bool) -> str:
    """The event as a combined stream wraps it."""
    return f'{{"stream":"{fill.market[1].lower()}@trade","data":{encode_event(fill, micro)}}}'


def encode_raw_ms(fill: Fill) -> bytes:
    """Payload of `/ws` streams."""
    return encode_event(fill, False).encode()


def encode_raw_us(fill: Fill) -> bytes:
    """Payload of `/ws` streams with `timeUnit=MICROSECOND`."""
    return encode_event(fill, True).encode()


def encode_combined_ms(fill: Fill) -> bytes:
    """Payload of `/stream` streams."""
    return encode_combined(fill, False).encode()


def encode_combined_us(fill: Fill) -> bytes:
    """Payload of `/stream` streams with `timeUnit=MICROSECOND`."""
    return encode_combined(fill, True).encode()


def build_history_row(fill: Fill, micro: bool) -> dict[str, object]:
    """One trade of `historicalTrades`."""
    return {
        "id": fill.trade_id,
        "price": fill.price,
        "qty": fill.size,
        "time": fill.time // (1 if micro else 1000),
        "isBuyerMaker": fill.side == "sell",
        "isBestMatch": True,
    }


def _read_event(exchange: str, data: dict[str, Any]) -> Fill:
    return Fill(
        (exchange, str(data["s"])),
        int(data["t"]),
        read_decimal_text(data["p"]),
        read_decimal_text(data["q"]),
        "sell" if data["m"] else "buy",
        _micros(data["T"]),
        _micros(data["E"]),
    )


def _micros(time: int) -> int:
    return time if time >= _MICROSECONDS_FROM else time * 1000


def _padded(text: str) -> str:
    return text + "0" * (_DECIMALS - len(text) + text.index(".") + 1)
