"""Thresholds suggested from the sizes of a market's largest orders, and what each choice would have given.

A suggestion answers "from how many dollars on does this market give so many alerts a day": a quantile of its orders,
where an order is what whales are counted as, a sweep or a trade that is part of none. Only the largest orders are
needed for that, so a market comes with those alone.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, ROUND_UP, Decimal
from math import ceil
from typing import NamedTuple

from whale_platform.domain.hours_of_week import HOURS_OF_WEEK, get_hour_of_week

CHOICES = (1, 5, 10, 20, 50, 100)  # alerts a day
LEAST_TRADES = 1_000
LEAST_WEEKS = 4  # before hours of the week are told apart
LEAST_HOURS = (7 * LEAST_WEEKS - 1) * 24  # of trades, and some more: a quiet market has none in the very first hour
PER_DAY, DAYS = 10, 7 * LEAST_WEEKS
HOUR = timedelta(hours=1)


class OrderSize(NamedTuple):
    """One order: US dollars, the day of the range it is of (0: the first), the hour of the week (0: Monday 00 UTC)."""

    usd: Decimal
    day: int
    hour_of_week: int


@dataclass(frozen=True, slots=True)
class MarketOrders:
    """The largest orders of a market, largest first: all from `least` dollars on, which is 0 where all are there.

    hours: from its first trade in the range to the end; trades: of all sizes.
    """

    exchange: str
    symbol: str
    hours: int
    trades: int
    sizes: Sequence[OrderSize]
    least: Decimal


@dataclass(frozen=True, slots=True)
class SuggestionRange:
    """Whole days before `end` (aware UTC, a whole hour), for so many alerts a day. Raises ValueError for none."""

    end: datetime
    days: int = DAYS
    per_day: int = PER_DAY

    def __post_init__(self) -> None:
        if self.days < 1 or self.per_day < 1:
            raise ValueError(f"{self.days} days and {self.per_day} alerts a day: both must be at least 1")

    @property
    def start(self) -> datetime:
        """When the first of the days begins."""
        return self.end - timedelta(days=self.days)

    @property
    def choices(self) -> list[int]:
        """The numbers of alerts a day for which an amount is told."""
        return sorted({*CHOICES, self.per_day})

    @property
    def most_orders(self) -> int:
        """How many of a market's largest orders are needed."""
        return max(self.choices) * self.days

    @property
    def most_of_hour(self) -> int:
        """And how many of those of an hour of the week; 0 where there are too few weeks to tell them apart."""
        return ceil(self.per_day / 24 * ceil(self.days / 7)) if self.days >= 7 * LEAST_WEEKS else 0


@dataclass(frozen=True, slots=True)
class ThresholdChoice:
    """An amount, US dollars, and the orders at or over it on each day of the range, oldest first.

    per_day: the wish that it answers; None: it is the threshold that holds. alerts: None where they are more than were
    looked at. by_hour: hours of the week have amounts of their own, of which `usd` is the least.
    """

    per_day: int | None
    usd: Decimal
    alerts: Sequence[int] | None
    by_hour: bool = False


@dataclass(frozen=True, slots=True)
class HourChoice:
    """What would give the wished alerts in an hour of the week (0: Monday 00 UTC), US dollars.

    alerts: how many the suggestion for all hours gave in it, over the whole range.
    """

    hour_of_week: int
    usd: Decimal
    alerts: int


@dataclass(frozen=True, slots=True)
class ThresholdSuggestion:
    """The amount suggested for a market, the choices beside it, and what is known of it; see MarketOrders.

    hours_of_week is empty where there are less than LEAST_WEEKS of trades.
    """

    exchange: str
    symbol: str
    per_day: int
    usd: Decimal
    hours: int
    trades: int
    largest_usd: Decimal
    choices: Sequence[ThresholdChoice]
    hours_of_week: Sequence[HourChoice] = ()


