"""Sparklines, whales summed up, and one whale with what was around it, on real tables; its place on a real Kafka."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from starlette.testclient import TestClient

from whale_platform.api.endpoints import kafka_lookup
from whale_platform.api.http.responses import format_time
from whale_platform.api.models import dashboard as dashboard_models
from whale_platform.api.models import rows
from whale_platform.broker.producer import TradeProducer
from whale_platform.contracts import raw_trade
from whale_platform.domain.names import RAW_TRADES
from whale_platform.domain.sweep import SweepTracker
from whale_platform.domain.trade import Side, Trade
from whale_platform.stores.asset_tables import recomputed_hours
from whale_platform.stores.asset_tables.materialisation import HOUR, HourRange, Provenance
from whale_platform_tests.api.builders import MINUTE, Sink, this_minute, whale
from whale_platform_tests.api.conftest import Make, client_of
from whale_platform_tests.support.kafka_server import KafkaServer


def test_sparklines_end_with_the_newest_minute(client: TestClient) -> None:
    found = dashboard_models.Sparklines.model_validate(client.get("/sparklines?minutes=60").json())
    assert [(one.symbol, len(one.times), len(one.closes)) for one in found.items] == [
        ("BTCUSDT", 60, 60),
        ("ETH-USD", 1, 1),
    ]
    times = found.items[0].times
    assert times == sorted(times) and times[-1] - times[0] == 59 * 60 and times[0] % 60 == 0
    assert client.get("/sparklines?minutes=1441").status_code == 422
    one = client.get("/sparklines", params={"symbol": ["ETH-USD"], "exchange": ["binance", "coinbase"]}).json()
    assert [row["symbol"] for row in one["items"]] == ["ETH-USD"]
    assert client.get("/sparklines?symbol=NONE").status_code == 422


def test_whales_are_summed_up_by_hour_and_size(sink: Sink, make: Make) -> None:
    now = this_minute()
    amounts = [("buy", "9000"), ("buy", "10000"), ("sell", "19999.99"), ("buy", "60000.5"), ("sell", "70000000")]
    sink.write(
        *(whale(n, now - n * MINUTE, side=side, notional_usd=usd) for n, (side, usd) in enumerate(amounts)),
        whale(90, now, symbol="ETHUSDT", notional_usd="1000"),
        whale(91, now - timedelta(days=2)),
    )
    client = client_of(make())
    start = (now - timedelta(hours=3)).isoformat()
    whole = client.get("/whales/summary", params={"from": start, "symbol": "BTCUSDT"}).json()
    dashboard_models.WhaleSummary.model_validate(whole)
    assert (whole["whales"], whole["buy_usd"], whole["sell_usd"]) == (5, "79000.5", "70019999.99")
    sizes = {(one["from_usd"], one["to_usd"]): (one["buys"], one["sells"]) for one in whole["sizes"]}
    assert list(sizes)[:3] == [(0, 10_000), (10_000, 20_000), (20_000, 50_000)]
    assert list(sizes)[-1] == (50_000_000, None) and len(sizes) == 13
    assert {bin: both for bin, both in sizes.items() if any(both)} == {
        (0, 10_000): (1, 0),
        (10_000, 20_000): (1, 1),
        (50_000, 100_000): (1, 0),
        (50_000_000, None): (0, 1),
    }
    assert [one["trade_id"] for one in whole["top"]] == [4, 3, 2, 1, 0]
    assert sum(Decimal(one["buy_usd"]) for one in whole["hours"]) == Decimal("79000.5")
    by_default = client.get("/whales/summary?side=sell&min_notional=20000").json()
    assert by_default["whales"] == 1
    for wrong in ({"from": start, "to": start}, {"from": "2020-01-01T00:00:00Z"}, {"limit": 5}):
        assert client.get("/whales/summary", params=wrong).status_code == 422


def test_a_whale_has_its_context(client: TestClient, sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = client.get("/whales/binance/BTCUSDT/2").json()
    dashboard_models.WhaleContext.model_validate(whole)
    assert whole["whale"]["notional_usd"] == "300000.5"
    assert whole["window"]["window_start"] == whole["whale"]["event_time"]
    starts = [one["window_start"] for one in whole["windows"]]
    assert starts == sorted(starts) and len(starts) == 18
    old = this_minute() - 30 * MINUTE
    sink.write(whale(5, old))
    starts = [one["window_start"] for one in client.get("/whales/binance/BTCUSDT/5").json()["windows"]]
    assert [starts[0], starts[-1]] == [format_time(old - 15 * MINUTE), format_time(old + 15 * MINUTE)]
    assert whole["trade"] is None and "no answer from Kafka" in whole["trade_missing"] and whole["around"] == []
    assert whole["run"]["id"] == whole["whale"]["run_id"]
    asked: list[object] = []
    monkeypatch.setattr(kafka_lookup, "find_trade", lambda *values: asked.append(values))
    again = client.get("/whales/binance/BTCUSDT/2?topic=skip").json()
    assert again == whole | {"trade_missing": "it was not asked for"} and asked == []
    unknown = client.get("/whales/binance/BTCUSDT/77")
    assert unknown.status_code == 404 and "/whales lists them" in unknown.json()["detail"]
    taken = HourRange(old.replace(minute=0), old.replace(minute=0) + HOUR)
    keys = [("binance", "BTCUSDT", taken.start)]
    maker = Provenance("recompute-20261121T101500Z-1a2b3c4d", "1a2b3c4d")
    recomputed_hours.store_recomputed(
        sink.dsn, taken, [], [], keys, maker, recomputed_hours.read_row_snapshot(sink.dsn, taken)
    )
    gone = client.get("/whales/binance/BTCUSDT/5")
    assert gone.status_code == 404 and "was taken back at" in gone.json()["detail"]
    listed = client.get("/whales/taken-back?symbol=BTCUSDT").json()["items"]
    rows.TakenBack.model_validate(listed[0])
    assert (listed[0]["trade_id"], listed[0]["taken_back_by"][:9]) == (5, "recompute")
    assert 5 not in [one["trade_id"] for one in client.get("/whales").json()["items"]]
    assert client.get("/whales/binance/BTCUSDT/nought").status_code == 422
    assert client.get("/whales/binance/A%2FB%27;--/1").status_code == 422


def test_a_trade_is_found_among_its_neighbours(kafka: KafkaServer) -> None:
    producer = TradeProducer(kafka.bootstrap, "origin-test")
    for number in range(200):
        for symbol in ("BTCUSDT", "ETHUSDT"):
            sent = Trade("binance", symbol, symbol[:3], "USDT", number, Decimal("61837.63"), Decimal(2), "buy", 1, 2)
            producer.send(RAW_TRADES, raw_trade.encode_key("binance", symbol), raw_trade.encode_trade(sent))
    assert producer.close() == 0
    now = datetime.now(UTC)
    found = kafka_lookup.find_trade(kafka.bootstrap, "binance", "BTCUSDT", 100, now)
    assert found.missing is None and found.place is not None
    assert [one["trade_id"] for one in found.around] == list(range(80, 121))
    assert found.around[20]["offset"] == found.place["offset"]
    assert [
        one["trade_id"] for one in kafka_lookup.find_trade(kafka.bootstrap, "binance", "BTCUSDT", 199, now).around
    ] == list(range(179, 200))
    long_ago = now - timedelta(days=30)
    place = (found.place["partition"], found.place["offset"])
    known = kafka_lookup.find_trade(kafka.bootstrap, "binance", "BTCUSDT", 100, long_ago, place)
    assert (known.place, known.around) == (found.place, found.around), "by its offset, whenever it was received"
    expired = kafka_lookup.find_trade(kafka.bootstrap, "binance", "BTCUSDT", 999, long_ago, (0, 4711))
    assert expired.place == {"topic": RAW_TRADES, "partition": 0, "offset": 4711, "timestamp": None}
    assert "no longer has" in str(expired.missing)
    gone = kafka_lookup.find_trade(kafka.bootstrap, "binance", "BTCUSDT", 999, now)
    assert gone.place is None and "no longer has" in str(gone.missing)
    assert kafka_lookup.find_trade(kafka.bootstrap, "binance", "BTCUSDT", 100, now - timedelta(hours=1)).place is None
    assert [one["trade_id"] for one in found.around if one["in_whale"]] == [100]
    swept = kafka_lookup.find_trade(kafka.bootstrap, "binance", "BTCUSDT", 100, now, None, 98)
    assert [one["trade_id"] for one in swept.around if one["in_whale"]] == [98, 99, 100], "its ids are dense"


def test_a_sweep_among_its_neighbours_is_the_order_that_they_name_where_ids_are_not_dense(kafka: KafkaServer) -> None:
    producer = TradeProducer(kafka.bootstrap, "origin-test")
    first = Trade("bybit", "BTCUSDT", "BTC", "USDT", 900, Decimal(61_837), Decimal(2), "buy", 1, 2, dense=False)
    tracker = SweepTracker()
    fills: list[tuple[int, Side]] = [(900, "buy"), (200, "sell"), (300, "buy"), (700, "sell"), (500, "buy")]
    for trade_id, side in fills:
        fill = first._replace(trade_id=trade_id, side=side)
        value = raw_trade.encode_trade(fill, tracker.add(fill))
        producer.send(RAW_TRADES, raw_trade.encode_key("bybit", "BTCUSDT"), value)
    assert producer.close() == 0
    found = kafka_lookup.find_trade(kafka.bootstrap, "bybit", "BTCUSDT", 500, datetime.now(UTC), None, 900)
    assert [one["trade_id"] for one in found.around if one["in_whale"]] == [900, 300, 500]
