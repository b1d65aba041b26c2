"""What a minute or an hour of one symbol adds up to, as every place that sums trades has it: exact, and comparable."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import reduce
from typing import NamedTuple

from whale_platform.domain.trade import EXACT

# Without contiguous ids trades are ordered by time and then by offset in the topic, as one number of 62 bits.
SPARSE_TIMES, SPARSE_OFFSETS = 2**50, 2**12


class WindowSums(NamedTuple):
    """Trades; volume and buy_volume in base units, notional and prices in quote currency; ids of first and last."""

    trades: int
    volume: Decimal
    notional: Decimal
    buy_volume: Decimal
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    first_id: int
    last_id: int


class WindowDetail(NamedTuple):
    """What a minute has beside its sums; price_sum in quote currency. None: nobody knows, or it had no dollar value."""

    price_sum: Decimal
    last_event_time: datetime
    base: str | None
    quote: str | None
    usd_via: str | None


def merge_sums(sums: Sequence[WindowSums]) -> WindowSums:
    """Merge `sums`, at least one, in order of time."""

    def total(name: str) -> Decimal:
        return reduce(EXACT.add, (getattr(part, name) for part in sums), Decimal(0))

    return WindowSums(
        sum(part.trades for part in sums),
        total("volume"),
        total("notional"),
        total("buy_volume"),
        sums[0].open,
        max(part.high for part in sums),
        min(part.low for part in sums),
        sums[-1].close,
        min(part.first_id for part in sums),
        max(part.last_id for part in sums),
    )


def find_differences(one: WindowSums, other: WindowSums) -> list[str]:
    """Names of the fields that differ; of sums over different numbers of trades `trades` alone, which explains all."""
    if one.trades != other.trades:
        return ["trades"]
    return [name for name in WindowSums._fields if getattr(one, name) != getattr(other, name)]


def find_contradictions(one: WindowDetail, other: WindowDetail) -> list[str]:
    """Names of the fields that are known of both and differ."""
    found = zip(WindowDetail._fields, one, other, strict=True)
    return [name for name, here, there in found if here is not None and there is not None and here != there]
