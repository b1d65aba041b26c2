"""Hours made anew from the lake up to their reports, in one run: by hand, as a backfill, or after an import.

The sensor sees that history was imported and asks for exactly the hours that it brought; what the stream tables and
reports say of them then comes from the lake, by the same definitions as for live hours.
"""

import dagster as dg

from whale_platform.defs.external import IMPORTED
from whale_platform.defs.own import sensor_status
from whale_platform.defs.partitions import RANGE
from whale_platform.defs.recomputed import windows_from_lake

remake_hours = dg.define_asset_job(
    "remake_hours",
    selection=[windows_from_lake],
    description="Makes windows, whales, rollups and reports of the chosen hours anew from the lake.",
)


@dg.asset_sensor(
    asset_key=IMPORTED,
    job=remake_hours,
    name="remake_imported_hours",
    default_status=sensor_status(),
    description="Asks for the hours that an import has brought.",
)
def remake_imported_hours(
    context: dg.SensorEvaluationContext, event: dg.EventLogEntry
) -> dg.RunRequest | dg.SkipReason:
    """One run for each import that brought new trades."""
    made = event.asset_materialization
    told = {name: value.value for name, value in made.metadata.items()} if made is not None else {}
    if not told.get("new_rows"):
        return dg.SkipReason("the import brought no new trades")
    return dg.RunRequest(
        run_key=f"import {event.run_id}",
        tags={
            f"{RANGE}start": _partition(told["first_hour"]),
            f"{RANGE}end": _partition(told["last_hour"]),
            "whale/why": "imported trades",
        },
    )


def _partition(hour: object) -> str:
    """`2024-08-08T23:00:00+00:00` -> `2024-08-08-23:00`."""
    return f"{str(hour)[:10]}-{str(hour)[11:16]}"
