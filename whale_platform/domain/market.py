"""The market: one symbol on one exchange, and the hour of it by which trades are kept, counted and compared."""

from datetime import datetime
from typing import NamedTuple

MarketHour = tuple[str, str, datetime]  # exchange, symbol, first instant of the hour


class Market(NamedTuple):
    """One symbol on one exchange. symbol: as the exchange spells it."""

    exchange: str
    symbol: str
