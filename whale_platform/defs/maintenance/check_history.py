"""Which evaluations of checks are old enough to be deleted, while every check keeps its newest result.

Dagster stores each evaluation in a table of its own as well as in the event log, and deletes neither: not by age, and
the table's rows not with their run. It has no call for it, so this uses its tables; other storages than SQL are left
alone.
"""

from datetime import datetime

import dagster as dg
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable, SqlEventLogStorageTable
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage

BATCH = 500
PLANNED = AssetCheckExecutionRecordStatus.PLANNED.value
_rows = AssetCheckExecutionsTable.c


def find_old_evaluations(instance: dg.DagsterInstance, before: datetime) -> list[int]:
    """Ids of the evaluations older than then that a later one of the same check follows.

    The newest result of each partition stays. One without a result stays only if it is the newest of all: Dagster
    plans an evaluation for each partition of a run, and never fills in those of checks that have no partitions.
    `before` has a zone.
    """
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        return []
    columns = (_rows.id, _rows.asset_key, _rows.check_name, _rows.partition, _rows.execution_status)
    times = (_rows.evaluation_event_timestamp, _rows.create_timestamp)
    with storage.index_connection() as connection:
        found = connection.execute(
            AssetCheckExecutionsTable.select().with_only_columns(*columns, *times).order_by(_rows.id)
        ).fetchall()
    newest, results = {}, {}
    for number, asset, check, partition, status, *_ in found:
        newest[asset, check] = number
        if status != PLANNED:
            results[asset, check, partition] = number
    kept, limit = {*newest.values(), *results.values()}, before.replace(tzinfo=None)  # naive UTC, as stored
    return [number for number, *_, evaluated, planned in found if number not in kept and (evaluated or planned) < limit]


def delete_evaluations(instance: dg.DagsterInstance, ids: list[int]) -> None:
    """Delete these, some hundred at a time, and their events."""
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    for start in range(0, len(ids), BATCH):
        some = _rows.id.in_(ids[start : start + BATCH])
        event = _rows.evaluation_event_storage_id
        events = AssetCheckExecutionsTable.select().with_only_columns(event).where(some & event.is_not(None))
        with storage.index_connection() as connection:
            connection.execute(SqlEventLogStorageTable.delete().where(SqlEventLogStorageTable.c.id.in_(events)))
            connection.execute(AssetCheckExecutionsTable.delete().where(some))
