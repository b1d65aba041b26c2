"""Jobs of the lake's upkeep: compaction, retention of days by age, and files that no version needs any more.

As for the stream tables: what a job that deletes would do is its default; the same plan is then done with
`dry_run: false`.
"""

from datetime import UTC, datetime, timedelta

import dagster as dg
from pydantic import Field

from whale_platform.defs.lake.assets import compacted_trades
from whale_platform.defs.shared.confirmation import DeletionConfig, explain_unconfirmed, is_confirmed
from whale_platform.defs.shared.job_factories import build_asset_job, build_op_job
from whale_platform.defs.shared.platform_settings import PlatformSettings
from whale_platform.domain import deletion_limits
from whale_platform.lake.delta.schema import table_exists
from whale_platform.reports.tables import render_table


class LakeRetentionConfig(DeletionConfig):
    """What the launchpad asks for."""

    days: int = Field(0, description="Keep this many days (UTC) before today; 0 keeps everything.")


class VacuumConfig(DeletionConfig):
    """What the launchpad asks for."""

    hours: int = Field(24, description="Keep what versions of the last hours need; readers of older ones are told.")


@dg.op
def let_old_lake_days_go(
    context: dg.OpExecutionContext, config: LakeRetentionConfig, platform: PlatformSettings
) -> None:
    """Remove days from the lake that are older than configured; vacuum deletes their files a day later."""
    from whale_platform.lake.maintenance import retention  # 90 MB in processes that never need it

    root = platform.read().trades_lake
    if not config.days or not table_exists(root):
        context.log.info("all days are kept" if table_exists(root) else "there is no lake yet")
        return
    try:
        planned = retention.plan_retention(root, config.days, datetime.now(UTC).date())
    except ValueError as error:
        raise dg.Failure(f"retention of the lake: {error}", allow_retries=False) from None
    rows = [(day.day, day.files, f"{day.rows:,}", f"{day.size / 1e6:,.1f} MB") for day in planned]
    text = render_table(("day", "files", "trades", ""), rows) if rows else "No day is old enough to be deleted."
    sure, gone = is_confirmed(config, platform), 0
    if not config.dry_run and planned:
        about = {"run": context.run_id, "why": f"retention of {config.days} days"}
        with explain_unconfirmed(platform):
            if not sure:
                deletion_limits.check_days(config.days)
            gone = retention.drop_days(root, planned, about, sure)
    context.log.info(text)
    context.add_output_metadata({"plan": dg.MetadataValue.md(text), "files_gone": gone})


@dg.op
def vacuum_lake(context: dg.OpExecutionContext, config: VacuumConfig, platform: PlatformSettings) -> None:
    """Deletes files that no version of the last hours needs."""
    from whale_platform.lake.maintenance import retention  # 90 MB in processes that never need it

    root = platform.read().trades_lake
    if not table_exists(root):
        context.log.info("there is no lake yet")
        return
    try:
        with explain_unconfirmed(platform):
            found = retention.vacuum(root, config.hours, config.dry_run, is_confirmed(config, platform))
    except ValueError as error:
        raise dg.Failure(f"vacuum: {error}", allow_retries=False) from None
    word = "would be" if config.dry_run else "were"
    context.log.info(f"{len(found.paths)} files, {found.size / 1e6:,.1f} MB {word} deleted")
    context.add_output_metadata({"files": len(found.paths), "bytes": found.size, "dry_run": config.dry_run})


lake_compaction = build_asset_job(
    "lake_compaction",
    [compacted_trades],
    "Makes one sorted file of each closed hour of the lake.",
    timedelta(hours=6),
)

lake_retention = build_op_job(
    let_old_lake_days_go,
    "lake_retention",
    "Removes days from the lake that are older than configured. Dry run by default.",
    timedelta(hours=2),
)

lake_vacuum = build_op_job(
    vacuum_lake,
    "lake_vacuum",
    "Deletes files that no version of the lake's last day needs. Dry run by default.",
    timedelta(hours=6),
)
