"""Sweeps and blocks in every endpoint that has whales: which rows are there, and each dollar once."""

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from whale_platform.api.endpoints.dependencies import AppDependencies
from whale_platform.api.latest_cache.cache import LatestCache
from whale_platform.api.models import dashboard as dashboard_models
from whale_platform.api.models import rows
from whale_platform.contracts.whale_alert import WhaleRow
from whale_platform.domain.market import Market
from whale_platform.stores.queries.latest_states import read_newest_whales
from whale_platform.stores.queries.recent import read_recent_rows
from whale_platform.stores.queries.whales_since import read_whales_since
from whale_platform_tests.api.builders import MINUTE, Sink, this_minute, whale, window
from whale_platform_tests.api.conftest import Make, client_of
from whale_platform_tests.stores.builders import SWEEP

NOW = this_minute()


def sweep(first_id: int, fills: int, at: datetime = NOW, **more: Any) -> WhaleRow:
    """A sweep of as many fills of 25,000 dollars, the last of them known to be so many milliseconds later."""
    usd = str(25_000 * fills)
    row = SWEEP._replace(trade_id=first_id, event_time=at, received_time=at, notional=usd, notional_usd=usd)
    row = row._replace(fills=fills, detected_time=at + timedelta(milliseconds=fills))
    return row._replace(last_trade_id=first_id + fills - 1)._replace(**more)


@pytest.fixture
def filled(sink: Sink, make: Make) -> TestClient:
    """A sweep of 10 to 14 with two large fills in it, a trade and a block alone, a sweep that is sold, all of BTC."""
    sink.write(window(NOW))
    sink.write(
        sweep(10, 5),
        whale(11, NOW, notional_usd="60000", sweep_first_id=10),
        whale(13, NOW, notional_usd="51000", sweep_first_id=10),
        whale(11, NOW, kind="block", notional_usd="900000"),
        whale(20, NOW - MINUTE, notional_usd="70000"),
        sweep(30, 3, NOW - 2 * MINUTE, side="sell"),
    )
    return client_of(make())


def found(client: TestClient, **asked: str | list[str]) -> list[tuple[str, int]]:
    response = client.get("/whales", params=asked)
    assert response.status_code == 200, response.text
    rows.Page[rows.Whale].model_validate(response.json())
    return [(row["kind"], row["trade_id"]) for row in response.json()["items"]]


def test_a_listing_has_each_order_once_unless_sweeps_are_left_out(filled: TestClient) -> None:
    orders = [("sweep", 10), ("block", 11), ("single_trade", 20), ("sweep", 30)]
    assert found(filled) == orders
    assert found(filled, kind=["single_trade", "sweep", "block"]) == orders
    assert found(filled, kind="sweep") == [("sweep", 10), ("sweep", 30)]
    assert found(filled, kind=["block", "sweep"], side="buy") == [("sweep", 10), ("block", 11)]
    assert found(filled, kind="single_trade") == [("single_trade", 13), ("single_trade", 11), ("single_trade", 20)]
    assert found(filled, kind=["single_trade", "sweep"]) == [("sweep", 10), ("single_trade", 20), ("sweep", 30)]
    assert filled.get("/whales?kind=cluster").status_code == 422


def test_whales_are_filtered_by_tier_and_their_tier_is_served(sink: Sink, make: Make) -> None:
    sink.write(window(NOW))
    sink.write(sweep(10, 3), whale(20, NOW - MINUTE, notional_usd="300000", tier="large"))
    sink.write(whale(30, NOW - 2 * MINUTE, notional_usd="2000000", tier="giant"))
    client = client_of(make())
    assert found(client, tier=["large", "giant"]) == [("single_trade", 20), ("single_trade", 30)]
    assert found(client, tier="whale") == [("sweep", 10)]
    sink.write(sweep(10, 12, tier="large"))
    assert found(client, tier="whale") == [], "a sweep's tier rises as it grows"
    served = [row["tier"] for row in client.get("/whales").json()["items"]]
    table = csv.DictReader(io.StringIO(client.get("/whales?format=csv").text))
    assert served == [row["tier"] for row in table] == ["large", "large", "giant"]
    assert client.get("/whales/summary?tier=giant").json()["buy_usd"] == "2000000"
    assert client.get("/whales/binance/BTCUSDT/10").json()["whale"]["tier"] == "large"
    assert [row.tier for row in read_whales_since(sink.dsn, NOW - MINUTE * 9, 9)].count("giant") == 1
    assert client.get("/whales?tier=huge").status_code == 422


