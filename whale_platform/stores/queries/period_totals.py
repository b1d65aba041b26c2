"""Totals of each symbol's last hour and day.

A day is 22 rollups and the minutes before and after them, so it costs the same with fifty days in the tables as with
one; where hours are not rolled up (no Dagster) their minutes are summed instead. The last full hour is taken by its
minutes too: its rollup may be from before the last of them came. Raises what `ConnectionPool.read` raises.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from whale_platform.domain.market import Market
from whale_platform.stores.postgres.pool import ConnectionPool

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class PeriodTotals:
    """Trades of a symbol from `since` on, a minute or a rolled up hour: first price, base units, quote, how many."""

    since: datetime
    open: Decimal
    volume: Decimal
    notional: Decimal
    trades: int

    def __add__(self, other: "PeriodTotals") -> "PeriodTotals":
        first = min(self, other, key=lambda span: span.since)
        return PeriodTotals(
            first.since,
            first.open,
            self.volume + other.volume,
            self.notional + other.notional,
            self.trades + other.trades,
        )


_MINUTES = """
SELECT exchange, symbol, min(window_start), (array_agg(open ORDER BY window_start))[1], sum(volume), sum(notional),
    sum(trade_count)::bigint
FROM trade_windows WHERE window_start >= %s AND window_start < %s GROUP BY 1, 2
"""

_HOURS = """
SELECT exchange, symbol, hour, open, volume, notional, trade_count FROM hourly_rollups
WHERE hour >= %s AND hour < %s
"""


# A symbol's hours without a rollup: all before the first is made, one where its trades came late.
_NOT_MADE = """
SELECT exchange, symbol, min(window_start), (array_agg(open ORDER BY window_start))[1], sum(volume), sum(notional),
    sum(trade_count)::bigint
FROM trade_windows w WHERE window_start >= %s AND window_start < %s AND NOT EXISTS (
    SELECT FROM hourly_rollups made WHERE (made.exchange, made.symbol) = (w.exchange, w.symbol)
        AND made.hour = date_bin('1 hour', w.window_start, 'epoch'))
GROUP BY 1, 2
"""


def read_period_totals(
    pool: ConnectionPool, newest_minute: datetime
) -> tuple[dict[Market, PeriodTotals], dict[Market, PeriodTotals]]:
    """Return the totals by symbol of (the 60 minutes, the 24 hours) that end with `newest_minute`, which is a minute's
    start."""
    end = newest_minute + MINUTE
    day = _sum_minutes(pool, end - 24 * HOUR, _ceil_to_hour(end - 24 * HOUR))
    first, last = _ceil_to_hour(end - 24 * HOUR), _floor_to_hour(end) - HOUR
    for exchange, symbol, hour, *rest in pool.fetch_rows(_HOURS, (first, last)):
        _add(day, Market(exchange, symbol), PeriodTotals(hour, *rest))
    for exchange, symbol, *rest in pool.fetch_rows(_NOT_MADE, (first, last)):
        _add(day, Market(exchange, symbol), PeriodTotals(*rest))
    _merge(day, _sum_minutes(pool, last, end))
    return _sum_minutes(pool, end - HOUR, end), day


def _sum_minutes(pool: ConnectionPool, start: datetime, end: datetime) -> dict[Market, PeriodTotals]:
    if start >= end:
        return {}
    return {
        Market(exchange, symbol): PeriodTotals(*rest)
        for exchange, symbol, *rest in pool.fetch_rows(_MINUTES, (start, end))
    }


def _merge(totals: dict[Market, PeriodTotals], added: dict[Market, PeriodTotals]) -> None:
    for symbol, span in added.items():
        _add(totals, symbol, span)


def _add(totals: dict[Market, PeriodTotals], symbol: Market, added: PeriodTotals) -> None:
    totals[symbol] = totals[symbol] + added if symbol in totals else added


def _floor_to_hour(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _ceil_to_hour(time: datetime) -> datetime:
    hour = _floor_to_hour(time)
    return hour if hour == time else hour + HOUR
