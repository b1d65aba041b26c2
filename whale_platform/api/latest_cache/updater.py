"""Keeps the latest cache fresh: reads everything once, then only the rows that the one LISTEN connection names.

The connection listens before everything is read, so nothing falls between. A batch that names fewer keys than it has
rows (some hundred fit) is answered by reading every symbol's newest row, in two statements whatever their number, and
for a twentieth of the time at most where such batches follow one another. While Postgres is unavailable the cache says
since when, and after it is back everything is read again, since notices of the meantime are lost. A read replica and a
connection pooler pass no NOTIFY on: there everything is read once a second instead, and a replica that is behind is
said to be.
"""

import json
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime

import structlog

from whale_platform.api.latest_cache.cache import RENDER_EVERY_S, LatestCache
from whale_platform.api.latest_cache.exchange_feeds import ExchangeFeed
from whale_platform.domain.market import Market
from whale_platform.domain.names import TRADE_WINDOWS, WHALE_ALERTS
from whale_platform.stores.errors import NotifyUnavailableError, PostgresError
from whale_platform.stores.postgres import replica_lag
from whale_platform.stores.postgres.pool import ConnectionPool
from whale_platform.stores.queries import latest_states, period_totals
from whale_platform.stores.queries.latest_states import WindowKey
from whale_platform.stores.stream_tables.change_listener import ChangeListener
from whale_platform.stores.stream_tables.change_notice import TAKEN_BACK

TOTALS_EVERY_S = 5.0  # between two readings of the last hour and day
QUIET_RENDER_S = 1.0  # a quiet cache is rendered so often, for its ages
RELOAD_EVERY_S = 60.0  # new symbols are named by NOTIFY; those that retention took are not
POLL_EVERY_S = 1.0
EVERYTHING = ""  # a payload that names nothing, so that all is read
RETRY_S = (0.5, 1.0, 2.0, 5.0)


class ChangeSet:
    """What several payloads say has changed."""

    def __init__(self) -> None:
        self.windows: set[WindowKey] = set()
        self.whales: set[Market] = set()
        self.everything = False
        self.taken_back = 0

    def merge(self, payload: str) -> None:
        """Take in one payload; one that can't be read means everything."""
        try:
            said = json.loads(payload)
            windows, whales = said.get(TRADE_WINDOWS), said.get(WHALE_ALERTS)
            self.taken_back += said.get(TAKEN_BACK, {"rows": 0})["rows"]
            for topic in (windows, whales):
                self.everything = self.everything or (topic is not None and topic["rows"] > len(topic["keys"]))
            if windows is not None:
                self.windows |= {(str(e), str(s), datetime.fromisoformat(start)) for e, s, start in windows["keys"]}
            if whales is not None:
                self.whales |= {Market(str(key[0]), str(key[1])) for key in whales["keys"]}
        except (ValueError, KeyError, TypeError, AttributeError, IndexError):
            self.everything = True


class PollingListener:
    """In a Listener's place where NOTIFY can't be heard: says that anything may have changed, once a second.

    `wait_for_notices` lasts so long that reading everything takes no more than a twentieth of the time.
    """

    def __init__(self, stop: threading.Event, measure_read_s: Callable[[], float] = lambda: 0.0) -> None:
        self._stop, self._measure_read_s = stop, measure_read_s
        self._next = time.monotonic() + POLL_EVERY_S

    def wait_for_notices(self, timeout_s: float) -> list[str]:
        """Wait for changes, as `ChangeListener.wait_for_notices` does."""
        self._stop.wait(min(timeout_s, max(0.0, self._next - time.monotonic())))
        if time.monotonic() < self._next:
            return []
        self._next = time.monotonic() + max(POLL_EVERY_S, 20 * self._measure_read_s())
        return [EVERYTHING]

    def close(self) -> None:
        """Do nothing: no connection is open."""


