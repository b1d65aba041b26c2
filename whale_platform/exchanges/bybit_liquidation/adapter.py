"""Liquidations of positions in Bybit's linear perpetuals: topic `allLiquidation`, all of them, each 500 ms.

They are told beside the trades of the book, among which the order that closes a position, or a part of it, is expected
to be filled. So they are an exchange of its own, and no window has them. `S` is the side of the position: Buy is a long
one, whose closing order sells, so the trade's side is the opposite. `p` is the bankruptcy price, at which the
position's margin is used up; the fills may have others. There is no id and no history. The id is made of all that is
told and, for equal ones in one frame, of how many came before, so that a frame that two connections bring has the same
ids.
"""

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import Any

from whale_platform.domain import catalogue
from whale_platform.domain.decimal_text import format_decimal
from whale_platform.domain.trade import Side, Trade
from whale_platform.exchanges import frames
from whale_platform.exchanges.base import Event, IgnoredMessage
from whale_platform.exchanges.bybit.adapter import list_rows
from whale_platform.exchanges.bybit_linear.adapter import BybitLinear
from whale_platform.exchanges.errors import InvalidFrameError
from whale_platform.exchanges.no_history import NoHistory

_ID_BITS = 52
_SIDES: dict[object, Side] = {"Buy": "sell", "Sell": "buy"}


@dataclass(frozen=True, slots=True)
class BybitLiquidation(NoHistory, BybitLinear):
    """Implements `exchanges.base.Exchange`. What is not here is as for the perpetuals' trades."""

    name: str = "bybit_liquidation"
    history_page: int = 1
    shows_earlier: bool = False
    topic: str = "allLiquidation"

    def parse(self, frame: str | bytes, received_time: int) -> list[Event]:
        """Events of one frame. Raises InvalidFrameError."""
        fields = frames.load_object(frame)
        topic = fields.get("topic")
        if topic is None:
            return self._read_answer(fields)
        if not isinstance(topic, str) or topic.partition(".")[0] != self.topic:
            return [IgnoredMessage(frames.name_kind(topic))]
        trades = [self._read_liquidation(row, received_time) for row in list_rows(fields, "data")]
        before: Counter[Trade] = Counter()
        found: list[Event] = []
        for trade in trades:
            found.append(trade._replace(trade_id=build_id(trade, before[trade])))
            before[trade] += 1
        return found

    def _read_liquidation(self, row: dict[str, Any], received_time: int) -> Trade:
        """The trade without its id."""
        symbol = frames.read_text(row, "s")
        try:
            base, quote = catalogue.find_currencies(self.listed, symbol)
        except ValueError as unknown:
            raise InvalidFrameError(f"field s: {unknown}") from None
        side = _SIDES.get(frames.read_text(row, "S"))
        if side is None:
            raise InvalidFrameError(f"field S is {frames.show_value(row['S'])}, not Buy or Sell")
        return Trade(
            self.name,
            symbol,
            base,
            quote,
            0,
            frames.read_decimal(row, "p"),
            frames.read_decimal(row, "v"),
            side,
            frames.read_integer(row, "T") * 1000,
            received_time,
            self.source,
            dense=False,
            block=True,
        )


def build_id(trade: Trade, number: int) -> int:
    """The id of a liquidation, below 2^52. number: of those before it in the frame that are equal to it."""
    numbers = f"{format_decimal(trade.price)} {format_decimal(trade.quantity)}"
    told = f"{trade.symbol} {trade.event_time} {trade.side} {numbers} {number}"
    return int.from_bytes(hashlib.sha256(told.encode()).digest()) >> (256 - _ID_BITS)
