"""What was traded of each currency over exchanges of one market kind and all quotes: one line a base.

Sums are in its units and in dollars. Only symbols with a dollar value are summed, since prices in other quotes say
nothing in dollars; a base of a single symbol stands in the table of symbols already.
"""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal

from whale_platform.domain.trade import EXACT
from whale_platform.reports.tables import format_money, format_percent, format_price, render_table
from whale_platform.stores.asset_tables.rollups import HourlyRollup

MAX_CURRENCIES = 40
_HEAD = ("currency", "symbols", "volume", "dollars", "average price", "buyers", "whose dollars most", "trades")


def render_currencies(rows: Sequence[HourlyRollup]) -> str:
    """Bases of more than one symbol, most dollars first; empty where there is none. rows: of one market kind."""
    groups: dict[str, list[HourlyRollup]] = defaultdict(list)
    for row in rows:
        if row.base is not None and row.usd_via is not None:
            groups[row.base].append(row)
    shared = {base: some for base, some in groups.items() if len(_sum_dollars(some)) > 1}
    ordered = sorted(shared.items(), key=lambda item: (-sum(_sum_dollars(item[1]).values()), item[0]))
    if not ordered:
        return ""
    cut = f"\n\n{len(ordered) - MAX_CURRENCIES} more currencies are left out." if len(ordered) > MAX_CURRENCIES else ""
    return render_table(_HEAD, [_build_row(base, some) for base, some in ordered[:MAX_CURRENCIES]]) + cut


def _sum_dollars(rows: Sequence[HourlyRollup]) -> dict[str, Decimal]:
    """Return dollars by symbol."""
    found: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        found[f"{row.exchange} {row.symbol}"] = EXACT.add(found[f"{row.exchange} {row.symbol}"], row.notional)
    return found


def _build_row(base: str, rows: Sequence[HourlyRollup]) -> tuple[object, ...]:
    volume, bought = sum((row.volume for row in rows), Decimal(0)), sum((row.buy_volume for row in rows), Decimal(0))
    dollars = _sum_dollars(rows)
    total = sum(dollars.values(), Decimal(0))
    most = max(dollars, key=lambda name: (dollars[name], name))
    return (
        base,
        len(dollars),
        f"{volume:,.4f}",
        format_money(total),
        format_price((total / volume).quantize(Decimal("0.00000001"))),
        format_percent(bought / volume),
        f"{most} {format_percent(dollars[most] / total)}",
        f"{sum(row.trade_count for row in rows):,}",
    )
