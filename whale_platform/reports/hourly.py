"""The report of some hours of rollups: one line a symbol over all of them, and how the dollars went by hour.

Each market kind has a section of its own (reports/kind_sections.py).

Notional is in a symbol's quote currency: only those in dollars are ranked against each other and drawn together, the
others follow them.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from math import sqrt

from whale_platform.reports import currencies, kind_sections
from whale_platform.reports.tables import format_percent, format_price, render_table
from whale_platform.stores.asset_tables.rollups import HourlyRollup

MAX_SYMBOLS = 40  # symbols; a longer table is cut and says so
DRAWN_SYMBOLS = 5


def render_hourly(rows: Sequence[HourlyRollup]) -> str:
    """OHLC, volume, buyers' share and volatility by symbol over the hours in `rows`, most dollars first."""
    return kind_sections.render_sections(rows, _render_section)


def _render_section(rows: Sequence[HourlyRollup]) -> str:
    if not rows:
        return "No trades in these hours."
    groups: dict[tuple[str, str], list[HourlyRollup]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: row.hour):
        groups[row.exchange, row.symbol].append(row)
    ordered = sorted(
        groups.items(), key=lambda item: (item[1][-1].usd_via is None, -sum(row.notional for row in item[1]))
    )
    head = ("symbol", "open", "high", "low", "close", "volume", "notional", "buyers", "volatility", "trades")
    lines = [
        _build_row(f"{exchange} {symbol}", fold[-1].quote or "", fold)
        for (exchange, symbol), fold in ordered[:MAX_SYMBOLS]
    ]
    hours = sorted({row.hour for row in rows})
    span = f"{hours[0]:%Y-%m-%d %H:%M}" + (f" to {hours[-1]:%Y-%m-%d %H:%M}" if len(hours) > 1 else "")
    cut = (
        f"\n\n{len(ordered) - MAX_SYMBOLS} more symbols are in the table `hourly_rollups`."
        if len(ordered) > MAX_SYMBOLS
        else ""
    )
    text = f"**{span} UTC**, {len(hours)} hour(s), {len(ordered)} symbols\n\n{render_table(head, lines)}{cut}"
    by_base = currencies.render_currencies(rows)
    return f"{text}\n\nBy currency, over exchanges and quotes:\n\n{by_base}" if by_base else text


def _build_row(name: str, quote: str, rows: list[HourlyRollup]) -> tuple[object, ...]:
    volume = sum((row.volume for row in rows), Decimal(0))
    return (
        name,
        format_price(rows[0].open),
        format_price(max(row.high for row in rows)),
        format_price(min(row.low for row in rows)),
        format_price(rows[-1].close),
        f"{volume:,.4f}",
        f"{sum(row.notional for row in rows):,.0f} {quote}".rstrip(),
        format_percent(sum((row.buy_volume for row in rows), Decimal(0)) / volume),
        format_percent(sqrt(sum(row.realised_volatility**2 for row in rows)), 2),
        f"{sum(row.trade_count for row in rows):,}",
    )


def build_notional_series(rows: Sequence[HourlyRollup]) -> dict[str, list[tuple[datetime, float]]]:
    """Series for a picture: millions of dollars by hour, for the five symbols with most of them and all others.

    rows: of one market kind, as a picture stacks them.
    """
    totals: dict[str, float] = defaultdict(float)
    series: dict[str, list[tuple[datetime, float]]] = defaultdict(list)
    for row in sorted((row for row in rows if row.usd_via is not None), key=lambda row: row.hour):
        name = f"{row.exchange} {row.symbol}"
        totals[name] += float(row.notional)
        series[name].append((row.hour, float(row.notional) / 1e6))
    ordered = sorted(totals, key=lambda name: -totals[name])
    shown = {name: series[name] for name in ordered[:DRAWN_SYMBOLS]}
    if len(ordered) > DRAWN_SYMBOLS:
        rest: dict[datetime, float] = defaultdict(float)
        for name in ordered[DRAWN_SYMBOLS:]:
            for hour, millions in series[name]:
                rest[hour] += millions
        shown[f"{len(ordered) - DRAWN_SYMBOLS} others"] = sorted(rest.items())
    return shown
