"""What the sensor tells of a real broker and a real database, and that it tells it once."""

import json
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest

from whale_platform.broker.producer import TradeProducer
from whale_platform.defs.lineage import sensors
from whale_platform.defs.lineage.assets import build_specs
from whale_platform.defs.lineage.sensors import stream_health
from whale_platform.defs.resources import build_resources
from whale_platform.domain.names import RAW_TRADES, TRADE_WINDOWS, WHALE_ALERTS
from whale_platform.embedded.dagster import INSTANCE_VARIABLE
from whale_platform.settings import Settings
from whale_platform.supervision.runtime import heartbeat
from whale_platform_tests.lake.builders import lay, trade
from whale_platform_tests.stores.asset_tables.test_materialisation import flat, store
from whale_platform_tests.support.kafka_server import KafkaServer


def tick(settings: dict[str, str], cursor: str | None) -> dg.SensorResult | dg.SkipReason:
    context = dg.build_sensor_context(cursor=cursor, resources=build_resources(**settings))
    answer = stream_health(context)
    assert isinstance(answer, dg.SensorResult | dg.SkipReason)
    return answer


def told(result: dg.SensorResult | dg.SkipReason) -> dict[str, dict[str, object]]:
    assert isinstance(result, dg.SensorResult)
    events = [event for event in result.asset_events if isinstance(event, dg.AssetMaterialization)]
    return {
        event.asset_key.to_user_string(): {name: value.value for name, value in event.metadata.items()}
        for event in events
    }


def test_what_moved_is_told_once_with_its_numbers(kafka: KafkaServer, database: str, tmp_path: Path) -> None:
    settings = {"home": str(tmp_path), "kafka_bootstrap": str(kafka.bootstrap), "postgres_dsn": database}
    heartbeat.write_heartbeat(
        tmp_path,
        heartbeat.Heartbeat("ingester", numbers={"trades_per_s": 12.5, "mode": "words", "ms": {"read": {"P99": 7}}}),
    )
    first = tick(settings, None)
    assert told(first) == {}, "empty topics and tables have not moved"

    producer = TradeProducer(kafka.bootstrap, "test")
    for _ in range(3):
        producer.send(RAW_TRADES, b"binance:BTCUSDT", b"{}")
    producer.close(10)
    store(database, [flat(0, "1")])
    lay(tmp_path / "lake" / "trades", [trade(0), trade(1, every_s=3600), trade(2, every_s=1801)])
    assert isinstance(first, dg.SensorResult)
    second = tick(settings, first.cursor)
    found = told(second)
    assert set(found) == {"topic/raw_crypto_trades", "table/trade_windows", "lake/trades"}
    assert (found["lake/trades"]["newest_hour"], found["lake/trades"]["trades_of_the_hour"]) == (
        "2026-01-02T11:00:00+00:00",
        2,
    )
    assert found["topic/raw_crypto_trades"] == {"at": 3, "kept": 3, "trades_per_s": 12.5, "ms_read_P99": 7}
    assert float(str(found["table/trade_windows"]["seconds_behind"])) > 0

    assert isinstance(second, dg.SensorResult)
    third = tick(settings, second.cursor)
    assert told(third) == {}
    assert isinstance(third, dg.SensorResult)
    assert json.loads(str(third.cursor)) == json.loads(str(second.cursor))


def test_an_asset_that_moves_all_the_time_is_told_four_times_an_hour(
    kafka: KafkaServer, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"home": str(tmp_path), "kafka_bootstrap": str(kafka.bootstrap), "postgres_dsn": database}
    numbers = {"whales_lag": 1, "windows_lag": 2}
    heartbeat.write_heartbeat(tmp_path, heartbeat.Heartbeat("stream", numbers=numbers))
    producer, seen, cursor = TradeProducer(kafka.bootstrap, "test"), [], None
    for number in range(13):
        for topic in (RAW_TRADES, TRADE_WINDOWS, WHALE_ALERTS):
            producer.send(topic, b"binance:BTCUSDT", b"{}")
        producer.flush(10)
        now = 1e9 + number * sensors.LOOK_EVERY_S - number % 2
        monkeypatch.setattr(sensors, "time", SimpleNamespace(time=partial(float, now)))
        result = tick(settings, cursor)
        assert isinstance(result, dg.SensorResult)
        cursor = result.cursor
        seen.append(told(result))
    producer.close(10)
    assert [number for number, found in enumerate(seen) if found] == [0, 3, 6, 9, 12]
    assert all(len(found) == 3 for found in seen if found)
    assert seen[0]["topic/trade_windows"] == {"at": 1, "kept": 1, **numbers}
    assert seen[0]["topic/whale_alerts"] == {"at": 1, "kept": 1, "whales_lag": 1}, "the others are told once"


def test_a_broker_that_is_away_is_said(database: str, tmp_path: Path) -> None:
    settings = {"home": str(tmp_path), "kafka_bootstrap": "127.0.0.1:1", "postgres_dsn": database}
    answer = tick(settings, None)
    assert isinstance(answer, dg.SkipReason)
    assert "can't look: no answer from Kafka at 127.0.0.1:1" in str(answer.skip_message)


def test_the_columns_of_tables_are_told_once_by_the_definitions(
    database: str, ours: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> set[str]:
        found = {
            spec.key.to_user_string() for spec in build_specs(Settings()) if "dagster/column_schema" in spec.metadata
        }
        return {key for key in found if key.startswith("table/")}

    monkeypatch.setenv("WHALE_POSTGRES_DSN", database)
    assert told() == {"table/trade_windows", "table/whale_alerts", "table/ingest_gaps"}
    monkeypatch.setenv("WHALE_POSTGRES_DSN", "postgresql://nobody@127.0.0.1:1/whale")
    assert told() == set(), "a database that is away keeps no definition from loading"
    monkeypatch.setenv("WHALE_POSTGRES_DSN", database)
    monkeypatch.delenv(INSTANCE_VARIABLE)
    assert told() == set(), "another Dagster asks no database to load"
