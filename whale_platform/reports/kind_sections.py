"""Reports in sections by market kind, because no table's sum and no picture's stack may take two kinds.

Spot stands first and has no heading, so that a report of spot alone has none.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from whale_platform.domain.market import MarketKind
from whale_platform.domain.size_bands import MarketBands
from whale_platform.exchanges.market_kinds import DEFAULT_KIND, group_by_kind
from whale_platform.reports import charts
from whale_platform.stores.asset_tables.rollups import HourlyRollup
from whale_platform.stores.asset_tables.whale_reports import WhaleReport

Row = TypeVar("Row", HourlyRollup, WhaleReport, MarketBands)
TITLES: Mapping[MarketKind, str] = {
    "spot": "Spot",
    "perpetual": "Perpetuals",
    "block": "Blocks off the book",
    "liquidation": "Liquidations",
}


def render_sections(rows: Iterable[Row], render: Callable[[list[Row]], str]) -> str:
    """What `render` makes of the rows of each market kind, all but spot below a heading. No rows are spot."""
    return "\n\n".join(
        render(some) if kind == DEFAULT_KIND else f"### {TITLES[kind]}\n\n{render(some)}"
        for kind, some in (group_by_kind(rows) or {DEFAULT_KIND: []}).items()
    )


def draw_sections(
    title: str, unit: str, rows: Iterable[Row], build_series: Callable[[Sequence[Row]], charts.HourlySeries]
) -> dict[MarketKind, str]:
    """A picture of bars for each market kind that has something to draw, as Markdown."""
    drawn: dict[MarketKind, str] = {}
    for kind, some in group_by_kind(rows).items():
        name = title if kind == DEFAULT_KIND else f"{title}: {TITLES[kind].lower()}"
        series = build_series(some)
        if any(value for points in series.values() for _, value in points):
            drawn[kind] = charts.embed_png(charts.draw_bars(name, unit, series), name)
    return drawn


def prefix_figures(rows: Iterable[Row], build_figures: Callable[[list[Row]], Mapping[str, Any]]) -> dict[str, Any]:
    """The figures of each market kind by name; those of spot, there also without rows, have no prefix."""
    groups: dict[MarketKind, list[Row]] = {DEFAULT_KIND: []}
    groups.update(group_by_kind(rows))
    return {
        name if kind == DEFAULT_KIND else f"{kind}_{name}": figure
        for kind, some in groups.items()
        for name, figure in build_figures(some).items()
    }
