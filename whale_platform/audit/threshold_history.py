"""Which whale threshold applied to a symbol at a time: for the audit of whales.

A change takes effect at the stream's next checkpoint: around a change both thresholds may have applied. The hour of the
week, by which a threshold may differ, is that of the order's own time: there is one amount of each threshold.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal

from whale_platform.domain.whale import ThresholdChange, build_threshold_periods, find_tier, select_periods

SWAY = timedelta(minutes=10)
MINUTE = timedelta(minutes=1)


class ThresholdHistory:
    """`history`: every threshold that ever held; `default` is that for any symbol, before one was set."""

    def __init__(self, history: Iterable[ThresholdChange], default: Decimal) -> None:
        self._periods = build_threshold_periods(history, default)
        self._known: dict[tuple[str, str, datetime], frozenset[Decimal]] = {}

    def find_possible(self, exchange: str, symbol: str, time: datetime) -> frozenset[Decimal]:
        """The thresholds that may have applied."""
        minute = time.replace(second=0, microsecond=0)
        key = exchange, symbol, minute
        if key not in self._known:
            periods = select_periods(self._periods, minute - SWAY, minute + MINUTE + SWAY)
            limits = (period.find_limits(exchange, symbol, minute) for period in periods)
            self._known[key] = frozenset(one.whale for one in limits if one is not None)
        return self._known[key]

    def find_possible_tiers(self, exchange: str, symbol: str, time: datetime, usd: Decimal) -> frozenset[str]:
        """The tiers of which a whale of `usd` dollars may have been."""
        periods = select_periods(self._periods, time - SWAY, time + SWAY)
        limits = (period.find_limits(exchange, symbol, time) for period in periods)
        return frozenset(find_tier(one, usd) for one in limits if one is not None and usd >= one.whale)

    def find_floor(self, exchange: str, symbol: str, start: datetime, end: datetime) -> Decimal | None:
        """The lowest that may have applied within [start, end)."""
        periods = select_periods(self._periods, start - SWAY, end + SWAY)
        found = (period.find_least(exchange, symbol, start, end) for period in periods)
        return min((usd for usd in found if usd is not None), default=None)
