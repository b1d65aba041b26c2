"""Size bands: the trades of a minute summed by the dollars of the taker orders that they are fills of.

An order is a sweep (sweep.py), a trade that is a fill of none, or an imported aggregate; all its fills have one trade
time and so one minute. It counts with the dollars of those fills whose dollars are known, and is in the band of their
sum: so the bands of a minute add up to its dollars, however its orders were cut. Blocks are in none. Nothing here
fails.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from whale_platform.domain.trade import EXACT

BAND_EDGES_USD = (1_000, 10_000, 100_000, 1_000_000)
BANDS = len(BAND_EDGES_USD) + 1


class MarketBands(NamedTuple):
    """One market from `start` on: a minute, or the sums of several. A number for each band, the smallest orders first.

    trades: fills in all; unvalued_trades: those of them whose dollars nobody knew, which are in no band. US dollars,
    exact; orders: how many. All four are None where no trade had a dollar value.
    """

    exchange: str
    symbol: str
    start: datetime
    trades: int
    unvalued_trades: int
    buy_usd: Sequence[Decimal] | None
    sell_usd: Sequence[Decimal] | None
    buy_orders: Sequence[int] | None
    sell_orders: Sequence[int] | None


class BandFlow(NamedTuple):
    """What the orders of one size bought and sold, US dollars; from_usd on, below to_usd (None: without an end)."""

    from_usd: int
    to_usd: int | None
    buy_usd: Decimal
    sell_usd: Decimal
    buy_orders: int
    sell_orders: int

    @property
    def cvd_usd(self) -> Decimal:
        """The cumulative volume delta: bought minus sold."""
        return EXACT.subtract(self.buy_usd, self.sell_usd)


def find_band(usd: Decimal) -> int:
    """Return the number of the band that an order of so many dollars is in, from 0 on."""
    return bisect_right(BAND_EDGES_USD, usd)


def build_flows(
    buy_usd: Sequence[Decimal], sell_usd: Sequence[Decimal], buy_orders: Sequence[int], sell_orders: Sequence[int]
) -> list[BandFlow]:
    """Return the bands with their edges, the smallest orders first; each sequence has BANDS numbers."""
    starts, ends = (0, *BAND_EDGES_USD), (*BAND_EDGES_USD, None)
    return [BandFlow(*row) for row in zip(starts, ends, buy_usd, sell_usd, buy_orders, sell_orders, strict=True)]


def describe_band(flow: BandFlow) -> str:
    """Return the band's name for a person, such as `$10k to $100k`."""
    if flow.to_usd is None:
        return f"from {_shorten(flow.from_usd)}"
    return (
        f"{_shorten(flow.from_usd)} to {_shorten(flow.to_usd)}" if flow.from_usd else f"below {_shorten(flow.to_usd)}"
    )


def _shorten(usd: int) -> str:
    return f"${usd // 1_000_000}M" if usd >= 1_000_000 else f"${usd // 1_000}k"
