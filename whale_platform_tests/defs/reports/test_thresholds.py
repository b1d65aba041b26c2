"""The thresholds asset on a real broker and database."""

from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from whale_platform.broker.producer import TradeProducer
from whale_platform.defs.reports.thresholds import whale_thresholds
from whale_platform.defs.shared.store_resource import StoreResource
from whale_platform.domain.names import RAW_TRADES
from whale_platform.stores.asset_tables.thresholds import read_thresholds, set_threshold
from whale_platform_tests.reports.test_suggestions import raw
from whale_platform_tests.support.kafka_server import KafkaServer


def make(**config: object) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [whale_thresholds],
        resources={"store": StoreResource()},
        run_config={"ops": {"table__whale_thresholds": {"config": config}}},
        raise_on_error=False,
    )


def metadata(done: dg.ExecuteInProcessResult) -> dict[str, object]:
    made = done.asset_materializations_for_node("table__whale_thresholds")[0]
    return {name: value.value for name, value in made.metadata.items()}


def test_recent_trades_become_suggestions_beside_what_a_person_set(
    kafka: KafkaServer, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "POSTGRES_DSN": database,
        "HOME": str(tmp_path),
        "KAFKA_BOOTSTRAP": str(kafka.bootstrap),
    }.items():
        monkeypatch.setenv(f"WHALE_{name}", value)
    producer = TradeProducer(kafka.bootstrap, "test")
    for symbol in ("BTCUSDT", "ETHUSDT"):
        for number in range(1, 101):
            producer.send(RAW_TRADES, f"binance:{symbol}".encode(), raw(number, str(number), symbol=symbol))
    producer.close(10)
    set_threshold(database, "binance", "BTCUSDT", Decimal(7))

    dry = metadata(make(share=0.9, least_trades=100, dry_run=True))
    assert (dry["trades"], dry["symbols"], dry["suggested"]) == (200, 2, 0)
    assert ("binance", "ETHUSDT", Decimal(91)) not in read_thresholds(database)
    done = metadata(make(share=0.9, least_trades=100))
    assert done["suggested"] == 1
    assert "kept: set by a person" in str(done["report"])
    assert "data:image/png" in str(done["picture"])
    assert read_thresholds(database) == [
        ("*", "*", Decimal(50_000)),
        ("binance", "BTCUSDT", Decimal(7)),
        ("binance", "ETHUSDT", Decimal(91)),
    ]


def test_a_broker_that_is_away_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHALE_KAFKA_BOOTSTRAP", "127.0.0.1:1")
    failure = str(make().failure_data_for_node("table__whale_thresholds"))
    assert "the trades can't be read: no answer from Kafka at 127.0.0.1:1" in failure


def test_a_wrong_config_is_refused_with_its_bounds() -> None:
    with pytest.raises(Exception, match="less than 1"):
        dg.materialize(
            [whale_thresholds],
            resources={"store": StoreResource()},
            run_config={"ops": {"table__whale_thresholds": {"config": {"share": 2.0}}}},
        )
