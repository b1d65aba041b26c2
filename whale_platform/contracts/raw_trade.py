"""Topic `raw_crypto_trades`: every trade once, written by the ingester. Version 2 is written, 1 and 2 are read.

Decimals travel as plain strings without exponent or trailing zeros, so no reader can turn them into floats by accident;
times are integer microseconds UTC. What follows from other fields is not written: dollars from the quote currency, the
product of price and quantity where both fit decimal(18,8). Optional fields are absent where they say nothing.

Readers that meet millions of trades look at the bytes (raw_trade_looks.py).
"""

import json
import re
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, cast

from whale_platform.contracts.errors import MessageFormatError
from whale_platform.contracts.message_contract import MessageContract, MessageField
from whale_platform.contracts.written_trade import (
    DECIMAL_PATTERN,
    NAME_PATTERN,
    NARROW_PATTERN,
    SWEEP_FIELDS,
)
from whale_platform.domain.decimal_text import format_decimal
from whale_platform.domain.names import RAW_TRADES
from whale_platform.domain.rates import convert_to_usd
from whale_platform.domain.sweep import SweepProgress
from whale_platform.domain.trade import EXACT, Source, Trade

VERSION = 2
VERSIONS = (1, 2)
CONTRACT = MessageContract(
    topic=RAW_TRADES,
    version=VERSION,
    about="Every trade once, by the ingester. Messages of version 1 are read too: they have `dense`, `notional` and "
    "`taker_order_id` always, as null where nothing is known, and `notional_usd` and `usd_via`, which nobody reads.",
    key="binance:BTCUSDT",
    fields=(
        MessageField("exchange", "name", "the adapter's name; sim_… for generated trades"),
        MessageField("symbol", "name", "as the exchange spells it"),
        MessageField("trade_id", "integer", "the exchange's id; with exchange and symbol the identity"),
        MessageField("base", "name", "base currency"),
        MessageField("quote", "name", "quote currency"),
        MessageField("price", "decimal", "quote currency for one base unit"),
        MessageField("quantity", "decimal", "base units"),
        MessageField("side", "name", "the taker's side: buy or sell"),
        MessageField("event_time", "time", "the exchange's trade time"),
        MessageField("received_time", "time", "when the frame reached the ingester"),
        MessageField("source", "name", "live, repair, import, replay or simulated"),
        MessageField("notional", "decimal", "price x quantity, where decimal(18,8) can't hold both", optional=True),
        MessageField("dense", "boolean", "false: the ids of this symbol have holes by design", optional=True),
        MessageField("taker_order_id", "text", "groups the fills of one order; where known", optional=True),
        MessageField("block", "boolean", "true: a block trade, or of an exchange of liquidations", optional=True),
        MessageField("buyer", "text", "who bought; where published", optional=True),
        MessageField("seller", "text", "who sold; where published", optional=True),
        MessageField("usd_rate", "decimal", "US dollars for a unit of the quote currency; if no dollar", optional=True),
        MessageField("usd_via", "name", "the pair that gave the rate: exchange:symbol", optional=True),
        MessageField("sweep_first_id", "integer", "first trade id of the taker's order", optional=True),
        MessageField("sweep_fills", "integer", "its fills up to this one, from the second one on", optional=True),
        MessageField("sweep_levels", "integer", "its prices so far", optional=True),
        MessageField("sweep_first_price", "decimal", "the price of its first fill", optional=True),
        MessageField("sweep_quantity", "decimal", "its quantity so far, base units", optional=True),
        MessageField("sweep_notional", "decimal", "its notional so far, quote currency", optional=True),
        MessageField("sweep_usd", "decimal", "its US dollars so far, where usd_rate is there", optional=True),
    ),
    example={
        "v": VERSION,
        "exchange": "coinbase",
        "symbol": "BTC-USD",
        "trade_id": 10,
        "base": "BTC",
        "quote": "USD",
        "price": "61837.63",
        "quantity": "2",
        "side": "buy",
        "event_time": 1_723_118_400_000_000,
        "received_time": 1_723_118_400_005_000,
        "source": "live",
        "taker_order_id": "4711",
    },
)
SHORT = 9  # characters: a number that is no longer is narrow
MAX_INTEGER = 2**63
LATEST_US = 10**16  # the year 2286: what is later would overflow where windows are computed


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


