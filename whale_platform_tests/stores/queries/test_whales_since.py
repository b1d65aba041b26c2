"""The whales that a client missed: in the order of their detection, and without reading all others."""

from datetime import timedelta

import pytest

from whale_platform.stores.asset_tables.materialisation import fetch_rows
from whale_platform.stores.queries import whales_since
from whale_platform_tests.stores.asset_tables.test_due_whales import find_scans
from whale_platform_tests.stores.asset_tables.test_materialisation import store
from whale_platform_tests.stores.builders import START, WHALE
from whale_platform_tests.support.postgres_server import query

pytestmark = pytest.mark.server
MANY = 20_000
FILL = """
INSERT INTO whale_alerts (exchange, symbol, kind, trade_id, side, price, quantity, notional_usd, threshold_usd,
    event_time, received_time, detected_time, source, run_id)
SELECT 'x', 'BTC', 'single_trade', n, 'buy', 1, 90000, 90000, 50000, t, t, t, 'simulated', 'test'
FROM generate_series(1, %s) AS n, LATERAL (SELECT %s::timestamptz - n * interval '1 second' AS t) AS at
"""


def test_they_come_in_the_order_of_their_detection(database: str) -> None:
    moments = [START + timedelta(seconds=number) for number in (3, 1, 2)]
    store(database, [], [WHALE._replace(trade_id=n, detected_time=moment) for n, moment in enumerate(moments)])
    found = whales_since.read_whales_since(database, START + timedelta(seconds=2), 9)
    assert [row.trade_id for row in found] == [2, 0]
    assert [row.trade_id for row in whales_since.read_whales_since(database, START, 2)] == [1, 2]


@pytest.mark.parametrize("seconds", [30, MANY - 10])
def test_of_many_only_those_that_are_wanted_are_read(database: str, seconds: int) -> None:
    query(database, FILL, MANY, START)
    query(database, "ANALYZE whale_alerts")
    statement = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {whales_since._SINCE}"
    (((plan, *_),),) = fetch_rows(database, statement, (START - timedelta(seconds=seconds), 20))
    (scan,) = find_scans(plan["Plan"])
    assert scan.get("Index Name") == "whale_alerts_by_detection", scan
    assert scan["Actual Rows"] <= 40
