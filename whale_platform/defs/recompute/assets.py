"""Past hours recomputed from the lake, as an asset: on request, as a Dagster backfill, or after an import.

The work itself is `repair/recompute_hours.py`, which the repair service does within minutes, with or without Dagster.
Never two are at it: a run waits in Dagster's queue for the end of another one (the pool), and in its process for the
end of the repair service's.
"""

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from whale_platform.defs.lineage.assets import FROM_LAKE_KEY, LAKE_KEY, OWNERS, REPORTS_KEY, ROLLUPS_KEY
from whale_platform.defs.shared.code_versions import hash_modules
from whale_platform.defs.shared.partitions import HOURS, hours_of_run, partition_key
from whale_platform.defs.shared.spark_resource import SparkResource
from whale_platform.defs.shared.store_resource import StoreResource
from whale_platform.stores.asset_tables import rollups
from whale_platform.stores.asset_tables import whale_reports as report_table
from whale_platform.stores.asset_tables.materialisation import HOUR, HourRange, Provenance
from whale_platform.version import code_version, new_run_id

if TYPE_CHECKING:
    from whale_platform.repair.recompute_hours import RecomputeCounts

SPARK_POOL = "spark"  # one run at a time, by dagster.yaml: a second JVM would not fit a small machine


class RecomputeConfig(dg.Config):
    """What the launchpad asks for."""

    lake_is_whole: bool = Field(
        False,
        description="You know that the lake holds every trade of these hours: what it does not have goes, also where "
        "that can't be proven by the ids.",
    )


@dg.asset(
    key=FROM_LAKE_KEY,
    partitions_def=HOURS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    deps=[LAKE_KEY],
    group_name="lake",
    kinds={"pyspark", "postgres"},
    owners=OWNERS,
    pool=SPARK_POOL,
    code_version=hash_modules(
        "whale_platform.repair.recompute_hours",
        "whale_platform.stream.batch_recompute",
        "whale_platform.stream.query.transforms",
        "whale_platform.stores.asset_tables.recomputed_hours",
    ),
)
def windows_from_lake(
    context: dg.AssetExecutionContext, config: RecomputeConfig, store: StoreResource, spark: SparkResource
) -> dg.MaterializeResult[None]:
    """Windows and whales of these hours from the raw trades in the lake, by the stream's own definition.

    Tables `trade_windows` and `whale_alerts`; then `hourly_rollups` and `whale_reports` of the same hours from them.
    Where the lake holds a symbol's hour whole, its word counts: what the stream had too many of goes, and whales that
    are none by the thresholds of their time are taken back. What the stream has right stays as it wrote it.
    """
    from whale_platform.lake.errors import LakeError
    from whale_platform.repair import recompute_hours

    hours, settings, dsn = hours_of_run(context), store.read(), store.dsn()
    maker = Provenance(new_run_id("recompute"), code_version())
    waits = cache(lambda why: context.log.info(f"waiting for its end: {why}"))
    try:
        with recompute_hours.lock_batch(dsn, maker, waits), spark.session() as session:
            made = recompute_hours.recompute_hours(settings, dsn, session, hours, maker, config.lake_is_whole)
    except LakeError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    for event in describe_dependents(dsn, made):
        context.log_event(event)
    return dg.MaterializeResult(metadata={"hours": hours.count, "run": maker.run_id, **made.to_dict()})


def describe_dependents(dsn: str, counts: "RecomputeCounts") -> Iterator[dg.AssetMaterialization]:
    """Yield what was materialised with the windows: each hour's rollups and whale reports, and how many rows they have.

    Not their texts and pictures: an import may bring years. `dsn`: libpq URI. Raises PostgresUnusableError.
    """
    for hour in counts.hours:
        span = HourRange(hour, hour + HOUR)
        for key, rows in (
            (ROLLUPS_KEY, len(rollups.read_rollups(dsn, span))),
            (REPORTS_KEY, len(report_table.read_reports(dsn, span))),
        ):
            told: dict[str, str | int] = {
                "dagster/partition_row_count": rows,
                "made_by": FROM_LAKE_KEY.to_user_string(),
            }
            yield dg.AssetMaterialization(key, partition=partition_key(hour), metadata=told)