_name, _digits, _narrow = (re.compile(one).fullmatch for one in (NAME_PATTERN, DECIMAL_PATTERN, NARROW_PATTERN))
_decoder = json.JSONDecoder(parse_constant=_refuse_constant)
_quoted = partial(json.dumps, ensure_ascii=False)
_plain = re.compile(r"[ !#-\[\]-~]*").fullmatch  # between quotes it is JSON as it stands


def encode_key(exchange: str, symbol: str) -> bytes:
    """Kafka key: one symbol of one exchange stays in one partition, so its order is kept."""
    return f"{exchange}:{symbol}".encode()


def encode_trade(trade: Trade, sweep: SweepProgress | None = None) -> bytes:
    """One JSON object of version 2, UTF-8, without escapes where no text needs one; field order is stable.

    `sweep`: what `trade` is to be written with, as making another trade would cost as much as the encoding.
    Written out by hand because json.dumps takes three times as long; `encode_plainly` in the tests is the proof.
    """
    head, pair = _encode_fixed_parts(trade.exchange, trade.symbol, trade.base, trade.quote)
    price, quantity = format_decimal(trade.price), format_decimal(trade.quantity)
    optional = ""
    if not (_is_narrow(price) and _is_narrow(quantity)):
        optional = f',"notional":"{format_decimal(trade.notional)}"'
    if not trade.dense:
        optional += ',"dense":false'
    if trade.taker_order_id is not None:
        order = trade.taker_order_id
        text = f'"{order}"' if _plain(order) else _quoted(order)
        optional += f',"taker_order_id":{text}'
    if trade.block or trade.buyer is not None or trade.seller is not None:
        optional += _encode_parties(trade)
    if trade.usd_rate is not None:
        optional += f',"usd_rate":"{format_decimal(trade.usd_rate)}","usd_via":{_quoted(trade.usd_pair)}'
    if (told := sweep or trade.sweep) is not None:
        optional += _encode_sweep(told)
    return (
        f'{head}{trade.trade_id},{pair},"price":"{price}","quantity":"{quantity}","side":"{trade.side}",'
        f'"event_time":{trade.event_time},"received_time":{trade.received_time},"source":"{trade.source}"{optional}}}'
    ).encode()


def _encode_parties(trade: Trade) -> str:
    named = [(name, text) for name, text in (("buyer", trade.buyer), ("seller", trade.seller)) if text is not None]
    return "".join((',"block":true' if trade.block else "", *(f',"{name}":{_quoted(text)}' for name, text in named)))


def _encode_sweep(sweep: SweepProgress) -> str:
    return (
        f',"sweep_first_id":{sweep.first_id},"sweep_fills":{sweep.fills},"sweep_levels":{sweep.levels},'
        f'"sweep_first_price":"{format_decimal(sweep.first_price)}",'
        f'"sweep_quantity":"{format_decimal(sweep.quantity)}","sweep_notional":"{format_decimal(sweep.notional)}"'
    ) + ("" if sweep.usd is None else f',"sweep_usd":"{format_decimal(sweep.usd)}"')


@lru_cache(4096)
def _encode_fixed_parts(exchange: str, symbol: str, base: str, quote: str) -> tuple[str, str]:
    return (
        f'{{"v":{VERSION},"exchange":{_quoted(exchange)},"symbol":{_quoted(symbol)},"trade_id":',
        f'"base":{_quoted(base)},"quote":{_quoted(quote)}',
    )


def _is_narrow(number: str) -> bool:
    return len(number) <= SHORT or _narrow(number) is not None


