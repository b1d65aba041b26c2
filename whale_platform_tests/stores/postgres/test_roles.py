"""Each part's own log-in: what it needs works, and nothing else does. On a real server, a home from before included."""

from contextlib import closing
from datetime import timedelta
from decimal import Decimal

import psycopg2
import pytest

from whale_platform.domain.names import TRADE_WINDOWS, WHALE_ALERTS
from whale_platform.postgres_login import ROLES, Role
from whale_platform.settings import Settings
from whale_platform.stores.asset_tables import retention, rollups, thresholds, whale_reports
from whale_platform.stores.asset_tables.materialisation import HourRange
from whale_platform.stores.migrate import migrate, upgrade_schema
from whale_platform.stores.postgres import databases
from whale_platform.stores.postgres.pool import ConnectionPool
from whale_platform.stores.postgres.roles import TABLES, VIEWS
from whale_platform.stores.stream_tables.rows import MessageRef
from whale_platform.stores.stream_tables.sink_store import SinkStore, StoredOffset
from whale_platform_tests.stores.asset_tables.test_materialisation import MAKER
from whale_platform_tests.stores.builders import START, WHALE, WINDOW, batch_of
from whale_platform_tests.support.postgres_server import PostgresServer, own_postgres, query

__all__ = ["own_postgres"]

FORBIDDEN: dict[Role, tuple[str, ...]] = {
    "sink": ("DELETE FROM trade_windows", "UPDATE whale_thresholds SET threshold_usd = 1", "SELECT FROM whale_reports"),
    "stream": ("SELECT FROM trade_windows", "UPDATE whale_thresholds SET threshold_usd = 1"),
    "api": (
        "INSERT INTO sink_offsets VALUES ('t', 0, 0, 'i', 'c')",
        "UPDATE whale_thresholds SET threshold_usd = 1",
        "DELETE FROM whale_alerts",
        "SELECT make_trade_windows_day('2030-01-01')",
    ),
    "editor": (
        "SELECT FROM whale_alerts",
        "UPDATE whale_alerts SET tier = 'whale'",
        "SELECT FROM whale_threshold_history",
        "DELETE FROM whale_threshold_history",
        "TRUNCATE whale_thresholds",
    ),
    "dagster": ("UPDATE sink_offsets SET next_offset = 0", "DELETE FROM sink_offsets"),
}
BY_NOBODY = (
    "DROP TABLE trade_windows",
    "DROP TABLE trade_windows_20240808",
    "ALTER TABLE whale_alerts ADD COLUMN x int",
    "TRUNCATE whale_alerts",
    "CREATE TABLE mine (x int)",
    "CREATE ROLE friend",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_read_file('PG_VERSION')",
    "SET ROLE whale",
)


@pytest.fixture
def old_home(own_postgres: PostgresServer) -> Settings:
    """A home whose only user is `whale`, which owns Dagster's tables as well."""
    settings = own_postgres.settings
    owner = settings.dsn()
    upgrade_schema(owner, "0004")
    storage = f"{owner.rpartition('/')[0]}/dagster"
    databases.ensure_database(owner, storage)
    query(storage, "CREATE TABLE runs (id serial PRIMARY KEY, body text)")
    query(storage, "INSERT INTO runs (body) VALUES ('old')")
    for role in ROLES:
        with pytest.raises(FileNotFoundError):
            settings.dsn(role)
    return settings


def test_an_old_home_gets_its_roles_by_itself_and_each_can_do_its_work_alone(old_home: Settings) -> None:
    for _ in range(2):  # running it again changes nothing
        migrate(old_home, wait_s=60)
    files = [old_home.role_password_file(role) for role in ROLES]
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert len({path.read_text() for path in (*files, old_home.role_password_file("owner"))}) == len(ROLES) + 1
    storage = old_home.dagster_dsn_text()
    query(storage, "INSERT INTO runs (body) VALUES ('new')")
    assert query(storage, "SELECT body FROM runs ORDER BY id") == [("old",), ("new",)]
    query(storage, "ALTER TABLE runs ADD COLUMN tags text")  # as a newer Dagster migrates
    _work(old_home)
    for role in ROLES:
        for statement in (*FORBIDDEN[role], *BY_NOBODY):
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                query(old_home.dsn(role), statement)
    for role in ("sink", "stream", "api", "editor"):
        with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
            query(f"{old_home.dsn(role).rpartition('/')[0]}/dagster", "SELECT 1")


def _work(settings: Settings) -> None:
    with closing(SinkStore(settings.dsn("sink"))) as store:
        store.store_offsets({(TRADE_WINDOWS, 0): StoredOffset(0, "topic-1", "cluster-1")}, [])
        batch = batch_of(WINDOW)
        batch.whales[WHALE.key] = (WHALE, MessageRef(WHALE_ALERTS, 0, 5))
        assert store.write(batch)[TRADE_WINDOWS] == 1
    hours, dagster = (
        HourRange(START.replace(hour=0), START.replace(hour=0) + timedelta(days=1)),
        settings.dsn("dagster"),
    )
    rollups.materialise_rollups(dagster, hours, MAKER)
    whale_reports.materialise_reports(dagster, hours, MAKER)
    thresholds.suggest_thresholds(dagster, {("binance", "BTCUSDT"): Decimal(7)})
    thresholds.set_threshold(settings.dsn("editor"), "binance", "ETHUSDT", Decimal(8), large=Decimal(9))
    assert thresholds.remove_threshold(settings.dsn("editor"), "binance", "BTCUSDT")
    assert set(thresholds.read_held_thresholds(settings.dsn("stream")).usd.values()) == {50_000, 8}
    assert len(thresholds.read_threshold_history(settings.dsn("stream"))) == 4, "what held before is kept"
    with closing(ConnectionPool(lambda: settings.dsn("api"), "test")) as pool:
        for table in ("trade_windows", "hourly_rollups"):
            assert pool.fetch_rows(f"SELECT count(*) FROM {table}") == [(1,)]
    planned = retention.plan_retention(dagster, 7, START.date() + timedelta(days=9))
    assert retention.apply_retention(dagster, planned) == 1
    with closing(SinkStore(settings.dsn("sink"))) as store:
        store.store_offsets({(TRADE_WINDOWS, 0): StoredOffset(0, "topic-1", "cluster-1")}, [])
        assert store.write(batch_of(WINDOW))[TRADE_WINDOWS] == 1, "the day is made again, by the sink's own right"


def test_every_table_has_its_rights(own_postgres: PostgresServer) -> None:
    migrate(own_postgres.settings, wait_s=60)
    found = query(
        own_postgres.settings.dsn(),
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v') "
        "AND NOT relispartition",
    )
    assert {name for (name,) in found} == {*TABLES, *VIEWS}, "name a new table in stores/postgres/roles.py"
