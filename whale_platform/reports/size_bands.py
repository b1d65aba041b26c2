"""The report of some hours by order size: what the orders of each size bought and sold, and the difference by symbol.

Each market kind has a section of its own (reports/kind_sections.py). Symbols without a dollar value are named as such.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import reduce
from operator import add
from typing import Any

from whale_platform.domain.size_bands import BandFlow, MarketBands, build_flows, describe_band
from whale_platform.reports import kind_sections
from whale_platform.reports.tables import format_money, render_table

MAX_SYMBOLS = 40  # symbols; a longer table is cut and says so


def render_size_bands(rows: Sequence[MarketBands]) -> str:
    """Dollars and orders by size over the hours in `rows`, and the volume delta of each size by symbol."""
    return kind_sections.render_sections(rows, _render_section)


def _render_section(rows: Sequence[MarketBands]) -> str:
    if not rows:
        return "No trades in these hours."
    groups: dict[str, list[MarketBands]] = defaultdict(list)
    for row in rows:
        groups[f"{row.exchange} {row.symbol}"].append(row)
    flows = {name: found for name, some in groups.items() if (found := sum_flows(some))}
    hours = sorted({row.start for row in rows})
    span = f"{hours[0]:%Y-%m-%d %H:%M}" + (f" to {hours[-1]:%Y-%m-%d %H:%M}" if len(hours) > 1 else "")
    parts = [f"**{span} UTC**, {len(hours)} hour(s), {len(groups)} symbols"]
    if flows:
        parts += [_render_sizes(sum_flows(rows)), "Bought less sold (CVD), by symbol:", _render_symbols(flows)]
    if none := sorted(groups.keys() - flows.keys()):
        parts.append(f"Without a dollar value: {len(none)} symbols, such as {none[0]}.")
    if unvalued := sum(row.unvalued_trades for row in rows if row.buy_usd is not None):
        parts.append(f"{unvalued:,} other trades came while no rate was known, and are in no band.")
    return "\n\n".join(parts)


def _render_sizes(flows: Sequence[BandFlow]) -> str:
    lines = [
        (
            describe_band(flow),
            *(format_money(usd) for usd in (flow.buy_usd, flow.sell_usd, flow.cvd_usd)),
            f"{flow.buy_orders + flow.sell_orders:,}",
        )
        for flow in reversed(flows)
    ]
    return render_table(("orders", "bought", "sold", "CVD", "number"), lines)


def _render_symbols(flows: dict[str, list[BandFlow]]) -> str:
    ordered = sorted(flows.items(), key=lambda item: -sum(flow.buy_usd + flow.sell_usd for flow in item[1]))
    head = ("symbol", *(describe_band(flow) for flow in ordered[0][1]))
    lines = [(name, *(format_money(flow.cvd_usd) for flow in some)) for name, some in ordered[:MAX_SYMBOLS]]
    cut = len(ordered) - MAX_SYMBOLS
    more = f"\n\n{cut} more symbols are in the table `size_bands`." if cut > 0 else ""
    return f"{render_table(head, lines)}{more}"


def sum_flows(rows: Sequence[MarketBands]) -> list[BandFlow]:
    """The bands of these rows together, the smallest orders first; empty where none has dollars."""
    valued: list[list[Any]] = [list(row[5:]) for row in rows if row.buy_usd is not None]
    if not valued:
        return []
    sums = [[reduce(add, numbers) for numbers in zip(*columns, strict=True)] for columns in zip(*valued, strict=True)]
    return build_flows(*sums)


def build_cvd_series(rows: Sequence[MarketBands]) -> dict[str, list[tuple[datetime, float]]]:
    """Series for a picture: the volume delta of each size by hour, in millions of dollars. rows: of one market kind."""
    series: dict[str, list[tuple[datetime, float]]] = defaultdict(list)
    for hour in sorted({row.start for row in rows}):
        for flow in sum_flows([row for row in rows if row.start == hour]):
            series[describe_band(flow)].append((hour, float(flow.cvd_usd / Decimal(1_000_000))))
    return dict(series)
