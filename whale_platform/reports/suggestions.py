"""Suggested whale thresholds as text and as a picture."""

from collections.abc import Iterable, Sequence

from whale_platform.domain.hours_of_week import name_hour_of_week
from whale_platform.domain.market import Market
from whale_platform.domain.suggestion import (
    SuggestionRange,
    ThresholdChoice,
    ThresholdSuggestion,
    explain_missing_hours,
)
from whale_platform.reports import charts
from whale_platform.reports.tables import format_money, render_table

NONE = "No symbol has enough trades to learn from."


def draw_suggestions(suggestions: Sequence[ThresholdSuggestion]) -> bytes:
    """From each symbol's threshold, a dot, to its largest order. PNG bytes."""
    spans = {
        f"{one.exchange} {one.symbol}": (float(one.usd), float(max(one.usd, one.largest_usd))) for one in suggestions
    }
    return charts.draw_ranges("suggested threshold and largest order", "US dollars", spans)


def render_suggestions(suggestions: Sequence[ThresholdSuggestion], written: Iterable[tuple[str, str]]) -> str:
    """A table, with the choices of each symbol in one cell; what a person has set is marked as kept."""
    if not suggestions:
        return NONE
    new = set(written)
    rows = [
        (
            f"{one.exchange} {one.symbol}",
            f"{one.trades:,}",
            format_money(one.usd),
            "; ".join(describe_choice(choice) for choice in one.choices),
            format_money(one.largest_usd),
            "suggested" if Market(one.exchange, one.symbol) in new else "kept: set by a person",
        )
        for one in suggestions
    ]
    return render_table(("symbol", "trades", "threshold", "what each amount gave a day", "largest", ""), rows)


def describe_choice(choice: ThresholdChoice) -> str:
    """Return what was wished, the amount, and its alerts on an average day, on the quietest and on the loudest one."""
    wish = "held" if choice.per_day is None else f"{choice.per_day} a day"
    amount = format_money(choice.usd)
    if choice.by_hour:
        amount += " or more by hour of the week"
    if choice.alerts is None:
        return f"{wish}: {amount} gave more than counted"
    mean = sum(choice.alerts) / len(choice.alerts)
    return f"{wish}: {amount} gave {mean:.1f} ({min(choice.alerts)} to {max(choice.alerts)})"


def describe_hours(one: ThresholdSuggestion, asked: SuggestionRange) -> list[str]:
    """Return a line for each hour of the week, or one that says why they are not told apart."""
    missing = explain_missing_hours(one.hours, asked.days)
    if missing is not None:
        return [missing]
    return [
        f"{name_hour_of_week(hour.hour_of_week)} {format_money(hour.usd)}, "
        f"{hour.alerts} alerts by {format_money(one.usd)}"
        for hour in one.hours_of_week
    ]
