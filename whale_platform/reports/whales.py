"""The report of some hours of whales: flow by symbol and over all exchanges, the largest, and what the price did.

Whales are counted as orders: a fill of a sweep is counted in the sweep. Sums over symbols count dollars; a symbol whose
quote has no dollar rate has no whales, and is left out of the market. Each market kind has a section of its own, and
"all exchanges" are those of the kind (reports/kind_sections.py).
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from whale_platform.domain.names import SINGLE_TRADE, SWEEP
from whale_platform.reports import kind_sections
from whale_platform.reports.tables import format_money, format_percent, format_price, render_table
from whale_platform.stores.asset_tables.whale_reports import WhaleReport

MAX_ALERTS = 20
PRICES = ("before", "after_1s", "after_10s", "after_1", "after_5", "after_15")  # reports from before lack the seconds


def render_whales(rows: Sequence[WhaleReport]) -> str:
    """Whales by symbol with the total over all exchanges of a market kind first, then the largest alerts."""
    return kind_sections.render_sections(rows, _render_section)


def _render_section(rows: Sequence[WhaleReport]) -> str:
    with_whales = [row for row in rows if row.whales]
    if not with_whales:
        return f"No whales among {len({(row.exchange, row.symbol) for row in rows})} symbols that traded."
    groups: dict[str, list[WhaleReport]] = defaultdict(list)
    for row in rows:  # hours without whales too: the share is of all that was traded
        groups[f"{row.exchange} {row.symbol}"].append(row)
    found = [item for item in groups.items() if any(row.whales for row in item[1])]
    ordered = sorted(found, key=lambda item: -sum(row.notional_usd for row in item[1]))
    head = ("symbol", "whales", "sweeps", "blocks", "notional", "bought", "sold", "net flow", "share of notional")
    lines = [
        _build_row("**all exchanges**", with_whales, share=False),
        *(_build_row(name, fold) for name, fold in ordered),
    ]
    cut = (
        f"\n\n{len(ordered) - MAX_ALERTS} more symbols are in the table `whale_reports`."
        if len(ordered) > MAX_ALERTS
        else ""
    )
    return f"{render_table(head, lines[: MAX_ALERTS + 1])}{cut}\n\n**Largest**\n\n{_render_largest(with_whales)}"


def _build_row(name: str, rows: Sequence[WhaleReport], share: bool = True) -> tuple[object, ...]:
    traded = sum((row.whale_notional for row in rows), Decimal(0))
    return (
        name,
        f"{sum(row.whales for row in rows):,}",
        f"{sum(row.sweeps for row in rows):,}",
        f"{sum(row.blocks for row in rows):,}",
        format_money(sum((row.notional_usd for row in rows), Decimal(0))),
        format_money(sum((row.buy_usd for row in rows), Decimal(0))),
        format_money(sum((row.sell_usd for row in rows), Decimal(0))),
        format_money(sum((row.net_flow_usd for row in rows), Decimal(0))),
        format_percent(traded / sum((row.market_notional for row in rows), Decimal(0))) if share else "",
    )


def _render_largest(rows: Sequence[WhaleReport]) -> str:
    alerts: list[tuple[WhaleReport, dict[str, Any]]] = [(row, alert) for row in rows for alert in row.largest]
    alerts.sort(key=lambda pair: -Decimal(pair[1]["notional_usd"]))
    marks = ("before", "+1 s", "+10 s", "+1 min", "+5 min", "+15 min")
    head = (
        "whale",
        "kind",
        "side",
        "notional",
        "of its hour",
        "price",
        "slippage",
        *marks,
        "moved",
        "expected",
        "outcome",
    )
    return render_table(
        head,
        [
            (
                f"{row.exchange} {row.symbol} {alert['trade_id']}, {alert['event_time'][:19].replace('T', ' ')}",
                _describe_kind(alert),
                alert["side"],
                format_money(Decimal(alert["notional_usd"])),
                "" if alert.get("hour_share") is None else format_percent(Decimal(alert["hour_share"])),
                format_price(alert["price"]),
                _format_bps(alert.get("slippage_bps")),
                *(format_price(alert.get(name)) for name in PRICES),
                _format_bps(alert.get("moved_bps")),
                _format_bps(alert.get("expected_bps")),
                (alert.get("outcome") or "").replace("_", " "),
            )
            for row, alert in alerts[:10]
        ],
    )


def _format_bps(value: str | None) -> str:
    return "" if value is None else f"{Decimal(value):.1f} bp"


def _describe_kind(alert: dict[str, Any]) -> str:
    """`sweep of 12 fills`, `block`, `trade`; reports from before there were kinds name none."""
    kind = alert.get("kind", SINGLE_TRADE)
    if kind == SWEEP:
        return f"sweep of {alert['fills']} fills"
    return "trade" if kind == SINGLE_TRADE else str(kind)


def build_flow_series(rows: Sequence[WhaleReport]) -> dict[str, list[tuple[datetime, float]]]:
    """Series for a picture: dollars bought and sold by whales in millions by hour, sold as negative.

    rows: of one market kind.
    """
    bought: dict[datetime, float] = defaultdict(float)
    sold: dict[datetime, float] = defaultdict(float)
    for row in rows:
        bought[row.hour] += float(row.buy_usd) / 1e6
        sold[row.hour] -= float(row.sell_usd) / 1e6
    return {"bought": sorted(bought.items()), "sold": sorted(sold.items())}
