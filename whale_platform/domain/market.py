"""The market: one symbol on one exchange, its kind, and the hour by which its trades are kept, counted and compared."""

from datetime import datetime
from typing import Literal, NamedTuple

MarketKind = Literal["spot", "perpetual", "block", "liquidation"]
"""What is traded: the coin itself, a perpetual future of it, or the coin off the book in blocks; or liquidations.

Volumes and flows of different kinds are never added up: a perpetual moves no coin, a block moves no book, and the order
that a liquidation tells of is expected to be filled among the trades of the perpetual.
"""

MarketHour = tuple[str, str, datetime]  # exchange, symbol, first instant of the hour


class Market(NamedTuple):
    """One symbol on one exchange. symbol: as the exchange spells it."""

    exchange: str
    symbol: str
