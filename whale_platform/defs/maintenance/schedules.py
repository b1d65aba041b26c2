"""When old days, and Dagster's old runs and events, are deleted."""

import dagster as dg

from whale_platform.defs.maintenance.housekeeping import HousekeepingConfig
from whale_platform.defs.maintenance.jobs import dagster_housekeeping, retention
from whale_platform.defs.maintenance.retention import RetentionConfig
from whale_platform.defs.shared.confirmation import home_name
from whale_platform.defs.shared.job_factories import build_schedule
from whale_platform.settings import Settings

housekeeping_nightly = build_schedule(
    "housekeeping_every_night",
    dagster_housekeeping,
    "37 4 * * *",
    "Deletes runs of services, checks and upkeep that are older than a week, and other runs' old logs.",
    dg.RunConfig({"delete_old_runs": HousekeepingConfig(days=7, keep=20, dry_run=False)}),
)


def build_retention_schedule(settings: Settings) -> dg.ScheduleDefinition:
    """Every night for real; switched off where recorded trades are replayed, which are old from the start."""
    config = RetentionConfig(
        days=settings.retention_days,
        whale_days=settings.alert_retention_days,
        imported=False,
        dry_run=False,
        confirm_home=home_name(settings),
    )
    return build_schedule(
        "retention_every_night",
        retention,
        "17 4 * * *",
        f"Lets stream rows older than {settings.retention_days} days go, once they are rolled up.",
        dg.RunConfig({"let_old_days_go": config}),
        runs=settings.source != "replay",
    )


@dg.definitions
def maintenance_schedules() -> dg.Definitions:
    """Return the schedules, of which one depends on the settings."""
    return dg.Definitions(schedules=[housekeeping_nightly, build_retention_schedule(Settings())])
