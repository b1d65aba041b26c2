"""An API on a migrated database, its cache fed as the service feeds it."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from whale_platform.api import app as apps
from whale_platform.api.endpoints.dependencies import AppDependencies
from whale_platform.api.latest_cache.updater import CacheUpdater
from whale_platform.settings import Settings
from whale_platform.stores.postgres.pool import ConnectionPool
from whale_platform_tests.api.builders import Sink
from whale_platform_tests.support.postgres_server import (
    database,
    empty_database,
    own_postgres,
    postgres_server,
)

__all__ = ["database", "empty_database", "own_postgres", "postgres_server"]

Make = Callable[..., AppDependencies]


@pytest.fixture
def sink(database: str) -> Iterator[Sink]:
    """Writes as the sink does, NOTIFY and all."""
    sink = Sink(database)
    yield sink
    sink.close()


@pytest.fixture
def make(database: str, tmp_path: Path) -> Iterator[Make]:
    """Parts by settings, such as make(api_rate=5); their cache is fed once."""
    pools: list[ConnectionPool] = []

    def made(open_without_keys: bool = True, fed: bool = True, **more: object) -> AppDependencies:
        given = {"home": tmp_path, "postgres_dsn": database, "kafka_bootstrap": "127.0.0.1:1", **more}
        settings = Settings.model_validate(given)
        pool = ConnectionPool(settings.dsn, "whale-api", 4)
        pools.append(pool)
        parts = AppDependencies(settings, pool, open_without_keys=open_without_keys)
        if fed:
            feed_once(parts)
        return parts

    yield made
    for pool in pools:
        pool.close()


def feed_once(parts: AppDependencies) -> None:
    """Read everything, as at the start."""
    stop = threading.Event()
    CacheUpdater(parts.latest, parts.pool, parts.settings.dsn, lambda _: stop.set()).run(stop)


def client_of(parts: AppDependencies, **more: str) -> TestClient:
    """Of the whole, gate included."""
    return TestClient(apps.build_app(parts)[0], headers=more)


@pytest.fixture
def client(sink: Sink, make: Make) -> TestClient:
    """On the usual rows: see samples.fill."""
    sink.fill()
    return client_of(make())
