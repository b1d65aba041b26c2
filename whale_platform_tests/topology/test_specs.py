"""From settings to specs."""

from pathlib import Path

import pytest

from whale_platform.settings import Settings
from whale_platform.supervision.policy.service_spec import ServiceSpec
from whale_platform.topology.specs import build_specs, describe_home, list_ports


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("WHALE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def make(tmp_path: Path, **more: object) -> Settings:
    return Settings.model_validate({"home": tmp_path / "h", "tools": tmp_path / "tools", **more})


def test_what_moves_the_trades_needs_no_dagster_and_only_the_sink_postgres(tmp_path: Path) -> None:
    settings = make(tmp_path, source="simulator")
    found = build_specs(settings)
    names = [spec.name for spec in found]
    dagster = ["dagster-code", "dagster-daemon", "dagster-web"]
    workers = ["sink", "stream", "ingester"]
    assert names == ["postgres", "kafka", "topics", "migrate", "simulator", *workers, "api", "repair", *dagster]
    assert all(set(spec.needs) <= set(names[: names.index(spec.name)]) for spec in found)
    assert all(spec.has_heartbeat or spec.one_shot or spec.is_ready is not None for spec in found)
    needs = {name: _all_needs(found, name) for name in workers}
    assert needs["sink"] == {"topics", "migrate"}
    assert needs["stream"] | needs["ingester"] <= {"topics", "simulator"}


def _all_needs(found: list[ServiceSpec], name: str) -> set[str]:
    own = set(next(spec for spec in found if spec.name == name).needs)
    return own.union(*(_all_needs(found, need) for need in own))


def test_without_dagster_the_rest_is_the_same(tmp_path: Path) -> None:
    settings = make(tmp_path, source="simulator", dagster=False)
    found = {spec.name: spec for spec in build_specs(settings)}
    moving = ["sink", "stream", "ingester", "api", "repair"]
    assert list(found) == ["postgres", "kafka", "topics", "migrate", "simulator", *moving]
    assert found["ingester"].needs == ("topics", "simulator")
    assert found["sink"].command()[1:] == ("-m", "whale_platform.sink")
    assert "JAVA_HOME" in found["stream"].env


def test_external_servers_and_live_need_no_own(tmp_path: Path) -> None:
    settings = make(
        tmp_path,
        source="live",
        kafka_bootstrap="kafka:9092",
        postgres_dsn="postgresql://me:secret@db/whale",
        dagster=False,
    )
    assert [spec.name for spec in build_specs(settings)] == [
        *("topics", "migrate", "sink", "stream", "ingester", "api", "repair")
    ]
    assert list_ports(settings) == {"WHALE_API_PORT": 18000}
    assert describe_home(settings)["urls"] == {
        "kafka": "kafka:9092",
        "postgres": "postgresql://me@db/whale",
        "dashboard": "http://127.0.0.1:18000",
        "api": "http://127.0.0.1:18000/openapi.json",
    }
    assert "secret" not in str(describe_home(settings))


def test_dagster_shows_where_it_is_and_keeps_its_secret(tmp_path: Path) -> None:
    settings = make(tmp_path, postgres_dsn="postgresql://me:secret@db/whale?sslmode=require", dagster_port=4322)
    assert describe_home(settings)["urls"]["dagster"] == "http://127.0.0.1:4322"
    assert list_ports(settings)["WHALE_DAGSTER_PORT"] == 4322
    assert "WHALE_DAGSTER_CODE_PORT" not in list_ports(settings), "it is on a socket"
    assert "WHALE_DAGSTER_CODE_PORT" in list_ports(settings.model_copy(update={"dagster_code_host": "dagster-code"}))
    assert settings.dagster_dsn_text() == "postgresql://me:secret@db/dagster?sslmode=require"
    parts = [spec for spec in build_specs(settings) if spec.name.startswith("dagster")]
    assert parts and all("secret" not in str(spec.command()) for spec in parts)


@pytest.mark.parametrize("source", ["simulator", "replay"])
def test_simulated_exchanges_are_the_simulator(tmp_path: Path, source: str) -> None:
    real = {"binance_ws_url": "wss://stream.binance.com:9443", "coinbase_rest_url": "https://api.exchange.coinbase.com"}
    settings = make(tmp_path, source=source, simulator_port=4321, **real)
    assert settings.exchange_address("binance", "ws") == "ws://127.0.0.1:4321/binance"
    assert settings.exchange_address("coinbase", "rest") == "http://127.0.0.1:4321/coinbase"
    elsewhere = make(tmp_path, source=source, simulator_host="simulator")
    assert elsewhere.exchange_address("coinbase", "ws") == "ws://simulator:18765/coinbase"
    assert describe_home(settings)["urls"]["exchange"] == "ws://127.0.0.1:4321"
    assert "WHALE_SIMULATOR_PORT" in list_ports(settings)


def test_live_keeps_the_real_addresses(tmp_path: Path) -> None:
    settings = make(tmp_path, source="live")
    assert settings.exchange_address("binance", "ws").startswith("wss://")
    assert "exchange" not in describe_home(settings)["urls"]
