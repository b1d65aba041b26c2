"""A day of the market for people: one Markdown text with its pictures inside, and the same as one HTML file.

Self-contained: no script, no style sheet and no picture is fetched, so it can be mailed and kept.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from html import escape

from whale_platform.exchanges.market_kinds import DEFAULT_KIND, group_by_kind
from whale_platform.reports import hourly, kind_sections, whales
from whale_platform.reports.tables import format_money
from whale_platform.stores.asset_tables.rollups import HourlyRollup
from whale_platform.stores.asset_tables.whale_reports import WhaleReport

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1000px; margin: 2rem auto; padding: 0 1rem; color: #1b1f24 }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: 13px }
th, td { padding: .3rem .6rem; border-bottom: 1px solid #d8dee4; white-space: nowrap }
img { max-width: 100% }
@media (prefers-color-scheme: dark) {
  body { background: #0d1117; color: #e6edf3 } th, td { border-color: #30363d } img { background: #fff }
}
"""


def render_daily(day: date, rollups: Sequence[HourlyRollup], reports: Sequence[WhaleReport]) -> str:
    """The report of one day (UTC) from its hours' rows."""
    if not rollups:
        return f"# Market report {day}\n\nNo trades on this day."
    whales_by_kind = group_by_kind(reports)
    parts = [
        f"# Market report {day}",
        *(
            f"{'' if kind == DEFAULT_KIND else f'{kind_sections.TITLES[kind]}: '}"
            f"{_describe_day(some, whales_by_kind.get(kind, []))}"
            for kind, some in group_by_kind(rollups).items()
        ),
        "## The market",
    ]
    notional = kind_sections.draw_sections(
        "Notional by hour", "millions of dollars", rollups, hourly.build_notional_series
    )
    parts += [*notional.values(), hourly.render_hourly(rollups), "## Whales"]
    flow = kind_sections.draw_sections("Whale flow by hour", "million dollars", reports, whales.build_flow_series)
    return "\n\n".join([*parts, *flow.values(), whales.render_whales(reports)])


def _describe_day(rollups: Sequence[HourlyRollup], reports: Sequence[WhaleReport]) -> str:
    """One sentence on the trades of a market kind and one on its whales."""
    traded = len({(row.exchange, row.symbol) for row in rollups})
    whale_usd = sum((row.notional_usd for row in reports), Decimal(0))
    flow = sum((row.net_flow_usd for row in reports), Decimal(0))
    return (
        f"{sum(row.trade_count for row in rollups):,} trades of {traded} symbols in "
        f"{len({row.hour for row in rollups})} of 24 hours. {sum(row.whales for row in reports):,} whales moved "
        f"{format_money(whale_usd)}; they {'bought' if flow >= 0 else 'sold'} {format_money(abs(flow))} more than they "
        f"{'sold' if flow >= 0 else 'bought'}."
    )


def render_html(title: str, text: str) -> str:
    """`text` (Markdown) as one page."""
    from markdown_it import MarkdownIt  # every process of Dagster loads this module, and few make a page

    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style></head>'
        f"<body>{body}</body></html>\n"
    )
