"""The app's dependencies: built once from the settings, and passed to the endpoints, the middleware and the service."""

from dataclasses import dataclass, field
from functools import partial
from typing import Annotated

from fastapi import Depends, Request

from whale_platform.api.latest_cache.cache import LatestCache
from whale_platform.api.monitoring.health import HealthMonitor
from whale_platform.api.monitoring.live_status import LiveStatus
from whale_platform.api.monitoring.metrics import ApiMetrics
from whale_platform.api.monitoring.thread_pool import BoundedThreadPool
from whale_platform.api.push.app import PushApp
from whale_platform.api.server.api_keys import ApiKeyRegistry
from whale_platform.api.server.connection_registry import ConnectionRegistry
from whale_platform.api.server.refusal_log import RefusalLog
from whale_platform.settings import Settings
from whale_platform.stores.postgres.pool import ConnectionPool

MONITORING_THREADS = 2  # threads for /health and /metrics


@dataclass(slots=True)
class AppDependencies:
    """Raises KeyFileError where the home's keys can't be read.

    open_without_keys: whether anybody may ask while there is no key at all; local_only: whether only this machine can
    reach it. Threads: `table_threads` for what Postgres answers, `kafka_threads` for what Kafka is searched for,
    `monitoring_threads` for /health and /metrics, `write_threads` for what is set. Each thread that reads from Postgres
    finds a connection: the pool has one for each.
    """

    settings: Settings
    pool: ConnectionPool
    latest: LatestCache = field(default_factory=LatestCache)
    open_without_keys: bool = True
    local_only: bool = False
    connections: ConnectionRegistry = field(default_factory=ConnectionRegistry)
    refusals: RefusalLog = field(init=False, default_factory=RefusalLog)
    metrics: ApiMetrics = field(init=False)
    health: HealthMonitor = field(init=False)
    table_threads: BoundedThreadPool = field(init=False)
    kafka_threads: BoundedThreadPool = field(init=False)
    monitoring_threads: BoundedThreadPool = field(init=False)
    write_threads: BoundedThreadPool = field(init=False)
    keys: ApiKeyRegistry = field(init=False)
    push: PushApp = field(init=False)

    def __post_init__(self) -> None:
        settings = self.settings
        self.keys = ApiKeyRegistry(settings.home)
        self.push = PushApp(
            settings.bootstrap,
            partial(settings.dsn, "api"),
            origins=frozenset(settings.api_cors),
            read_status=LiveStatus(settings, self.latest).read,
            is_authorised=self.is_authorised,
            pop_taken_back=self.latest.pop_taken_back,
        )
        self.metrics = ApiMetrics(
            settings, self.pool, self.latest, lambda: self.push.read_metrics() | self.connections.read_metrics()
        )
        self.health = HealthMonitor(settings, self.pool, self.latest)
        waiting = self.metrics.waiting
        self.table_threads = BoundedThreadPool("tables", self.pool.size - MONITORING_THREADS, 64, waiting)
        self.kafka_threads = BoundedThreadPool(
            "kafka", 1, 9, waiting
        )  # one looks through Kafka, which takes the processor; eight wait
        self.monitoring_threads = BoundedThreadPool("watch", MONITORING_THREADS, 16, waiting)
        self.write_threads = BoundedThreadPool("writes", 1, 8, waiting)  # with a connection of its own, for one change

    def close(self) -> None:
        """Take no more work."""
        for worker in (self.table_threads, self.kafka_threads, self.monitoring_threads, self.write_threads):
            worker.close()

    def is_authorised(self, key: str) -> bool:
        """Whether who has the key of that name (empty: none) may ask."""
        return self.keys.has_name(key) if key else self.open_without_keys and not self.keys.has_keys


def _read_dependencies(request: Request) -> AppDependencies:
    dependencies: AppDependencies = request.app.state.dependencies
    return dependencies


AppDeps = Annotated[AppDependencies, Depends(_read_dependencies)]
