"""What an hour writes into Dagster's real storage, and what housekeeping leaves of it after a week; `-s` prints it.

An hour is what runs by itself while 20 symbols trade: the health sensor's ticks, the hour's rollups and whale reports,
the reports again once the prices are there, and all checks. Nothing else runs as often. Counted are the bytes of the
rows as text: what the tables take is less, since Postgres compresses, and does not depend on it.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest

from whale_platform.broker.producer import TradeProducer
from whale_platform.definitions import defs
from whale_platform.defs.lineage import sensors
from whale_platform.defs.lineage.assets import REPORTS_KEY, ROLLUPS_KEY
from whale_platform.defs.reports.checks import whales_add_up
from whale_platform.defs.resources import build_resources
from whale_platform.defs.shared.partitions import partition_key
from whale_platform.domain.names import RAW_TRADES, TRADE_WINDOWS, WHALE_ALERTS
from whale_platform.settings import DEFAULT_BASES
from whale_platform.supervision.runtime import heartbeat
from whale_platform_tests.defs.maintenance.test_events import clean
from whale_platform_tests.stores.asset_tables.test_materialisation import store
from whale_platform_tests.stores.builders import WHALE, WINDOW
from whale_platform_tests.support.kafka_server import KafkaServer
from whale_platform_tests.support.postgres_server import query

GROWING = ("event_logs", "asset_check_executions", "runs", "run_tags", "asset_event_tags")
TIMES = {"event_logs": "timestamp", "asset_check_executions": "evaluation_event_timestamp", "runs": "create_timestamp"}
HOUR = timedelta(hours=1)
FLAT = WINDOW._replace(
    base="BTC",
    quote="USDT",
    usd_via="peg:USDT",
    open="100",
    high="100",
    low="100",
    close="100",
    volume="9999.5",
    buy_volume="5555.5",
    notional="999950",
)
TICKS, TICK_S = 12, 300
MOST_WRITTEN, MOST_LEFT = 520_000, 30_000  # bytes an hour
SYMBOLS = tuple(f"{base}USDT" for base in DEFAULT_BASES) + tuple(f"{base}USDC" for base in DEFAULT_BASES)
HEARTBEATS: dict[str, dict[str, Any]] = {  # with names as long and as many as in those of a running home
    "ingester": dict.fromkeys(("trades", "duplicates", "unproven", "held", "dead_letters", "quarantined"), 12)
    | dict.fromkeys(("gaps_open", "gaps_repaired", "queue", "reconnects", "exchange_to_receive_p50"), 0.33)
    | dict.fromkeys(("exchange_to_receive_p99", "receive_to_produced_p50", "receive_to_produced_p99"), 41.1),
    "stream": dict.fromkeys(("windows_batch", "whales_covered", "late_dropped", "rate", "lag", "lag_s"), 125.3)
    | dict.fromkeys(("windows_lag", "windows_lag_s", "whales_lag", "whales_lag_s", "windows_rows"), 140)
    | {"windows_batch_ms": dict.fromkeys(("addBatch", "commitOffsets", "getBatch", "latestOffset", "walCommit"), 13)},
}


def count_bytes(storage: str, table: str, after: int = 0) -> int:
    """Bytes of the rows of a table of Dagster's with ids over `after`, as text."""
    found = query(storage, f"SELECT coalesce(sum(length(x::text)), 0) FROM {table} x WHERE id > %s", after)
    return int(found[0][0])


def find_ends(storage: str) -> dict[str, int]:
    """The newest id of each table."""
    return {name: int(query(storage, f"SELECT coalesce(max(id), 0) FROM {name}")[0][0]) for name in GROWING}


