"""The thresholds asset on a real broker and database."""

from decimal import Decimal
from pathlib import Path

import dagster as dg

from whale_platform.broker.producer import TradeProducer
from whale_platform.defs.resources import build_resources
from whale_platform.defs.thresholds.assets import whale_thresholds
from whale_platform.domain.names import RAW_TRADES
from whale_platform.stores.asset_tables.thresholds import set_threshold
from whale_platform_tests.reports.test_suggestions import raw
from whale_platform_tests.stores.builders import read_thresholds
from whale_platform_tests.support.kafka_server import KafkaServer


def make(settings: dict[str, str], **config: object) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [whale_thresholds],
        resources=build_resources(**settings),
        run_config={"ops": {"table__whale_thresholds": {"config": config}}},
        raise_on_error=False,
    )


def metadata(done: dg.ExecuteInProcessResult) -> dict[str, object]:
    made = done.asset_materializations_for_node("table__whale_thresholds")[0]
    return {name: value.value for name, value in made.metadata.items()}


def test_recent_trades_become_suggestions_beside_what_a_person_set(
    kafka: KafkaServer, database: str, tmp_path: Path
) -> None:
    settings = {"home": str(tmp_path), "kafka_bootstrap": str(kafka.bootstrap), "postgres_dsn": database}
    producer = TradeProducer(kafka.bootstrap, "test")
    for symbol in ("BTCUSDT", "ETHUSDT"):
        for number in range(1, 101):
            producer.send(RAW_TRADES, f"binance:{symbol}".encode(), raw(number, str(number), symbol=symbol))
    producer.close(10)
    set_threshold(database, "binance", "BTCUSDT", Decimal(7))

    dry = metadata(make(settings, share=0.9, least_trades=100, dry_run=True))
    assert (dry["trades"], dry["symbols"], dry["suggested"]) == (200, 2, 0)
    assert ("binance", "ETHUSDT", Decimal(91)) not in read_thresholds(database)
    done = metadata(make(settings, share=0.9, least_trades=100))
    assert done["suggested"] == 1
    assert "kept: set by a person" in str(done["report"])
    assert "data:image/png" in str(done["picture"])
    assert read_thresholds(database) == [
        ("*", "*", Decimal(50_000)),
        ("binance", "BTCUSDT", Decimal(7)),
        ("binance", "ETHUSDT", Decimal(91)),
    ]


def test_a_broker_that_is_away_is_said(tmp_path: Path) -> None:
    settings = {"home": str(tmp_path), "kafka_bootstrap": "127.0.0.1:1"}
    failure = str(make(settings).failure_data_for_node("table__whale_thresholds"))
    assert "the trades can't be read: no answer from Kafka at 127.0.0.1:1" in failure


def test_a_wrong_config_is_refused_with_its_bounds(tmp_path: Path) -> None:
    done = make({"home": str(tmp_path)}, share=2.0)
    assert "less than 1" in str(done.failure_data_for_node("table__whale_thresholds"))