class CacheUpdater:
    """`run` in a thread of its own until `stop` is set. `on_trouble` is called with what is wrong, empty: nothing."""

    def __init__(
        self,
        cache: LatestCache,
        pool: ConnectionPool,
        dsn: Callable[[], str],
        on_trouble: Callable[[str], None],
        read_service_trouble: Callable[[], str] = lambda: "",
        read_feeds: Callable[[], Mapping[str, ExchangeFeed]] = dict,
    ) -> None:
        """`read_service_trouble`: why what comes is old (a service is silent), empty where it is not; `read_feeds`: the
        exchanges' feeds. Both are called once a second."""
        self._cache, self._pool, self._dsn = cache, pool, dsn
        self._on_trouble, self._read_service_trouble = on_trouble, read_service_trouble
        self._read_feeds = read_feeds
        self._symbols: list[Market] = []
        self._spans_at = self._all_at = self._looked_at = self._rendered_at = 0.0
        self._unnamed = False  # whether something has changed that no notice named
        self.connects = self.reads = 0
        self.read_all_s = 0.0
        self._log = structlog.get_logger().bind(service="api")

    def run(self, stop: threading.Event) -> None:
        """Until stopped; what is wrong with Postgres is told, not raised."""
        tries = 0
        while not stop.is_set():
            before = self.connects
            try:
                self._listen(stop)
            except (PostgresError, OSError) as error:
                tries = 0 if self.connects > before else tries
                why = f"Postgres can't be read: {error}"
                self._cache.set_trouble("postgres", why)
                self._cache.render()
                self._on_trouble(why)
                stop.wait(RETRY_S[min(tries, len(RETRY_S) - 1)])
                tries += 1

    def _listen(self, stop: threading.Event) -> None:
        listener: ChangeListener | PollingListener
        try:
            listener = ChangeListener(self._dsn(), "whale-api")
        except NotifyUnavailableError as why:
            self._log.warning("everything is read once a second, as no commit is heard of", reason=str(why))
            listener = PollingListener(stop, lambda: self.read_all_s)
        try:
            self._read_all()
            self._read_totals()
            self.connects += 1
            self._cache.set_trouble("postgres", "")
            self._on_trouble("")
            self._cache.update_feeds(self._read_feeds())
            self._render()
            while not stop.is_set():
                self._step(listener)
        finally:
            listener.close()

    def _step(self, listener: "ChangeListener | PollingListener") -> None:
        said = listener.wait_for_notices(0.25)
        rest = self._rendered_at + RENDER_EVERY_S - time.monotonic()
        if said and rest > 0:  # more may come until the cache may be rendered again
            time.sleep(rest)
            said += listener.wait_for_notices(0)
        news = ChangeSet()
        for payload in said:
            news.merge(payload)
        if news.taken_back:
            self._cache.add_taken_back(news.taken_back)
        self._read(news)
        now = time.monotonic()
        if now - self._looked_at >= 1.0:
            self._looked_at = now
            self._cache.set_trouble("services", self._read_service_trouble())
            self._cache.update_feeds(self._read_feeds())
            self._cache.set_trouble(
                "replica", replica_lag.describe_replica_lag(self._pool) if isinstance(listener, PollingListener) else ""
            )
        if now - self._spans_at >= TOTALS_EVERY_S:
            self._read_totals()
        if self._cache.changed or now - self._rendered_at >= QUIET_RENDER_S:
            self._render()

    def _read(self, changes: ChangeSet) -> None:
        since_all_s = time.monotonic() - self._all_at
        self._unnamed = self._unnamed or changes.everything
        if since_all_s > (20 * self.read_all_s if self._unnamed else RELOAD_EVERY_S):
            self._unnamed = False
            self._read_all()
            return
        known = set(self._symbols)
        newer = [key for key in changes.windows if self._may_be_newest(key)]
        if not newer and not changes.whales:
            return
        self.reads += 1
        self._cache.update(
            latest_states.read_windows(self._pool, newer), latest_states.read_newest_whales(self._pool, changes.whales)
        )
        self._symbols += sorted({Market(*key[:2]) for key in newer} - known)

    def _may_be_newest(self, key: WindowKey) -> bool:
        start = self._cache.newest_start(Market(*key[:2]))
        return start is None or key[2] >= start

    def _read_all(self) -> None:
        begun = time.monotonic()
        self._symbols = latest_states.list_markets(self._pool)
        self._cache.replace(
            latest_states.read_newest_windows(self._pool, self._symbols),
            latest_states.read_newest_whales(self._pool, self._symbols),
        )
        self._all_at = time.monotonic()
        self.read_all_s = self._all_at - begun

    def _read_totals(self) -> None:
        begun = time.monotonic()
        edge = self._cache.newest_minute()
        if edge is not None:
            self._cache.update_totals(*period_totals.read_period_totals(self._pool, edge))
        took = time.monotonic() - begun
        self._spans_at = time.monotonic() + 20 * took  # never more than a twentieth of the time

    def _render(self) -> None:
        self._cache.render()
        self._rendered_at = time.monotonic()
