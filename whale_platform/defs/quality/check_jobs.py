"""All checks as one job, run every hour."""

import dagster as dg

from whale_platform.defs.quality import audit_checks, disk_checks, live_checks, report_checks, table_checks
from whale_platform.defs.shared.own_instance import schedule_status

CHECKS = (*table_checks.CHECKS, *live_checks.CHECKS, *disk_checks.CHECKS, *report_checks.CHECKS, *audit_checks.CHECKS)

stream_checks = dg.define_asset_job(
    "stream_checks",
    selection=dg.AssetSelection.checks(*CHECKS),
    description="Asks the stream's tables whether they are as promised.",
)

checks_hourly = dg.ScheduleDefinition(
    name="checks_every_hour",
    job=stream_checks,
    cron_schedule="8 * * * *",
    execution_timezone="UTC",
    default_status=schedule_status(),
)
