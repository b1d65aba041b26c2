"""Size bands of an hour, the lake's trades against table `size_bands`: what differs, by symbol, hour and minute.

The repair service computes bands from the lake once a minute, and waits while trades are behind; when it is stopped
the last minutes have none. So a minute that has got trades since its bands were stored is not compared yet, and is
wrong only once passes have gone on for long without it. Pure: no place is asked here.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from whale_platform.audit.compare_values import DifferenceCollector, format_value
from whale_platform.domain.market import MarketHour
from whale_platform.domain.size_bands import MarketBands
from whale_platform.supervision.control.overload import LONGEST_WAIT_S

BANDS = "size_bands"
DUE_AFTER = timedelta(seconds=LONGEST_WAIT_S) + timedelta(minutes=10)  # the longest that a pass waits, and its own time
LONGEST_PAUSE = timedelta(minutes=15)  # between two times at which bands were stored, while passes go on
COMPARED_FIELDS = ("trades", "unvalued_trades", "buy_usd", "sell_usd", "buy_orders", "sell_orders")


@dataclass(frozen=True, slots=True)
class BandMinute:
    """A minute of all markets together. lake_rows: rows that the lake has; made_of: those that its bands were made of.

    changed_at: when the lake got the newest file with trades of it; made_at: when its bands were stored. None: no row.
    """

    lake_rows: int = 0
    made_of: int = 0
    changed_at: datetime | None = None
    made_at: datetime | None = None

    @property
    def current(self) -> bool:
        """Whether its bands were made of what the lake has."""
        overtaken = self.made_at is not None and self.changed_at is not None and self.made_at < self.changed_at
        return self.lake_rows == self.made_of and not overtaken


@dataclass(frozen=True, slots=True)
class BandHour:
    """An hour in both places; bands by (exchange, symbol, minute).

    owed: whether the repair service computes bands of this hour; due: see find_due;
    lost: (exchange, symbol) of which the lake alone lacks the hour, which is told by number of trades.
    """

    start: datetime
    lake: Mapping[MarketHour, MarketBands]
    table: Mapping[MarketHour, MarketBands]
    minutes: Mapping[datetime, BandMinute]
    owed: bool
    due: datetime | None
    lost: Collection[tuple[str, str]]


def find_due(now: datetime, stored: Iterable[datetime]) -> datetime | None:
    """Before when what has changed is to have been computed; None where passes have paused since then.

    stored: when bands were, of any minute. While there are no trades nothing is stored, and nothing becomes due.
    """
    due = now - DUE_AFTER
    times = [due, *sorted(at for at in stored if due < at < now), now]
    return None if any(later - at > LONGEST_PAUSE for at, later in pairwise(times)) else due


def compare_bands(hour: BandHour, differences: DifferenceCollector) -> None:
    """Add what differs between the lake's bands and those of the table, and the minutes that are not computed yet."""
    for name in sorted({*hour.lake, *hour.table}):
        *market, at = name
        there, stored = hour.lake.get(name), hour.table.get(name)
        if there == stored or (there is None and tuple(market) in hour.lost):
            continue
        key, minute = (name[0], name[1], hour.start), hour.minutes.get(at, BandMinute())
        if not minute.current:
            if not hour.owed and stored is None and not minute.made_of:
                continue
            if minute.changed_at is not None and (hour.due is None or minute.changed_at > hour.due):
                differences.add_not_yet(key, BANDS)
                continue
        _add_difference(key, at, there, stored, differences)


def _add_difference(
    key: MarketHour,
    at: datetime,
    there: MarketBands | None,
    stored: MarketBands | None,
    differences: DifferenceCollector,
) -> None:
    if there is None or stored is None:
        kind, only = ("bands missing", there) if stored is None else ("bands too many", stored)
        assert only is not None
        differences.add(key, kind, f"{at:%H:%M} with {only.trades:,} trades")
        return
    for name in COMPARED_FIELDS:
        here, other = getattr(stored, name), getattr(there, name)
        if here != other:
            words = f"{at:%H:%M}: {_format_sums(here)} in Postgres, {_format_sums(other)} in the lake"
            differences.add(key, f"bands {name}", words)


def _format_sums(value: object) -> str:
    """A number of each band from the smallest orders on; `none` where no trade had a dollar value."""
    if value is None:
        return "none"
    return " ".join(map(format_value, value)) if isinstance(value, list) else format_value(value)
