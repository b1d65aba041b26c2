"""Metrics for Prometheus: the API's own requests as they happen, and the platform's figures at each scrape.

The platform's are read from heartbeats and Postgres at each scrape; where a source is unavailable its series are left
out rather than repeated. One registry an app, none of the library's globals, so that two apps in a process do not meet.
"""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from whale_platform.api.latest_cache.cache import LatestCache
from whale_platform.api.monitoring.health import SILENT_S
from whale_platform.files import disk_usage
from whale_platform.settings import Settings
from whale_platform.stores.errors import PostgresUnusableError
from whale_platform.stores.postgres.pool import ConnectionPool
from whale_platform.supervision.runtime import heartbeat

METRICS_MEDIA = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
PATHS = frozenset(
    f"/{name}"
    for name in (
        *("latest", "windows", "rollups", "whales", "reports", "gaps"),
        *("symbols", "health", "metrics", "openapi.json", "sparklines", "whales/summary", "thresholds", "flow"),
    )
)
SERVICES = ("simulator", "ingester", "stream", "sink", "api")
_OF_AN_EXCHANGE = (
    ("trades_per_s", GaugeMetricFamily, "whale_exchange_trades_per_second", 1, "Over the last five seconds."),
    (
        "delay_ms",
        GaugeMetricFamily,
        "whale_exchange_delay_seconds",
        1e-3,
        "Median from its trade to here, ten seconds.",
    ),
    ("clock_offset_ms", GaugeMetricFamily, "whale_exchange_clock_offset_seconds", 1e-3, "Its clock minus ours."),
    ("gaps_open", GaugeMetricFamily, "whale_exchange_gaps_open", 1, "Gaps in its ids that are being filled."),
    (
        "gaps_repaired",
        CounterMetricFamily,
        "whale_exchange_gaps_repaired",
        1,
        "Gaps filled since the ingester's start.",
    ),
    (
        "reconnects",
        CounterMetricFamily,
        "whale_exchange_reconnects",
        1,
        "Connections ended since the ingester's start.",
    ),
    ("symbols", GaugeMetricFamily, "whale_exchange_symbols", 1, "Symbols it is asked for."),
)
_OF_CLIENTS = {  # by the names that `PushApp.read_metrics` and `ConnectionRegistry.read_metrics` give them
    "live_clients": "Clients of the live push.",
    "live_refused_total": "Clients of the live push that were too many.",
    "live_dropped_total": "Clients of the live push that were too slow.",
    "live_thinned_total": "Batches merged to the newest state for clients that were behind.",
    "live_sent_total": "Messages sent to the WebSocket clients that have left.",
    "live_read_total": "Messages of Kafka read for the live push.",
    "live_unread_total": "Messages of Kafka that could not be parsed for it.",
    "live_whales_total": "Whales in its log since the start.",
    "live_whale_doubles_total": "Whales left out because its log had them.",
    "live_lag": "Messages of Kafka that it has yet to read.",
    "api_connections": "Connections to the API.",
    "api_connections_idle": "Connections without a request.",
    "api_connections_evicted_total": "Idle connections closed in favour of others.",
    "api_connections_refused_total": "Connections that were too many.",
}
_GAPS = "SELECT state, count(*) FROM ingest_gaps GROUP BY state"


class ApiMetrics:
    """`observe` is for one thread, `render_text` for any."""

    def __init__(
        self,
        settings: Settings,
        pool: ConnectionPool,
        cache: LatestCache,
        read_push_counts: Callable[[], dict[str, int]],
    ) -> None:
        self._registry = CollectorRegistry()
        self._seconds = Histogram(
            "whale_api_request_seconds", "From request to answer.", ["path"], buckets=BUCKETS, registry=self._registry
        )
        self._requests = Counter("whale_api_requests", "Answers.", ["path", "status"], registry=self._registry)
        self.waiting = Gauge(
            "whale_api_waiting", "Requests at work or before it, by worker.", ["worker"], registry=self._registry
        )
        self._registry.register(_Platform(settings, pool, cache, read_push_counts))
        self._known: dict[tuple[str, int], tuple[Histogram, Counter]] = {}

    def observe(self, path: str, status: int, seconds: float) -> None:
        """Count one response and its duration."""
        key = (path if path in PATHS else "other", status)
        pair = self._known.get(key)
        if pair is None:
            pair = (self._seconds.labels(key[0]), self._requests.labels(key[0], str(status)))
            self._known[key] = pair
        pair[0].observe(seconds)
        pair[1].inc()

    def render_text(self) -> bytes:
        """The exposition. Asks Postgres."""
        return generate_latest(self._registry)