def decode_trade(value: bytes) -> Trade:
    """The inverse of `encode_trade`, and of what wrote version 1. Raises MessageFormatError.

    Texts are taken as they stand between the quotes, without escapes. A price that is a number and no text may have
    passed a float and is refused. Notional is derived again, never trusted.
    """
    row = _load(value)
    version, side = row.get("v"), row.get("side")
    if type(version) is not int or version not in VERSIONS:
        raise MessageFormatError(f"raw trade of schema version {version!r}; this code reads versions 1 and 2")
    if side not in ("buy", "sell"):
        raise MessageFormatError("side is neither buy nor sell")
    price, quantity = _read_decimal(row, "price"), _read_decimal(row, "quantity")
    if not (_is_narrow(row["price"]) and _is_narrow(row["quantity"])):
        _read_decimal(row, "notional")  # the product may not fit Spark's widest decimal
    trade_id, dense = _read_integer(row, "trade_id"), row.get("dense") is not False
    rate, pair = _read_rate(row, EXACT.multiply(price, quantity))
    return Trade(
        exchange=_read_name(row, "exchange"),
        symbol=_read_name(row, "symbol"),
        base=_read_name(row, "base"),
        quote=_read_name(row, "quote"),
        trade_id=trade_id,
        price=price,
        quantity=quantity,
        side=side,
        event_time=_read_time(row, "event_time"),
        received_time=_read_time(row, "received_time"),
        source=cast(Source, _read_name(row, "source")),
        dense=dense,
        taker_order_id=_read_text_or_none(row, "taker_order_id"),
        block=row.get("block") is True,
        buyer=_read_text_or_none(row, "buyer"),
        seller=_read_text_or_none(row, "seller"),
        sweep=_read_sweep(row, trade_id, dense),
        usd_rate=rate,
        usd_pair=pair,
    )


def _read_rate(row: dict[str, Any], notional: Decimal) -> tuple[Decimal | None, str | None]:
    """Return rate and pair; None where one of them is not there, or no message could hold the dollars."""
    rate, pair = _read_decimal_or_none(row, "usd_rate"), row.get("usd_via")
    if rate is None or type(pair) is not str or not _name(pair) or convert_to_usd(notional, rate) is None:
        return None, None
    return rate, pair


def _read_text_or_none(row: dict[str, Any], field: str) -> str | None:
    value = row.get(field)
    return str(value) if type(value) in (str, int) else None


def _read_sweep(row: dict[str, Any], trade_id: int, dense: bool) -> SweepProgress | None:
    """Return the order so far; None where it is not there, or can't be this trade's: the trade is good all the same."""
    if "sweep_first_id" not in row:
        return None
    try:
        first_id, fills, levels = (_read_integer(row, name) for name in SWEEP_FIELDS[:3])
        price, quantity, notional = (_read_decimal(row, name) for name in SWEEP_FIELDS[3:])
    except MessageFormatError:
        return None
    if not (first_id >= 0 and 1 <= levels <= fills and fills >= 2 and (not dense or first_id + fills - 1 == trade_id)):
        return None
    return SweepProgress(first_id, fills, levels, price, quantity, notional, _read_decimal_or_none(row, "sweep_usd"))


def _load(value: bytes) -> dict[str, Any]:
    try:
        row = _decoder.decode(value.decode())
    except (ValueError, RecursionError):
        raise MessageFormatError("not JSON") from None
    if type(row) is not dict:
        raise MessageFormatError("not a JSON object")
    if b"\\" in value:
        raise MessageFormatError("an escape in a text")
    if not value.endswith(b"}") or b"}{" in value:
        raise MessageFormatError("more than a JSON object")
    return row


def _read_name(row: dict[str, Any], field: str) -> str:
    value = row.get(field)
    text = str(value) if type(value) is int else value  # Spark reads a number as its text
    if type(text) is not str or not _name(text):
        raise MessageFormatError(f"{field} is not a name")
    return text


def _read_decimal(row: dict[str, Any], field: str) -> Decimal:
    text = row.get(field)
    if type(text) is not str or not _digits(text):
        raise MessageFormatError(f"{field} is not a positive decimal")
    return Decimal(text)


def _read_decimal_or_none(row: dict[str, Any], field: str) -> Decimal | None:
    text = row.get(field)
    return Decimal(text) if type(text) is str and _digits(text) else None


def _read_integer(row: dict[str, Any], field: str) -> int:
    value = row.get(field)
    if type(value) is not int or not -MAX_INTEGER <= value < MAX_INTEGER:
        raise MessageFormatError(f"{field} is not an integer")
    return value


def _read_time(row: dict[str, Any], field: str) -> int:
    value = _read_integer(row, field)
    if not 0 <= value < LATEST_US:
        raise MessageFormatError(f"{field} is not a time")
    return value
