"""A back-test as people and programs read it: rows of a table, JSON, CSV."""

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from whale_platform.backtest.live_difference import AlertDifference
from whale_platform.backtest.results import BacktestResult, HorizonResult, RuleResult, format_seconds
from whale_platform.reports.tables import format_money

HEAD = ("after", "alerts", "move bp", "ordinary", "difference", "95 %", "hit rate", "ordinary", "p", "adjusted")
CSV_COLUMNS = (
    *(
        "rule",
        "verdict",
        "rule_alerts",
        "alerts_per_day",
        "suppressed",
        "usd",
        "seconds",
        "alerts",
        "blocks",
        "mean_bp",
    ),
    *("control_mean_bp", "difference_bp", "low_bp", "high_bp", "hit_rate", "control_hit_rate", "p", "p_adjusted"),
)
MAX_DIFFERENT = 50


def describe_run(result: BacktestResult) -> str:
    """Return what was read, in a line."""
    return (
        f"{result.start:%Y-%m-%d %H:%M} to {result.end:%Y-%m-%d %H:%M} UTC: {result.trades:,} trades of "
        f"{result.hours:,.1f} hours that the lake has; seed {result.seed}"
    )


def describe_rule(rule: RuleResult) -> str:
    """Return how many alerts a rule gives, in a line."""
    held_back = f", {rule.suppressed:,} held back by its cooldown" if rule.suppressed else ""
    return f"{rule.name}: {rule.alerts:,} alerts, {rule.alerts_per_day:,.1f} a day{held_back}; {format_money(rule.usd)}"


def build_cells(rule: RuleResult) -> list[tuple[str, ...]]:
    """Return the rows of a rule's table, as HEAD."""
    return [_build_row(one) for one in rule.horizons]


def _build_row(one: HorizonResult) -> tuple[str, ...]:
    return (
        format_seconds(one.seconds),
        f"{one.alerts:,}",
        f"{one.mean:+.2f}",
        f"{one.control_mean:+.2f}",
        f"{one.difference:+.2f}",
        f"{one.low:+.2f} to {one.high:+.2f}",
        f"{one.hit_rate * 100:.1f} %",
        f"{one.control_hit_rate * 100:.1f} %",
        f"{one.p:.4f}",
        f"{one.p_adjusted:.4f}" if one.enough else "too few",
    )


def render_json(result: BacktestResult, difference: AlertDifference | None = None) -> dict[str, Any]:
    """Return an object for JSON: the run, its rules with their times, and the difference from live where compared."""
    return {
        "from": result.start.isoformat(),
        "to": result.end.isoformat(),
        "hours": result.hours,
        "trades": result.trades,
        "seed": result.seed,
        "rules": [
            {
                "name": rule.name,
                "alerts": rule.alerts,
                "alerts_per_day": rule.alerts_per_day,
                "suppressed": rule.suppressed,
                "usd": f"{rule.usd:f}",
                "verdict": rule.verdict,
                "explanation": rule.explanation,
                "horizons": [asdict(one) for one in rule.horizons],
            }
            for rule in result.rules
        ],
        **({} if difference is None else {"live": _render_difference(difference)}),
    }


def _render_difference(difference: AlertDifference) -> dict[str, Any]:
    return {
        "same": difference.same,
        "excused": difference.excused,
        "different": [{**one._asdict(), "event_time": one.event_time.isoformat()} for one in difference.different],
    }


def render_csv(result: BacktestResult) -> str:
    """Return a line for each rule and time below CSV_COLUMNS; a rule without any has one line without figures."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for rule in result.rules:
        head = (rule.name, rule.verdict, rule.alerts, rule.alerts_per_day, rule.suppressed, f"{rule.usd:f}")
        writer.writerows((*head, *asdict(one).values()) for one in rule.horizons) if rule.horizons else writer.writerow(
            head
        )
    return text.getvalue()


def describe_difference(difference: AlertDifference) -> Iterable[str]:
    """Return the comparison with live in lines, the verdict last."""
    for one in difference.different[:MAX_DIFFERENT]:
        yield (
            f"{one.event_time:%Y-%m-%d %H:%M:%S.%f} {one.exchange} {one.symbol} {one.kind} {one.trade_id}: {one.why}"
        )
    if len(difference.different) > MAX_DIFFERENT:
        yield f"and {len(difference.different) - MAX_DIFFERENT:,} more"
    excused = f"; {difference.excused:,} left out around changes of a threshold or after an import"
    yield (
        f"live and lake: {difference.same:,} alerts on both sides, {len(difference.different):,} different"
        f"{excused if difference.excused else ''}"
    )
