"""Reports the stream's work to Dagster: a materialisation of each topic and table that has moved, each quarter hour.

Materialisations, not observations, because freshness policies look at nothing else. What did not move is not reported,
so a stalled stream turns stale by itself. The sensor looks more often than it reports, so that what begins to move is
seen early. A broker or database that is unavailable skips the tick with the reason. Columns stand in the assets'
definitions; of what is reported here, `events.py` leaves one an hour after a day.
"""

import json
import time
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from whale_platform.broker.connection_errors import explain_unavailable
from whale_platform.broker.errors import BrokerError
from whale_platform.broker.reader import TopicReader
from whale_platform.broker.topics import is_reachable
from whale_platform.defs.shared.own_instance import sensor_status
from whale_platform.defs.shared.store_resource import StoreResource
from whale_platform.domain.names import DEAD_LETTERS, INGEST_GAPS, RAW_TRADES, TRADE_WINDOWS, WHALE_ALERTS
from whale_platform.lake.delta import newest
from whale_platform.lake.delta.schema import table_exists
from whale_platform.lake.errors import LakeError
from whale_platform.settings import Settings
from whale_platform.stores.errors import PostgresUnusableError
from whale_platform.stores.quality import stream_quality
from whale_platform.supervision.runtime import heartbeat

LOOK_EVERY_S, REPORT_EVERY_S = 300, 900
TOPICS = (RAW_TRADES, TRADE_WINDOWS, WHALE_ALERTS, INGEST_GAPS, DEAD_LETTERS)
TABLES = (TRADE_WINDOWS, WHALE_ALERTS, INGEST_GAPS)
# Whose heartbeat has numbers of a topic, and how the names of those begin.
WRITERS = {RAW_TRADES: ("ingester", ""), TRADE_WINDOWS: ("stream", ""), WHALE_ALERTS: ("stream", "whales_")}


@dg.sensor(
    name="stream_health",
    minimum_interval_seconds=LOOK_EVERY_S,
    default_status=sensor_status(),
    description="Reports topics, stream tables and the lake that have moved, with how far, how fast and how late.",
)
def stream_health(context: dg.SensorEvaluationContext, store: StoreResource) -> dg.SensorResult | dg.SkipReason:
    """One materialisation for each that has moved since it was last reported."""
    settings, now = store.read(), time.time()
    try:
        seen = {**observe_topics(settings), **observe_tables(store.dsn(), datetime.now(UTC)), **observe_lake(settings)}
    except (BrokerError, PostgresUnusableError, LakeError, dg.Failure) as error:
        return dg.SkipReason(f"can't look: {error}")
    reported: dict[str, list[Any]] = json.loads(context.cursor or "{}")  # where each was, and when in epoch seconds
    moved = {key: found for key, found in seen.items() if _is_due(reported.get(key), found["at"], now)}
    return dg.SensorResult(
        asset_events=[
            dg.AssetMaterialization(key.split("/"), metadata={name: v for name, v in found.items() if v is not None})
            for key, found in moved.items()
        ],
        cursor=json.dumps(reported | {key: [found["at"], now] for key, found in moved.items()}),
    )


def _is_due(reported: Any, at: Any, now: float) -> bool:
    if not isinstance(reported, list):  # never, or by a version that kept no time
        return True
    passed_s = abs(now - reported[1])  # also where the clock was set back
    return bool(at != reported[0] and passed_s > REPORT_EVERY_S - LOOK_EVERY_S / 2)  # ticks are not punctual


def observe_topics(settings: Settings) -> dict[str, dict[str, Any]]:
    """Each topic's messages so far, with what its writer reports of itself. Raises BrokerError."""
    if not is_reachable(settings.bootstrap, 3.0):
        raise BrokerError(explain_unavailable(settings.bootstrap))
    reader = TopicReader(settings.bootstrap, "whale-health")
    out: dict[str, dict[str, Any]] = {}
    try:
        for name in TOPICS:
            bounds = [reader.bounds(name, part) for part in reader.list_partitions(name)]
            end = sum(high for _, high in bounds)
            if end:
                out[f"topic/{name}"] = {"at": end, "kept": end - sum(low for low, _ in bounds)} | read_writer_numbers(
                    settings, name
                )
    finally:
        reader.close()
    return out


def observe_lake(settings: Settings) -> dict[str, dict[str, Any]]:
    """The lake's version and its newest hour; nothing before its first commit. Raises LakeError."""
    if not table_exists(settings.trades_lake):
        return {}
    found = newest.read_index(settings.trades_lake)
    hour = max((hour for hour, files in found.hours.items() if files), default=None)
    if hour is None:
        return {}
    files = found.hours[hour]
    told = {"version": found.version, "files_of_the_hour": len(files), "trades_of_the_hour": sum(files.values())}
    return {"lake/trades": {"at": found.version, "newest_hour": datetime.fromtimestamp(hour, UTC).isoformat(), **told}}


def read_writer_numbers(settings: Settings, topic: str) -> dict[str, float]:
    """The numbers of `topic` in the heartbeat of the service that writes it, percentiles of latencies among them."""
    service, prefix = WRITERS.get(topic, ("", ""))
    found = heartbeat.read_heartbeat(settings.home, service) if service else None
    numbers = flatten_numbers("", found.numbers) if found is not None else {}
    return {name: value for name, value in numbers.items() if name.startswith(prefix)}


def flatten_numbers(name: str, value: Any) -> dict[str, float]:
    """Every number in nested dicts, under its path joined by `_`; Dagster plots nothing but numbers."""
    if isinstance(value, dict):
        return {
            path: number for key, one in value.items() for path, number in flatten_numbers(f"{name}_{key}", one).items()
        }
    return {name.lstrip("_"): value} if isinstance(value, int | float) and value == value else {}


def observe_tables(dsn: str, now: datetime) -> dict[str, dict[str, Any]]:
    """Each table that has rows: its newest event time, and how long ago that is."""
    out: dict[str, dict[str, Any]] = {}
    for name in TABLES:
        found = stream_quality.read_table_progress(dsn, name)
        if found.time is not None:
            out[f"table/{name}"] = {
                "at": found.time.isoformat(),
                "dagster/row_count": found.rows,
                "seconds_behind": round((now - found.time).total_seconds(), 1),
            }
    return out
