"""Looks at raw trades for readers that meet millions of them: bytes where the ingester wrote them, else the decoder.

The writer keeps the order of the fields, so a message that matches WRITTEN_PATTERN has its parts where they are
expected; one that does not is decoded (raw_trade.py), with the same values. What is no raw trade is None.
"""

import json
import re
from decimal import Decimal
from typing import NamedTuple

from whale_platform.contracts.errors import MessageFormatError
from whale_platform.contracts.raw_trade import VERSIONS, decode_trade
from whale_platform.contracts.written_trade import WRITTEN_FIELDS, WRITTEN_PATTERN
from whale_platform.domain.decimal_text import format_decimal
from whale_platform.domain.rates import convert_to_usd
from whale_platform.domain.trade import EXACT, usd_via

_written = re.compile(WRITTEN_PATTERN.encode()).fullmatch
_group = {name: number for number, name in enumerate(WRITTEN_FIELDS, 1)}
_of_fill = [
    _group[one] for one in ("exchange", "symbol", "trade_id", "quote", "price", "quantity", "side", "event_time")
]
_id, _time, _block, _rate = (_group[one] for one in ("trade_id", "event_time", "block", "usd_rate"))


class TradeFill(NamedTuple):
    """What a count or a sample of trades needs of one; block: see Trade.

    event_time: microseconds UTC; notional_usd: US dollars, None where they are not known.
    """

    exchange: str
    symbol: str
    trade_id: int
    price: str
    quantity: str
    side: str
    event_time: int
    notional: Decimal
    notional_usd: Decimal | None
    block: bool


def build_symbol_prefixes(exchange: str, symbol: str) -> tuple[bytes, ...]:
    """Return how the messages of a symbol begin, for `bytes.startswith`."""
    texts = (f'{{"v":{version},"exchange":"{exchange}","symbol":"{symbol}","trade_id":' for version in VERSIONS)
    return tuple(text.encode() for text in texts)


def peek_identity(value: bytes) -> tuple[bytes, int, int] | None:
    """Return what names exchange and symbol (to be compared only), id and event time.

    None where the message does not look as the ingester writes it: it has to be decoded.
    """
    found = _written(value)
    return None if found is None else (value[: found.start(_id)], int(found[_id]), int(found[_time]))


def read_fill(value: bytes) -> TradeFill | None:
    """Return what a count or a sample needs, from the bytes where the ingester wrote them; None: no raw trade."""
    found = _written(value)
    if found is not None:
        exchange, symbol, trade_id, quote, price, quantity, side, event_time = (
            part.decode() for part in found.group(*_of_fill)
        )
        notional = EXACT.multiply(Decimal(price), Decimal(quantity))
        usd, block = notional if usd_via(quote) is not None else None, found.start(_block) >= 0
        if usd is None and found.start(_rate) >= 0:
            usd = convert_to_usd(notional, Decimal(found[_rate].decode()))
        return TradeFill(exchange, symbol, int(trade_id), price, quantity, side, int(event_time), notional, usd, block)
    try:
        trade = decode_trade(value)
    except MessageFormatError:
        return None
    return TradeFill(
        trade.exchange,
        trade.symbol,
        trade.trade_id,
        format_decimal(trade.price),
        format_decimal(trade.quantity),
        trade.side,
        trade.event_time,
        trade.notional,
        trade.notional_usd,
        trade.block,
    )


def peek_trade_id(value: bytes) -> int | None:
    """Return the id in a message of any version; None where it has none that can be read."""
    return _peek_integer(value, "trade_id")


def peek_event_time(value: bytes) -> int | None:
    """Return the event time in a message of any version, microseconds UTC; None where it can't be read."""
    return _peek_integer(value, "event_time")


def peek_dense(value: bytes) -> bool:
    """Return whether a message says of its symbol what `Trade.dense` does; True where it can't be read."""
    try:
        row = json.loads(value)
    except (ValueError, RecursionError):
        return True
    return type(row) is not dict or row.get("dense") is not False


def peek_source(value: bytes) -> str:
    """Return how the trade in a message reached us; empty where it does not say."""
    _, _, rest = value.rpartition(b'"source":"')
    return rest.partition(b'"')[0].decode(errors="replace") if rest != value else ""


def _peek_integer(value: bytes, name: str) -> int | None:
    mark = f'"{name}":'.encode()
    start = value.find(mark)
    number = value[start + len(mark) : value.find(b",", start)]
    if start >= 0 and number.isdigit():
        return int(number)
    try:
        found = json.loads(value)[name]
    except (ValueError, KeyError, TypeError):
        return None
    return found if isinstance(found, int) else None
