"""The newest state of every symbol and what the last hour and day added up to: what `/latest` is made of.

Every statement reads as much with fifty days in the tables as with one: symbols are found by jumps along the key, the
newest row is the first of its index, and a day is 23 rollups and two parts of hours. Where hours are not rolled up (no
Dagster) their minutes are summed instead. Raises what `Pool.read` raises.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from whale_platform.stores.pool import Pool

Symbol = tuple[str, str]  # exchange, symbol
WindowKey = tuple[str, str, datetime]
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class WindowState:
    """The newest window of a symbol as it is so far. Prices and notional in quote currency, volumes in base units."""

    exchange: str
    symbol: str
    window_start: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    vwap: Decimal
    volume: Decimal
    notional: Decimal
    buy_volume: Decimal
    sell_volume: Decimal
    trade_count: int
    last_event_time: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class WhaleState:
    """The newest whale of a symbol; US dollars, the taker's side."""

    exchange: str
    symbol: str
    kind: str
    trade_id: int
    side: str
    price: Decimal
    quantity: Decimal
    notional_usd: Decimal
    event_time: datetime


@dataclass(frozen=True, slots=True)
class Span:
    """Trades of a symbol from `since` on: the first price, base units, quote currency, how many."""

    since: datetime
    open: Decimal
    volume: Decimal
    notional: Decimal
    trades: int

    def __add__(self, other: "Span") -> "Span":
        first = min(self, other, key=lambda span: span.since)
        return Span(
            first.since,
            first.open,
            self.volume + other.volume,
            self.notional + other.notional,
            self.trades + other.trades,
        )


_SYMBOLS = """
WITH RECURSIVE found AS (
    (SELECT exchange, symbol FROM trade_windows ORDER BY exchange, symbol LIMIT 1)
    UNION ALL SELECT after.* FROM found CROSS JOIN LATERAL (
        SELECT exchange, symbol FROM trade_windows w WHERE (w.exchange, w.symbol) > (found.exchange, found.symbol)
        ORDER BY exchange, symbol LIMIT 1) after
)
SELECT exchange, symbol FROM found
"""

_NEWEST_WINDOW = """
SELECT exchange, symbol, window_start, open, high, low, close, vwap, volume, notional, buy_volume, sell_volume,
    trade_count, last_event_time, updated_at
FROM trade_windows WHERE exchange = %s AND symbol = %s ORDER BY window_start DESC LIMIT 1
"""

_THESE_WINDOWS = """
SELECT w.exchange, w.symbol, w.window_start, w.open, w.high, w.low, w.close, w.vwap, w.volume, w.notional,
    w.buy_volume, w.sell_volume, w.trade_count, w.last_event_time, w.updated_at
FROM trade_windows w JOIN unnest(%(exchanges)s::text[], %(symbols)s::text[], %(starts)s::timestamptz[])
    AS asked (exchange, symbol, window_start) USING (exchange, symbol, window_start)
WHERE w.window_start >= %(first)s AND w.window_start <= %(last)s
"""

_NEWEST_WHALE = """
SELECT exchange, symbol, kind, trade_id, side, price, quantity, notional_usd, event_time
FROM whale_alerts WHERE exchange = %s AND symbol = %s ORDER BY event_time DESC, trade_id DESC LIMIT 1
"""

_MINUTES = """
SELECT exchange, symbol, min(window_start), (array_agg(open ORDER BY window_start))[1], sum(volume), sum(notional),
    sum(trade_count)::bigint
FROM trade_windows WHERE window_start >= %s AND window_start < %s GROUP BY 1, 2
"""

_HOURS = """
SELECT exchange, symbol, hour, open, volume, notional, trade_count FROM hourly_rollups
WHERE hour >= %s AND hour < %s
"""

_THRESHOLDS = "SELECT exchange, symbol, threshold_usd FROM whale_thresholds"


def symbols(pool: Pool) -> list[Symbol]:
    """Every (exchange, symbol) with a window, in order."""
    return [(str(exchange), str(symbol)) for exchange, symbol in pool.rows(_SYMBOLS)]


def newest_windows(pool: Pool, wanted: Iterable[Symbol]) -> list[WindowState]:
    """The newest window of each, as far as it has one."""
    return [WindowState(*row) for one in wanted for row in pool.rows(_NEWEST_WINDOW, one)]


def these_windows(pool: Pool, keys: Sequence[WindowKey]) -> list[WindowState]:
    """These windows as they are now; one that is gone is left out."""
    if not keys:
        return []
    starts = [key[2] for key in keys]
    asked: dict[str, object] = {
        "exchanges": [key[0] for key in keys],
        "symbols": [key[1] for key in keys],
        "starts": starts,
        "first": min(starts),
        "last": max(starts),
    }
    return [WindowState(*row) for row in pool.rows(_THESE_WINDOWS, asked)]


def newest_whales(pool: Pool, wanted: Iterable[Symbol]) -> list[WhaleState]:
    """The newest whale of each that ever had one."""
    return [WhaleState(*row) for one in wanted for row in pool.rows(_NEWEST_WHALE, one)]


def thresholds(pool: Pool) -> dict[Symbol, Decimal]:
    """US dollars by (exchange, symbol), `*` for any."""
    return {(str(exchange), str(symbol)): usd for exchange, symbol, usd in pool.rows(_THRESHOLDS)}


def spans(pool: Pool, edge: datetime) -> tuple[dict[Symbol, Span], dict[Symbol, Span]]:
    """(the 60 minutes, the 24 hours) that end with the minute that begins at `edge`, by symbol; whole minutes."""
    end = edge + MINUTE
    day = _minutes(pool, end - 24 * HOUR, _hour_from(end - 24 * HOUR))
    first, last = _hour_from(end - 24 * HOUR), _hour_of(end)
    made: set[datetime] = set()
    for exchange, symbol, hour, *rest in pool.rows(_HOURS, (first, last)):
        made.add(hour)
        _add(day, (exchange, symbol), Span(hour, *rest))
    for start, stop in _not_made(first, last, made):
        _merge(day, _minutes(pool, start, stop))
    _merge(day, _minutes(pool, last, end))
    return _minutes(pool, end - HOUR, end), day


def _minutes(pool: Pool, start: datetime, end: datetime) -> dict[Symbol, Span]:
    if start >= end:
        return {}
    return {(exchange, symbol): Span(*rest) for exchange, symbol, *rest in pool.rows(_MINUTES, (start, end))}


def _not_made(first: datetime, last: datetime, made: set[datetime]) -> list[tuple[datetime, datetime]]:
    """Runs of hours without any rollup."""
    out: list[tuple[datetime, datetime]] = []
    hour = first
    while hour < last:
        if hour not in made:
            if out and out[-1][1] == hour:
                out[-1] = (out[-1][0], hour + HOUR)
            else:
                out.append((hour, hour + HOUR))
        hour += HOUR
    return out


def _merge(into: dict[Symbol, Span], more: dict[Symbol, Span]) -> None:
    for symbol, span in more.items():
        _add(into, symbol, span)


def _add(into: dict[Symbol, Span], symbol: Symbol, span: Span) -> None:
    into[symbol] = into[symbol] + span if symbol in into else span


def _hour_of(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _hour_from(time: datetime) -> datetime:
    hour = _hour_of(time)
    return hour if hour == time else hour + HOUR
