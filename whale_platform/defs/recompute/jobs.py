"""Jobs that recompute hours from the lake: those that are chosen, and those whose windows differ from it.

`late_trades` does what the repair service does; its schedule requests it only where no such service is kept. Where
another recomputation is at work, it ends without having done anything.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg

from whale_platform.defs.lineage.assets import FROM_LAKE_KEY
from whale_platform.defs.recompute.assets import SPARK_POOL, describe_dependents, windows_from_lake
from whale_platform.defs.shared.job_factories import build_asset_job, build_op_job
from whale_platform.defs.shared.partitions import partition_key
from whale_platform.defs.shared.spark_resource import SparkResource
from whale_platform.defs.shared.store_resource import StoreResource
from whale_platform.lake.delta.schema import table_exists
from whale_platform.reports.tables import render_table
from whale_platform.stores.asset_tables.materialisation import HOUR, HourRange, Provenance
from whale_platform.stores.errors import AdvisoryLockHeldError
from whale_platform.version import code_version, new_run_id

if TYPE_CHECKING:
    from whale_platform.domain.market import MarketHour


@dg.op(out=dg.Out(dg.Nothing), pool=SPARK_POOL)
def remake_late_hours(
    context: dg.OpExecutionContext, store: StoreResource, spark: SparkResource
) -> Iterator[dg.AssetMaterialization | dg.Output[None]]:
    """Finds closed hours of the last seven days whose windows or sweeps are not what the lake has; makes them."""
    from whale_platform.lake.errors import LakeError
    from whale_platform.repair import recompute_hours
    from whale_platform.repair.changed_hours import list_closed_hours

    settings = store.read()
    if not table_exists(settings.trades_lake):
        context.log.info("there is no lake yet")
        return
    dsn, past = store.dsn(), list_closed_hours(settings, datetime.now(UTC))
    maker = Provenance(new_run_id("recompute"), code_version())
    failed: dict[datetime, str] = {}
    try:
        with ExitStack() as stack:
            stack.enter_context(recompute_hours.lock_batch(dsn, maker))
            late = recompute_hours.find_wrong_hours(
                settings, dsn, [past.start + number * HOUR for number in range(past.count)], failed
            )
            context.add_output_metadata({"hours": len(late), "which": dg.MetadataValue.md(_render_late_hours(late))})
            session = stack.enter_context(spark.session()) if late else None
            for hour in late:
                assert session is not None
                with recompute_hours.collect_failure(hour, failed):
                    made = recompute_hours.recompute_hours(settings, dsn, session, HourRange(hour, hour + HOUR), maker)
                    told: dict[str, str | int] = {"hours": 1, "run": maker.run_id, **made.to_dict()}
                    # Yielded, not logged: a run that fails for another hour loses what it has logged.
                    yield from describe_dependents(dsn, made)
                    yield dg.AssetMaterialization(FROM_LAKE_KEY, partition=partition_key(hour), metadata=told)
    except LakeError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    except AdvisoryLockHeldError as busy:
        context.log.info(f"nothing is done here: {busy}")
        return
    if failed:
        raise dg.Failure("; ".join(f"{hour}: {reason}" for hour, reason in failed.items()), allow_retries=False)


def _render_late_hours(late: "Mapping[datetime, Mapping[MarketHour, tuple[int, int]]]") -> str:
    rows = [
        (f"{hour:%Y-%m-%d %H:%M}", f"{key[0]} {key[1]}", *counts) for hour in late for key, counts in late[hour].items()
    ]
    return (
        render_table(("hour", "symbol", "in the lake", "in the windows"), rows)
        if rows
        else "Every hour is as in the lake."
    )


remake_hours = build_asset_job(
    "remake_hours",
    [windows_from_lake],
    "Recomputes windows, whales, rollups and reports of the chosen hours from the lake.",
    timedelta(hours=48),
)

late_trades = build_op_job(
    remake_late_hours,
    "late_trades",
    "Recomputes the windows of closed hours that differ from the lake.",
    timedelta(hours=6),
)
