"""Which events of Dagster's storage are old enough to be deleted, while what it knows of assets and partitions stays.

Four kinds grow for ever although no run's deletion reaches them: what the health sensor reports outside of any run
(kept whole for a day, one an hour for a week, then only the newest); changes of an asset's freshness; materialisations
that a later one of the same partition has replaced; and the logs and step events of old runs that made assets. Never
deleted are the newest materialisation and freshness of anything, what was planned, and when a run began and ended:
Dagster reads states from those; checks have a history of their own (`check_history.py`). Of old materialisations that
stay, pictures and Markdown go (the rows they show are in Postgres), numbers stay.
Dagster's storage has no call that deletes events by kind, so this uses its tables; other storages than SQL are left
alone.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import dagster as dg
from dagster._core.instance.utils import RUNLESS_RUN_ID
from dagster._core.storage.event_log.schema import AssetEventTagsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._serdes import deserialize_value

FINE, COARSE = timedelta(days=1), timedelta(hours=1)
BATCH = 500
MATERIALISED = dg.DagsterEventType.ASSET_MATERIALIZATION.value
FRESHNESS_CHANGED = dg.DagsterEventType.FRESHNESS_STATE_CHANGE.value
STATE_EVENTS = [
    kind.value
    for kind in dg.DagsterEventType
    if kind.value.startswith(("ASSET_", "PIPELINE_", "RUN_"))  # run states are called PIPELINE_… in the storage
    and kind is not dg.DagsterEventType.ASSET_CHECK_EVALUATION_PLANNED
]
_events = SqlEventLogStorageTable.c
_READ_BY_PEOPLE = (dg.MarkdownMetadataValue, dg.TableSchemaMetadataValue)
_STORED_NAMES = ("MarkdownMetadataEntryData", "TableSchemaMetadataEntryData")  # of the same, in an event's text


class StoredEvent(NamedTuple):
    """An event of an asset as far as it matters here; `time` is UTC without a zone, as stored."""

    id: int
    asset: str
    partition: str | None
    time: datetime


def find_old_events(
    instance: dg.DagsterInstance,
    now: datetime,
    before: datetime,
    kept_assets: Collection[str],
    reported: Collection[str],
) -> dict[str, list[int]]:
    """Ids of the events that may go, by what they are. Times with a zone.

    `kept_assets`: runs whose logs stay; `reported`: keys, as stored, of the assets that the health sensor reports.
    """
    now, before = (time.replace(tzinfo=None) for time in (now, before))  # naive UTC, as the storage has them
    health = _read_materialisations(instance, (_events.run_id == RUNLESS_RUN_ID) & _events.asset_key.in_(reported))
    logs = _events.dagster_event_type.is_(None) | _events.dagster_event_type.notin_(STATE_EVENTS)
    of_runs = (_events.run_id != RUNLESS_RUN_ID) & _events.run_id.notin_(list(kept_assets))
    return {
        "reported by the health sensor": find_redundant_events(health, now - FINE, before),
        "materialisations that were replaced": find_replaced(
            _read_materialisations(instance, _events.partition.is_not(None)), before
        ),
        "freshness that has changed since": find_replaced(
            _read_asset_events(instance, _events.dagster_event_type == FRESHNESS_CHANGED), before
        ),
        "logs of old runs": [row[0] for row in _read_events(instance, logs & of_runs & (_events.timestamp < before))],
    }


def find_bulky_events(instance: dg.DagsterInstance, before: datetime) -> list[int]:
    """Ids of old materialisations of partitions that still hold what only people read."""
    markdown, schema = (_events.event.contains(name) for name in _STORED_NAMES)
    which = _events.partition.is_not(None) & (markdown | schema)
    return [event.id for event in _read_materialisations(instance, which) if event.time < before.replace(tzinfo=None)]


def strip_metadata(instance: dg.DagsterInstance, ids: Iterable[int]) -> None:
    """Leave the numbers of these materialisations, and nothing that only people read."""
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    for one in ids:
        with storage.index_connection() as connection:
            body = SqlEventLogStorageTable.select().with_only_columns(_events.event).where(_events.id == one)
            found = connection.execute(body).fetchone()
        entry = deserialize_value(found[0], dg.EventLogEntry) if found else None
        made, event = (entry.asset_materialization, entry.dagster_event) if entry else (None, None)
        if entry is None or made is None or event is None:
            continue
        left = {name: value for name, value in made.metadata.items() if not isinstance(value, _READ_BY_PEOPLE)}
        data = event.step_materialization_data._replace(materialization=made.with_metadata(left))
        storage.update_event_log_record(one, entry._replace(dagster_event=event._replace(event_specific_data=data)))


def find_redundant_events(events: Iterable[StoredEvent], kept_from: datetime, before: datetime) -> list[int]:
    """Ids that go: of those older than `kept_from` all but an hour's first, of those older than `before` all.

    Never the newest of an asset. `events` without partitions, oldest first.
    """
    newest: dict[str, int] = {}
    hours: set[tuple[str, datetime]] = set()
    going = []
    for event in events:
        newest[event.asset] = event.id
        hour = event.asset, event.time.replace(minute=0, second=0, microsecond=0)
        if event.time < before or (event.time < kept_from and hour in hours):
            going.append(event.id)
        hours.add(hour)
    kept = set(newest.values())
    return [one for one in going if one not in kept]


def find_replaced(events: Iterable[StoredEvent], before: datetime) -> list[int]:
    """Ids of those older than `before` that a later one of the same asset and partition follows; oldest first."""
    newest = {(event.asset, event.partition): event.id for event in events}
    kept = set(newest.values())
    return [event.id for event in events if event.time < before and event.id not in kept]


def delete_events(instance: dg.DagsterInstance, ids: list[int]) -> None:
    """Delete these events, some hundred at a time, and what tags them."""
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    for start in range(0, len(ids), BATCH):
        some = ids[start : start + BATCH]
        with storage.index_connection() as connection:
            connection.execute(AssetEventTagsTable.delete().where(AssetEventTagsTable.c.event_id.in_(some)))
            connection.execute(SqlEventLogStorageTable.delete().where(_events.id.in_(some)))


def _read_materialisations(instance: dg.DagsterInstance, condition: Any) -> list[StoredEvent]:
    return _read_asset_events(instance, (_events.dagster_event_type == MATERIALISED) & condition)


def _read_asset_events(instance: dg.DagsterInstance, condition: Any) -> list[StoredEvent]:
    return [StoredEvent(*row) for row in _read_events(instance, condition)]


def _read_events(instance: dg.DagsterInstance, condition: Any) -> Iterator[Any]:
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return
    columns = (_events.id, _events.asset_key, _events.partition, _events.timestamp)
    with storage.index_connection() as connection:
        yield from connection.execute(
            SqlEventLogStorageTable.select().with_only_columns(*columns).where(condition).order_by(_events.id)
        ).fetchall()
