"""What a whale is measured by, as the API has it: the numbers of view `whale_context`, and what is only so far."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from starlette.testclient import TestClient

from whale_platform.api.models import dashboard as dashboard_models
from whale_platform.stores.asset_tables import whale_prices
from whale_platform.stores.asset_tables.materialisation import Provenance
from whale_platform.stores.asset_tables.whale_prices import WhalePriceRow
from whale_platform_tests.api.builders import MINUTE, Sink, this_minute, whale, window
from whale_platform_tests.api.conftest import Make, client_of, feed_once
from whale_platform_tests.stores.builders import SWEEP
from whale_platform_tests.support.postgres_server import query

HOUR = timedelta(hours=1)
AT = this_minute().replace(minute=0) - 2 * HOUR + 30 * MINUTE
FIT = """
INSERT INTO impact_fits (exchange, symbol, until, hours, volatility, volume, sweeps, time_blocks, factor, factor_error,
    note, run_id, code_version)
VALUES ('binance', 'BTCUSDT', %s, 100, 0.02, 1e9, 70, 40, %s, %s, %s, 'run', 'code')
"""


@pytest.fixture
def filled(sink: Sink) -> Sink:
    """A sweep of $60,200 in a minute of $200,999 and an hour of $401,998, after a sell, with the prices around it."""
    sink.write(window(AT, last_trade_id=12), window(AT - MINUTE))
    sweep = SWEEP._replace(event_time=AT, received_time=AT, detected_time=AT)
    part = whale(11, AT, notional_usd="50000", sweep_first_id=10)
    sink.write(whale(3, AT - MINUTE, side="sell", notional_usd="100000", notional="100000"), sweep, part)
    row = WhalePriceRow(*sweep.key, Decimal(100), Decimal("100.05"), Decimal("100.1"), None, None, None)
    whale_prices.store_prices(sink.dsn, lambda: [row], Provenance("run", "code"))
    return sink


def read(client: TestClient, trade_id: int = 10, kind: str = "sweep") -> Any:
    found = client.get(f"/whales/binance/BTCUSDT/{trade_id}?kind={kind}").json()
    dashboard_models.WhaleContext.model_validate(found)
    return found


def test_a_whale_has_its_shares_its_streak_and_its_impact(filled: Sink, make: Make) -> None:
    query(filled.dsn, FIT, AT - HOUR, 0.8, 0.1, None)
    whole = read(client_of(make()))
    fit = whole["measures"].pop("fit")
    assert whole["measures"] == {
        "minute": {"notional": "200999.123456789", "share": "0.299503794", "over": False},
        "hour": {"notional": "401998.246913578", "share": "0.149751897", "over": False},
        "streak": 1,
        "net_flow_usd": "-39800",
        "moved_bps": "5",
        "expected_bps": "1.241419",
        "outcome": "broke_through",
    }
    assert (fit["factor"], fit["sweeps"], fit["note"]) == (0.8, 70, None)
    assert whole["prices"] == {
        "before": "100",
        "after_1s": "100.05",
        "after_10s": "100.1",
        "after_1": None,
        "after_5": None,
        "after_15": None,
    }


def test_shares_are_so_far_until_the_exchange_has_traded_later(filled: Sink, make: Make) -> None:
    parts = make()
    client = client_of(parts)

    def over() -> tuple[bool, bool]:
        feed_once(parts)
        measures = read(client)["measures"]
        return measures["minute"]["over"], measures["hour"]["over"]

    assert over() == (False, False)
    filled.write(window(AT + 2 * HOUR, exchange="coinbase", symbol="BTC-USD"))
    assert over() == (False, False), "another exchange's trades say nothing of this one"
    filled.write(window(AT + MINUTE, symbol="ETHUSDT"))
    assert over() == (True, False)
    filled.write(window(AT.replace(minute=0) + HOUR, symbol="ETHUSDT"))
    assert over() == (True, True)


def test_what_is_not_known_is_null_and_says_why(filled: Sink, make: Make) -> None:
    client = client_of(make())
    before_any = read(client)["measures"]
    assert (before_any["fit"], before_any["expected_bps"], before_any["outcome"]) == (None, None, None)
    query(filled.dsn, FIT, AT - HOUR, None, None, "too little: 3 sweeps of 30")
    short = read(client)["measures"]
    assert (short["fit"]["note"], short["moved_bps"], short["outcome"]) == ("too little: 3 sweeps of 30", "5", None)
    assert read(client, 11, "single_trade")["measures"] is None, "its sweep has them"
    assert read(client, 3, "single_trade")["measures"]["moved_bps"] is None, "the lake was not read for it yet"
