"""Block trades of Binance spot: `@blockTrade` streams and `historicalBlockTrades`, an id space of their own.

They are agreed off the book, and no trade of `@trade` is one of them. So they are an exchange of its own, with its own
gap ledger. That ids are contiguous is taken from `@trade`; the documentation names no order of them.
"""

from dataclasses import dataclass
from typing import Any

from whale_platform.domain.trade import Source, Trade
from whale_platform.exchanges.base import Event
from whale_platform.exchanges.binance.adapter import Binance, FieldNames


@dataclass(frozen=True, slots=True)
class BinanceBlock(Binance):
    """Implements `exchanges.base.Exchange`. What is not here is as for Binance's other trades."""

    name: str = "binance_block"
    history_per_second: float = 0.5  # weight 25 of the 6,000 a minute that Binance's other trades are fetched from too
    event: str = "blockTrade"
    history_call: str = "historicalBlockTrades"

    def parse(self, frame: str | bytes, received_time: int) -> list[Event]:
        """Events of a combined or raw frame; those of `@trade` are ignored. Raises InvalidFrameError."""
        return self._parse_json(frame, received_time)

    def newest_url(self, symbol: str) -> str | None:
        """None: `fromId` is mandatory."""
        return None

    def _build_trade(
        self, symbol: str, row: dict[str, Any], fields: FieldNames, received_time: int, source: Source
    ) -> Trade:
        # Not super(): a dataclass with slots is another class than the one that it refers to.
        return Binance._build_trade(self, symbol, row, fields, received_time, source)._replace(block=True)
