"""Whale thresholds suggested from what was traded: the notional that only one trade in so many exceeds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_UP, Decimal

from whale_platform.contracts.raw_trade import read_fill
from whale_platform.domain.market import Market
from whale_platform.reports import charts
from whale_platform.reports.tables import format_money, format_percent, render_table


@dataclass(frozen=True, slots=True)
class ThresholdSuggestion:
    """One symbol: its trades looked at, those at or over `usd`, and the largest. Dollars."""

    exchange: str
    symbol: str
    trades: int
    usd: Decimal
    whales: int
    largest: Decimal


def collect_notionals(messages: Iterable[bytes]) -> dict[Market, list[Decimal]]:
    """US dollar notionals by (exchange, symbol) of raw trades; what is none or has no dollar value is left out."""
    out: dict[Market, list[Decimal]] = {}
    for message in messages:
        fill = read_fill(message)
        if fill is not None and fill.notional_usd is not None:
            out.setdefault(Market(fill.exchange, fill.symbol), []).append(fill.notional_usd)
    return out


def suggest_thresholds(
    quantiles: Mapping[Market, Sequence[Decimal]], share: Decimal, least_trades: int
) -> list[ThresholdSuggestion]:
    """For each symbol with enough trades: the notional that `share` of them (0..1) stay under, two digits, rounded up.

    Raises ValueError unless 0 < share < 1 and least_trades >= 1.
    """
    if not 0 < share < 1:
        raise ValueError(f"a share of {share} is not between 0 and 1")
    if least_trades < 1:
        raise ValueError(f"{least_trades} trades are not enough to learn from: at least 1")
    out = []
    for (exchange, symbol), values in sorted(quantiles.items()):
        ordered = sorted(values)
        usd = round_up(ordered[min(int(len(ordered) * share), len(ordered) - 1)])
        if len(ordered) >= least_trades and usd > 0:
            whales = sum(1 for value in ordered if value >= usd)
            out.append(ThresholdSuggestion(exchange, symbol, len(ordered), usd, whales, ordered[-1]))
    return out


def round_up(usd: Decimal) -> Decimal:
    """To two significant digits: 12,345 -> 13,000. Zero stays zero."""
    if not usd:
        return usd
    return usd.quantize(Decimal(1).scaleb(usd.adjusted() - 1), ROUND_UP).normalize()


def draw_suggestions(suggestions: Sequence[ThresholdSuggestion]) -> bytes:
    """From each symbol's threshold, a dot, to its largest trade. PNG bytes."""
    spans = {f"{one.exchange} {one.symbol}": (float(one.usd), float(max(one.usd, one.largest))) for one in suggestions}
    return charts.draw_ranges("suggested threshold and largest trade", "US dollars", spans)


def render_suggestions(suggestions: Sequence[ThresholdSuggestion], written: Iterable[tuple[str, str]]) -> str:
    """A table; what a person has set is marked as kept."""
    if not suggestions:
        return "No symbol has enough trades to learn from."
    new = set(written)
    rows = [
        (
            f"{one.exchange} {one.symbol}",
            f"{one.trades:,}",
            format_money(one.usd),
            f"{one.whales:,} ({format_percent(one.whales / one.trades, 2)})",
            format_money(one.largest),
            "suggested" if Market(one.exchange, one.symbol) in new else "kept: set by a person",
        )
        for one in suggestions
    ]
    return render_table(("symbol", "trades", "threshold", "at or over it", "largest", ""), rows)
