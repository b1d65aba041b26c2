"""Trades as Coinbase spells them: socket frames and REST rows; `side` is the maker's in both.

Fields stand in the order of real frames, so a recorded trade leaves here byte for byte as it was captured.
"""

import time
from functools import lru_cache

from whale_platform.domain.trade import Side
from whale_platform.exchanges.simulation.play import Fill

_MAKER: dict[Side, Side] = {"buy": "sell", "sell": "buy"}


def encode_match(fill: Fill) -> bytes:
    """Payload of channel `matches`."""
    return encode_event(fill, "match").encode()


def encode_event(fill: Fill, kind: str) -> str:
    """A trade of `kind` `match` or `last_match`."""
    return (
        f'{{"type":"{kind}","trade_id":{fill.trade_id},"maker_order_id":"{fill.maker_order_id}",'
        f'"taker_order_id":"{fill.taker_order_id}","side":"{_MAKER[fill.side]}","size":"{fill.size}",'
        f'"price":"{fill.price}","product_id":"{fill.place[1]}","sequence":{fill.sequence},"time":"{format_iso_time(fill.time)}"}}'
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
