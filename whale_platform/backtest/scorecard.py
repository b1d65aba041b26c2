"""The whale scorecard: the standard rules over a week of the lake, as Markdown, a picture and a small file.

The file is `HOME/reports/scorecard-DAY.json`, as `whale backtest --format json` writes it; the Markdown lies beside it.
Raises what run_backtest and read_threshold_history raise, and OSError for a folder that can't be written.
"""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from whale_platform.backtest import render
from whale_platform.backtest.results import BacktestResult, format_seconds
from whale_platform.backtest.rules import read_rules
from whale_platform.backtest.run import BacktestRequest, run_backtest
from whale_platform.domain.whale import build_threshold_periods
from whale_platform.files.atomic_files import write_text
from whale_platform.reports import charts
from whale_platform.reports.tables import render_table
from whale_platform.settings import Settings
from whale_platform.stores.asset_tables.thresholds import read_threshold_history

DAYS = 7
STANDARD_RULES = Path(__file__).with_name("standard_rules.toml")


def run_scorecard(settings: Settings, day: date) -> BacktestResult:
    """Run the standard rules over the week that ends with `day` (UTC)."""
    end = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
    history = read_threshold_history(settings.dsn("dagster"))
    request = BacktestRequest(
        read_rules(STANDARD_RULES),
        end - timedelta(days=DAYS),
        end,
        build_threshold_periods(history, settings.threshold_usd),
    )
    return run_backtest(settings.trades_lake, request, lambda *_: None)


def write_scorecard(folder: Path, day: date, result: BacktestResult) -> Path:
    """Write the result of a day below `folder`; return the path of the JSON."""
    path = folder / "reports" / f"scorecard-{day.isoformat()}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(render.render_json(result), indent=1) + "\n")
    write_text(path.with_suffix(".md"), render_scorecard(result) + "\n")
    return path


def render_scorecard(result: BacktestResult) -> str:
    """Return the verdict of each rule in a table, and below it the figures of each."""
    parts = [
        "# Whale scorecard",
        render.describe_run(result),
        render_table(
            ("rule", "alerts a day", "verdict"),
            [(rule.name, f"{rule.alerts_per_day:,.1f}", rule.explanation) for rule in result.rules],
        ),
    ]
    for rule in result.rules:
        if rule.horizons:
            parts += [f"## {rule.name}", render_table(render.HEAD, render.build_cells(rule))]
    return "\n\n".join(parts)


def draw_scorecard(result: BacktestResult) -> bytes | None:
    """Draw the difference from ordinary trades by rule and time, with its interval, as PNG; None without figures."""
    points = {
        rule.name: [(format_seconds(one.seconds), one.low, one.difference, one.high) for one in rule.horizons]
        for rule in result.rules
        if rule.horizons
    }
    return (
        charts.draw_intervals("Price after whales against ordinary trades", "basis points", points) if points else None
    )
