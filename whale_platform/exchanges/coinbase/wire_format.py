"""Trades as Coinbase spells them: socket frames, REST rows, lines of recordings (`<seconds>: <frame>`).

`side` is the maker's in all of them. Fields stand in the order of real frames, so a recorded trade leaves here byte for
byte as it was captured.
"""

import json
import re
import time
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from whale_platform.domain.trade import Side
from whale_platform.exchanges.simulation.captured_fields import read_decimal_text
from whale_platform.exchanges.simulation.play import Fill, MarketKey
from whale_platform.exchanges.simulation.simulated_exchange import CapturedTrade

_LINE = re.compile(r"([0-9]{9,11}(?:\.[0-9]+)?): (\{.*\})\s*").fullmatch
_MAKER: dict[Side, Side] = {"buy": "sell", "sell": "buy"}


def build_fill(market: MarketKey, trade_id: int, price: str, size: str, side: Side, time: int, order: int) -> Fill:
    """A generated trade; prices and sizes have no zeros at their end."""
    taker, maker = f"00000000-0000-4000-8000-{order + 1:012x}", f"00000000-0000-4000-9000-{trade_id:012x}"
    return Fill(market, trade_id, _trimmed(price), _trimmed(size), side, time, time, taker, maker, 3 * trade_id)


def read_capture(exchange: str, line: str) -> CapturedTrade | None:
    """The trade of a recording's line, if it holds one; ValueError and the like where it can't be read."""
    parts = _LINE(line) if 'match"' in line else None
    if parts is None:
        return None
    frame = json.loads(parts[2])
    if frame.get("type") not in ("match", "last_match"):
        return None
    return CapturedTrade(int(Decimal(parts[1]) * 10**9), _read_match(exchange, frame), frame["type"] == "match")


def encode_match(fill: Fill) -> bytes:
    """Payload of channel `matches`."""
    return encode_event(fill, "match").encode()


def encode_event(fill: Fill, kind: str) -> str:
    """A trade of `kind` `match` or `last_match`."""
    return (
        f'{{"type":"{kind}","trade_id":{fill.trade_id},"maker_order_id":"{fill.maker_order_id}",'
        f'"taker_order_id":"{fill.taker_order_id}","side":"{_MAKER[fill.side]}","size":"{fill.size}",'
        f'"price":"{fill.price}","product_id":"{fill.market[1]}","sequence":{fill.sequence},"time":"{format_iso_time(fill.time)}"}}'
    )


def build_history_row(fill: Fill) -> dict[str, object]:
    """One trade of `/products/{id}/trades`."""
    return {
        "trade_id": fill.trade_id,
        "side": _MAKER[fill.side],
        "size": fill.size,
        "price": fill.price,
        "time": format_iso_time(fill.time),
    }


def format_iso_time(micros: int) -> str:
    """Return epoch microseconds as `2021-04-17T16:43:37.089723Z`."""
    seconds, rest = divmod(micros, 1_000_000)
    return f"{_second(seconds)}.{rest:06d}Z"


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _read_match(exchange: str, frame: dict[str, Any]) -> Fill:
    moment = datetime.fromisoformat(frame["time"])
    micros = int(moment.replace(microsecond=0, tzinfo=UTC).timestamp()) * 1_000_000 + moment.microsecond
    return Fill(
        (exchange, str(frame["product_id"])),
        int(frame["trade_id"]),
        read_decimal_text(frame["price"]),
        read_decimal_text(frame["size"]),
        "buy" if frame["side"] == "sell" else "sell",
        micros,
        micros,
        str(frame["taker_order_id"]),
        str(frame["maker_order_id"]),
        int(frame["sequence"]),
    )


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".")
