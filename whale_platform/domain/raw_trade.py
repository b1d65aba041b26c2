"""Trades as the JSON objects of topic `raw_crypto_trades` (schema version 1), and back.

Decimals travel as plain strings without exponent or trailing zeros, so no reader can turn them into floats by
accident; times are integer microseconds UTC. `decode_trade` raises ValueError on anything that is not version 1.
"""

import json
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any

from whale_platform.domain.trade import EXACT, Trade, usd_via

VERSION = 1
_quoted = partial(json.dumps, ensure_ascii=False)


def format_decimal(number: Decimal) -> str:
    """`number` exactly, without exponent and trailing zeros: Decimal('1E+3') -> '1000', Decimal('0.50') -> '0.5'."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text if text not in ("", "-", "-0") else "0"


def encode_key(exchange: str, symbol: str) -> bytes:
    """Kafka key: one symbol of one exchange stays in one partition, so its order is kept."""
    return f"{exchange}:{symbol}".encode()


def encode_trade(trade: Trade) -> bytes:
    """One JSON object, UTF-8, without escapes (stream/query/transforms.py relies on it); field order is stable.

    Written out by hand because json.dumps takes three times as long; `encode_plainly` in the tests is the proof.
    """
    notional = format_decimal(EXACT.multiply(trade.price, trade.quantity))
    head, pair, via = _fixed(trade.exchange, trade.symbol, trade.base, trade.quote)
    usd = f'"{notional}"' if via != "null" else "null"
    order = "null" if trade.taker_order_id is None else _quoted(trade.taker_order_id)
    price, quantity = format_decimal(trade.price), format_decimal(trade.quantity)
    return (
        f'{head}{trade.trade_id},"dense":{"true" if trade.dense else "false"},{pair},"price":"{price}",'
        f'"quantity":"{quantity}","notional":"{notional}","notional_usd":{usd},"usd_via":{via},'
        f'"side":"{trade.side}","event_time":{trade.event_time},"received_time":{trade.received_time},'
        f'"source":"{trade.source}","taker_order_id":{order}}}'
    ).encode()


@lru_cache(4096)
def _fixed(exchange: str, symbol: str, base: str, quote: str) -> tuple[str, str, str]:
    return (
        f'{{"v":{VERSION},"exchange":{_quoted(exchange)},"symbol":{_quoted(symbol)},"trade_id":',
        f'"base":{_quoted(base)},"quote":{_quoted(quote)}',
        _quoted(usd_via(quote)),
    )


def decode_trade(value: bytes) -> Trade:
    """The inverse of `encode_trade`; notional is derived again, never trusted.

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
