"""What makes a trade a whale: the threshold of its symbol that holds at its time; and which tier of whale it is.

Exchange and symbol `*` (ANY) mean any; of all thresholds the most specific one applies: (exchange, symbol),
(*, symbol), (exchange, *), (*, *). Each holds from an event time on, so that an old hour is judged by what held then.
A threshold has the amounts of all tiers (TierLimits); those of the larger ones follow from the first unless they are
set. The stream picks them in SQL (`stream/query/transforms.py`), and its test takes `find_threshold`,
`ThresholdPeriod.find_limits` and `find_tier` for the truth.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from whale_platform.domain.names import WHALE_TIERS

ANY = "*"
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
LARGE_TIMES, GIANT_TIMES = 5, 20  # thresholds, unless amounts are set


class ThresholdChange(NamedTuple):
    """What holds for (exchange, symbol) from the event time `valid_from` on, US dollars; usd is None: nothing.

    large_usd, giant_usd: the amounts of these tiers where they are set, and None where they follow from `usd`.
    """

    exchange: str
    symbol: str
    valid_from: datetime
    usd: Decimal | None
    large_usd: Decimal | None = None
    giant_usd: Decimal | None = None


class TierLimits(NamedTuple):
    """US dollars from which an order is of each tier, smallest first; none is below the one before."""

    whale: Decimal
    large: Decimal
    giant: Decimal


@dataclass(frozen=True, slots=True)
class ThresholdPeriod:
    """All thresholds that hold from the event time `valid_from` on, by (exchange, symbol).

    usd: US dollars from which an order is a whale; tiers: those of the large and the giant ones, where one is set.
    """

    valid_from: datetime
    usd: Mapping[tuple[str, str], Decimal]
    tiers: Mapping[tuple[str, str], tuple[Decimal | None, Decimal | None]] = field(default_factory=dict)

    def find_limits(self, exchange: str, symbol: str) -> TierLimits | None:
        """Return the amounts of the threshold that applies to a symbol; None where none does."""
        market = _find_market(self.usd, exchange, symbol)
        return None if market is None else self.limits_of(market)

    def limits_of(self, market: tuple[str, str]) -> TierLimits:
        """Return the amounts of one of these thresholds. Raises KeyError."""
        return build_tier_limits(self.usd[market], *self.tiers.get(market, (None, None)))


def build_threshold_periods(history: Iterable[ThresholdChange], default: Decimal) -> list[ThresholdPeriod]:
    """Return what held when, oldest first, from ALWAYS on. Where nothing held for all symbols, `default` does."""
    held: dict[tuple[str, str], ThresholdChange] = {}
    first = ThresholdChange(ANY, ANY, ALWAYS, default)
    periods = {ALWAYS: build_threshold_period(ALWAYS, [first])}
    for change in sorted(history, key=lambda change: change.valid_from):
        if change.usd is None:
            held.pop(change[:2], None)
        else:
            held[change[:2]] = change
        since = max(change.valid_from, ALWAYS)
        periods[since] = build_threshold_period(since, [first, *held.values()])
    return list(periods.values())


def build_threshold_period(since: datetime, changes: Iterable[ThresholdChange]) -> ThresholdPeriod:
    """Return the period from `since` on in which `changes` hold, of each market the last one."""
    last = {change[:2]: change for change in changes}
    usd = {market: change.usd for market, change in last.items() if change.usd is not None}
    tiers = {
        market: (change.large_usd, change.giant_usd)
        for market, change in last.items()
        if (change.large_usd, change.giant_usd) != (None, None)
    }
    return ThresholdPeriod(since, usd, tiers)


def find_threshold(limits: Mapping[tuple[str, str], Decimal], exchange: str, symbol: str) -> Decimal | None:
    """Return the one of `limits` that applies to a symbol, in US dollars; None where none does."""
    market = _find_market(limits, exchange, symbol)
    return None if market is None else limits[market]


def _find_market(limits: Mapping[tuple[str, str], Decimal], exchange: str, symbol: str) -> tuple[str, str] | None:
    markets = ((exchange, symbol), (ANY, symbol), (exchange, ANY), (ANY, ANY))
    return next((market for market in markets if market in limits), None)


def build_tier_limits(usd: Decimal, large: Decimal | None = None, giant: Decimal | None = None) -> TierLimits:
    """Return the amounts of all tiers, US dollars: LARGE_TIMES and GIANT_TIMES of `usd` where none is set.

    A tier never begins below the one before it: an amount that follows from `usd` gives way to one that is set.
    """
    if large is None:
        large = usd * LARGE_TIMES if giant is None else min(usd * LARGE_TIMES, giant)
    return TierLimits(usd, large, max(usd * GIANT_TIMES, large) if giant is None else giant)


def choose_valid_from(given: datetime | None, source: str) -> datetime | None:
    """Return from which event time a change holds: `given`, else None for now, or ALWAYS for the source `replay`.

    Recorded trades are old from the start: what is set while they are replayed is meant for them.
    """
    return given or (ALWAYS if source == "replay" else None)


def explain_disorder(limits: TierLimits) -> str | None:
    """Return why these amounts can't be set together, as a sentence; None where they can."""
    if limits.whale <= limits.large <= limits.giant:
        return None
    return f"{' <= '.join(f'{usd:,f}' for usd in limits)} does not hold: a larger tier begins later"


def find_tier(limits: TierLimits, notional_usd: Decimal) -> str:
    """Return the name of the tier that a whale of so many US dollars is of."""
    reached = [tier for tier, least in zip(WHALE_TIERS, limits, strict=True) if notional_usd >= least]
    return reached[-1] if reached else WHALE_TIERS[0]