def suggest_threshold(
    market: MarketOrders, asked: SuggestionRange, held: Sequence[Decimal] = (), least_trades: int = LEAST_TRADES
) -> ThresholdSuggestion | None:
    """Return the suggestion for a market; None where it has too few trades or hours to learn from.

    held: the threshold that holds, for comparison, US dollars: one amount, or that of each hour of the week.
    """
    choices = [
        ThresholdChoice(per_day, usd, _count_by_day(market, asked, [usd]))
        for per_day in asked.choices
        if (usd := _find_amount(market.sizes, per_day * market.hours // 24)) is not None
    ]
    usd = next((choice.usd for choice in choices if choice.per_day == asked.per_day), None)
    if usd is None or market.trades < least_trades:
        return None
    enough = asked.most_of_hour > 0 and market.hours > LEAST_HOURS
    by_hour = _suggest_by_hour(market, asked, usd) if enough else ()
    if by_hour:
        amounts = [usd] * HOURS_OF_WEEK
        for hour in by_hour:
            amounts[hour.hour_of_week] = hour.usd
        choices.append(_build_choice(asked.per_day, market, asked, amounts))
    if held:
        choices.append(_build_choice(None, market, asked, held))
    return ThresholdSuggestion(
        market.exchange,
        market.symbol,
        asked.per_day,
        usd,
        market.hours,
        market.trades,
        market.sizes[0].usd,
        choices,
        by_hour,
    )


def explain_missing_hours(hours: int, days: int) -> str | None:
    """Return why no hours of the week are told apart, as a sentence; None where they can be."""
    needed = 7 * LEAST_WEEKS
    if days < needed:
        return f"Hours of the week are told apart from {needed} days on; {days} were asked for."
    if hours <= LEAST_HOURS:
        return f"Hours of the week are told apart from {needed} days of trades on; there are {hours / 24:.1f}."
    return None


def round_up(usd: Decimal) -> Decimal:
    """To three significant digits: 12,345 -> 12,400. Zero stays zero."""
    if not usd:
        return usd
    return usd.quantize(Decimal(1).scaleb(usd.adjusted() - 2), ROUND_UP).normalize()


def round_down(usd: Decimal) -> Decimal:
    """To three significant digits: 12,345 -> 12,300. Zero stays zero."""
    return usd and usd.quantize(Decimal(1).scaleb(usd.adjusted() - 2), ROUND_DOWN).normalize()


def _find_amount(sizes: Sequence[OrderSize], rank: int) -> Decimal | None:
    """The size of so many orders' smallest, rounded up; None where there are fewer, or none is asked for."""
    usd = round_up(sizes[rank - 1].usd) if 0 < rank <= len(sizes) else Decimal(0)
    return usd or None


def _build_choice(
    per_day: int | None, market: MarketOrders, asked: SuggestionRange, amounts: Sequence[Decimal]
) -> ThresholdChoice:
    return ThresholdChoice(per_day, min(amounts), _count_by_day(market, asked, amounts), len(amounts) > 1)


def _count_by_day(market: MarketOrders, asked: SuggestionRange, amounts: Sequence[Decimal]) -> list[int] | None:
    """Orders at or over the amount, or at or over that of their hour of the week; None where not all are there."""
    complete = [market.least] if len(amounts) == 1 else _find_complete(market, asked)
    if any(usd < least for usd, least in zip(amounts, complete, strict=True)):
        return None
    counts = Counter(size.day for size in market.sizes if size.usd >= amounts[size.hour_of_week % len(amounts)])
    return [counts[day] for day in range(asked.days)]


def _find_complete(market: MarketOrders, asked: SuggestionRange) -> list[Decimal]:
    """From how many dollars on all orders of each hour of the week are there: of them more are kept."""
    complete = [market.least] * HOURS_OF_WEEK
    if asked.most_of_hour:
        for hour, sizes in _group_by_hour(market).items():
            kept = sizes[asked.most_of_hour - 1].usd if len(sizes) >= asked.most_of_hour else Decimal(0)
            complete[hour] = min(market.least, kept)
    return complete


def _group_by_hour(market: MarketOrders) -> dict[int, list[OrderSize]]:
    by_hour: dict[int, list[OrderSize]] = {hour: [] for hour in range(HOURS_OF_WEEK)}
    for size in market.sizes:
        by_hour[size.hour_of_week].append(size)
    return by_hour


def _suggest_by_hour(market: MarketOrders, asked: SuggestionRange, usd: Decimal) -> Sequence[HourChoice]:
    times = Counter(get_hour_of_week(asked.end - number * HOUR) for number in range(1, market.hours + 1))
    found = []
    for hour, sizes in _group_by_hour(market).items():
        rank = max(1, round(asked.per_day * times[hour] / 24))  # one or two of four weeks: rounded up, none would be
        if rank <= len(sizes) and (amount := round_down(sizes[rank - 1].usd)):
            found.append(HourChoice(hour, amount, sum(size.usd >= usd for size in sizes)))
    return found
