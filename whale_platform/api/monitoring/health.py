"""The state of each part, from the part itself: Postgres, Kafka, the services' heartbeats, the lake's log, the cache.

Nobody's word is taken for another's: a service whose heartbeat is old is silent, whatever it said last. An answer is
kept for a second, so that many who ask cost no more than one; the questions are short and made in a worker's thread.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from whale_platform.api.http.responses import format_time
from whale_platform.api.latest_cache.cache import LatestCache
from whale_platform.api.latest_cache.exchange_feeds import STALE_S
from whale_platform.broker import connection_errors, topics
from whale_platform.files import disk_usage
from whale_platform.lake.delta import newest as lake
from whale_platform.lake.delta.schema import table_exists
from whale_platform.lake.errors import LakeError
from whale_platform.settings import WORKERS, Settings
from whale_platform.stores.errors import PostgresUnusableError
from whale_platform.stores.postgres.pool import ConnectionPool
from whale_platform.supervision.control import desired_state, state_files
from whale_platform.supervision.runtime import heartbeat

SILENT_S = 10.0
CACHE_S = 1.0
KAFKA_S = 3.0
_WORKS = ("ready", "stopped")


def read_services(settings: Settings, now: float) -> dict[str, dict[str, Any]]:
    """The services that move the trades, by their heartbeats; see models.health.Part."""
    names: list[str] = [*WORKERS]
    kept = (state_files.read_state(settings.home) or {}).get("services", {})
    if "simulator" in kept or "simulator" in state_files.list_working_parts(settings.home):
        names.insert(0, "simulator")
    return {name: _check_service(settings, name, now) for name in names}


def is_heard(part: dict[str, Any]) -> bool:
    """Whether what a service reports of others can be believed."""
    return part["state"] in ("ready", "degraded", "starting")


def describe_silent_services(settings: Settings) -> str:
    """Why what reaches Postgres is old: which services are not at work; empty where all are."""
    found = read_services(settings, time.time())
    return "; ".join(
        f"{name} is {part['state']}" for name, part in found.items() if part["state"] not in ("ready", "degraded")
    )


class HealthMonitor:
    """Used by any thread."""

    def __init__(
        self, settings: Settings, pool: ConnectionPool, cache: LatestCache, clock: Callable[[], float] = time.time
    ) -> None:
        self._settings, self._pool, self._cache, self._clock = settings, pool, cache, clock
        self._lock = threading.Lock()
        self._last: dict[str, Any] | None = None
        self._at = 0.0
        self._kafka_client: topics.KafkaAdmin | None = None

    def check(self) -> dict[str, Any]:
        """What models.health.Health describes; a second old, or as old as a check under way takes."""
        last = self._last
        if last is not None and self._lock.locked():
            return last  # somebody is asking: waiting too would take every worker while Kafka is unavailable
        with self._lock:
            now = self._clock()
            if self._last is None or not 0 <= now - self._at <= CACHE_S:  # the clock may have been set back
                self._last, self._at = self._check(now), now
            return self._last

    def _check(self, now: float) -> dict[str, Any]:
        parts = {
            "postgres": self._check_postgres(),
            "kafka": self._check_kafka(),
            "lake": self._check_lake(),
            "latest": self._check_latest(now),
            "disk": self._check_disk(),
        }
        each = read_services(self._settings, now)
        stale = [
            f"{name}: {part['detail'] or part['state']}"
            for name, part in {**parts, **each}.items()
            if part["state"] not in (*_WORKS, "none")
        ]
        failed = parts["postgres"]["state"] == "unavailable"
        return {
            "status": "unavailable" if failed else "degraded" if stale else "ok",
            "checked_at": format_time(datetime.fromtimestamp(now, UTC)),
            "stale": stale,
            **parts,
            "services": each,
        }

    def _check_postgres(self) -> dict[str, Any]:
        try:
            self._pool.fetch_rows("SELECT 1 FROM trade_windows LIMIT 1")
        except PostgresUnusableError as error:
            return _build_part("unavailable", str(error))
        return _build_part("ready", self._settings.public_dsn("api"))

    def _check_kafka(self) -> dict[str, Any]:
        if self._kafka_client is None:  # kept: a new one costs 50 ms and three threads
            self._kafka_client = topics.create_admin(self._settings.bootstrap)
        if topics.is_reachable(self._settings.bootstrap, KAFKA_S, self._kafka_client):
            return _build_part("ready", str(self._settings.bootstrap))
        return _build_part("unavailable", connection_errors.explain_unavailable(self._settings.bootstrap))

    def _check_disk(self) -> dict[str, Any]:
        trouble = disk_usage.describe_low_disks(self._settings.home)
        return _build_part("degraded" if trouble else "ready", trouble)

    def _check_lake(self) -> dict[str, Any]:
        try:
            if not table_exists(self._settings.trades_lake):
                return _build_part("none", "there is none yet: it begins with the first trade")
            return _build_part("ready", f"version {lake.read_index(self._settings.trades_lake).version}")
        except LakeError as error:
            return _build_part("unavailable", str(error))

    def _check_latest(self, now: float) -> dict[str, Any]:
        age = self._cache.age_s(now)
        if age is None:
            return _build_part("none", "no trade has reached Postgres yet")
        response = self._cache.response  # where each market is only quiet, age alone is no fault
        state = "silent" if age > STALE_S and response is not None and response.reason else "ready"
        return _build_part(state, f"the newest state is {age:.0f} s old" if state == "silent" else "", round(age, 1))


def _check_service(settings: Settings, name: str, now: float) -> dict[str, Any]:
    if not (wanted := desired_state.read_desired_state(settings.home, name)).running:
        return _build_part("stopped", f"by {wanted.by}")
    last = heartbeat.read_heartbeat(settings.home, name)
    if last is None:
        return _build_part("silent", "it has never beaten in this home")
    age = max(0.0, now - last.at)
    lag = last.numbers.get("lag")
    if age > SILENT_S:
        return _build_part("silent", f"its last heartbeat is {age:.0f} s old", round(age, 1))
    return _build_part(last.state, last.detail, round(age, 1), lag if isinstance(lag, int) else None)


def _build_part(state: str, detail: str, age_s: float | None = None, lag: int | None = None) -> dict[str, Any]:
    return {"state": state, "detail": detail, "age_s": age_s, "lag": lag}
