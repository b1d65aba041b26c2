"""Past hours recomputed from the lake, in Dagster: on request, after an import, and each hour what is wrong.

The work itself is `repair/recompute_hours.py`, which the repair service does within minutes, with or without Dagster.
The job `late_trades` does the same; its schedule asks for it only where no such service is kept. Never two are at it:
what was asked for by hand, or by an import, waits for the other's end, and `late_trades` leaves.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from whale_platform.defs.lineage.assets import FROM_LAKE_KEY, LAKE_KEY, OWNERS
from whale_platform.defs.reports.assets import hourly_rollups, whale_reports
from whale_platform.defs.shared.own_instance import schedule_status
from whale_platform.defs.shared.partitions import HOURS, hours_of_run, partition_key
from whale_platform.defs.shared.spark_resource import SparkResource
from whale_platform.defs.shared.store_resource import StoreResource
from whale_platform.defs.shared.upkeep import unless_behind
from whale_platform.lake.delta.schema import table_exists
from whale_platform.reports.tables import render_table
from whale_platform.settings import Settings
from whale_platform.stores.asset_tables.materialisation import HOUR, HourRange, Provenance
from whale_platform.stores.errors import AdvisoryLockHeldError
from whale_platform.supervision.control import overload, state_files
from whale_platform.version import code_version, new_run_id

if TYPE_CHECKING:
    from whale_platform.domain.market import MarketHour
    from whale_platform.repair.recompute_hours import RecomputeCounts

RunContext = dg.AssetExecutionContext | dg.OpExecutionContext


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

    hours, settings, dsn = hours_of_run(context), Settings(), store.dsn()
    maker = Provenance(new_run_id("recompute"), code_version())
    waits = cache(lambda why: context.log.info(f"waiting for its end: {why}"))
    try:
        with recompute_hours.lock_batch(dsn, maker, waits), spark.session() as session:
            made = recompute_hours.recompute_hours(settings, dsn, session, hours, maker, config.lake_is_whole)
    except LakeError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    for event in _with_windows(made):
        context.log_event(event)
    return dg.MaterializeResult(metadata={"hours": hours.count, "run": maker.run_id, **made.counts()})


def _with_windows(made: "RecomputeCounts") -> Iterator[dg.AssetMaterialization]:
    """Rollups and reports were made with the windows: their partitions say so."""
    for asset in (hourly_rollups, whale_reports):
        for hour in made.hours:
            told = {"made_by": FROM_LAKE_KEY.to_user_string()}
            yield dg.AssetMaterialization(asset.key, partition=partition_key(hour), metadata=told)


@dg.op(out=dg.Out(dg.Nothing))
def remake_late_hours(
    context: dg.OpExecutionContext, store: StoreResource, spark: SparkResource
) -> Iterator[dg.AssetMaterialization | dg.Output[None]]:
    """Finds closed hours of the last seven days whose windows are not what the lake has; makes them."""
    from whale_platform.lake.errors import LakeError
    from whale_platform.repair import recompute_hours
    from whale_platform.repair.changed_hours import list_closed_hours

    settings = Settings()
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
            context.add_output_metadata({"hours": len(late), "which": dg.MetadataValue.md(_listed(late))})
            session = stack.enter_context(spark.session()) if late else None
            for hour in late:
                assert session is not None
                with recompute_hours.collect_failure(hour, failed):
                    made = recompute_hours.recompute_hours(settings, dsn, session, HourRange(hour, hour + HOUR), maker)
                    told: dict[str, str | int] = {"hours": 1, "run": maker.run_id, **made.counts()}
                    # Yielded, not logged: a run that fails for another hour loses what it has logged.
                    yield from _with_windows(made)
                    yield dg.AssetMaterialization(FROM_LAKE_KEY, partition=partition_key(hour), metadata=told)
    except LakeError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    except AdvisoryLockHeldError as busy:
        context.log.info(f"nothing is done here: {busy}")
        return
    if failed:
        raise dg.Failure("; ".join(f"{hour}: {reason}" for hour, reason in failed.items()), allow_retries=False)


def _listed(late: "Mapping[datetime, Mapping[MarketHour, tuple[int, int]]]") -> str:
    rows = [
        (f"{hour:%Y-%m-%d %H:%M}", f"{key[0]} {key[1]}", *counts) for hour in late for key, counts in late[hour].items()
    ]
    return (
        render_table(("hour", "symbol", "in the lake", "in the windows"), rows)
        if rows
        else "Every hour is as in the lake."
    )


@dg.job(description="Recomputes the windows of closed hours that differ from the lake.")
def late_trades() -> None:
    remake_late_hours()


def unless_repaired(context: object) -> dg.RunRequest | dg.SkipReason:
    """As `unless_behind`, and not where the repair service does it."""
    kept = state_files.read_working_state(Settings().home.resolve(), "repair")
    entry = (kept or {}).get("services", {}).get("repair", {})
    if entry.get("state", "stopped") not in overload.IGNORED_STATES:
        return dg.SkipReason("the service `repair` does this here, within minutes: see `whale status`")
    return unless_behind()(context)


late_trades_hourly = dg.ScheduleDefinition(
    name="late_trades_every_hour",
    job=late_trades,
    cron_schedule="17 * * * *",
    execution_fn=unless_repaired,
    execution_timezone="UTC",
    default_status=schedule_status(),
    description="Looks for closed hours that are not what the lake has and makes them again, where no service `repair` "
    "is kept.",
)
