"""Binance's public dumps of spot trades: single trades, and aggregates of one taker's fills at one price.

Futures dumps have the same names and other columns.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby

from whale_platform.exchanges.dump_format import DumpColumns, DumpedTrade, DumpFormat

_TAIL = ("time", "isBuyerMaker", "isBestMatch")
_KINDS = {
    "trades": DumpColumns(
        ("id", "price", "qty", "quoteQty", *_TAIL), "id", "id", "id", "price", "qty", "time", "isBuyerMaker"
    ),
    "aggTrades": DumpColumns(
        ("aggTradeId", "price", "qty", "firstTradeId", "lastTradeId", *_TAIL),
        *("aggTradeId", "firstTradeId", "lastTradeId", "price", "qty", "time", "isBuyerMaker"),
    ),
}


def encode_lines(kind: str, trades: Iterable[DumpedTrade]) -> Iterator[str]:
    """Lines of `kind` for these trades; fills of one time, price and side that follow each other are one aggregate."""
    return _aggregates(trades) if kind == "aggTrades" else _fills(trades)


def _fills(trades: Iterable[DumpedTrade]) -> Iterator[str]:
    for trade_id, price, quantity, at, maker in trades:
        paid = _number(price * quantity // 10**8)
        yield f"{trade_id},{_number(price)},{_number(quantity)},{paid},{at},{maker},True"


def _aggregates(trades: Iterable[DumpedTrade]) -> Iterator[str]:
    row_id = 0
    for (at, price, maker), found in groupby(trades, key=lambda trade: (trade.time, trade.price, trade.buyer_maker)):
        fills = list(found)
        quantity = sum(trade.quantity for trade in fills)
        first, last = fills[0].trade_id, fills[-1].trade_id
        row_id = row_id + 1 if row_id else first // 2  # an id space of its own
        yield f"{row_id},{_number(price)},{_number(quantity)},{first},{last},{at},{maker},True"


def _number(units: int) -> str:
    """A count of 1e-8 with 8 decimals, as Binance writes numbers."""
    return f"{units // 10**8}.{units % 10**8:08d}"


DUMPS = DumpFormat(
    "data.binance.vision",
    "BTCUSDT-trades-2024-08-08.zip",
    re.compile(
        r"(?P<symbol>[^\W_]{1,40})-(?P<kind>trades|aggTrades)"
        r"-(?P<year>20[0-9]{2})-(?P<month>0[1-9]|1[0-2])(?:-(?P<day>[0-3][0-9]))?\.zip"
    ),
    re.compile(r"[a-z]*id,price,(qty|quantity),[a-z,]*time[a-z]*,[a-z]*buyermaker,[a-z]*bestmatch"),
    _KINDS,
    encode_lines,
)
