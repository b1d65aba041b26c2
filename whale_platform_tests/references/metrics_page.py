"""metrics.md: what the registry of `/metrics` puts out when every source it asks has everything there is to tell."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from whale_platform.api.endpoints.dependencies import AppDependencies
from whale_platform.api.latest_cache.cache import LatestCache
from whale_platform.api.monitoring.metrics import SERVICES
from whale_platform.files.disk_usage import STORES
from whale_platform.settings import Settings
from whale_platform.stores.postgres.pool import ConnectionPool
from whale_platform.supervision.runtime import heartbeat
from whale_platform_tests.references.markdown import code, page, table

ABOUT = """What `/metrics` of the [API](api.md) puts out for Prometheus. A series whose source is unavailable is left
out rather than repeated. Beside the API's own counters and histograms, `…_created` has the time at which each began."""
EXCHANGE = dict.fromkeys(
    ("trades_per_s", "delay_ms", "clock_offset_ms", "gaps_open", "gaps_repaired", "reconnects", "symbols"), 1
)
NUMBERS = {"lag": 1, "lag_s": 1.0, "trades": 1, "dead_letters": 1, "trades_per_s": 1.0}


class _Postgres(ConnectionPool):
    def fetch_rows(self, statement: Any, values: Any = ()) -> list[tuple[Any, ...]]:
        return [("open", 1)]


class _Filled(LatestCache):
    def age_s(self, now: float) -> float | None:
        return 1.0


def render() -> str:
    """Return the page."""
    with TemporaryDirectory() as folder:
        text = exposition(Path(folder))
    found = sorted(text_string_to_metric_families(text), key=lambda one: one.name)
    rows = [
        (code(_name(one)), one.type, ", ".join(map(code, _labels(one))), one.documentation)
        for one in found
        if not one.name.endswith("_created")
    ]
    return page("Metrics", ABOUT, table(("metric", "type", "labels", "meaning"), rows))


def exposition(home: Path) -> str:
    """Return what `/metrics` answers in a home whose services all tell everything."""
    exchange = {"exchange": "binance", "state": "connected", **EXCHANGE}
    for name in SERVICES:
        heartbeat.write_heartbeat(
            home, heartbeat.Heartbeat(name, state="ready", numbers={**NUMBERS, "exchanges": [exchange]})
        )
    (home / "run" / "disk.json").write_text(json.dumps({"lake": str(home), "stores": dict.fromkeys(STORES, 1)}))
    parts = AppDependencies(Settings.model_validate({"home": home}), _Postgres(str, "reference"), _Filled())
    try:
        parts.metrics.observe("/latest", 200, 0.001)
        return parts.metrics.render_text().decode()
    finally:
        parts.close()


def _name(metric: Metric) -> str:
    return f"{metric.name}_total" if metric.type == "counter" else metric.name


def _labels(metric: Metric) -> list[str]:
    return list(dict.fromkeys(label for sample in metric.samples for label in sample.labels if label != "le"))
