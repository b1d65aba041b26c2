"""What view `whale_context` has of one whale: one statement by its key. Raises what `ConnectionPool.read` raises."""

from typing import Any

from whale_platform.stores.postgres.pool import ConnectionPool

_COLUMNS = (
    *("minute_notional", "minute_share", "hour_notional", "hour_share", "streak", "net_flow_usd"),
    *("moved_bps", "expected_bps", "outcome"),
)
_FIT_COLUMNS = ("until", "hours", "volatility", "volume", "sweeps", "factor", "factor_error", "note")
_CONTEXT = """
SELECT minute_notional, minute_share, hour_notional, hour_share, streak, net_flow_usd, moved_bps, expected_bps, outcome,
    fit_until, fit_hours, fit_volatility, fit_volume, fit_sweeps, fit_factor, fit_factor_error, fit_note
FROM whale_context WHERE (exchange, symbol, kind, trade_id) = (%s, %s, %s, %s)
"""


def read_context(pool: ConnectionPool, whale: dict[str, Any]) -> dict[str, Any] | None:
    """The columns of its row, and as `fit` those of the fit by which it was judged, which is None where there is none.

    None for a single trade that is a fill of a sweep: the sweep has it.
    """
    found = pool.fetch_rows(_CONTEXT, tuple(whale[name] for name in ("exchange", "symbol", "kind", "trade_id")))
    if not found:
        return None
    measured = dict(zip(_COLUMNS, found[0], strict=False))
    fit = dict(zip(_FIT_COLUMNS, found[0][len(_COLUMNS) :], strict=True))
    return {**measured, "fit": None if fit["until"] is None else fit}