def test_pages_and_csv_of_orders(filled: TestClient) -> None:
    pages: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while len(pages) < 9:
        page = filled.get("/whales", params={"limit": "1", **cursor}).json()
        pages += page["items"]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert [row["trade_id"] for row in pages] == [10, 11, 20, 30]
    table = list(csv.DictReader(io.StringIO(filled.get("/whales", params={"format": "csv"}).text)))
    assert [(row["fills"], row["slippage_bps"], row["last_trade_id"]) for row in table[:2]] == [
        ("5", "100", "14"),
        ("", "", ""),
    ]


def test_a_summary_counts_each_dollar_once(filled: TestClient) -> None:
    whole = filled.get("/whales/summary").json()
    dashboard_models.WhaleSummary.model_validate(whole)
    assert (whole["whales"], whole["buy_usd"], whole["sell_usd"]) == (4, "1095000", "75000")
    assert whole["kinds"] == [
        {"kind": "block", "whales": 1, "notional_usd": "900000"},
        {"kind": "single_trade", "whales": 1, "notional_usd": "70000"},
        {"kind": "sweep", "whales": 2, "notional_usd": "200000"},
    ]
    assert sum(one["buys"] + one["sells"] for one in whole["sizes"]) == 4
    assert [one["trade_id"] for one in whole["top"]] == [11, 10, 30, 20]
    assert filled.get("/whales/summary?kind=single_trade").json()["buy_usd"] == "181000"


def test_no_sum_takes_two_kinds_of_markets(filled: TestClient, sink: Sink) -> None:
    spot = filled.get("/whales/summary").json()
    assert (spot["market_kind"], spot["others"]) == ("spot", [])
    sink.write(
        whale(1, NOW, exchange="hyperliquid", symbol="BTC", notional_usd="5000000"),
        whale(2, NOW, exchange="sim_hyperliquid", symbol="BTC", side="sell", notional_usd="2000000"),
        whale(3, NOW, exchange="binance_block", kind="block", notional_usd="8000000"),
        whale(4, NOW, exchange="bybit_liquidation", kind="liquidation", side="sell", notional_usd="4000000"),
    )
    beside = filled.get("/whales/summary").json()
    dashboard_models.WhaleSummary.model_validate(beside)
    assert {**beside, "others": []} == spot, "spot as it was"
    perpetual = {"market_kind": "perpetual", "whales": 2, "buy_usd": "5000000", "sell_usd": "2000000"}
    block = {"market_kind": "block", "whales": 1, "buy_usd": "8000000", "sell_usd": "0"}
    liquidation = {"market_kind": "liquidation", "whales": 1, "buy_usd": "0", "sell_usd": "4000000"}
    assert beside["others"] == [perpetual, block, liquidation]
    asked = filled.get("/whales/summary?market_kind=perpetual").json()
    assert {name: asked[name] for name in perpetual} == perpetual
    assert [row["exchange"] for row in asked["top"]] == ["hyperliquid", "sim_hyperliquid"]
    assert [one["market_kind"] for one in asked["others"]] == ["spot", "block", "liquidation"]
    assert sum(one["buys"] + one["sells"] for one in asked["sizes"]) == 2
    one = filled.get("/whales/summary?exchange=binance_block").json()
    assert (one["market_kind"], one["whales"], one["others"]) == ("block", 1, [])
    assert found(filled, kind="liquidation") == [("liquidation", 4)]
    alone = filled.get("/whales/summary?kind=liquidation").json()
    assert ({name: alone[name] for name in liquidation}, alone["others"]) == (liquidation, [])
    mixed = filled.get("/whales/summary?exchange=binance&exchange=hyperliquid")
    assert mixed.status_code == 422
    assert "binance (spot) and hyperliquid (perpetual) are not summed up" in mixed.text
    both = filled.get("/whales/summary?exchange=binance&exchange=hyperliquid&market_kind=perpetual").json()
    assert (both["whales"], [other["market_kind"] for other in both["others"]]) == (1, ["spot"])
    assert filled.get("/whales/summary?market_kind=future").status_code == 422


