"""The flow by order size on real tables."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from starlette.testclient import TestClient

from whale_platform.api.http.responses import format_time
from whale_platform.api.models import size_flow
from whale_platform.domain.size_bands import MarketBands
from whale_platform_tests.api.builders import MINUTE, Sink, this_minute
from whale_platform_tests.api.conftest import Make, client_of
from whale_platform_tests.stores.asset_tables.test_materialisation import store_bands

NONE = (Decimal(0),) * 4


def minute(at: datetime, bought: str, sold: str, symbol: str = "BTCUSDT") -> MarketBands:
    """One order of the largest size each, beside one small sale."""
    buy, sell = (*NONE, Decimal(bought)), (Decimal("0.25"), *NONE[1:], Decimal(sold))
    return MarketBands("binance", symbol, at, 9, 1, buy, sell, (0, 0, 0, 0, 1), (1, 0, 0, 0, 1))


@pytest.fixture
def now(sink: Sink) -> datetime:
    """Three minutes of a market, the oldest 90 minutes back, and one of another without dollars; more is a day old."""
    sink.fill()
    end = this_minute()
    rows = [
        minute(end, "2000000.000000000000000001", "1000000"),
        minute(end - 89 * MINUTE, "1000000", "4000000.5"),
        minute(end - 2 * MINUTE, "1000000", "1000000"),
        minute(end - timedelta(days=1), "1000000", "1000000"),
        MarketBands("coinbase", "ETH-USD", end, 3, 3, None, None, None, None),
    ]
    store_bands(sink.dsn, end - timedelta(days=2), end + MINUTE, rows)
    return end


def test_dollars_and_orders_are_summed_by_size_over_the_last_minutes(now: datetime, make: Make) -> None:
    client = client_of(make())
    whole = client.get("/flow").json()
    size_flow.SizeFlows.model_validate(whole)
    assert (whole["from"], whole["to"]) == (format_time(now - 119 * MINUTE), format_time(now + MINUTE))
    bitcoin, ether = whole["items"]
    assert (ether["symbol"], ether["trades"], ether["unvalued_trades"], ether["bands"]) == ("ETH-USD", 3, 3, None)
    assert (bitcoin["trades"], bitcoin["unvalued_trades"]) == (27, 3)
    assert [(band["from_usd"], band["to_usd"]) for band in bitcoin["bands"]][::4] == [(0, 1_000), (1_000_000, None)]
    assert bitcoin["bands"][0] == {
        "from_usd": 0,
        "to_usd": 1_000,
        "buy_usd": "0",
        "sell_usd": "0.75",
        "cvd_usd": "-0.75",
        "buy_orders": 0,
        "sell_orders": 3,
    }
    largest = bitcoin["bands"][-1]
    assert largest["buy_usd"] == "4000000.000000000000000001"
    assert (largest["sell_usd"], largest["cvd_usd"]) == ("6000000.5", "-2000000.499999999999999999")
    assert (largest["buy_orders"], largest["sell_orders"]) == (3, 3)


def test_only_what_is_asked_for_is_summed(now: datetime, make: Make) -> None:
    client = client_of(make())
    (one,) = client.get("/flow?minutes=3&min_usd=1000000&symbol=BTCUSDT&exchange=binance").json()["items"]
    assert [(band["from_usd"], band["buy_orders"]) for band in one["bands"]] == [(1_000_000, 2)]
    assert client.get("/flow?minutes=1440&symbol=BTCUSDT").json()["items"][0]["trades"] == 27
    for wrong in ("minutes=0", "minutes=1441", "min_usd=-1", "symbol=NONE", "size=1"):
        assert client.get(f"/flow?{wrong}").status_code == 422


def test_more_than_two_hours_are_summed_of_named_symbols_only(now: datetime, make: Make) -> None:
    client = client_of(make())
    assert client.get("/flow?minutes=120").status_code == 200
    for short in ("minutes=121", "minutes=1440&exchange=binance"):
        refused = client.get(f"/flow?{short}")
        assert refused.status_code == 422
        assert "more than 120 minutes: name a symbol" in refused.json()["detail"]
    assert client.get("/flow?minutes=1440&symbol=BTCUSDT&symbol=ETH-USD").status_code == 200


def test_before_the_first_minute_there_is_nothing(client: TestClient) -> None:
    assert client.get("/flow").json() == {"from": None, "to": None, "items": []}
