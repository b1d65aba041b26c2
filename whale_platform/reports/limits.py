"""Which whale threshold applied to a symbol at a time, as far as that is known: for the audit of whales.

A change takes effect at the stream's next checkpoint, and a backlog is judged when it is read: around a change both
thresholds may have applied. Where the table does not say what held before a row was last changed, those that alerts
are stamped with may have applied too.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from whale_platform.stores.thresholds import ANY, applying

SWAY = timedelta(minutes=10)
MINUTE = timedelta(minutes=1)


class Threshold(NamedTuple):
    """US dollars for (exchange, symbol), `*` for any, from `since` on."""

    exchange: str
    symbol: str
    usd: Decimal
    since: datetime


class Limits:
    """`rows`: every threshold that is known; `stamps`: those of the alerts of the time in question, by symbol."""

    def __init__(
        self, rows: Iterable[Threshold], stamps: Mapping[tuple[str, str], set[Decimal]], history: bool = False
    ) -> None:
        """history: whether `rows` has what held before each row as well."""
        self._stamps, self._history = stamps, history
        self._rows: dict[tuple[str, str], list[Threshold]] = defaultdict(list)
        for row in sorted(rows, key=lambda row: row.since):
            self._rows[row.exchange, row.symbol].append(row)
        self._known: dict[tuple[str, str, datetime], frozenset[Decimal]] = {}

    def possible(self, exchange: str, symbol: str, time: datetime) -> frozenset[Decimal]:
        """The thresholds that may have applied; empty where there is none."""
        minute = time.replace(second=0, microsecond=0)
        key = exchange, symbol, minute
        if key not in self._known:
            self._known[key] = self._possible(exchange, symbol, minute - SWAY, minute + MINUTE + SWAY)
        return self._known[key]

    def floor(self, exchange: str, symbol: str, start: datetime, end: datetime) -> Decimal | None:
        """The lowest that may have applied within [start, end)."""
        return min(self._possible(exchange, symbol, start - SWAY, end + SWAY), default=None)

    def _possible(self, exchange: str, symbol: str, start: datetime, end: datetime) -> frozenset[Decimal]:
        places = [(exchange, symbol), (ANY, symbol), (exchange, ANY), (ANY, ANY)]
        rows = [row for place in places for row in self._rows.get(place, ())]
        found = {
            applying(self._in_force(places, at), exchange, symbol)
            for at in (start, *(row.since for row in rows if start < row.since <= end))
        }
        if not self._history and any(row.since > start for row in rows):
            found |= self._stamps.get((exchange, symbol), set())
        return frozenset(usd for usd in found if usd is not None)

    def _in_force(self, places: list[tuple[str, str]], at: datetime) -> dict[tuple[str, str], Decimal]:
        """The rows of `places` at that time; the oldest for any symbol holds before it too."""
        held = {}
        for place in places:
            rows = self._rows.get(place, [])
            past = [row.usd for row in rows if row.since <= at]
            if past or (rows and place == (ANY, ANY)):
                held[place] = past[-1] if past else rows[0].usd
        return held
