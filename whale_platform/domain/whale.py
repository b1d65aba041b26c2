"""What makes a trade a whale: the threshold of its symbol that holds at its time; and which tier of whale it is.

Exchange and symbol `*` (ANY) mean any; of all thresholds the most specific one applies: (exchange, symbol),
(*, symbol), (exchange, *), (*, *). Each holds from an event time on, so that an old hour is judged by what held then.
A threshold has the amounts of all tiers (TierLimits); those of the larger ones follow from the first unless they are
set. It may have amounts for hours of the week (UTC), which are the first amount there. The stream picks them in SQL
(`stream/query/transforms.py`), and its tests take `find_limits` and `find_tier` for the truth.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from operator import attrgetter
from typing import NamedTuple

from whale_platform.domain.hours_of_week import HOURS_OF_WEEK, get_hour_of_week, name_hour_of_week
from whale_platform.domain.names import WHALE_TIERS

ANY = "*"
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
LARGE_TIMES, GIANT_TIMES = 5, 20  # thresholds, unless amounts are set
HOUR, MICROSECOND = timedelta(hours=1), timedelta(microseconds=1)
HourlyUsd = Sequence[Decimal | None]  # US dollars of each hour of the week; None: those of all other hours


class ThresholdChange(NamedTuple):
    """What holds for (exchange, symbol) from the event time `valid_from` on, US dollars; usd is None: nothing.

    large_usd, giant_usd: the amounts of these tiers where they are set, and None where they follow from the whale's.
    hours_usd: what holds in place of `usd` in hours of the week; None: in none.
    """

    exchange: str
    symbol: str
    valid_from: datetime
    usd: Decimal | None
    large_usd: Decimal | None = None
    giant_usd: Decimal | None = None
    hours_usd: HourlyUsd | None = None


class TierLimits(NamedTuple):
    """US dollars from which an order is of each tier, smallest first; none is below the one before."""

    whale: Decimal
    large: Decimal
    giant: Decimal


@dataclass(frozen=True, slots=True)
class ThresholdPeriod:
    """All thresholds that hold from the event time `valid_from` on, by (exchange, symbol).

    usd: US dollars from which an order is a whale; tiers: those of the large and the giant ones, where one is set;
    hours: those of hours of the week that have their own.
    """

    valid_from: datetime
    usd: Mapping[tuple[str, str], Decimal]
    tiers: Mapping[tuple[str, str], tuple[Decimal | None, Decimal | None]] = field(default_factory=dict)
    hours: Mapping[tuple[str, str], HourlyUsd] = field(default_factory=dict)

    def find_limits(self, exchange: str, symbol: str, time: datetime) -> TierLimits | None:
        """Return the amounts of the threshold that applies to a symbol in the hour of `time`; None where none does."""
        market = self.find_market(exchange, symbol)
        return None if market is None else self.limits_of(market, get_hour_of_week(time))

    def find_market(self, exchange: str, symbol: str) -> tuple[str, str] | None:
        """Return the place of the threshold that applies to a symbol; None where none does."""
        places = ((exchange, symbol), (ANY, symbol), (exchange, ANY), (ANY, ANY))
        return next((place for place in places if place in self.usd), None)

    def limits_of(self, market: tuple[str, str], hour_of_week: int | None = None) -> TierLimits:
        """Return the amounts of one of these thresholds; hour None: of hours without their own. Raises KeyError."""
        usd = None if hour_of_week is None or market not in self.hours else self.hours[market][hour_of_week]
        return build_tier_limits(self.usd[market] if usd is None else usd, *self.tiers.get(market, (None, None)))

    def list_limits(self, market: tuple[str, str]) -> list[TierLimits]:
        """Return the amounts of one of these thresholds: one for all hours, or one for each hour of the week."""
        if market not in self.hours:
            return [self.limits_of(market)]
        return [self.limits_of(market, hour) for hour in range(HOURS_OF_WEEK)]

    def find_least(self, exchange: str, symbol: str, start: datetime, end: datetime) -> Decimal | None:
        """Return the least amount from which an order is a whale in any of the hours of [start, end)."""
        market = self.find_market(exchange, symbol)
        if market is None:
            return None
        hours = {get_hour_of_week(time) for time in list_hours(start, end)} if market in self.hours else {None}
        return min(self.limits_of(market, hour).whale for hour in hours)


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
    hours = {market: change.hours_usd for market, change in last.items() if change.hours_usd is not None}
    return ThresholdPeriod(since, usd, tiers, hours)


def select_periods(periods: Sequence[ThresholdPeriod], start: datetime, end: datetime) -> Sequence[ThresholdPeriod]:
    """Return those that hold at some time of [start, end], oldest first; the first of all holds since ever."""
    since = attrgetter("valid_from")
    first = max(0, bisect_right(periods, start, key=since) - 1)
    return periods[first : max(first + 1, bisect_right(periods, end, key=since))]


def find_limits(periods: Sequence[ThresholdPeriod], exchange: str, symbol: str, time: datetime) -> TierLimits | None:
    """Return the amounts by which a symbol's orders of the event time `time` are whales; None where none are.

    periods: what held when, oldest first, as `build_threshold_periods` returns them.
    """
    return select_periods(periods, time, time)[0].find_limits(exchange, symbol, time)


def list_limits(
    periods: Sequence[ThresholdPeriod], exchange: str, symbol: str, start: datetime, end: datetime
) -> list[tuple[datetime, TierLimits | None]]:
    """Return `find_limits` of all times of [start, end]: since when what holds, oldest first, from `start` or before.

    It begins again with each period, and where hours of the week have their own amounts with each hour.
    """
    selected, found = select_periods(periods, start, end), list[tuple[datetime, TierLimits | None]]()
    ends = [*(period.valid_from for period in selected[1:]), end + MICROSECOND]
    for period, after in zip(selected, ends, strict=True):
        times = [period.valid_from]
        if period.find_market(exchange, symbol) in period.hours:
            times = [max(time, period.valid_from) for time in list_hours(max(start, period.valid_from), after)]
        found += [(time, period.find_limits(exchange, symbol, time)) for time in times]
    return found


def list_hours(start: datetime, end: datetime) -> list[datetime]:
    """Return when the hours begin that have a moment of [start, end), UTC."""
    first = ALWAYS + (start - ALWAYS) // HOUR * HOUR
    return [first + number * HOUR for number in range(-((first - end) // HOUR))]


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


def explain_hours_disorder(hours: HourlyUsd, large: Decimal | None, giant: Decimal | None) -> str | None:
    """Return why the amounts of hours of the week can't be set with those of tiers, which may follow from them."""
    for hour, usd in enumerate(hours):
        problem = None if usd is None else explain_disorder(build_tier_limits(usd, large, giant))
        if problem is not None:
            return f"{name_hour_of_week(hour)}: {problem}"
    return None


def find_tier(limits: TierLimits, notional_usd: Decimal) -> str:
    """Return the name of the tier that a whale of so many US dollars is of."""
    reached = [tier for tier, least in zip(WHALE_TIERS, limits, strict=True) if notional_usd >= least]
    return reached[-1] if reached else WHALE_TIERS[0]
