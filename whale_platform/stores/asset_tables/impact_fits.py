"""Table `impact_fits`: the square-root law fitted to each market's sweeps of a week, from the tables that there are.

Sweeps and the prices around them are those of `whale_alerts` and `whale_prices`, volatility and volume those of
`hourly_rollups`, so a fit reads no lake. Hours in which nothing of an exchange was traded are left out: it was not
watched then. Raises PostgresUnusableError.
"""

from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from math import sqrt

from psycopg2.extras import execute_values

from whale_platform.domain.impact import ImpactFit, MarketActivity, SweepMove, fit_impact
from whale_platform.domain.names import SWEEP
from whale_platform.stores.asset_tables.materialisation import (
    HourRange,
    Provenance,
    fetch_rows,
    open_exclusive_transaction,
)

DAY_HOURS = 24


@dataclass(frozen=True, slots=True)
class MarketFit:
    """The fit of one market."""

    exchange: str
    symbol: str
    activity: MarketActivity
    fit: ImpactFit


_ACTIVITY = """
WITH rolled AS (
    SELECT exchange, symbol, hour, realised_volatility, notional FROM hourly_rollups WHERE hour >= %s AND hour < %s
), watched AS (SELECT DISTINCT exchange, hour FROM rolled)
SELECT exchange, symbol, (SELECT count(*) FROM watched WHERE watched.exchange = rolled.exchange
    AND watched.hour >= min(rolled.hour)), sum(realised_volatility * realised_volatility), sum(notional)::float8
FROM rolled GROUP BY exchange, symbol ORDER BY exchange, symbol
"""
_MOVES = """
SELECT exchange, symbol, event_time, coalesce(notional, notional_usd)::float8,
    (CASE side WHEN 'buy' THEN 1 ELSE -1 END * (after_1s - before) / before)::float8
FROM whale_alerts JOIN whale_prices USING (exchange, symbol, kind, trade_id)
WHERE kind = %s AND event_time >= %s AND event_time < %s AND after_1s IS NOT NULL AND before IS NOT NULL
ORDER BY exchange, symbol, event_time
"""
_INSERT = """
INSERT INTO impact_fits (exchange, symbol, until, hours, volatility, volume, sweeps, time_blocks, factor, factor_error,
    note, run_id, code_version)
VALUES %s
"""


def materialise_fits(dsn: str, hours: HourRange, provenance: Provenance) -> list[MarketFit]:
    """Fit the sweeps of `hours` and replace the fits until their end; returns them by exchange and symbol.

    A market without rollups there has none.
    """
    fits = find_fits(dsn, hours)
    rows = [
        (
            *(one.exchange, one.symbol, hours.end),
            *asdict(one.activity).values(),
            *asdict(one.fit).values(),
            *(provenance.run_id, provenance.code_version),
        )
        for one in fits
    ]
    with open_exclusive_transaction(dsn, "impact_fits") as cursor:
        cursor.execute("DELETE FROM impact_fits WHERE until = %s", (hours.end,))
        if rows:
            execute_values(cursor, _INSERT, rows)
    return fits


def find_fits(dsn: str, hours: HourRange) -> list[MarketFit]:
    """Return the fits to the sweeps of `hours`."""
    moves: dict[tuple[str, str], list[SweepMove]] = {}
    found: list[tuple[str, str, datetime, float, float]] = [
        (exchange, symbol, at, notional, moved)
        for exchange, symbol, at, notional, moved in fetch_rows(dsn, _MOVES, (SWEEP, hours.start, hours.end))
    ]
    for market, some in groupby(found, lambda row: row[:2]):
        moves[market] = [SweepMove(*row[2:]) for row in some]
    fits = []
    for exchange, symbol, watched, variance, notional in fetch_rows(dsn, _ACTIVITY, (hours.start, hours.end)):
        days = watched / DAY_HOURS
        activity = MarketActivity(watched, sqrt(variance / days), notional / days)
        fits.append(MarketFit(exchange, symbol, activity, fit_impact(activity, moves.get((exchange, symbol), ()))))
    return fits
