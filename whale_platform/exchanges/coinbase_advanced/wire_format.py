"""Trades as Coinbase Advanced spells them: messages of a connection with their numbers, and REST rows.

`side` is the maker's in all of them, trade ids are text, and the newest trade of a message comes first.
"""

import json
import time

from whale_platform.domain.trade import Side
from whale_platform.exchanges.coinbase.wire_format import format_iso_time
from whale_platform.exchanges.simulation.play import Fill, MarketKey

_MAKER: dict[Side, str] = {"buy": "SELL", "sell": "BUY"}


def build_fill(market: MarketKey, trade_id: int, price: str, size: str, side: Side, time: int, order: int) -> Fill:
    """A generated trade; prices and sizes have no zeros at their end, and no order is told."""
    return Fill(market, trade_id, price.rstrip("0").rstrip("."), size.rstrip("0").rstrip("."), side, time, time)


def build_row(fill: Fill) -> dict[str, str]:
    """One trade of `market_trades`, and of `ticker` in REST."""
    return {
        "product_id": fill.market[1],
        "trade_id": str(fill.trade_id),
        "price": fill.price,
        "size": fill.size,
        "time": format_iso_time(fill.time),
        "side": _MAKER[fill.side],
    }


class MessageWriter:
    """Writes the messages of one connection, numbered from 0 on over all channels."""

    def __init__(self) -> None:
        self._next = 0

    def encode_trade(self, fill: Fill) -> bytes:
        """The message of one new trade."""
        return self.write("market_trades", {"type": "update", "trades": [build_row(fill)]}).encode()

    def write(self, channel: str, event: dict[str, object]) -> str:
        """The next message, with one event."""
        number, self._next = self._next, self._next + 1
        now = f"{format_iso_time(time.time_ns() // 1000)[:-1]}000Z"
        fields = {"channel": channel, "timestamp": now, "sequence_num": number, "events": [event]}
        return json.dumps(fields, separators=(",", ":"))
