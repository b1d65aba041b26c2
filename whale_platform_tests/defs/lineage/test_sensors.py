"""What the sensor tells of a real broker and a real database, and that it tells it once."""

import json
from pathlib import Path

import dagster as dg
import pytest

from whale_platform.broker.producer import TradeProducer
from whale_platform.defs.lineage.assets import build_specs
from whale_platform.defs.lineage.sensors import stream_health
from whale_platform.defs.resources import build_resources
from whale_platform.domain.names import RAW_TRADES
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
