"""Raw trades of a moment, as one sample per exchange and symbol: the newest trade, and how much there was.

Thousands of trades a second come this way and a screen can't show them, so a trade costs one look at its bytes and four
exact additions. What can't be read is only counted.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from whale_platform.api.push.fanout.message_text import dump_json, format_iso_ms
from whale_platform.contracts.raw_trade_looks import TradeFill, read_fill
from whale_platform.domain.trade import EXACT

_ZERO = Decimal(0)


@dataclass(slots=True)
class TradeSample:
    """Trades of one symbol, of which `newest` is the newest.

    volume: base units; notional: quote currency; largest_usd: the largest single trade, 0 without a dollar rate.
    """

    exchange: str
    symbol: str
    newest: TradeFill
    count: int = 0
    volume: Decimal = _ZERO
    buy_volume: Decimal = _ZERO
    notional: Decimal = _ZERO
    largest_usd: Decimal = _ZERO

    def merge(self, later: "TradeSample") -> "TradeSample":
        """Return one sample for both."""
        return TradeSample(
            self.exchange,
            self.symbol,
            max(self.newest, later.newest, key=_rank_fill),
            self.count + later.count,
            EXACT.add(self.volume, later.volume),
            EXACT.add(self.buy_volume, later.buy_volume),
            EXACT.add(self.notional, later.notional),
            max(self.largest_usd, later.largest_usd),
        )

    def render_text(self) -> str:
        """Return the sample as JSON."""
        newest = self.newest
        return dump_json(
            {
                "exchange": self.exchange,
                "symbol": self.symbol,
                "trade_id": newest.trade_id,
                "price": newest.price,
                "quantity": newest.quantity,
                "side": newest.side,
                "event_time": format_iso_ms(newest.event_time / 1000),
                "count": self.count,
                "volume": format(self.volume, "f"),
                "buy_volume": format(self.buy_volume, "f"),
                "notional": format(self.notional, "f"),
                "largest_usd": format(self.largest_usd, "f"),
            }
        )


def _rank_fill(fill: TradeFill) -> tuple[int, int]:
    return fill.event_time, fill.trade_id


def sample_trades(values: Iterable[bytes | None]) -> tuple[dict[tuple[str, str], TradeSample], int]:
    """Samples by (exchange, symbol), and how many messages could not be read. A repaired trade comes late.

    Blocks are left out, as from the windows.
    """
    out: dict[tuple[str, str], TradeSample] = {}
    unread, add = 0, EXACT.add
    for value in values:
        fill = read_fill(value or b"")
        if fill is None:
            unread += 1
            continue
        if fill.block:
            continue
        market = (fill.exchange, fill.symbol)
        held = out.get(market)
        if held is None:
            held = out[market] = TradeSample(fill.exchange, fill.symbol, fill)
        amount = Decimal(fill.quantity)
        if _rank_fill(fill) > _rank_fill(held.newest):
            held.newest = fill
        held.count += 1
        held.volume = add(held.volume, amount)
        held.notional = add(held.notional, fill.notional)
        if fill.side == "buy":
            held.buy_volume = add(held.buy_volume, amount)
        if fill.notional_usd is not None and fill.notional_usd > held.largest_usd:
            held.largest_usd = fill.notional_usd
    return out, unread