class _Platform(Collector):
    def __init__(
        self,
        settings: Settings,
        pool: ConnectionPool,
        cache: LatestCache,
        read_push_counts: Callable[[], dict[str, int]],
    ) -> None:
        self._settings, self._pool, self._cache, self._read_push_counts = settings, pool, cache, read_push_counts

    def describe(self) -> list[Metric]:
        return []  # else the registry collects at registration

    def collect(self) -> Iterator[Metric]:
        now = time.time()
        beats = {
            name: found
            for name in SERVICES
            if (found := heartbeat.read_heartbeat(self._settings.home, name)) is not None
        }
        age = GaugeMetricFamily("whale_service_beat_age_seconds", "Since its last heartbeat.", labels=["service"])
        up = GaugeMetricFamily("whale_service_ready", "1 where it says so itself.", labels=["service"])
        lag = GaugeMetricFamily("whale_service_lag_messages", "Messages it has yet to read.", labels=["service"])
        old = GaugeMetricFamily(
            "whale_service_lag_seconds", "Age of the oldest it has not put out.", labels=["service"]
        )
        for name, last in beats.items():
            age.add_metric([name], max(0.0, now - last.at))
            up.add_metric([name], float(last.state == "ready" and now - last.at <= SILENT_S))
            if isinstance(value := last.numbers.get("lag"), int):
                lag.add_metric([name], value)
            if isinstance(value := last.numbers.get("lag_s"), int | float):
                old.add_metric([name], value)
        yield from (age, up, lag, old)
        yield from _collect_disks(self._settings.home)
        if (ingester := beats.get("ingester")) is not None and now - ingester.at <= SILENT_S:
            yield from _collect_ingester(ingester)
            yield from _collect_exchanges(ingester)
        for name, value in self._read_push_counts().items():
            counts = name.endswith("_total")
            kind = CounterMetricFamily if counts else GaugeMetricFamily
            yield kind(f"whale_{name.removesuffix('_total')}", _OF_CLIENTS[name], value)
        newest = self._cache.age_s(now)
        if newest is not None:
            yield GaugeMetricFamily("whale_newest_state_age_seconds", "Of the newest window in Postgres.", newest)
        try:
            rows = self._pool.fetch_rows(_GAPS)
        except PostgresUnusableError:
            yield GaugeMetricFamily("whale_postgres_up", "Whether Postgres answered.", 0)
            return
        yield GaugeMetricFamily("whale_postgres_up", "Whether Postgres answered.", 1)
        gaps = GaugeMetricFamily("whale_gaps", "Gaps in the exchanges' trade ids, by state.", labels=["state"])
        for state, count in rows:
            gaps.add_metric([state], count)
        yield gaps


def _collect_disks(home: Path) -> Iterator[Metric]:
    free = GaugeMetricFamily("whale_disk_free_bytes", "Free on the disk of the home, and of the lake.", labels=["disk"])
    total = GaugeMetricFamily("whale_disk_size_bytes", "Size of that disk.", labels=["disk"])
    for name, room in disk_usage.read_disk_spaces(home).items():
        free.add_metric([name], room.free)
        total.add_metric([name], room.total)
    stores = GaugeMetricFamily("whale_store_bytes", "What a store takes, a minute old.", labels=["store"])
    for name, size in disk_usage.read_store_sizes(home).items():
        stores.add_metric([name], size)
    yield from (free, total, stores)


def _collect_ingester(last: heartbeat.Heartbeat) -> Iterator[Metric]:
    told = (
        ("trades", CounterMetricFamily, "whale_trades", "Trades produced to Kafka since the ingester's start."),
        ("dead_letters", CounterMetricFamily, "whale_dead_letters", "Messages that could not be parsed."),
        ("trades_per_s", GaugeMetricFamily, "whale_trades_per_second", "Over the last five seconds."),
    )
    for key, kind, name, text in told:
        if isinstance(value := last.numbers.get(key), int | float):
            yield kind(name, text, value)


def _collect_exchanges(last: heartbeat.Heartbeat) -> Iterator[Metric]:
    told = last.numbers.get("exchanges", [])
    connected = GaugeMetricFamily("whale_exchange_connected", "1 while trades can come.", labels=["exchange"])
    for one in told:
        connected.add_metric([one["exchange"]], float(one["state"] == "connected"))
    yield connected
    for key, kind, name, unit, text in _OF_AN_EXCHANGE:
        family = kind(name, text, labels=["exchange"])
        for one in told:
            if one[key] is not None:
                family.add_metric([one["exchange"]], one[key] * unit)
        yield family
