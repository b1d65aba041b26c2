"""The fits of market impact as a table, with what an order of a hundred thousandth of a day's volume lets expect."""

from collections.abc import Sequence
from math import sqrt

from whale_platform.reports.tables import render_table
from whale_platform.stores.asset_tables.impact_fits import MarketFit

EXAMPLE = 1e-5  # of a day's volume


def render_fits(fits: Sequence[MarketFit]) -> str:
    """Every market, those with a factor first, by how many sweeps they have."""
    if not fits:
        return "No market traded in this week."
    head = ("market", "hours", "volatility", "volume", "sweeps", "Y", "error", "expected of 0.001 % of a day", "note")
    ordered = sorted(fits, key=lambda one: (one.fit.factor is None, -one.fit.sweeps, one.exchange, one.symbol))
    return render_table(head, map(_build_row, ordered))


def _build_row(one: MarketFit) -> tuple[str, ...]:
    fit, activity = one.fit, one.activity
    named = (
        f"{one.exchange} {one.symbol}",
        str(activity.hours),
        f"{activity.volatility:.2%}",
        f"{activity.volume:,.0f}",
        f"{fit.sweeps:,}",
    )
    if fit.factor is None or fit.factor_error is None:
        return (*named, "", "", "", fit.note or "")
    expected = 10_000 * fit.factor * activity.volatility * sqrt(EXAMPLE)
    return (*named, f"{fit.factor:.2f}", f"{fit.factor_error:.2f}", f"{expected:.1f} bp", "")
