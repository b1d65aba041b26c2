"""Retention of the lake: days by age, only if a person has chosen an age, and files that no version needs any more.

As for the stream tables: what a job would do is its default; the same plan is then done with `dry_run: false`.
"""

from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from whale_platform.defs.shared.confirmation import (
    DeletionConfig,
    explain_unconfirmed,
    home_name,
    is_confirmed,
)
from whale_platform.defs.shared.own_instance import schedule_status
from whale_platform.domain import deletion_limits
from whale_platform.lake.delta.schema import table_exists
from whale_platform.reports.tables import render_table
from whale_platform.settings import Settings


class LakeRetentionConfig(DeletionConfig):
    """What the launchpad asks for."""

    days: int = Field(0, description="Keep this many days (UTC) before today; 0 keeps everything.")


class VacuumConfig(DeletionConfig):
    """What the launchpad asks for."""

    hours: int = Field(24, description="Keep what versions of the last hours need; readers of older ones are told.")


@dg.op
def let_old_lake_days_go(context: dg.OpExecutionContext, config: LakeRetentionConfig) -> None:
    """Remove days from the lake that are older than configured; vacuum deletes their files a day later."""
    from whale_platform.lake.maintenance import retention  # 90 MB in processes that never need it

    root = Settings().trades_lake
    if not config.days or not table_exists(root):
        context.log.info("all days are kept" if table_exists(root) else "there is no lake yet")
        return
    try:
        planned = retention.plan_retention(root, config.days, datetime.now(UTC).date())
    except ValueError as error:
        raise dg.Failure(f"retention of the lake: {error}", allow_retries=False) from None
    rows = [(day.day, day.files, f"{day.rows:,}", f"{day.size / 1e6:,.1f} MB") for day in planned]
    text = render_table(("day", "files", "trades", ""), rows) if rows else "No day is old enough to be deleted."
    sure, gone = is_confirmed(config), 0
    if not config.dry_run and planned:
        about = {"run": context.run_id, "why": f"retention of {config.days} days"}
        with explain_unconfirmed():
            if not sure:
                deletion_limits.check_days(config.days)
            gone = retention.drop_days(root, planned, about, sure)
    context.log.info(text)
    context.add_output_metadata({"plan": dg.MetadataValue.md(text), "files_gone": gone})


@dg.op
def vacuum_lake(context: dg.OpExecutionContext, config: VacuumConfig) -> None:
    """Deletes files that no version of the last hours needs."""
    from whale_platform.lake.maintenance import retention  # 90 MB in processes that never need it

    root = Settings().trades_lake
    if not table_exists(root):
        context.log.info("there is no lake yet")
        return
    try:
        with explain_unconfirmed():
            found = retention.vacuum(root, config.hours, config.dry_run, is_confirmed(config))
    except ValueError as error:
        raise dg.Failure(f"vacuum: {error}", allow_retries=False) from None
    word = "would be" if config.dry_run else "were"
    context.log.info(f"{len(found.paths)} files, {found.size / 1e6:,.1f} MB {word} deleted")
    context.add_output_metadata({"files": len(found.paths), "bytes": found.size, "dry_run": config.dry_run})


@dg.job(description="Removes days from the lake that are older than configured. Dry run by default.")
def lake_retention() -> None:
    let_old_lake_days_go()


@dg.job(description="Deletes files that no version of the lake's last day needs. Dry run by default.")
def lake_vacuum() -> None:
    vacuum_lake()


vacuum_nightly = dg.ScheduleDefinition(
    name="lake_vacuum_every_night",
    job=lake_vacuum,
    cron_schedule="47 4 * * *",
    execution_timezone="UTC",
    run_config=dg.RunConfig({"vacuum_lake": VacuumConfig(hours=24, dry_run=False)}),
    default_status=schedule_status(),
    description="Deletes files that no version of the last day needs.",
)


def build_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Every night for real, where an age was chosen by `WHALE_LAKE_RETENTION_DAYS` and trades are not recorded ones."""
    days = settings.lake_retention_days
    config = LakeRetentionConfig(days=days, dry_run=False, confirm_home=home_name(settings))
    return dg.ScheduleDefinition(
        name="lake_retention_every_night",
        job=lake_retention,
        cron_schedule="37 4 * * *",
        execution_timezone="UTC",
        run_config=dg.RunConfig({"let_old_lake_days_go": config}),
        default_status=schedule_status(bool(days) and settings.source != "replay"),
        description=f"Lets days of the lake go after {days} days." if days else "Off: the lake keeps everything.",
    )
