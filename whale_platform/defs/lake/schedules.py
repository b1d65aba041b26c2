"""When the lake is compacted, and when its old days and unneeded files are deleted."""

import dagster as dg

from whale_platform.defs.lake.jobs import (
    LakeRetentionConfig,
    VacuumConfig,
    lake_compaction,
    lake_retention,
    lake_vacuum,
)
from whale_platform.defs.shared.confirmation import home_name
from whale_platform.defs.shared.job_factories import build_schedule
from whale_platform.defs.shared.own_instance import schedule_status
from whale_platform.defs.shared.platform_settings import PlatformSettings
from whale_platform.defs.shared.upkeep import request_unless_behind
from whale_platform.settings import Settings


@dg.schedule(
    name="compact_every_hour",
    job=lake_compaction,
    cron_schedule="12 * * * *",
    execution_timezone="UTC",
    default_status=schedule_status(),
    description="Compacts the hour that ended, and earlier ones into which trades have come late.",
)
def compaction_hourly(platform: PlatformSettings) -> dg.RunRequest | dg.SkipReason:
    """Return the request of a run, unless the stream is behind."""
    return request_unless_behind(platform)


vacuum_nightly = build_schedule(
    "lake_vacuum_every_night",
    lake_vacuum,
    "47 4 * * *",
    "Deletes files that no version of the last day needs.",
    dg.RunConfig({"vacuum_lake": VacuumConfig(hours=24, dry_run=False)}),
)


def build_retention_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Every night for real, where an age was chosen by `WHALE_LAKE_RETENTION_DAYS` and trades are not recorded ones."""
    days = settings.lake_retention_days
    config = LakeRetentionConfig(days=days, dry_run=False, confirm_home=home_name(settings))
    return build_schedule(
        "lake_retention_every_night",
        lake_retention,
        "37 4 * * *",
        f"Lets days of the lake go after {days} days." if days else "Off: the lake keeps everything.",
        dg.RunConfig({"let_old_lake_days_go": config}),
        runs=bool(days) and settings.source != "replay",
    )


@dg.definitions
def lake_schedules() -> dg.Definitions:
    """Return the schedules, of which one depends on the settings."""
    return dg.Definitions(schedules=[compaction_hourly, vacuum_nightly, build_retention_schedule(Settings())])
