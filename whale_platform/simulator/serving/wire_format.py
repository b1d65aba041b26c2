"""Trades in the two exchanges' own spelling: socket frames and REST rows.

Fields stand in the order of real frames, so a recorded trade leaves here byte for byte as it was captured.
"""

import time
from functools import lru_cache

from whale_platform.domain.trade import Side
from whale_platform.simulator.play.base import Fill

_MAKER: dict[Side, Side] = {"buy": "sell", "sell": "buy"}


def encode_binance_event(fill: Fill, micro: bool) -> str:
    """A raw `trade` event; times in µs or ms."""
    unit = 1 if micro else 1000
    return (
        f'{{"e":"trade","E":{fill.sent_time // unit},"s":"{fill.place[1]}","t":{fill.trade_id},"p":"{fill.price}",'
        f'"q":"{fill.size}","T":{fill.time // unit},"m":{"true" if fill.side == "sell" else "false"},"M":true}}'
    )


def encode_binance_combined(fill: Fill, micro: bool) -> str:
    """The event as a combined stream wraps it."""
    return f'{{"stream":"{fill.place[1].lower()}@trade","data":{encode_binance_event(fill, micro)}}}'


def encode_raw_ms(fill: Fill) -> bytes:
    """Payload of `/ws` streams."""
    return encode_binance_event(fill, False).encode()


def encode_raw_us(fill: Fill) -> bytes:
    """Payload of `/ws` streams with `timeUnit=MICROSECOND`."""
    return encode_binance_event(fill, True).encode()


def encode_combined_ms(fill: Fill) -> bytes:
    """Payload of `/stream` streams."""
    return encode_binance_combined(fill, False).encode()


def encode_combined_us(fill: Fill) -> bytes:
    """Payload of `/stream` streams with `timeUnit=MICROSECOND`."""
    return encode_binance_combined(fill, True).encode()


def encode_match(fill: Fill) -> bytes:
    """Payload of Coinbase's `encode_match`."""
    return encode_coinbase_event(fill, "match").encode()


def encode_coinbase_event(fill: Fill, kind: str) -> str:
    """`encode_match` or `last_match`; `side` is the maker's."""
    return (
        f'{{"type":"{kind}","trade_id":{fill.trade_id},"maker_order_id":"{fill.maker_order_id}",'
        f'"taker_order_id":"{fill.taker_order_id}","side":"{_MAKER[fill.side]}","size":"{fill.size}",'
        f'"price":"{fill.price}","product_id":"{fill.place[1]}","sequence":{fill.sequence},"time":"{format_iso_time(fill.time)}"}}'
    )


def build_binance_row(fill: Fill, micro: bool) -> dict[str, object]:
    """One trade of `historicalTrades`."""
    return {
        "id": fill.trade_id,
        "price": fill.price,
        "qty": fill.size,
        "time": fill.time // (1 if micro else 1000),
        "isBuyerMaker": fill.side == "sell",
        "isBestMatch": True,
    }


def build_coinbase_row(fill: Fill) -> dict[str, object]:
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