class Home:
    """A home with stream tables and topics that move, whose Dagster has its storage in `instance`."""

    def __init__(self, home: Path, kafka: KafkaServer, dsn: str, instance: dg.DagsterInstance) -> None:
        (home / "run").mkdir(parents=True)
        self.home, self.dsn, self.instance = home, dsn, instance
        self.producer = TradeProducer(kafka.bootstrap, "test")
        self.cursor: str | None = None
        self.resources = build_resources(
            home=str(home), postgres_dsn=dsn, kafka_bootstrap=str(kafka.bootstrap), source="live"
        )
        self.ticks = 0

    def trade(self, hour: datetime) -> None:
        """One hour of windows, and six whales a symbol in it."""
        windows = [
            FLAT._replace(symbol=symbol, window_start=hour + timedelta(minutes=minute), last_event_time=hour)
            for symbol in SYMBOLS
            for minute in range(60)
        ]
        whales = [
            WHALE._replace(symbol=symbol, trade_id=int(time.timestamp()), event_time=time)
            for symbol in SYMBOLS
            for time in (hour + timedelta(minutes=9 * number) for number in range(6))
        ]
        store(self.dsn, windows, whales)

    def tick(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Five minutes pass: what moved is reported as the daemon does it."""
        for service, numbers in HEARTBEATS.items():
            heartbeat.write_heartbeat(self.home, heartbeat.Heartbeat(service, numbers=numbers))
        for topic in (RAW_TRADES, TRADE_WINDOWS, WHALE_ALERTS):
            self.producer.send(topic, b"binance:BTCUSDT", b"{}")
        self.producer.flush(10)
        for table, column in ((TRADE_WINDOWS, "last_event_time"), (WHALE_ALERTS, "event_time")):
            query(self.dsn, f"UPDATE {table} SET {column} = {column} + interval '1 second'")
        self.ticks += 1
        monkeypatch.setattr(sensors, "time", SimpleNamespace(time=partial(float, self.ticks * TICK_S)))
        context = dg.build_sensor_context(cursor=self.cursor, resources=self.resources)
        result = sensors.stream_health(context)
        assert isinstance(result, dg.SensorResult)
        self.cursor = result.cursor
        for event in result.asset_events:
            self.instance.report_runless_asset_event(event)

    def materialise(self, hour: datetime) -> None:
        """The hour's assets, then the reports alone."""
        whole = defs().resolve_job_def("hourly_assets")
        alone = whole.get_subset(asset_selection={REPORTS_KEY}, asset_check_selection={whales_add_up.check_key})
        for job in (whole, alone):
            assert job.execute_in_process(instance=self.instance, partition_key=partition_key(hour)).success

    def check(self) -> None:
        """Every check."""
        assert defs().resolve_job_def("stream_checks").execute_in_process(instance=self.instance).success


def test_what_an_hour_writes_is_bounded_and_after_a_week_little_of_it_is_left(
    kafka: KafkaServer,
    database: str,
    storage: str,
    instance: dg.DagsterInstance,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = Home(tmp_path / "home", kafka, database, instance)
    for name, value in (("HOME", str(home.home)), ("POSTGRES_DSN", database), ("KAFKA_BOOTSTRAP", kafka.bootstrap)):
        monkeypatch.setenv(f"WHALE_{name}", str(value))
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    written: dict[str, int] = {}

    def measure(what: str, does: Callable[[], object]) -> None:
        ends = find_ends(storage)
        does()
        written[what] = sum(count_bytes(storage, table, end) for table, end in ends.items())

    def tick_for_an_hour() -> None:
        for _ in range(TICKS):
            home.tick(monkeypatch)

    hours = (now - 2 * HOUR, now - HOUR)
    ends: dict[str, int] = {}
    for hour in hours:
        home.trade(hour)
        measure("health", tick_for_an_hour)
        measure("assets", partial(home.materialise, hour))
        measure("checks", home.check)
        ends = ends or find_ends(storage)
    for table, end in ends.items():  # a week passes between the two hours
        if column := TIMES.get(table):
            query(storage, f"UPDATE {table} SET {column} = {column} - interval '8 days' WHERE id <= {end}")
    clean(instance, dry_run=False)
    left = {table: count_bytes(storage, table) - count_bytes(storage, table, end) for table, end in ends.items()}
    for what, found in (("written", written), ("left after a week", left)):
        print(f"{what}, bytes a day: {24 * sum(found.values()):,}", {name: 24 * size for name, size in found.items()})
    assert sum(written.values()) < MOST_WRITTEN
    assert sum(left.values()) < MOST_LEFT
    partitions = {partition_key(hour) for hour in hours}
    assert instance.get_materialized_partitions(ROLLUPS_KEY) == instance.get_materialized_partitions(REPORTS_KEY)
    assert instance.get_materialized_partitions(REPORTS_KEY) == partitions
    home.producer.close(10)
