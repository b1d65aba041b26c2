"""How an audit is shown to people and to programs."""

from dataclasses import replace

import pytest

from whale_platform.audit import render
from whale_platform.audit.reconcile import (
    AuditResult,
    reconcile_hours,
)
from whale_platform.domain.id_ranges import HeldIds
from whale_platform.domain.market import MarketHour
from whale_platform.stores.quality.audit_counts import HourlyTradeCount
from whale_platform_tests.audit.test_reconcile import GAP, SOUND, START, SUMS, WHOLE, but, held


@pytest.fixture
def mixed() -> AuditResult:
    """One line wrong, one explained, one ok; another symbol is ok."""
    short = but(WHOLE, 0, held((0, 89)))
    eth: dict[MarketHour, HeldIds] = {("binance", "ETHUSDT", START): held((1, 5))}
    counts = {**SUMS, ("binance", "ETHUSDT", START): HourlyTradeCount(5, 1, 5, "rollup")}
    gaps = [replace(GAP, first_id=105, last_id=109, state="repaired", filled=5)]
    places = replace(SOUND, lake={**short, **eth}, kafka={**WHOLE, **eth}, postgres=counts, gaps=gaps)
    return reconcile_hours(places, ["Kafka reaches back far"])


def test_the_tables_show_what_is_not_plain_the_wrong_first(mixed: AuditResult) -> None:
    assert [(line.hour.hour, line.verdict) for line in render.select_notable(mixed)] == [
        (10, "wrong"),
        (11, "explained"),
    ]
    assert render.render_cells(mixed.lines[0])[1:] == (
        "2026-11-21 10:00",
        "100",
        "100",
        "90",
        "wrong",
        "missing in lake: 10",
    )
    assert render.render_cells(mixed.lines[-1])[3] == "5 r"
    assert render.summarise(mixed) == [
        ("binance BTCUSDT", "3", "300", "10", "0", "0", "5", "0", "0", "0", "wrong"),
        ("binance ETHUSDT", "1", "5", "0", "0", "0", "0", "0", "0", "0", "ok"),
    ]
    text = render.render_markdown(mixed)
    assert "missing in lake: 10" in text and text.endswith("Kafka reaches back far")


def test_json_says_the_same(mixed: AuditResult) -> None:
    value = render.render_json(mixed)
    assert (value["passed"], value["totals"]["missing"], len(value["lines"])) == (False, 10, 4)
    assert value["lines"][0]["missing"] == {"lake": 10}
    assert value["lines"][0]["hour"] == "2026-11-21T10:00:00+00:00"


def test_nothing_at_all_was_not_found_right() -> None:
    empty = reconcile_hours(replace(SOUND, kafka={}, postgres={}, lake={}))
    assert (empty.lines, empty.passed) == ((), False)
    assert render.sum_lines(empty.lines).verdict == "ok"
