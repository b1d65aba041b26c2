"""Raw trades of a moment, as one sample per exchange and symbol: the newest trade, and how much there was.

Thousands of trades a second come this way and a screen can't show them, so a trade costs one regular expression
(`codec.encode` writes the fields in this order) and four exact additions. What does not match is only counted.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from whale_platform.api.push.fanout.message_text import dump_json, format_iso_ms
from whale_platform.domain.trade import EXACT

_number = rb"([0-9]+(?:\.[0-9]+)?)"
_fields = re.compile(
    rb'\{"v":1,"exchange":"([a-z0-9_]+)","symbol":"([^"\\]+)","trade_id":([0-9]+),[^{}]*?'
    rb'"price":"' + _number + rb'","quantity":"' + _number + rb'","notional":"' + _number + rb'",'
    rb'"notional_usd":(null|"[0-9.]+"),"usd_via":[^,]*,"side":"(buy|sell)","event_time":([0-9]{1,17}),'
).match
_ZERO = Decimal(0)


@dataclass(slots=True)
class TradeSample:
    """Trades of one symbol. newest: (trade id, price, quantity, side, event time in µs) as the frame spelled them.

    volume: base units; notional: quote currency; largest_usd: the largest single trade, 0 without a dollar rate.
    """

    exchange: str
    symbol: str
    newest: tuple[bytes, bytes, bytes, bytes, bytes]
    count: int = 0
    volume: Decimal = _ZERO
    buy_volume: Decimal = _ZERO
    notional: Decimal = _ZERO
    largest_usd: Decimal = _ZERO

    def plus(self, later: "TradeSample") -> "TradeSample":
        """Return one sample for both."""
        return TradeSample(
            self.exchange,
            self.symbol,
            max(self.newest, later.newest, key=_when),
            self.count + later.count,
            EXACT.add(self.volume, later.volume),
            EXACT.add(self.buy_volume, later.buy_volume),
            EXACT.add(self.notional, later.notional),
            max(self.largest_usd, later.largest_usd),
        )

    def text(self) -> str:
        """Return the sample as JSON."""
        trade_id, price, quantity, side, event_time = (part.decode() for part in self.newest)
        return dump_json(
            {
                "exchange": self.exchange,
                "symbol": self.symbol,
                "trade_id": int(trade_id),
                "price": price,
                "quantity": quantity,
                "side": side,
                "event_time": format_iso_ms(int(event_time) / 1000),
                "count": self.count,
                "volume": format(self.volume, "f"),
                "buy_volume": format(self.buy_volume, "f"),
                "notional": format(self.notional, "f"),
                "largest_usd": format(self.largest_usd, "f"),
            }
        )


def _when(newest: tuple[bytes, bytes, bytes, bytes, bytes]) -> tuple[int, int]:
    return int(newest[4]), int(newest[0])


def sample_trades(values: Iterable[bytes | None]) -> tuple[dict[tuple[str, str], TradeSample], int]:
    """Samples by (exchange, symbol), and how many messages could not be read. A repaired trade comes late."""
    out: dict[tuple[bytes, bytes], TradeSample] = {}
    unread, add = 0, EXACT.add
    for value in values:
        found = _fields(value or b"")
        if found is None:
            unread += 1
            continue
        exchange, symbol, trade_id, price, quantity, notional, usd, side, event_time = found.groups()
        held = out.get((exchange, symbol))
        newest = (trade_id, price, quantity, side, event_time)
        if held is None:
            held = out[exchange, symbol] = TradeSample(exchange.decode(), symbol.decode(errors="replace"), newest)
        amount, money = Decimal(quantity.decode()), Decimal(notional.decode())
        if _when(newest) > _when(held.newest):
            held.newest = newest
        held.count += 1
        held.volume = add(held.volume, amount)
        held.notional = add(held.notional, money)
        if side == b"buy":
            held.buy_volume = add(held.buy_volume, amount)
        if usd != b"null" and money > held.largest_usd:
            held.largest_usd = money
    return {(one.exchange, one.symbol): one for one in out.values()}, unread
