"""The checks that look at Kafka, at heartbeats and at runs: each passes where all is well and names what is not."""

import os
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import dagster as dg
import pytest

from whale_platform.broker.producer import TradeProducer
from whale_platform.defs.quality import live_checks
from whale_platform.defs.resources import build_resources
from whale_platform.domain.names import RAW_TRADES
from whale_platform.files.atomic_files import write_json
from whale_platform.settings import WORKERS
from whale_platform.supervision.control import desired_state
from whale_platform.supervision.control.state_changes import StateChanges
from whale_platform.supervision.control.state_files import SUPERVISOR, state_path
from whale_platform.supervision.runtime import heartbeat
from whale_platform.supervision.runtime.lease import Lease
from whale_platform_tests.reports.test_suggestions import raw
from whale_platform_tests.stores.asset_tables.test_materialisation import store
from whale_platform_tests.stores.builders import WINDOW
from whale_platform_tests.support.kafka_server import KafkaServer


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


def ask(check: dg.AssetChecksDefinition, home: Path, **settings: str) -> dg.AssetCheckEvaluation:
    """What the check says of this home; settings: fields of its resource."""
    done = dg.materialize(
        [check],
        resources=build_resources(home=str(home), **settings),
        selection=dg.AssetSelection.checks(check),
    )
    return done.get_asset_check_evaluations()[0]


def minutes_ago(minutes: int) -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=minutes)


def test_windows_are_compared_with_the_raw_trades(kafka: KafkaServer, database: str, home: Path) -> None:
    settings = {"kafka_bootstrap": str(kafka.bootstrap), "postgres_dsn": database}
    minute = minutes_ago(4)
    stamp = int(minute.timestamp()) * 1_000_000
    producer = TradeProducer(kafka.bootstrap, "test")
    for trade_id in (1, 2, 2):
        producer.send(RAW_TRADES, b"binance:BTCUSDT", raw(trade_id, time=stamp + trade_id, quantity="0.25"))
    producer.close(10)
    window = WINDOW._replace(
        exchange="binance", symbol="BTCUSDT", window_start=minute, first_trade_id=1, last_trade_id=2, trade_count=1
    )
    store(database, [window])
    wrong = ask(live_checks.windows_hold_the_raw_trades, home, **settings)
    assert (wrong.passed, wrong.metadata["trades"].value, wrong.metadata["different"].value) == (False, 2, 1)
    assert "binance BTCUSDT" in str(wrong.metadata["by_minute"].value)
    store(database, [window._replace(trade_count=2, volume=str(Decimal("0.5")), buy_volume="0.1")])
    assert ask(live_checks.windows_hold_the_raw_trades, home, **settings).passed


def test_a_window_that_can_not_be_is_named(database: str, home: Path) -> None:
    notional = Decimal(WINDOW.low) * Decimal(WINDOW.volume)
    sane = WINDOW._replace(window_start=minutes_ago(10), notional=str(notional))
    store(database, [sane])
    assert ask(live_checks.no_absurd_window, home, postgres_dsn=database).passed
    store(database, [sane._replace(window_start=minutes_ago(11), high=str(Decimal(sane.low) * 3))])
    wrong = ask(live_checks.no_absurd_window, home, postgres_dsn=database)
    assert (wrong.passed, wrong.metadata["windows"].value) == (False, 1)


def test_many_late_trades_are_a_warning(database: str, home: Path) -> None:
    assert ask(live_checks.few_late_trades, home, postgres_dsn=database).passed, "a stream that has not run has none"
    begun = minutes_ago(10)
    store(database, [WINDOW._replace(window_start=minutes_ago(5))])
    for late, passed in ((0, True), (1, False)):
        heartbeat.write_heartbeat(
            home, heartbeat.Heartbeat("stream", started=begun.timestamp(), numbers={"late_dropped": late})
        )
        found = ask(live_checks.few_late_trades, home, postgres_dsn=database)
        assert (found.passed, found.metadata["counted"].value) == (passed, WINDOW.trade_count)
        assert found.severity is dg.AssetCheckSeverity.WARN


def test_a_service_that_lags_or_is_silent_is_named_unless_it_is_meant_to_be(home: Path) -> None:
    for service in WORKERS:
        heartbeat.write_heartbeat(home, heartbeat.Heartbeat(service, numbers={"lag": 5}))
    assert ask(live_checks.nobody_lags, home).passed
    heartbeat.write_heartbeat(home, heartbeat.Heartbeat("sink", numbers={"lag": 20_000}))
    assert ask(live_checks.nobody_lags, home).passed, "it has only just started"
    heartbeat.write_heartbeat(home, heartbeat.Heartbeat("sink", started=time.time() - 301, numbers={"lag": 20_000}))
    assert ask(live_checks.nobody_lags, home).metadata["wrong"].value == "sink: 20,000 messages behind"
    long_ago = time.time() - 301
    for numbers, words in (
        ({"lag": None, "lag_s": None}, "stream: it is unknown how far behind it is"),
        ({"lag": 900, "lag_s": 61.0}, "stream: 900 messages behind"),
        ({"lag": 900, "lag_s": 30.0, "behind_since": long_ago}, "stream: windows are 900 trades behind"),
        ({"lag": 900, "lag_s": 30.0, "behind_since": time.time()}, "nothing"),
        ({"lag": 0, "lag_s": 0.0, "behind_since": None}, "nothing"),
    ):
        heartbeat.write_heartbeat(home, heartbeat.Heartbeat("sink", started=long_ago, numbers={"lag": 0}))
        said = heartbeat.Heartbeat("stream", detail="windows are 900 trades behind", started=long_ago, numbers=numbers)
        heartbeat.write_heartbeat(home, said)
        assert ask(live_checks.nobody_lags, home).metadata["wrong"].value == words
    (home / "run" / "sink.beat.json").unlink()
    assert ask(live_checks.nobody_lags, home).metadata["wrong"].value == "sink: no heartbeat"
    desired_state.write_desired_state(home, "sink", False, "run x")
    assert ask(live_checks.nobody_lags, home).passed


def test_trades_without_a_place_are_named(home: Path) -> None:
    assert ask(live_checks.every_id_has_its_place, home).passed
    heartbeat.write_heartbeat(home, heartbeat.Heartbeat("ingester", numbers={"unproven": 3, "held": 1, "unplaced": ""}))
    assert ask(live_checks.every_id_has_its_place, home).passed
    heartbeat.write_heartbeat(
        home, heartbeat.Heartbeat("ingester", numbers={"unproven": 40, "held": 0, "unplaced": "binance: 40 trades"})
    )
    wrong = ask(live_checks.every_id_has_its_place, home)
    assert not wrong.passed and wrong.metadata["wrong"].value == "binance: 40 trades"


def test_a_storm_of_restarts_within_the_hour_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(live_checks.no_restart_storm, home).passed
    lease, changes = Lease(home, SUPERVISOR), StateChanges(home, "7-1000")
    lease.acquire()
    write_json(state_path(home), {"pid": os.getpid(), "services": {}})
    with monkeypatch.context() as earlier:
        earlier.setattr(time, "time", lambda: 1_000_000.0)
        for _ in range(live_checks.STORM_RESTARTS):
            changes.add("sink", "starting", "")
    for _ in range(live_checks.STORM_RESTARTS):
        changes.add("stream", "starting", "")
    changes.write()
    wrong = ask(live_checks.no_restart_storm, home)
    lease.release()
    assert not wrong.passed
    assert wrong.metadata["starts_stream"].value == live_checks.STORM_RESTARTS
    assert str(wrong.metadata["storms"].value) == "stream: see job `stream` and `whale logs stream`"
