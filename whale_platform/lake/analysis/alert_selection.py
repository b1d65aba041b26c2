"""The alerts of one rule out of a scan, and the ordinary trades that they are compared with, as columns of numpy.

Conditions on dollars are exact. Raises LakeError's subclasses.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from whale_platform.domain.market import MarketKind
from whale_platform.domain.whale import ANY
from whale_platform.exchanges.market_kinds import build_exchange_condition
from whale_platform.lake.analysis.alert_scan import AlertScan
from whale_platform.lake.analysis.alert_tables import MINUTE_US
from whale_platform.lake.duckdb import engine

_COLUMNS = f"""
SELECT moved.n, moved.m, moved.sell, moved.t, coalesce(class, 0) AS class, {{moves}} FROM {{table}} AS moved
LEFT JOIN volatility ON volatility.m = moved.m AND volatility.minute = moved.t // {MINUTE_US} ORDER BY moved.t, moved.n
"""
_WANTED = """
SELECT n, t, exchange, symbol, kind, first_id, base, usd, imported FROM alerts JOIN markets USING (m) {thresholds}
WHERE {conditions}
"""
_HELD = "ASOF JOIN thresholds ON thresholds.m = alerts.m AND alerts.t >= thresholds.since"


@dataclass(frozen=True, slots=True)
class AlertConditions:
    """What an alert must have; None, ANY and no kinds: anything.

    least_usd: dollars; held: at least the threshold that held at its time; share: of its market's volume in the minute
    up to it, from 0 to 1; market_kind: of its exchange.
    """

    exchange: str = ANY
    symbol: str = ANY
    kinds: tuple[str, ...] = ()
    side: str | None = None
    least_usd: Decimal | None = None
    held: bool = False
    share: float | None = None
    market_kind: MarketKind | None = None


class FoundAlert(NamedTuple):
    """An alert as `whale_alerts` has it.

    trade_id: of a sweep that of its first fill; usd: exact; imported: one of its trades came from a dump.
    """

    exchange: str
    symbol: str
    kind: str
    trade_id: int
    base: str
    usd: Decimal
    imported: bool


@dataclass(frozen=True, slots=True)
class TradeColumns:
    """Trades in the order of time, one an index.

    market: a number for each; sell: the taker's side; time: microseconds UTC; volatility: the class of the quarter of
    an hour before, 1 to 3, and 0 where there was none; moves: trades x horizons, basis points in the taker's favour,
    NaN where they are not known.
    """

    market: NDArray[np.int64]
    sell: NDArray[np.bool_]
    time: NDArray[np.int64]
    volatility: NDArray[np.int64]
    moves: NDArray[np.float64]

    def take(self, rows: NDArray[np.int64]) -> "TradeColumns":
        """Return the trades of these indices."""
        return TradeColumns(
            self.market[rows], self.sell[rows], self.time[rows], self.volatility[rows], self.moves[rows]
        )


def select_alerts(scan: AlertScan, conditions: AlertConditions) -> tuple[list[FoundAlert], TradeColumns]:
    """Return the alerts that have all of `conditions`, in the order of time."""
    given = [
        (clause, value)
        for clause, value in (
            ("exchange = ${}", None if conditions.exchange == ANY else conditions.exchange),
            ("symbol = ${}", None if conditions.symbol == ANY else conditions.symbol),
            ("list_contains(${}, kind)", list(conditions.kinds) or None),
            ("sell = ${}", None if conditions.side is None else conditions.side == "sell"),
            ("usd >= ${}::DECIMAL(38,18)", None if conditions.least_usd is None else f"{conditions.least_usd:f}"),
            ("share >= ${}", conditions.share),
            _build_kind_condition(conditions.market_kind),
        )
        if value is not None
    ]
    clauses = [clause.format(f"value_{number}") for number, (clause, _) in enumerate(given)]
    values = {f"value_{number}": value for number, (_, value) in enumerate(given)}
    statement = _WANTED.format(
        thresholds=_HELD if conditions.held else "",
        conditions=" AND ".join([*clauses, *(["usd >= threshold"] if conditions.held else [])]) or "true",
    )
    with engine.translate_duckdb_errors():
        scan.connection.execute(f"CREATE OR REPLACE TEMP TABLE wanted AS {statement}", values)
        rows = scan.connection.execute("SELECT * EXCLUDE (n, t) FROM wanted ORDER BY t, n").fetchall()
    return [FoundAlert(*row) for row in rows], _read_columns(scan, "(FROM alert_moves SEMI JOIN wanted USING (n))")


def _build_kind_condition(kind: MarketKind | None) -> tuple[str, list[str] | None]:
    if kind is None:
        return "", None
    operator, names = build_exchange_condition(kind)
    clause = "list_contains(${}, exchange)"
    return (clause if operator == "in" else f"NOT {clause}"), names


def select_controls(scan: AlertScan) -> TradeColumns:
    """Return the ordinary trades of the scan."""
    return _read_columns(scan, "control_moves")


def _read_columns(scan: AlertScan, table: str) -> TradeColumns:
    horizons = range(len(scan.request.horizons))
    moves = ", ".join(f"moves[{number + 1}] AS move_{number}" for number in horizons)
    with engine.translate_duckdb_errors():
        found: dict[str, Any] = scan.connection.execute(_COLUMNS.format(table=table, moves=moves)).fetchnumpy()
    columns = [np.ma.filled(np.ma.asarray(found[f"move_{number}"], dtype=np.float64), np.nan) for number in horizons]
    return TradeColumns(
        np.asarray(found["m"], dtype=np.int64),
        np.asarray(found["sell"], dtype=np.bool_),
        np.asarray(found["t"], dtype=np.int64),
        np.asarray(found["class"], dtype=np.int64),
        np.stack(columns, axis=1) if columns else np.empty((len(found["t"]), 0)),
    )
