"""What the look for whales without prices reads of the history."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from whale_platform.stores.asset_tables import whale_prices
from whale_platform.stores.asset_tables.materialisation import fetch_rows
from whale_platform_tests.stores.asset_tables.test_materialisation import store
from whale_platform_tests.stores.builders import START, WHALE, WINDOW
from whale_platform_tests.support.postgres_server import query

OLD, MARKETS = 20_000, 4
COPY_WHALES = """
INSERT INTO whale_alerts (exchange, symbol, kind, trade_id, side, price, quantity, notional_usd, threshold_usd, tier,
    event_time, received_time, detected_time, source, run_id)
SELECT exchange, 'S' || n %% %s, kind, 100 + n, side, price, quantity, notional_usd, threshold_usd, tier,
    event_time - n * interval '20 minutes', received_time, detected_time, source, run_id
FROM whale_alerts, generate_series(0, %s) AS n
"""
PRICE_ALL = """
INSERT INTO whale_prices (exchange, symbol, kind, trade_id, settled, run_id, code_version)
SELECT exchange, symbol, kind, trade_id, true, 'run', 'code' FROM whale_alerts WHERE event_time < %s
"""


def find_scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Those of whales and prices."""
    if plan.get("Relation Name") in ("whale_alerts", "whale_prices"):
        yield plan
    for part in plan.get("Plans", ()):
        yield from find_scans(part)


def test_only_the_whales_of_the_last_day_are_read(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store(database, [], [WHALE._replace(event_time=START)])
    query(database, COPY_WHALES, MARKETS, OLD)
    query(database, "DELETE FROM whale_alerts WHERE symbol = %s", WHALE.symbol)
    query(database, PRICE_ALL, START - timedelta(hours=1))
    newest = [WINDOW._replace(symbol=f"S{n}", last_event_time=START + timedelta(seconds=30)) for n in range(MARKETS)]
    store(database, newest)
    query(database, "ANALYZE whale_alerts, whale_prices, trade_windows")
    due = whale_prices.read_due_whales(database, 9)
    assert [(one.symbol, one.trade_id) for one in due] == [("S3", 103), ("S2", 102), ("S1", 101), ("S0", 100)]
    plans: list[Any] = []

    def explain(dsn: str, statement: str, values: dict[str, object]) -> list[tuple[Any, ...]]:
        plans.extend(fetch_rows(dsn, f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {statement}", values))
        return []

    monkeypatch.setattr(whale_prices, "fetch_rows", explain)
    whale_prices.read_due_whales(database, 9)
    (([plan],),) = plans
    scans = list(find_scans(plan["Plan"]))
    read = sum((one["Actual Rows"] + one.get("Rows Removed by Filter", 0)) * one["Actual Loops"] for one in scans)
    assert len(scans) > 2 and read < OLD / 20, "a day has 72, each with its prices"
