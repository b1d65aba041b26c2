"""Trades as the JSON objects of topic `raw_crypto_trades` (schema version 1), and back.

Decimals travel as plain strings without exponent or trailing zeros, so no reader can turn them into floats by
accident; times are integer microseconds UTC. `decode` raises ValueError on anything that is not version 1.
"""

import json
from decimal import Decimal
from typing import Any

from whale_platform.domain.trade import Trade

VERSION = 1


def plain(number: Decimal) -> str:
    """`number` exactly, without exponent and trailing zeros: Decimal('1E+3') -> '1000', Decimal('0.50') -> '0.5'."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text if text not in ("", "-", "-0") else "0"


def key(exchange: str, symbol: str) -> bytes:
    """Kafka key: one symbol of one exchange stays in one partition, so its order is kept."""
    return f"{exchange}:{symbol}".encode()


def encode(trade: Trade) -> bytes:
    """One JSON object, UTF-8. Field order is stable; identity first."""
    notional = trade.notional
    via = trade.usd_via
    text = plain(notional)
    return json.dumps(
        {
            "v": VERSION,
            "exchange": trade.exchange,
            "symbol": trade.symbol,
            "trade_id": trade.trade_id,
            "dense": trade.dense,
            "base": trade.base,
            "quote": trade.quote,
            "price": plain(trade.price),
            "quantity": plain(trade.quantity),
            "notional": text,
            "notional_usd": text if via else None,
            "usd_via": via,
            "side": trade.side,
            "event_time": trade.event_time,
            "received_time": trade.received_time,
            "source": trade.source,
            "taker_order_id": trade.taker_order_id,
        },
        separators=(",", ":"),
    ).encode()


def decode(value: bytes) -> Trade:
    """The inverse of `encode`; notional is derived again, never trusted.

    Raises ValueError for another version, missing fields or what is not JSON.
    """
    row: dict[str, Any] = json.loads(value)
    if row.get("v") != VERSION:
        raise ValueError(f"raw trade of schema version {row.get('v')!r}; this code reads version {VERSION}")
    try:
        return Trade(
            exchange=row["exchange"],
            symbol=row["symbol"],
            base=row["base"],
            quote=row["quote"],
            trade_id=row["trade_id"],
            price=Decimal(row["price"]),
            quantity=Decimal(row["quantity"]),
            side=row["side"],
            event_time=row["event_time"],
            received_time=row["received_time"],
            source=row["source"],
            dense=row["dense"],
            taker_order_id=row["taker_order_id"],
        )
    except KeyError as missing:
        raise ValueError(f"raw trade lacks field {missing}") from None
