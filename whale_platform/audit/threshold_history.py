"""Which whale threshold applied to a symbol at a time: for the audit of whales.

A change takes effect at the stream's next checkpoint: around a change both thresholds may have applied.
"""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from whale_platform.domain.whale import (
    ThresholdChange,
    ThresholdPeriod,
    build_threshold_periods,
    find_threshold,
    find_tier,
)

SWAY = timedelta(minutes=10)
MINUTE = timedelta(minutes=1)


class ThresholdHistory:
    """`history`: every threshold that ever held; `default` is that for any symbol, before one was set."""

    def __init__(self, history: Iterable[ThresholdChange], default: Decimal) -> None:
        self._periods = build_threshold_periods(history, default)
        self._since = [period.valid_from for period in self._periods]
        self._known: dict[tuple[str, str, datetime], frozenset[Decimal]] = {}

    def find_possible(self, exchange: str, symbol: str, time: datetime) -> frozenset[Decimal]:
        """The thresholds that may have applied."""
        minute = time.replace(second=0, microsecond=0)
        key = exchange, symbol, minute
        if key not in self._known:
            self._known[key] = self._find_within(exchange, symbol, minute - SWAY, minute + MINUTE + SWAY)
        return self._known[key]

    def find_possible_tiers(self, exchange: str, symbol: str, time: datetime, usd: Decimal) -> frozenset[str]:
        """The tiers of which a whale of `usd` dollars may have been."""
        limits = (period.find_limits(exchange, symbol) for period in self._select_periods(time - SWAY, time + SWAY))
        return frozenset(find_tier(one, usd) for one in limits if one is not None and usd >= one.whale)

    def find_floor(self, exchange: str, symbol: str, start: datetime, end: datetime) -> Decimal | None:
        """The lowest that may have applied within [start, end)."""
        return min(self._find_within(exchange, symbol, start - SWAY, end + SWAY), default=None)

    def _find_within(self, exchange: str, symbol: str, start: datetime, end: datetime) -> frozenset[Decimal]:
        found = {find_threshold(period.usd, exchange, symbol) for period in self._select_periods(start, end)}
        return frozenset(usd for usd in found if usd is not None)

    def _select_periods(self, start: datetime, end: datetime) -> list[ThresholdPeriod]:
        return self._periods[max(0, bisect_right(self._since, start) - 1) : bisect_right(self._since, end)]
