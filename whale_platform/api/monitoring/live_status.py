"""The platform's state as the live push sends it once a second: exchanges, services, whether data is stale, and why.

All of it is in files that the services write; nothing is asked of anybody, so it is never late. A service whose
heartbeat is old is silent, and with the ingester silent every exchange is.
"""

import time
from typing import Any

from whale_platform.api.latest_cache.cache import LatestCache
from whale_platform.api.monitoring.health import is_heard, read_services
from whale_platform.settings import Settings
from whale_platform.supervision.runtime import heartbeat

HUNG_S = 10.0  # the cache is renewed every second while it is read


class LiveStatus:
    """`read` in any thread."""

    def __init__(self, settings: Settings, cache: LatestCache) -> None:
        self._settings, self._cache = settings, cache

    def read(self) -> dict[str, Any]:
        """Shape: `status` in push/clients/message_schema.py. trades_per_s: of all exchanges; lag: messages the slowest
        has to read."""
        now = time.time()
        found = read_services(self._settings, now)
        last = heartbeat.read_heartbeat(self._settings.home, "ingester")
        numbers = last.numbers if last is not None else {}
        heard = is_heard(found["ingester"])
        exchanges = numbers.get("exchanges", [])
        if not heard:
            exchanges = [one | {"state": "silent", "trades_per_s": 0.0} for one in exchanges]
        lags = [part["lag"] for part in found.values() if part["lag"] is not None]
        ready = self._cache.response
        reason = "nothing has been read from Postgres yet" if ready is None else ready.reason
        if ready is not None and now - ready.made > HUNG_S:
            reason = f"Postgres has not answered since {time.strftime('%H:%M:%S UTC', time.gmtime(ready.made))}"
        return {
            "stale": reason is not None,
            "reason": reason,
            "source": self._settings.source,
            "dagster": self._settings.dagster_url if self._settings.dagster else None,
            "exchanges": exchanges,
            "services": [{"name": name, **part} for name, part in found.items()],
            "trades_per_s": numbers.get("trades_per_s", 0.0) if heard else 0.0,
            "lag": max(lags, default=None),
        }
