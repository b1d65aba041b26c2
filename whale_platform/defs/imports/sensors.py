"""Requests the recomputation of the hours that an import has brought.

The sensor sees each file that was imported, in order and none left out, whatever happened to the run that imported it,
and asks for exactly the hours that the file has trades of; what the stream tables and reports say of them then comes
from the lake, by the same definitions as for live hours.
"""

from collections.abc import Iterator
from typing import cast

import dagster as dg

from whale_platform.defs.imports.assets import HOURS_METADATA
from whale_platform.defs.lineage.assets import IMPORTED_KEY
from whale_platform.defs.recompute.jobs import remake_hours
from whale_platform.defs.shared.own_instance import sensor_status
from whale_platform.defs.shared.partitions import range_tags

FILES_A_TICK = 20


@dg.sensor(
    job=remake_hours,
    name="remake_imported_hours",
    default_status=sensor_status(),
    description="Asks for the hours that an import has brought.",
)
def remake_imported_hours(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """One run for each stretch of hours of each imported file; the cursor is the last file's event."""
    after = dg.AssetRecordsFilter(IMPORTED_KEY, after_storage_id=int(context.cursor) if context.cursor else None)
    records = context.instance.fetch_materializations(after, FILES_A_TICK, ascending=True).records
    for record in records:
        made = record.asset_materialization
        hours = made.metadata.get(HOURS_METADATA) if made is not None else None
        for first, last in cast(list[tuple[str, str]], hours.value) if hours is not None else ():
            yield dg.RunRequest(
                run_key=f"import {record.storage_id} {first}",
                tags=range_tags(first, last, "imported trades"),
            )
        context.update_cursor(str(record.storage_id))
    if not records:
        yield dg.SkipReason("nothing was imported since")