def test_a_sweep_has_its_large_fills_and_each_of_them_its_sweep(filled: TestClient) -> None:
    context = filled.get("/whales/binance/BTCUSDT/10").json()
    dashboard_models.WhaleContext.model_validate(context)
    assert (context["whale"]["kind"], context["whale"]["fills"], context["sweep"]) == ("sweep", 5, None)
    assert [one["trade_id"] for one in context["parts"]] == [11, 13]
    part = filled.get("/whales/binance/BTCUSDT/11").json()
    assert (part["whale"]["kind"], part["sweep"]["trade_id"], part["parts"]) == ("single_trade", 10, [])
    block = filled.get("/whales/binance/BTCUSDT/11?kind=block").json()
    assert (block["whale"]["notional_usd"], block["sweep"]) == ("900000", None)
    assert filled.get("/whales/binance/BTCUSDT/20").json()["sweep"] is None
    assert filled.get("/whales/binance/BTCUSDT/20?kind=sweep").status_code == 404
    assert filled.get("/whales/binance/BTCUSDT/20?kind=sweep&kind=block").status_code == 422


def test_the_parts_of_a_sweep_are_those_that_name_it_whatever_their_ids(sink: Sink, make: Make) -> None:
    sink.write(window(NOW))
    sink.write(
        sweep(300, 3, last_trade_id=500),
        whale(300, NOW, notional_usd="60000"),
        *(whale(trade_id, NOW, notional_usd="60000", sweep_first_id=300) for trade_id in (900, 100)),
        whale(400, NOW, notional_usd="60000", side="sell"),
        whale(450, NOW, notional_usd="60000", sweep_first_id=400),
    )
    client = client_of(make())
    parts = client.get("/whales/binance/BTCUSDT/300").json()["parts"]
    assert [one["trade_id"] for one in parts] == [300, 100, 900]
    assert [one["sweep_first_id"] for one in parts] == [None, 300, 300]
    found = {
        trade_id: client.get(f"/whales/binance/BTCUSDT/{trade_id}?kind=single_trade").json()["sweep"]
        for trade_id in (300, 900, 400, 450)
    }
    assert {trade_id for trade_id, one in found.items() if one and one["trade_id"] == 300} == {300, 900}
    assert found[400] is found[450] is None


def test_the_newest_whale_is_the_sweep_as_it_is_now(sink: Sink, make: Make) -> None:
    parts: AppDependencies = make()
    sink.write(whale(14, NOW, notional_usd="60000", sweep_first_id=10))
    cache = LatestCache()

    def newest() -> tuple[str, int | None]:
        cache.update(whales=read_newest_whales(parts.pool, [Market("binance", "BTCUSDT")]))
        (state,) = cache._whales.values()
        return state.kind, state.fills

    assert newest() == ("single_trade", None)
    for fills in (5, 6):
        sink.write(sweep(10, fills))
        assert newest() == ("sweep", fills)
    sink.write(sweep(10, 5))
    assert newest() == ("sweep", 6)
    _, recent = read_recent_rows(sink.dsn, 9)
    assert [(one.kind, one.fills) for one in recent] == [("sweep", 6)]


def test_who_was_away_is_sent_a_sweep_again_where_it_has_grown(sink: Sink) -> None:
    sink.write(sweep(10, 3), whale(20, NOW, detected_time=NOW + timedelta(milliseconds=4)))

    def since(milliseconds: int) -> list[tuple[int, int | None]]:
        read = read_whales_since(sink.dsn, NOW + timedelta(milliseconds=milliseconds), 9)
        return [(row.trade_id, row.fills) for row in read]

    assert since(0) == [(10, 3), (20, None)]
    assert since(4) == [(20, None)]
    sink.write(sweep(10, 7))
    assert since(4) == [(20, None), (10, 7)], "once, as it is now, at the time of its newest state"
